/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices that nothing has to be opened for on the host: what QEMU is told of them comes from the same builder that
 * vm-plug asks, without a process for it. */

#include "hotplug/here.h"
#include "base/strings.h"
#include "qemu/device.h"

/* A card of QEMU's own network; with passt, or on the host's networks, it is vm-plug's. */
static bool is_user_card(const xmlNode *interface) {
        static const char *const of_hosts[] = {
                "backend", "filterref", "bandwidth", "script", "downscript", "virtualport", "vlan", "port"
        };

        for (size_t i = 0; i < ELEMENTSOF(of_hosts); i++)
                if (xml_child(interface, of_hosts[i]))
                        return false;
        return xml_attr_is(interface, "type", "user");
}

bool plug_here_can(const xmlNode *device) {
        static const char *const elements[] = { "controller", "memory", "watchdog" };

        for (size_t i = 0; i < ELEMENTSOF(elements); i++)
                if (xml_is(device, elements[i]))
                        return true;
        return xml_is(device, "interface") && is_user_card(device);
}

static int add_steps(const QemuParts *parts, json_t *steps, Error *e) {
        for (size_t i = 0; i < parts->n; i++) {
                json_t *add, *remove;
                int r = qemu_part_commands(&parts->list[i], &add, &remove, e);

                if (r < 0)
                        return r;
                if (json_array_append_new(steps, json_pack("{s:o,s:o}", "do", add, "undo", remove)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int plug_here(const Definition *live, const xmlNode *device, const char *version, PlugAnswer *ret, Error *e) {
        const char *arch = xml_get(definition_root(live), "os/type/@arch") ?: "x86_64";
        const QemuCaps *caps = qemu_caps_for(version, arch);
        _cleanup_qemu_parts_ QemuParts parts = {};
        json_t *steps = json_array(), *after = json_array();
        _cleanup_free_ char *text = NULL;
        QemuHostResources none;
        int r;

        qemu_host_resources_init(&none);
        r = caps ? qemu_device_build(live, device, caps, &none, &parts, e)
                 : error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                             "QEMU %s for this architecture is not supported", version);
        if (r >= 0)
                r = add_steps(&parts, steps, e);
        if (r >= 0)
                r = qemu_device_after(device, after);
        if (r >= 0)
                r = xml_format(device, &text);
        if (r >= 0) {
                *ret = (PlugAnswer) {
                        .json = json_pack("{s:s,s:O,s:O}", "device", text, "steps", steps, "after", after),
                };
                r = ret->json ? 0 : -ENOMEM;
        }
        json_decref(steps);
        json_decref(after);
        return r;
}
