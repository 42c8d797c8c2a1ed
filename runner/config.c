/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* qemu.conf: what it asks for and this guest would not get is refused here; what it says for guests that do not say it
 * themselves is read by the other steps. */

#include "base/strings.h"
#include "prepare.h"

static bool is_screen(const xmlNode *device, const char *type) {
        return streq(xml_name(device), "graphics") && xml_attr_is(device, "type", type) &&
               !xml_attr_is(xml_child(device, "listen"), "type", "none");
}

static bool is_vnc(const xmlNode *device) {
        return is_screen(device, "vnc");
}

static bool is_spice(const xmlNode *device) {
        return is_screen(device, "spice");
}

static bool is_spice_port(const xmlNode *device) {
        return is_spice(device) && graphics_has_port(device);
}

static bool is_tcp_chardev(const xmlNode *device) {
        const xmlNode *backend = xml_child(device, "backend") ?: device;

        return (xml_attr_is(device, "type", "tcp") || xml_attr_is(backend, "type", "tcp")) &&
               !xml_attr_is(xml_child(backend, "source"), "tls", "no");
}

static bool is_bridge(const xmlNode *device) {
        return streq(xml_name(device), "interface") && xml_attr_is(device, "type", "bridge");
}

static bool is_writable_disk(const xmlNode *device) {
        return streq(xml_name(device), "disk") && !xml_child(device, "readonly") && !xml_attr_is(device, "device", "cdrom");
}

/* NULL: every guest. */
static bool (*const concerns[_QEMU_CONCERN_MAX])(const xmlNode *device) = {
        [QEMU_CONCERN_VNC] = is_vnc,
        [QEMU_CONCERN_SPICE] = is_spice,
        [QEMU_CONCERN_SPICE_PORT] = is_spice_port,
        [QEMU_CONCERN_TCP_CHARDEV] = is_tcp_chardev,
        [QEMU_CONCERN_BRIDGE] = is_bridge,
        [QEMU_CONCERN_DISK] = is_writable_disk,
};

/* The element that a setting is about. NULL: it is not about this guest. */
static const xmlNode *concerned_element(const Definition *d, QemuConcern concern) {
        if (concern == QEMU_CONCERN_EVERY_GUEST)
                return definition_root(d);
        XML_FOREACH(device, definition_devices(d), NULL)
                if (concerns[concern](device))
                        return device;
        return NULL;
}

int prepare_config(Prepare *p) {
        int r;

        r = qemu_config_load(NULL, &p->config, NULL, &p->error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < p->config->n_refusals; i++) {
                const QemuRefusal *refusal = &p->config->refusals[i];
                const xmlNode *element = concerned_element(p->live, refusal->concern);
                _cleanup_free_ char *path = element ? xml_path_of(element) : NULL;

                if (element)
                        return error_set(&p->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "%s (it is about %s:%u: %s)",
                                         refusal->text, definition_origin(p->live) ?: p->name, xml_line(element),
                                         path ?: xml_name(element));
        }
        p->res.no_sandbox = p->config->seccomp_sandbox == 0;
        p->res.dump_guest_core = p->config->dump_guest_core;
        return 0;
}
