/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a network. What is accepted stays the same when it is read again, and makes files for dnsmasq and
 * nftables in which each value is where it belongs: in a line of its own. */

#include "base/strings.h"
#include "model/definition.h"
#include "network/dnsmasq.h"
#include "network/firewall.h"
#include "network/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *canonical(const char *text, size_t size, Definition **ret) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        char *s = NULL;
        int r;

        r = definition_parse_as(&document_network, text, size, NULL, 0, &d, &e);
        if (r >= 0)
                r = definition_normalise(d, NULL, &e);
        if (r >= 0)
                r = definition_format(d, DEFINITION_FORMAT_INACTIVE | DEFINITION_FORMAT_SECURE, &s);
        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                abort();
        if (r >= 0 && ret)
                *ret = TAKE_PTR(d);
        return s;
}

static void make_texts(const Definition *d) {
        _cleanup_free_ char *config = NULL, *dhcp = NULL, *dns = NULL, *rules = NULL;
        const xmlNode *root = definition_root(d);
        const char *bridge = network_bridge(root) ?: "virbr0";
        _cleanup_error_ Error e = ERROR_INIT;

        (void) dnsmasq_config(root, bridge, "/var/lib/libvirt/dnsmasq", &config, &e);
        (void) dnsmasq_dhcp_hosts(root, &dhcp, &e);
        (void) dnsmasq_dns_hosts(root, &dns, &e);
        (void) firewall_rules(root, bridge, &rules, &e);
        if (rules && strchr(rules, '\\'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *once = NULL, *twice = NULL;
        _cleanup_definition_ Definition *d = NULL;

        once = canonical((const char *) data, size, &d);
        if (!once)
                return 0;
        make_texts(d);
        twice = canonical(once, strlen(once), NULL);
        if (!twice || !streq(once, twice))
                abort();
        return 0;
}
