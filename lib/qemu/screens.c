/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What qemu.conf says of a guest's screens. */

#include "base/strings.h"
#include "qemu/screens.h"

/* As libvirt has it: the one that is set, else the use's own where it is there, else that of all. */
static const char *folder_of(const QemuConfig *c, const char *set, const char *own) {
        return set ?: access(own, F_OK) == 0 ? own : c->default_tls_x509_cert_dir;
}

static void init_vnc(const QemuConfig *c, QemuGraphics *g) {
        int verify = c->vnc_tls_x509_verify < 0 ? c->default_tls_x509_verify : c->vnc_tls_x509_verify;

        g->address = c->vnc_listen;
        g->tls = c->vnc_tls;
        g->tls_dir = folder_of(c, c->vnc_tls_x509_cert_dir, "/etc/pki/libvirt-vnc");
        g->tls_anybody = verify <= 0;
        g->tls_priority = c->vnc_tls_priority ?: c->default_tls_priority;
        g->sasl = c->vnc_sasl;
        g->password |= c->vnc_password != NULL;
}

static void init_spice(const QemuConfig *c, QemuGraphics *g) {
        g->address = c->spice_listen;
        g->tls = c->spice_tls;
        g->tls_dir = folder_of(c, c->spice_tls_x509_cert_dir, "/etc/pki/libvirt-spice");
        g->sasl = c->spice_sasl;
        g->password |= c->spice_password != NULL;
}

void qemu_screen_init(const QemuConfig *c, const xmlNode *graphics, QemuGraphics *ret) {
        *ret = (QemuGraphics) {
                .port = -1, .tls_port = -1, .websocket = -1, .password = xml_attr(graphics, "passwd") != NULL
        };
        if (xml_attr_is(graphics, "type", "vnc"))
                init_vnc(c, ret);
        else if (xml_attr_is(graphics, "type", "spice"))
                init_spice(c, ret);
}

int qemu_screens_init(const QemuConfig *c, const Definition *d, QemuGraphics **ret, size_t *ret_n) {
        QemuGraphics *list;
        size_t n = 0;

        XML_FOREACH(graphics, definition_devices(d), "graphics")
                n++;
        list = calloc(n + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        n = 0;
        XML_FOREACH(graphics, definition_devices(d), "graphics")
                qemu_screen_init(c, graphics, &list[n++]);
        *ret = list;
        *ret_n = n;
        return 0;
}

static void add_mode(SpicePorts *p, const char *mode, bool tls) {
        if (streq(mode, "any")) {
                p->plain = true;
                p->secure |= tls;
        }
        p->plain |= streq(mode, "insecure");
        p->secure |= streq(mode, "secure");
}

#define CHANNELS 8U /* that SPICE has; those that no element names are as defaultMode says */

SpicePorts spice_ports_to_choose(const xmlNode *graphics, bool tls) {
        const char *otherwise = xml_attr(graphics, "defaultMode") ?: "any";
        SpicePorts p = {};
        unsigned named = 0;

        if (xml_attr_is(graphics, "autoport", "yes")) {
                XML_FOREACH(channel, graphics, "channel") {
                        const char *mode = xml_attr(channel, "mode") ?: "any";

                        named++;
                        add_mode(&p, streq(mode, "any") ? otherwise : mode, tls);
                }
                if (named < CHANNELS)
                        add_mode(&p, otherwise, tls);
        }
        p.plain |= xml_attr_is(graphics, "port", "-1");
        p.secure |= xml_attr_is(graphics, "tlsPort", "-1");
        return p;
}
