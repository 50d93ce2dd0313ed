# SPDX-License-Identifier: GPL-2.0-only
# The far end of a PF's cable, as a library of sources: WIRE is what a program
# takes that runs a station (packages: json-c), WIRE_FLOW what a guest takes.

WIRE_FLOW := $(addprefix tests/lab/wire/,flow.c histogram.c)
WIRE := $(WIRE_FLOW) $(addprefix tests/lab/wire/,frame.c link.c neighbours.c pcap.c report.c report_flow.c \
	station.c station_flow.c)

$(eval $(call unit_test,wire_frame,tests/lab/wire/frame_test.c tests/lab/wire/frame.c))
$(eval $(call unit_test,wire_flow,tests/lab/wire/flow_test.c $(WIRE_FLOW)))
$(eval $(call unit_test,wire_pcap,tests/lab/wire/pcap_test.c tests/lab/wire/pcap.c))
$(eval $(call unit_test,wire_station,tests/lab/wire/station_test.c tests/lab/wire/fake_guest.c \
	$(WIRE),json-c))

$(eval $(call fuzzer,wire_frame_fuzz,tests/fuzz/wire_frame_fuzz.c tests/lab/wire/frame.c \
	$(WIRE_FLOW),2048))
$(eval $(call fuzzer,wire_station_fuzz,tests/fuzz/wire_station_fuzz.c \
	$(filter-out %/report.c %/report_flow.c,$(WIRE)),2048))
