/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The devices of the host that a network without a bridge of its own gives to cards. After normalising (paths below
 * /network/forward):
 *
 *   address               @type, @domain, @bus, @slot, @function; of forward mode hostdev alone, as interface is of
 *                         others
 *   @managed              there in forward mode hostdev
 *
 * and no device is there twice. */

#include "base/strings.h"
#include "network.h"

static bool is_of_pci(const xmlNode *forward) {
        return xml_attr_is(forward, "mode", "hostdev");
}

/* A <pf> and its functions may stand together: that is how a network runs. */
static int check_pool(Normaliser *n, xmlNode *forward) {
        static const struct { const char *name; int digits; unsigned most; } parts[] = {
                { "domain", 4, 0xffff }, { "bus", 2, 0xff }, { "slot", 2, 0x1f }, { "function", 1, 7 }
        };
        const char *driver = xml_get(forward, "driver/@name");

        if (xml_child(forward, "pf") && !xml_get(forward, "pf/@dev"))
                return fail_xml(n, xml_child(forward, "pf"),
                                "Missing required dev attribute in <forward> <pf> element of network '%s'",
                                network_name_of(n));
        if (xml_child(forward, "interface") && xml_child(forward, "address"))
                return fail_xml(n, forward,
                                "<address>, <interface>, and <pf> elements in <forward> of network %s are mutually "
                                "exclusive",
                                network_name_of(n));
        if (driver && !streq(driver, "vfio"))
                return fail_unsupported(n, xml_child(forward, "driver"),
                                        "the driver '%s' for devices of the host is not supported in network '%s'",
                                        driver, network_name_of(n));
        if (is_of_pci(forward) && xml_child(forward, "interface"))
                return fail_unsupported(n, xml_child(forward, "interface"),
                                        "hostdev network '%s' lists '%s' in the device pool, but hostdev networks "
                                        "require all devices to be listed by PCI address, not network device name",
                                        network_name_of(n), attr_or(xml_child(forward, "interface"), "dev", ""));
        if (is_of_pci(forward))
                norm_set_default(n, forward, "managed", "no");
        XML_FOREACH(address, forward, "address") {
                norm_set_default(n, address, "type", "pci");
                for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                        unsigned number = 0;

                        if ((xml_attr(address, parts[i].name) &&
                             xml_attr_uint(address, parts[i].name, &number) < 0) ||
                            number > parts[i].most)
                                return fail_xml(n, address, "missing or invalid PCI address in network '%s'",
                                                network_name_of(n));
                        norm_setf(n, address, parts[i].name, "0x%0*x", parts[i].digits, number);
                }
        }
        return 0;
}

static int check_pool_devices(Normaliser *n, xmlNode *forward) {
        static const char *const parts[] = { "dev", "domain", "bus", "slot", "function" };

        XML_FOREACH(device, forward, NULL)
                for (const xmlNode *o = xml_next(device, NULL); o; o = xml_next(o, NULL)) {
                        bool equal = xml_is(o, xml_name(device)) && (xml_is(o, "interface") || xml_is(o, "address"));

                        for (size_t i = 0; equal && i < ELEMENTSOF(parts); i++)
                                equal = streq_ptr(xml_attr(device, parts[i]), xml_attr(o, parts[i]));
                        if (equal)
                                return fail_xml(n, o, "a device of the pool of network '%s' is there twice",
                                                network_name_of(n));
                }
        return 0;
}

int normalise_network_pool(Normaliser *n, xmlNode *forward) {
        int r = check_pool(n, forward);

        return r < 0 ? r : check_pool_devices(n, forward);
}
