/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What dnsmasq reads for one network, as texts: pure functions of the canonical definition. The form is libvirt's. */

#include "base/error.h"
#include "model/xml.h"

/* The file for --conf-file=. bridge is the link that it serves; folder holds the files that it names,
 * FOLDER/NAME.hostsfile and FOLDER/NAME.addnhosts. *ret is the caller's. -EBADMSG and e for what
 * dnsmasq could not express (a line feed), -ENOMEM. */
int dnsmasq_config(const xmlNode *network, const char *bridge, const char *folder, char **ret, Error *e);

/* dhcp-hostsfile: a line for each dhcp/host. dnsmasq reads it again at SIGHUP. */
int dnsmasq_dhcp_hosts(const xmlNode *network, char **ret, Error *e);

/* addn-hosts: a line for each dns/host. dnsmasq reads it again at SIGHUP. */
int dnsmasq_dns_hosts(const xmlNode *network, char **ret, Error *e);
