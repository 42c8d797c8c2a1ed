/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Vital product data of PCI devices (PCI Local Bus Specification 3.0, appendix I): what the maker wrote into it, and
 * what the owner may write. The bytes are the device's: nothing in them is trusted. */

#include "base/macros.h"

#define VPD_MAX 32768U
#define VPD_FIELDS_MAX 64U

typedef struct VpdField {
        char keyword[3];        /* "PN", "V1", "Y3" */
        bool writable;
        char *value;
} VpdField;

typedef struct Vpd {
        char *name;
        VpdField fields[VPD_FIELDS_MAX];
        size_t n;
} Vpd;

void vpd_done(Vpd *v);
#define _cleanup_vpd_ _cleanup_(vpd_done)

/* -EBADMSG for what is no such data: no name, a length that leads out of it, a checksum that is not right, no end. A
 * field that is no text is left out. */
int vpd_parse(const uint8_t *data, size_t n, Vpd *ret);

/* Does it begin as such data does? For files that take long to read. */
bool vpd_is_begun(int fd);
/* Reads a device's file "vpd" to its end tag, and parses it. */
int vpd_read(int fd, Vpd *ret);
