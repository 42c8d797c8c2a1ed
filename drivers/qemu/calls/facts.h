/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What both documents about the host begin with: QEMU, and what guests may be made for. */

#include "guest/driver.h"
#include "guest/emulator.h"
#include "model/writer.h"
#include "qemu/caps.h"

typedef struct Facts {
        HostFacts host;
        const QemuCaps *caps;
        char version[32];
} Facts;

/* Error: code 67 for a QEMU that is too old. */
int facts_read(QemuDriver *d, Facts *ret, Error *e);

typedef struct GuestArch {
        const char *arch, *wordsize, *emulator;
        const char *firmware; /* its name in descriptors of firmware */
} GuestArch;

/* One package installs both programs, so the version of the first is that of both. */
#define N_GUEST_ARCHES 2U
extern const GuestArch guest_arches[N_GUEST_ARCHES];

void document_attr_int(DocumentWriter *w, DocumentElement *n, const char *name, long value);
