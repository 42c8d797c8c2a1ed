/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/driver.h"
#include "qemu/cpu-sets.h"

/* The processors of the installed QEMU with an accelerator ("kvm", "tcg"): as remembered, else vm-cpu@ACCEL.service is
 * started and waited for. Code 38 or 1 where they cannot be had. */
int driver_cpu_models(QemuDriver *d, const char *accel, CpuModels **ret, Error *e);

/* The same without an accelerator's additions, and with all that can be known of the host's own processor. */
int driver_real_cpu(QemuDriver *d, CpuModels **ret, Error *e);

/* Writes into a definition of mode host-model what that is on this host, as its next start would. The definition stays
 * as it is where the processors cannot be had. -ENOMEM. */
int driver_fix_host_model(QemuDriver *d, Definition *def);
