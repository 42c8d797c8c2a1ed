/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The nftables rules of one network, as text for libnftables: pure functions of the canonical definition.
 *
 * Each network has tables of its own, one in family ip and, where it has to do with IPv6, one in ip6, with libvirt's
 * chains and rules in them. They are owned by the socket that loads them ("flags owner"): nothing but the end of that
 * socket, not even "nft flush ruleset", takes them away. */

#include "base/error.h"
#include "model/xml.h"

/* The text that makes the tables, "" for a network without any rule (mode open, or no bridge of its own). *ret is the
 * caller's. -EBADMSG and e for addresses that are none. */
int firewall_rules(const xmlNode *network, const char *bridge, char **ret, Error *e);

/* The table's name: "libvirt_" and the bridge, each byte that nft does not take in a name as _XX. */
int firewall_table(const char *bridge, char **ret);

/* A text in quotes as nft reads it. -EINVAL for one with a quote or a control character, which nft cannot express. */
int firewall_quote(const char *s, char **ret);

/* What each rule of ours in a chain of others says in its comment: "unitvirt:BRIDGE". */
#define FIREWALL_COMMENT "unitvirt:"

/* The rules that let a network's traffic through Docker's chain, which comes before a policy of drop.
 * *ret is "" for a network without an outside. */
int firewall_docker_rules(const xmlNode *network, const char *bridge, char **ret);
