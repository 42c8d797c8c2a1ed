/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* Counters of a network interface of the host. */
typedef struct NetStats {
        uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
        uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
} NetStats;

/* -ENOENT where there is no such interface; -EINVAL for what cannot be its name. */
int net_stats_read(const char *name, NetStats *ret);
