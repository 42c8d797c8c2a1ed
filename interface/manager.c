/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "manager.h"

#define NETWORKD_BUS "org.freedesktop.network1"
#define NM_BUS "org.freedesktop.NetworkManager"

bool bus_has(Host *h, const char *name) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int has = 0;

        return sd_bus_call_method(h->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "NameHasOwner", NULL, &reply, "s", name) >= 0 &&
               sd_bus_message_read(reply, "b", &has) >= 0 && has;
}

int bus_call(Host *h, const char *destination, const char *path, const char *interface, const char *method,
             sd_bus_message **reply, Error *e, const char *types, ...) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        va_list ap;
        int r;

        r = sd_bus_message_new_method_call(h->bus, &m, destination, path, interface, method);
        va_start(ap, types);
        if (r >= 0 && types)
                r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        if (r >= 0)
                r = sd_bus_call(h->bus, m, 0, &error, reply);
        return r < 0 ? error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_INTERFACE, "%s of %s: %s", method, destination,
                                 error.message ?: strerror(-r))
                     : 0;
}

int host_link_is_up(Host *h, const char *name) {
        LinkFacts facts;
        int r = link_read(h->netlink, name, &facts);

        return r < 0 ? r : facts.up;
}

/* Does networkd configure the link, or is about to? */
static bool networkd_has(Host *h, const char *link) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *state = NULL;
        const char *path;

        return sd_bus_call_method(h->bus, NETWORKD_BUS, "/org/freedesktop/network1", NETWORKD_BUS ".Manager",
                                  "GetLinkByName", NULL, &reply, "s", link) >= 0 &&
               sd_bus_message_read(reply, "io", NULL, &path) >= 0 &&
               sd_bus_get_property_string(h->bus, NETWORKD_BUS, path, NETWORKD_BUS ".Link", "AdministrativeState", NULL,
                                          &state) >= 0 &&
               !streq(state, "unmanaged") && !streq(state, "linger");
}

/* The interface, or a link that it is made of. */
static bool networkd_has_part(Host *h, const xmlNode *node) {
        static const char *const paths[] = { "bridge", "bond" };
        const char *name = xml_attr(node, "name"), *lower = xml_get(node, "vlan/interface/@name");

        if ((name && networkd_has(h, name)) || (lower && networkd_has(h, lower)))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                XML_FOREACH(member, xml_child(node, paths[i]), "interface")
                        if (networkd_has_part(h, member))
                                return true;
        return false;
}

int manager_find(Host *h, const char *name, const Definition *d, const Manager **ret, Error *e) {
        bool networkd = bus_has(h, NETWORKD_BUS), nm = bus_has(h, NM_BUS);

        if (!networkd && !nm)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_INTERFACE,
                                 "neither systemd-networkd nor NetworkManager manages this host's interfaces");
        if (networkd && nm && (name || d))
                networkd = d ? networkd_has_part(h, definition_root(d)) : networkd_has(h, name);
        *ret = networkd && !(nm && !name && !d) ? &manager_networkd : &manager_nm;
        return 0;
}
