/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <os>: firmware, order of boot devices, direct kernel boot. */

#include "blockdev.h"

/* Devices of a kind that <boot dev> names: the first one of the document is meant. */
static bool device_has_kind(const xmlNode *device, const char *kind) {
        const char *is = xml_attr(device, "device") ?: "disk";

        if (streq(kind, "network"))
                return xml_is(device, "interface");
        if (!xml_is(device, "disk"))
                return false;
        if (streq(kind, "hd"))
                return streq(is, "disk") || streq(is, "lun");
        if (streq(kind, "fd"))
                return streq(is, "floppy");
        return streq(is, kind);
}

/* Which ones were meant was decided when the guest started: another one that came first now would have a place that is
 * taken. */
unsigned boot_index(const Build *b, const xmlNode *device, const char *kind) {
        unsigned position = 0;

        if (b->joins)
                return 0;
        XML_FOREACH(boot, xml_child(b->root, "os"), "boot") {
                position++;
                if (!xml_attr_is(boot, "dev", kind))
                        continue;
                XML_FOREACH(d, b->devices, NULL)
                        if (device_has_kind(d, kind))
                                return d == device ? position : 0;
        }
        return 0;
}

static bool loader_is_flash(const xmlNode *loader) {
        return xml_attr_is(loader, "type", "pflash");
}

/* Where the chip's content is: a file, or, of the variables, a device or a server. */
static void put_flash_source(Build *b, json_t *o, const char *path, const xmlNode *nvram, const char *node) {
        const xmlNode *source = xml_child(nvram, "source");
        Image image = { .layer = nvram, .source = source, .type = "network", .auth = xml_child(source, "auth"),
                        .name = node };

        if (xml_attr_is(nvram, "type", "network")) {
                image_put_source(b, o, &image, "storage");
                return;
        }
        put_str(b, o, "driver", xml_attr_is(nvram, "type", "block") ? "host_device" : "file");
        put_str(b, o, "filename", path);
}

/* One flash chip: its file, and for 7.2 to 8.2 and every format but raw the format on top. */
static void add_flash(Build *b, unsigned n, const char *path, const char *format, bool readonly,
                      const xmlNode *nvram) {
        char node[32];
        bool raw = !format || streq(format, "raw"),
             top = n == 0 || !raw || !qemu_caps_has(b->caps, QEMU_CAP_RAW_WITHOUT_FORMAT);
        json_t *o = props_new(b);

        snprintf(node, sizeof(node), "libvirt-pflash%u-storage", n);
        put_flash_source(b, o, path, nvram, node);
        put_str(b, o, "node-name", node);
        if (top) {
                put_bool(b, o, "auto-read-only", true);
                put_str(b, o, "discard", "unmap");
        } else {
                put_bool(b, o, "read-only", readonly);
        }
        add_props(b, QEMU_PART_BLOCKDEV, o);
        if (!top)
                return;
        o = props_new(b);
        put_strf(b, o, "node-name", "libvirt-pflash%u-format", n);
        put_bool(b, o, "read-only", readonly);
        put_str(b, o, "driver", raw ? "raw" : format);
        put_strf(b, o, "file", "libvirt-pflash%u-storage", n);
        if (!raw)
                put_json(b, o, "backing", json_null());
        add_props(b, QEMU_PART_BLOCKDEV, o);
}

static void machine_flash(Build *b, StrBuf *machine, unsigned n, const char *path, const char *format, bool readonly,
                          const xmlNode *nvram) {
        bool raw = !format || streq(format, "raw"),
             top = n == 0 || !raw || !qemu_caps_has(b->caps, QEMU_CAP_RAW_WITHOUT_FORMAT);

        if (!raw && !streq(format, "qcow2")) {
                build_refuse(b, xml_child(b->root, "os"), "firmware in format '%s' is not supported", format);
                return;
        }
        add_flash(b, n, path, format, readonly, nvram);
        strbuf_addf(machine, ",pflash%u=libvirt-pflash%u-%s", n, n, top ? "format" : "storage");
}

void machine_firmware(Build *b, StrBuf *machine) {
        const xmlNode *loader = xml_find(b->root, "os/loader"), *nvram = xml_find(b->root, "os/nvram");
        const char *vars = b->res->nvram ?: definition_variables(b->d), *kind = xml_get(b->root, "os/@firmware");
        bool remote = xml_attr_is(nvram, "type", "network"),
             chosen = loader && *xml_text(loader) && (!nvram || vars || remote);

        if (kind && !chosen) {
                build_refuse(b, xml_child(b->root, "os"),
                             "Unable to find '%s' firmware that is compatible with the current configuration",
                             kind);
                return;
        }
        if (!loader_is_flash(loader))
                return;
        if (!*xml_text(loader))
                build_invalid(b, loader, "the loader names no file");
        machine_flash(b, machine, 0, xml_text(loader), xml_attr(loader, "format"),
                      xml_attr_bool(loader, "readonly", false), NULL);
        if (vars || remote)
                machine_flash(b, machine, 1, vars, xml_attr(nvram, "format"), false, nvram);
}

void build_firmware(Build *b) {
        const xmlNode *loader = xml_find(b->root, "os/loader");

        if (!loader)
                return;
        if (loader_is_flash(loader)) {
                if (xml_attr_bool(loader, "secure", false))
                        add_option(b, "-global", "driver=cfi.pflash01,property=secure,value=on");
        } else if (*xml_text(loader)) {
                add_option(b, "-bios", "%s", xml_text(loader));
        }
}

void build_boot(Build *b) {
        const xmlNode *menu = xml_find(b->root, "os/bootmenu"), *bios = xml_find(b->root, "os/bios");
        _cleanup_strbuf_ StrBuf o = {};

        put_opt(&o, "reboot-timeout", xml_attr(bios, "rebootTimeout"));
        if (xml_attr(menu, "enable")) {
                put_opt_onoff(&o, "menu", xml_attr_bool(menu, "enable", false));
                put_opt(&o, "splash-time", xml_attr(menu, "timeout"));
        }
        put_opt(&o, "strict", "on");
        add_option_buf(b, "-boot", &o);
}

/* Tables that firmware hands on: a header and a body from a file, or raw. */
static void build_acpi_tables(Build *b) {
        static const char *const kinds[][2] = {
                { "slic", "SLIC" }, { "msdm", "MSDM" }, { "raw", NULL }, { "rawset", NULL },
        };

        XML_FOREACH(table, xml_find(b->root, "os/acpi"), "table") {
                const char *type = xml_attr(table, "type") ?: "";
                _cleanup_strbuf_ StrBuf o = {};
                bool known = false;

                for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                        if (streq(kinds[i][0], type)) {
                                known = true;
                                put_opt(&o, "sig", kinds[i][1]);
                        }
                if (!known)
                        build_refuse(b, table, "ACPI table of type '%s' is not supported", type);
                put_opt(&o, "file", xml_text(table));
                add_option_buf(b, "-acpitable", &o);
        }
}

void build_kernel(Build *b) {
        static const struct {
                const char *path, *option;
        } parts[] = {
                { "os/kernel", "-kernel" },
                { "os/initrd", "-initrd" },
                { "os/cmdline", "-append" },
                { "os/dtb", "-dtb" },
                { "os/shim", "-shim" },
        };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                const char *text = xml_get(b->root, parts[i].path);

                if (!text || !*text)
                        continue;
                if (streq(parts[i].option, "-shim") && !qemu_caps_has(b->caps, QEMU_CAP_SHIM))
                        build_refuse(b, xml_find(b->root, "os/shim"), "element <shim> is not supported by this QEMU");
                add_option(b, parts[i].option, "%s", text);
        }
        build_acpi_tables(b);
}
