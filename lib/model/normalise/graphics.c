/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* graphics: where VNC and SPICE listen. The attribute listen and the first listen element say the same thing. */

#include "base/strings.h"
#include "normalise.h"

/* Named by the host at an earlier start. */
static bool is_generated_socket(const char *path) {
        return path && startswith(path, "/var/lib/libvirt/qemu/domain-");
}

static int check_listens(Normaliser *n, xmlNode *g) {
        xmlNode *first = xml_child(g, "listen");
        const char *attribute = xml_attr(g, "listen"), *socket = xml_attr(g, "socket");

        if (!first) {
                first = norm_add(n, g, "listen");
                if (is_generated_socket(socket)) {
                        xml_unset_attr(g, "socket");
                        socket = NULL;
                }
                if (xml_attr_is(g, "type", "spice") && !attribute && !xml_attr(g, "port") && !xml_attr(g, "tlsPort") &&
                    !xml_attr_bool(g, "autoport", false)) {
                        /* SPICE without a port is reached through descriptors that clients hand over. */
                        norm_set(n, first, "type", "none");
                } else if (socket) {
                        norm_set(n, first, "type", "socket");
                        norm_set(n, first, "socket", socket);
                } else {
                        norm_set(n, first, "type", "address");
                        if (attribute && *attribute)
                                norm_set(n, first, "address", attribute);
                }
        }

        XML_FOREACH(l, g, "listen") {
                if (!xml_attr(l, "type"))
                        return fail_xml(n, l, "unknown graphics listen type");
                if (!xml_attr_is(l, "type", "network"))
                        xml_unset_attr(l, "network");
                else if (!*attr_or(l, "network", ""))
                        return fail_xml(n, l, "'network' attribute is required for listen type='network'");
                if (xml_attr_is(l, "type", "address") && xml_attr(l, "address") && !*xml_attr(l, "address"))
                        xml_unset_attr(l, "address");
                if (!xml_attr_is(l, "type", "socket"))
                        xml_unset_attr(l, "socket");
                if (!xml_attr_is(l, "type", "address"))
                        xml_unset_attr(l, "address");
                if (l != first)
                        return fail_unsupported(n, l, "QEMU does not support multiple listens for one graphics "
                                                      "device.");
        }

        if (attribute && xml_attr_is(first, "type", "address") && xml_attr(first, "address") &&
            !streq(attribute, xml_attr(first, "address")))
                return fail_xml(n, g, "graphics 'listen' attribute '%s' must match 'address' attribute of first listen "
                                      "element (found '%s')", attribute, xml_attr(first, "address"));

        if (xml_attr_is(first, "type", "address") && xml_attr(first, "address"))
                norm_set(n, g, "listen", xml_attr(first, "address"));
        else
                xml_unset_attr(g, "listen");
        if (xml_attr_is(g, "type", "vnc") && socket && xml_attr_is(first, "type", "socket") &&
            xml_attr(first, "socket") && !streq(socket, xml_attr(first, "socket")))
                return fail_unsupported(n, g, "graphics 'socket' attribute '%s' must match 'socket' attribute of first "
                                              "listen element (found '%s')", socket, xml_attr(first, "socket"));
        if (xml_attr_is(first, "type", "socket") && xml_attr(first, "socket") && xml_attr_is(g, "type", "vnc"))
                norm_set(n, g, "socket", xml_attr(first, "socket"));
        return 0;
}

static int check_ports(Normaliser *n, xmlNode *g) {
        static const char *const names[] = { "port", "tlsPort", "websocket" };
        int port;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (parse_int(attr_or(g, names[i], "0"), &port) < 0 || port < -1 || port > 65535)
                        return fail_xml(n, g, "%s '%s' is no number of a port", names[i], xml_attr(g, names[i]));
        return 0;
}

#define VNC_PASSWORD_MAX 8U    /* of the protocol: the rest would be without meaning (RFC 6143, 7.2.2) */

static int check_password(Normaliser *n, xmlNode *g) {
        const char *until = xml_attr(g, "passwdValidTo"), *password = xml_attr(g, "passwd");
        int64_t time;

        if (!password) {
                xml_unset_attr(g, "passwdValidTo");
                xml_unset_attr(g, "connected");
                return 0;
        }
        if (xml_attr_is(g, "type", "vnc") && !streq(attr_or(g, "connected", "keep"), "keep"))
                return fail_unsupported(n, g, "VNC supports connected='keep' only");
        if (xml_attr_is(g, "type", "vnc") && strlen(password) > VNC_PASSWORD_MAX)
                return fail_unsupported(n, g, "VNC password is %zu characters long, only %u permitted",
                                        strlen(password), VNC_PASSWORD_MAX);
        if (until && utc_time_parse(until, &time) < 0)
                return fail_xml(n, g, "cannot parse password validity time '%s', expect YYYY-MM-DDTHH:MM:SS", until);
        /* both are about the password, and say nothing without one */
        if (!password) {
                xml_unset_attr(g, "passwdValidTo");
                xml_unset_attr(g, "connected");
        }
        return 0;
}

/* An unset port means that one is chosen at start; then the number of the last start is not kept. */
static void write_ports(Normaliser *n, xmlNode *g) {
        bool spice = xml_attr_is(g, "type", "spice"), on_network;
        int port = 0, tls = 0;

        on_network = xml_attr_is(xml_child(g, "listen"), "type", "address") ||
                     xml_attr_is(xml_child(g, "listen"), "type", "network");
        (void) parse_int(attr_or(g, "port", "0"), &port);
        (void) parse_int(attr_or(g, "tlsPort", "0"), &tls);

        if (!on_network) {
                xml_unset_attr(g, "port");
                xml_unset_attr(g, "tlsPort");
                xml_unset_attr(g, "autoport");
                return;
        }

        if (spice) {
                bool automatic = xml_attr_bool(g, "autoport", false) || (port == -1 && tls == -1);

                /* one -1 alone: a port is chosen for this kind */
                if (automatic || port == 0)
                        xml_unset_attr(g, "port");
                if (automatic || tls == 0)
                        xml_unset_attr(g, "tlsPort");
                norm_set(n, g, "autoport", automatic || (port == 0 && tls == 0) ? "yes" : "no");
        } else {
                bool automatic = xml_attr_bool(g, "autoport", false) || port <= 0;

                if (automatic)
                        norm_set(n, g, "port", "-1");
                norm_set(n, g, "autoport", automatic ? "yes" : "no");
                xml_unset_attr(g, "tlsPort");
        }
}

/* QEMU draws for one OpenGL display only. */
static int check_gl(Normaliser *n) {
        bool spice = false, other = false;

        XML_FOREACH(g, n->devices, "graphics")
                other |= !xml_attr_is(g, "type", "vnc") && !xml_attr_is(g, "type", "spice") &&
                         !xml_attr_is(g, "type", "egl-headless");
        XML_FOREACH(g, n->devices, "graphics")
                spice |= xml_attr_is(g, "type", "spice") && xml_attr_is(xml_child(g, "gl"), "enable", "yes");
        XML_FOREACH(g, n->devices, "graphics")
                if (spice && xml_attr_is(g, "type", "egl-headless"))
                        return fail_unsupported(n, g, "multiple OpenGL displays are not supported by QEMU");
        XML_FOREACH(g, n->devices, "graphics")
                if (xml_attr_is(g, "type", "egl-headless") && other)
                        return fail_unsupported(n, g, "graphics type 'egl-headless' is only supported with one of: "
                                                      "'vnc', 'spice' graphics types");
        return 0;
}

/* A channel that is as all others are is not named. */
static int check_channels(Normaliser *n, xmlNode *g) {
        const char *usual = attr_or(g, "defaultMode", "any");

        for (xmlNode *c = xml_child(g, "channel"), *next; c; c = next) {
                next = xml_next(c, "channel");
                if (!xml_attr(c, "name") || !xml_attr(c, "mode"))
                        return fail_xml(n, c, "spice channel missing name/mode");
                if (streq(usual, "any") && xml_attr_is(c, "mode", "any"))
                        xml_remove(c);
        }
        if (streq(usual, "any"))
                xml_unset_attr(g, "defaultMode");
        return 0;
}

static void drop_unused(xmlNode *g) {
        static const char *const switches[] = { "fullscreen", "p2p" }, *const of_x11[] = { "display", "xauth" };

        for (size_t i = 0; i < ELEMENTSOF(switches); i++)
                if (xml_attr_is(g, switches[i], "no"))
                        xml_unset_attr(g, switches[i]);
        if (xml_attr(g, "p2p"))
                xml_unset_attr(g, "address");
        for (size_t i = 0; i < ELEMENTSOF(of_x11); i++)
                if (xml_attr_is(g, "type", "vnc") || xml_attr_is(g, "type", "spice"))
                        xml_unset_attr(g, of_x11[i]);
}

int normalise_graphics(Normaliser *n) {
        int r;

        XML_FOREACH(g, n->devices, "graphics") {
                if (!xml_attr(g, "type"))
                        return fail_xml(n, g, "missing graphics device type");
                if (xml_attr_is(g, "type", "rdp") || xml_attr_is(g, "type", "desktop"))
                        return fail_unsupported(n, g, "%s graphics are not supported with this QEMU: use vnc or spice",
                                                xml_attr(g, "type"));
                if (xml_attr_is(g, "type", "spice") && !n->facts->spice)
                        return fail_unsupported(n, g, "SPICE graphics are not supported with this QEMU");
                drop_unused(g);
                /* QEMU's VNC draws nothing with OpenGL itself: egl-headless does, beside it */
                if (xml_attr_is(g, "type", "vnc"))
                        xml_remove_children(g, "gl");
                if (!xml_attr_is(g, "type", "vnc") && !xml_attr_is(g, "type", "spice"))
                        continue;
                r = check_listens(n, g);
                if (r >= 0)
                        r = check_ports(n, g);
                if (r >= 0)
                        r = check_password(n, g);
                if (r >= 0)
                        r = check_channels(n, g);
                if (r >= 0 && xml_child(g, "gl") && !xml_attr(xml_child(g, "gl"), "enable"))
                        r = fail_xml(n, xml_child(g, "gl"), "Missing required attribute 'enable' in element 'gl'");
                if (r < 0)
                        return r;
                write_ports(n, g);
        }

        return check_gl(n);
}
