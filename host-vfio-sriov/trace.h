/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio_pci_sriov

#if !defined(VFIO_PCI_SRIOV_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VFIO_PCI_SRIOV_TRACE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

TRACE_EVENT(sriov_cap_write,
	TP_PROTO(struct pci_dev *pdev, unsigned int offset, unsigned int size, u32 value),
	TP_ARGS(pdev, offset, size, value),
	TP_STRUCT__entry(
		__string(name, pci_name(pdev))
		__field(unsigned int, offset)
		__field(unsigned int, size)
		__field(u32, value)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->offset = offset;
		__entry->size = size;
		__entry->value = value;
	),
	TP_printk("%s offset=%#x size=%u value=%#x", __get_str(name), __entry->offset,
		  __entry->size, __entry->value)
);

TRACE_EVENT(sriov_request,
	TP_PROTO(struct pci_dev *pdev, int request, int why, int error),
	TP_ARGS(pdev, request, why, error),
	TP_STRUCT__entry(
		__string(name, pci_name(pdev))
		__field(int, request)
		__field(int, why)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->request = request;
		__entry->why = why;
		__entry->error = error;
	),
	TP_printk("%s request=%d why=%d error=%d", __get_str(name), __entry->request,
		  __entry->why, __entry->error)
);

TRACE_EVENT(sriov_change,
	TP_PROTO(struct pci_dev *pdev, int from, int to, int result),
	TP_ARGS(pdev, from, to, result),
	TP_STRUCT__entry(
		__string(name, pci_name(pdev))
		__field(int, from)
		__field(int, to)
		__field(int, result)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->from = from;
		__entry->to = to;
		__entry->result = result;
	),
	TP_printk("%s vfs %d -> %d result=%d", __get_str(name), __entry->from, __entry->to,
		  __entry->result)
);

DECLARE_EVENT_CLASS(sriov_switch,
	TP_PROTO(struct pci_dev *pdev, bool on),
	TP_ARGS(pdev, on),
	TP_STRUCT__entry(
		__string(name, pci_name(pdev))
		__field(bool, on)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->on = on;
	),
	TP_printk("%s %s", __get_str(name), __entry->on ? "on" : "off")
);

DEFINE_EVENT(sriov_switch, sriov_hold,
	TP_PROTO(struct pci_dev *pdev, bool on),
	TP_ARGS(pdev, on)
);

DEFINE_EVENT(sriov_switch, sriov_park,
	TP_PROTO(struct pci_dev *pdev, bool on),
	TP_ARGS(pdev, on)
);

DEFINE_EVENT(sriov_switch, sriov_keep_alive,
	TP_PROTO(struct pci_dev *pdev, bool on),
	TP_ARGS(pdev, on)
);

#endif /* VFIO_PCI_SRIOV_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
