/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For filters of system calls, whose numbers are an architecture's own. */

#include <linux/audit.h>

#if defined(__x86_64__)
#define SECCOMP_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SECCOMP_ARCH AUDIT_ARCH_AARCH64
#else
#error "no number of this architecture"
#endif
