/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* What Landlock (landlock(7), linux/landlock.h) keeps a process from. */
typedef struct LandlockWish {
        bool connects;      /* it may connect by TCP */
        bool listens;       /* it may listen by TCP */
        const char *sealed; /* absolute path of a folder in which it neither makes files nor writes to any; or NULL */
} LandlockWish;

/* Whether the kernel can seal a folder (Linux 5.19) and lets the caller ask it to. */
bool landlock_seals(void);

/* Restricts the calling process and what it starts. Who is asked for less than the kernel knows gets that; only the
 * seal is a must: -EOPNOTSUPP where the kernel has none, another negative errno where it cannot be made. */
int landlock_restrict(const LandlockWish *wish);
