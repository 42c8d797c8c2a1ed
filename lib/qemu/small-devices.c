/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small devices: memballoon, rng, watchdog, panic. */

#include "build.h"

void build_memballoon(Build *b, const xmlNode *n) {
        const char *model = xml_attr(n, "model") ?: "virtio";
        DriverName name;
        json_t *o;

        if (streq(model, "none"))
                return;
        if (!startswith(model, "virtio")) {
                build_refuse(b, n, "memballoon model '%s' is not supported", model);
                return;
        }
        o = device_new(b, virtio_driver(b, n, "virtio-balloon", model, &name));
        put_virtio(b, o, n);
        put_alias(b, o, n);
        put_address(b, o, n);
        put_attr_bool(b, o, "deflate-on-oom", n, "autodeflate");
        put_attr_bool(b, o, "free-page-reporting", n, "freePageReporting");
        add_props(b, QEMU_PART_DEVICE, o);
}

/* Where the randomness comes from. */
static void add_rng_backend(Build *b, const xmlNode *n, const xmlNode *backend, const char *id) {
        const char *model = xml_attr(backend, "model") ?: "";
        DriverName chardev;
        json_t *o;

        if (streq(model, "random")) {
                o = build_object(b, "rng-random", id);
                put_str(b, o, "filename", xml_text(backend) && *xml_text(backend) ? xml_text(backend) : "/dev/random");
        } else if (streq(model, "builtin")) {
                o = build_object(b, "rng-builtin", id);
        } else if (streq(model, "egd")) {
                snprintf(chardev.s, sizeof(chardev.s), "char%.58s", need_alias(b, n));
                build_chardev(b, backend, chardev.s);
                o = build_object(b, "rng-egd", id);
                put_str(b, o, "chardev", chardev.s);
        } else {
                build_refuse(b, backend ?: n, "rng backend '%s' is not supported", model);
                return;
        }
        add_props(b, QEMU_PART_OBJECT, o);
}

void build_rng(Build *b, const xmlNode *n) {
        const char *model = xml_attr(n, "model") ?: "virtio";
        const xmlNode *rate = xml_child(n, "rate");
        DriverName id, name;
        json_t *o;

        if (!startswith(model, "virtio")) {
                build_refuse(b, n, "rng model '%s' is not supported", model);
                return;
        }
        snprintf(id.s, sizeof(id.s), "obj%.58s", need_alias(b, n));
        add_rng_backend(b, n, xml_child(n, "backend"), id.s);
        o = device_new(b, virtio_driver(b, n, "virtio-rng", model, &name));
        put_virtio(b, o, n);
        put_str(b, o, "rng", id.s);
        put_alias(b, o, n);
        if (rate) {
                put_int(b, o, "max-bytes", (long long) attr_u64(b, rate, "bytes", 0));
                put_int(b, o, "period", (long long) attr_u64(b, rate, "period", 1000));
        }
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
}

/* QEMU has one action for all watchdogs: the first one's. */
static void watchdog_action(Build *b, const xmlNode *n) {
        const char *action = xml_attr(n, "action") ?: "reset";

        if (sibling_index(n) > 0)
                return;
        if (streq(action, "dump"))
                action = "pause"; /* vm-run dumps it and goes on */
        add_option(b, "-watchdog-action", "%s", action);
}

void build_watchdog(Build *b, const xmlNode *n) {
        const char *model = xml_attr(n, "model") ?: "";
        json_t *o;

        /* before it can bark at a guest that runs */
        if (b->joins)
                watchdog_action(b, n);
        if (streq(model, "itco")) {
                if (!b->q35)
                        build_refuse(b, n, "watchdog model 'itco' needs a q35 machine");
                add_option(b, "-global", "ICH9-LPC.noreboot=off");
        } else if (streq(model, "i6300esb") || streq(model, "ib700")) {
                o = device_new(b, model);
                put_alias(b, o, n);
                put_address(b, o, n);
                add_props(b, QEMU_PART_DEVICE, o);
        } else {
                build_refuse(b, n, "watchdog model '%s' is not supported", model);
                return;
        }
        if (!b->joins)
                watchdog_action(b, n);
}

/* hyperv is a feature of the CPU (cpu.c). */
void build_panic(Build *b, const xmlNode *n) {
        const char *model = xml_attr(n, "model") ?: "isa";
        const xmlNode *address = xml_child(n, "address");
        json_t *o;

        if (streq(model, "hyperv"))
                return;
        if (streq(model, "isa")) {
                o = device_new(b, "pvpanic");
                put_attr_uint(b, o, "ioport", address, "iobase");
        } else if (streq(model, "pvpanic")) {
                o = device_new(b, "pvpanic-pci");
                put_address(b, o, n);
        } else {
                build_refuse(b, n, "panic model '%s' is not supported", model);
                return;
        }
        add_props(b, QEMU_PART_DEVICE, o);
}
