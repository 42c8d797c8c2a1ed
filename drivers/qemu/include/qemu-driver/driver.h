/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver for QEMU and KVM, reached through its table only. */

#include "rpc/driver.h"

extern const Driver driver_qemu;
