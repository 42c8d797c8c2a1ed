/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <dns> of a network, and the options of dnsmasq's own: what dnsmasq would refuse, or understand as something else, is
 * refused here. After normalising (paths below /network):
 *
 *   dns                   is not there where it says nothing; nothing but @enable where that is 'no'
 *   dns/forwarder         @addr or @domain
 *   dns/txt               @name, without what ends it, and @value
 *   dns/srv               @service, @protocol; @port, @priority and @weight only with @target, and of 16 bits
 *   dns/host              @ip, and one hostname or more */

#include "base/strings.h"
#include "network.h"

static int check_forwarder(Normaliser *n, xmlNode *f) {
        return xml_attr(f, "addr") || xml_attr(f, "domain")
                       ? 0
                       : fail_xml(n, f, "Invalid forwarder element, must contain at least one of addr or domain");
}

static int check_txt(Normaliser *n, xmlNode *t) {
        const char *name = attr_or(t, "name", "");

        if (!*name)
                return fail_xml(n, t, "missing required name attribute in DNS TXT record of network '%s'",
                                network_name_of(n));
        if (strpbrk(name, " ,"))
                return fail_xml(n, t, "prohibited character in DNS TXT record name '%s' of network '%s'", name,
                                network_name_of(n));
        if (!*attr_or(t, "value", ""))
                return fail_xml(n, t, "missing required value attribute in DNS TXT record named '%s' of network '%s'",
                                name, network_name_of(n));
        return 0;
}

static int check_srv(Normaliser *n, xmlNode *s) {
        static const char *const numbers[] = { "port", "priority", "weight" };
        const char *service = attr_or(s, "service", "");

        if (!*service || !*attr_or(s, "protocol", ""))
                return fail_xml(n, s,
                                "Missing required service or protocol attribute in DNS SRV record of network '%s'",
                                network_name_of(n));
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                if (!xml_attr(s, numbers[i]))
                        continue;
                if (!xml_attr(s, "target"))
                        return fail_xml(n, s,
                                        "DNS SRV %s attribute not permitted without target for service '%s' in network "
                                        "'%s'",
                                        numbers[i], service, network_name_of(n));
                if (number_or(s, numbers[i], 0) > 65535 || (i == 0 && number_or(s, numbers[i], 0) == 0))
                        return fail_xml(n, s, "Invalid DNS SRV %s attribute for service '%s' in network '%s'",
                                        numbers[i], service, network_name_of(n));
        }
        return 0;
}

static int check_host(Normaliser *n, xmlNode *h) {
        bool named = false;

        XML_FOREACH(name, h, "hostname") {
                if (!*xml_text(name))
                        return fail_xml(n, name, "Missing hostname in network '%s' DNS HOST record",
                                        network_name_of(n));
                named = true;
        }
        return xml_attr(h, "ip") && named
                       ? 0
                       : fail_xml(n, h, "Missing IP address or hostname in network '%s' DNS HOST record",
                                  network_name_of(n));
}

static const struct {
        const char *element;
        int (*check)(Normaliser *n, xmlNode *node);
} records[] = { { "forwarder", check_forwarder }, { "txt", check_txt }, { "srv", check_srv }, { "host", check_host } };

int normalise_network_dns(Normaliser *n) {
        xmlNode *dns;

        drop_empty(n->root, "dns");
        dns = xml_child(n->root, "dns");
        for (size_t i = 0; i < ELEMENTSOF(records); i++)
                XML_FOREACH(record, dns, records[i].element) {
                        int r = records[i].check(n, record);

                        if (r < 0)
                                return r;
                }
        if (xml_attr_is(dns, "enable", "no") && xml_child(dns, NULL))
                return fail_xml(n, dns, "<dns enable='no'> of network '%s' has records, which nobody would answer with",
                                network_name_of(n));
        return 0;
}

int normalise_network_options(Normaliser *n) {
        XML_FOREACH(o, xml_child(n->root, "dnsmasq:options"), "dnsmasq:option") {
                if (!*attr_or(o, "value", ""))
                        return fail_xml(n, o, "No dnsmasq option value specified");
                if (strpbrk(xml_attr(o, "value"), "\n\r"))
                        return fail_xml(n, o, "a dnsmasq option cannot hold a line feed");
        }
        return 0;
}
