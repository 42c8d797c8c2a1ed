/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SHA-256 of FIPS 180-4, for names that other programs make in the same way; not in any hurry. */

#include "base/macros.h"

/* 64 hex digits and a NUL. */
void sha256_hex(const void *data, size_t len, char ret[65]);
