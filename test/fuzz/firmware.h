/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The same firmware on every machine that fuzzes. */

#include "model/facts.h"

static int fuzz_firmware(void *context, const FirmwareList **ret) {
        static char *targets[] = { (char *) "x86_64 pc-*", NULL };
        static Firmware list[] = {
                { .efi = true,
                  .executable = (char *) "/code.secure",
                  .format = (char *) "raw",
                  .nvram_template = (char *) "/vars",
                  .template_format = (char *) "raw",
                  .targets = targets,
                  .secure_boot = true,
                  .requires_smm = true },
                { .efi = true,
                  .executable = (char *) "/code",
                  .format = (char *) "qcow2",
                  .nvram_template = (char *) "/vars",
                  .template_format = (char *) "qcow2",
                  .targets = targets },
                { .bios = true,
                  .mapping = FIRMWARE_MEMORY,
                  .executable = (char *) "/bios",
                  .format = (char *) "raw",
                  .targets = targets },
        };
        static const FirmwareList all = { list, ELEMENTSOF(list) };

        *ret = &all;
        return 0;
}
