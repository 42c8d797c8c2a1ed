/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is known about the firmware images of a host: one entry for each descriptor that packages leave (the format is
 * docs/interop/firmware.json of QEMU). Normalising chooses among them; who reads the files is qemu/firmware.h. */

#include "base/macros.h"

typedef enum FirmwareMapping {
        FIRMWARE_FLASH,            /* a read-only image, and a copy of the template for the guest's variables */
        FIRMWARE_FLASH_STATELESS,  /* a read-only image alone */
        FIRMWARE_FLASH_COMBINED,   /* both in one image, which each guest needs a copy of; never chosen */
        FIRMWARE_MEMORY,           /* loaded as a ROM */
} FirmwareMapping;

typedef struct Firmware {
        bool efi, bios;            /* what it offers to the guest */
        FirmwareMapping mapping;
        char *executable, *format;
        char *nvram_template, *template_format; /* FIRMWARE_FLASH only */
        char **targets;            /* "x86_64 pc-q35-*": architecture, a blank, a pattern of fnmatch(3) */
        bool secure_boot, enrolled_keys, requires_smm;
} Firmware;

/* Strongest first. */
typedef struct FirmwareList {
        Firmware *list;
        size_t n;
} FirmwareList;

/* Whether it is made for this architecture and (versioned) machine. */
bool firmware_fits_machine(const Firmware *f, const char *arch, const char *machine);
