/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rules of ours in chains of others: both for vm-network and for vm-firewall. */

#include "base/error.h"
#include "model/xml.h"

/* Is there a chain of Docker's? Costs nothing where there is none. */
bool rules_have_docker(void);

/* Lets the network's traffic through Docker's chain where there is one: 1 where rules were added, 0 where none were
 * needed. */
int rules_pass_docker(const xmlNode *network, const char *bridge, Error *e);

/* Takes those rules out again. */
int rules_leave_docker(const char *bridge);

/* Deletes the rules that libvirt made for a network: those of its chains that mention one of the marks. */
int rules_remove_libvirts(const char *const *marks);
