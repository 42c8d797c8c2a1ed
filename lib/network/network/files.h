/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the files of a network are; docs/architecture.md says what is in each, and who writes it. */

#include "base/error.h"
#include "model/xml.h"

typedef enum NetworkFile {
        NETWORK_FILE_PERSISTENT,    /* /etc/libvirt/qemu/networks/NAME.xml */
        NETWORK_FILE_TRANSIENT,     /* /run/libvirt/network/transient/NAME.xml */
        NETWORK_FILE_LIVE,          /* /run/libvirt/network/NAME.xml: the network as it runs */
        NETWORK_FILE_ERROR,         /* /run/libvirt/network/NAME.error: why the last start failed */
        NETWORK_FILE_NOTICE,        /* /run/libvirt/network/NAME.notice: what the start had to say, a line each */
        NETWORK_FILE_RULES,         /* /run/libvirt/network/NAME.rules: its rules that are in force, as text */
        NETWORK_FILE_UNDO,          /* /run/libvirt/network/NAME.undo: what the end has to take away */
        NETWORK_FILE_ENVIRONMENT,   /* /run/libvirt/network/NAME.environment: of dnsmasq */
        NETWORK_FILE_COMPLAINT,     /* /run/libvirt/network/NAME.dnsmasq: what dnsmasq said at its start */
        NETWORK_FILE_CONFIG,        /* /var/lib/libvirt/dnsmasq/NAME.conf */
        NETWORK_FILE_DHCP_HOSTS,    /* /var/lib/libvirt/dnsmasq/NAME.hostsfile */
        NETWORK_FILE_DNS_HOSTS,     /* /var/lib/libvirt/dnsmasq/NAME.addnhosts */
        _NETWORK_FILE_MAX,
} NetworkFile;

/* The path of a network's file, owned by the caller; NULL without memory. */
char *network_file(NetworkFile file, const char *name);

/* /var/lib/libvirt/dnsmasq, where dnsmasq's files are. Owned by the caller. */
char *network_dnsmasq_folder(void);

/* BRIDGE.status, the leases, and BRIDGE.macs, in that folder. */
char *network_leases_file(const char *bridge);
char *network_macs_file(const char *bridge);

/* The document in one of the first three, the caller's. errno of reading it, without an error; or what xml_parse()
 * says. */
int network_load(NetworkFile file, const char *name, xmlDocPtr *ret, Error *e);
