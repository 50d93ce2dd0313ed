# SPDX-License-Identifier: GPL-2.0-only
PRODUCTS_LIB := $(addprefix tests/lab/products/,aptsrc.c aptver.c build.c catalog.c hash.c key.c \
	manifest.c problem.c progress.c run.c sandbox.c store.c)

$(eval $(call program,lab/products,tests/lab/products/products.c $(PRODUCTS_LIB),json-c libcrypto))
