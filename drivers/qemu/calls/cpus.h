/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest/driver.h"
#include "qemu/cpu-sets.h"

/* The processors of the installed QEMU with an accelerator ("kvm", "tcg"): as remembered, else vm-cpu@ACCEL.service is
 * started and waited for. Code 38 or 1 where they cannot be had. */
int driver_cpu_models(QemuDriver *d, const char *accel, CpuModels **ret, Error *e);
