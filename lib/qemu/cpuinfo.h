/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qemu/cpus.h"

/* Fills m->real from the kernel's flags of the host's processor. */
int cpu_flags_read(CpuModels *m);
/* The same of a text: "fpu vme de ...", which is cut into pieces; vendor as in CpuModels. */
int cpu_flags_parse(CpuModels *m, char *flags);

/* A bit of IA32_ARCH_CAPABILITIES and the like, by QEMU's name. */
bool cpu_feature_is_of_register(const char *name);

/* A feature that there is, though this host need not have it, nor any model. */
bool cpu_feature_is_elsewhere(const char *name);

/* What stands in the first line of /proc/cpuinfo that begins with key, the caller's; NULL where there is none. */
char *cpuinfo_read(const char *key);
