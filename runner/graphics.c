/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/strings.h"
#include "prepare.h"

/* libvirt's range, remote_display_port_min and _max of its qemu.conf */
#define PORT_FIRST 5900U
#define PORT_LAST 65535U

static const char *address_of(const xmlNode *graphics) {
        const xmlNode *listen = xml_child(graphics, "listen");
        const char *address = xml_attr(listen, "address") ?: xml_attr(graphics, "listen");

        return address && *address ? address : "127.0.0.1";
}

static bool has_port(const xmlNode *graphics) {
        const xmlNode *listen = xml_child(graphics, "listen");

        if (!xml_attr_is(graphics, "type", "vnc") && !xml_attr_is(graphics, "type", "spice"))
                return false;
        return !xml_attr(graphics, "socket") && !xml_attr_is(listen, "type", "socket") && !xml_attr_is(listen, "type", "none");
}

/* Clients look for the address in the live definition, at either place. */
static int write_address(xmlNode *graphics, const char *address) {
        xmlNode *listen = xml_ensure(graphics, "listen");

        if (!listen)
                return -ENOMEM;
        if (!xml_attr(listen, "type") && xml_set_attr(listen, "type", "address") < 0)
                return -ENOMEM;
        if (!*(xml_attr(listen, "address") ?: "") && xml_set_attr(listen, "address", address) < 0)
                return -ENOMEM;
        return *(xml_attr(graphics, "listen") ?: "") ? 0 : xml_set_attr(graphics, "listen", xml_attr(listen, "address"));
}

static int prepare_one(Prepare *p, xmlNode *graphics, QemuGraphics *g) {
        const char *address = address_of(graphics);
        int port = -1, r;
        unsigned u;

        r = write_address(graphics, address);
        if (r < 0)
                return r;
        (void) parse_int(xml_attr(graphics, "port") ?: "-1", &port);
        /* SPICE with nothing but a TLS port listens on that one only */
        if (port > 0 || (port == 0 && xml_attr(graphics, "tlsPort"))) {
                g->port = port;
                return strv_addf(&p->launch.graphics, "%s=%s:%i", xml_attr(graphics, "type"), address, port);
        }
        r = state_reserve_port(p->name, address, PORT_FIRST, PORT_LAST, &u);
        if (r < 0)
                return prepare_refuse(p, r, graphics, "no free port at %s: %s", address, strerror(-r));
        g->port = (int) u;
        r = xml_set_attrf(graphics, "port", "%u", u);
        if (r < 0)
                return r;
        return strv_addf(&p->launch.graphics, "%s=%s:%u", xml_attr(graphics, "type"), address, u);
}

int prepare_graphics(Prepare *p) {
        size_t n = 0;

        XML_FOREACH(graphics, definition_devices(p->live), "graphics") {
                int r;

                if (n == GRAPHICS_MAX)
                        return prepare_refuse(p, -E2BIG, graphics, "more than %u graphics devices", GRAPHICS_MAX);
                p->graphics[n] = (QemuGraphics) { .port = -1, .tls_port = -1, .websocket = -1 };
                r = has_port(graphics) ? prepare_one(p, graphics, &p->graphics[n]) : 0;
                if (r < 0)
                        return r;
                n++;
        }
        p->res.graphics = p->graphics;
        p->res.n_graphics = n;
        return 0;
}
