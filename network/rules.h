/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rules of ours in chains of others: both for vm-network and for vm-firewall. */

#include "base/error.h"
#include "model/xml.h"

/* Is there a chain of Docker's? Costs nothing where there is none. */
bool rules_have_docker(void);

/* What Docker's chain lets pass: listed once, and changed in one transaction, for any number of networks. */
typedef struct DockerChain DockerChain;
DockerChain *docker_chain_free(DockerChain *d);
DEFINE_CLEANUP(DockerChain *, docker_chain_free);
#define _cleanup_docker_chain_ _cleanup_(docker_chain_freep)
/* *ret is NULL where there is no such chain. */
int docker_chain_open(DockerChain **ret);
/* 1 where rules are wanted for the network, and will be added; 0 where there are some, or none are needed. */
int docker_chain_let_pass(DockerChain *d, const xmlNode *network, const char *bridge);
/* Adds them: 1, or 0 where none are wanted. */
int docker_chain_commit(DockerChain *d, Error *e);

/* Lets the network's traffic through Docker's chain where there is one: 1 where rules were added, 0 where none were
 * needed. */
int rules_pass_docker(const xmlNode *network, const char *bridge, Error *e);

/* Takes those rules out again. */
int rules_leave_docker(const char *bridge);

/* Deletes the rules that libvirt made for a network: those of its chains that mention one of the marks. */
int rules_remove_libvirts(const char *const *marks);
