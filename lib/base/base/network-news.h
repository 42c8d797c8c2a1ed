/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where vm-network-status listens, below path_run(): a datagram is the name of a network. */
#define NETWORK_NEWS_SOCKET "network/news"

/* Says that guests have come to a network or left it, or that its leases are other ones, for what "systemctl status"
 * says of its unit. Never waits, and where nobody listens nothing happens. */
void network_news(const char *network);
