/* SPDX-License-Identifier: GPL-2.0-only */
/* cmocka with the headers that it wants before it. */
#ifndef ORCHESTRATION_TESTING_CMOCKA_H
#define ORCHESTRATION_TESTING_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
