/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "normalise/normaliser.h"

/* The name of a network, for messages. */
const char *network_name_of(const Normaliser *n);

/* Steps: what the network's dnsmasq shall answer, and its options as they are. */
int normalise_network_dns(Normaliser *n);
int normalise_network_options(Normaliser *n);

/* The devices of a <forward>. */
int normalise_network_pool(Normaliser *n, xmlNode *forward);
