# SPDX-License-Identifier: GPL-2.0-only
PRODUCTS_LIB := $(addprefix tests/lab/products/,aptsrc.c aptver.c build.c catalog.c hash.c key.c \
	manifest.c problem.c progress.c run.c sandbox.c store.c)

$(eval $(call program,lab/products,tests/lab/products/products.c $(PRODUCTS_LIB),json-c nettle))

PRODUCTS_TESTED := $(PRODUCTS_LIB) tests/lab/products/testbed.c
$(eval $(call unit_test,products_aptsrc,tests/lab/products/aptsrc_test.c $(PRODUCTS_TESTED),nettle))
$(eval $(call unit_test,products_build,tests/lab/products/build_test.c $(PRODUCTS_TESTED),nettle))
$(eval $(call unit_test,products_key,tests/lab/products/key_test.c $(PRODUCTS_TESTED),nettle))
$(eval $(call unit_test,products_program,tests/lab/products/program_test.c tests/lab/harness/proc.c \
	$(PRODUCTS_TESTED),nettle))
$(BUILD)/tests/products_program: | $(BUILD)/lab/products
$(eval $(call unit_test,products_store,tests/lab/products/store_test.c $(PRODUCTS_TESTED),nettle))

.PHONY: setup products

## setup: all that a lab needs: packages of this machine, programs, kernels, images
setup:
	$(Q)tests/lab/products/bootstrap.sh
	$(Q)$(MAKE) --no-print-directory programs products

## products: kernels, QEMU and images of the lab, into the cache
products: $(BUILD)/lab/products $(BUILD)/lab/lab-agent
	$(Q)$(BUILD)/lab/products build --all
