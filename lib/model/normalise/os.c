/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* os: the machine by its versioned name, firmware, and what is booted. */

#include "base/fs.h"
#include "base/strings.h"
#include "normalise.h"

/* pc and q35 follow the host's QEMU; a definition keeps the machine it was made with. */
static int write_machine(Normaliser *n, xmlNode *type) {
        const char *machine = attr_or(type, "machine", "pc");
        char versioned[32];

        if (host_facts_machine(n->facts, machine, versioned) >= 0)
                norm_set(n, type, "machine", versioned);
        else if (!startswith(machine, "pc-") && !streq(machine, "microvm") && !streq(machine, "isapc"))
                return fail_unsupported(n, type, "machine type '%s' is not supported, only pc, q35, microvm and isapc",
                                        machine);

        machine = xml_attr(type, "machine");
        n->microvm = streq_ptr(machine, "microvm");
        n->isapc = streq_ptr(machine, "isapc");
        n->q35 = machine && startswith(machine, "pc-q35-");
        return 0;
}

/* The guest's own variables, copied from the template when they are missing at start. */
static int write_nvram(Normaliser *n, xmlNode *nvram) {
        _cleanup_free_ char *path = NULL;

        path = text_format("%s/qemu/nvram/%s_VARS.%s", path_lib(), definition_name(n->d),
                           xml_attr_is(nvram, "format", "qcow2") ? "qcow2" : "fd");
        if (!path)
                return -ENOMEM;

        norm_set_text(n, nvram, path);
        return 0;
}

static int check_variables(Normaliser *n, xmlNode *nvram) {
        xmlNode *source = xml_child(nvram, "source");
        const char *type = xml_attr(nvram, "type");

        if (!type)
                return *xml_text(nvram) ? 0 : write_nvram(n, nvram);
        if (!source)
                return fail_xml(n, nvram, "missing source element for nvram");
        if (streq(type, "network"))
                return normalise_network_source(n, nvram);
        if (streq(type, "block") && !*attr_or(source, "dev", ""))
                return fail_xml(n, source, "the source names no device for the variables");
        return 0;
}

static int check_loader(Normaliser *n, xmlNode *os) {
        xmlNode *loader = xml_child(os, "loader"), *nvram = xml_child(os, "nvram");
        bool automatic = xml_attr(os, "firmware"), pflash = xml_attr_is(loader, "type", "pflash");

        if (loader && !*xml_text(loader) && !automatic) {
                if (loader->properties)
                        return fail_unsupported(n, loader,
                                                "no loader path specified and firmware auto selection disabled");
                xml_remove(loader);
                loader = NULL;
        }
        if (loader && pflash && !xml_child(xml_child(n->root, "features"), "acpi"))
                return fail_unsupported(n, loader, "UEFI requires ACPI on this architecture");
        if (xml_attr_bool(loader, "secure", false) && !n->q35)
                return fail_unsupported(n, loader, "Secure boot is supported with q35 machine types only");
        /* With an image of type rom it is a line left over: such firmware keeps its variables nowhere, and libvirt
         * takes it. */
        if (nvram && !loader && !automatic)
                return fail_unsupported(n, nvram, "a variable store needs a loader of type pflash");
        if (loader && !pflash && !automatic && xml_attr_is(loader, "stateless", "no"))
                return fail_unsupported(n, loader, "Only pflash loader type permits NVRAM");
        if (nvram && xml_attr_bool(loader, "stateless", false))
                return fail_unsupported(n, nvram, "a stateless loader has no variable store");

        norm_set_default(n, loader, "format", "raw");
        if (automatic && !xml_child(xml_child(os, "firmware"), NULL))
                return 0; /* none that fits is installed: said at the start, when one may be */
        norm_set_default(n, loader, "type", "rom");
        if (!xml_attr_is(loader, "type", "pflash"))
                return 0;
        norm_set_default(n, nvram, "format", "raw");
        return nvram ? check_variables(n, nvram) : 0;
}

static int check_menu(Normaliser *n, xmlNode *os) {
        xmlNode *menu = xml_child(os, "bootmenu"), *bios = xml_child(os, "bios");
        int timeout;

        if (number_or(menu, "timeout", 0) > 65535)
                return fail_unsupported(n, menu, "invalid value for boot menu timeout, must be in range [0,65535]");
        if (menu && !xml_attr_bool(menu, "enable", false))
                xml_unset_attr(menu, "timeout");
        if (bios && xml_attr(bios, "rebootTimeout") &&
            (parse_int(xml_attr(bios, "rebootTimeout"), &timeout) < 0 || timeout < -1 || timeout > 65535))
                return fail_unsupported(n, bios, "invalid value for rebootTimeout, must be in range [-1,65535]");

        drop_empty(os, "bootmenu");
        drop_empty(os, "bios");
        return 0;
}

/* mm/dd/yyyy, or yy of this table's first century. */
static bool is_bios_date(const char *s) {
        unsigned month, day, year;
        char rest;

        if (sscanf(s, "%2u/%2u/%4u%c", &month, &day, &year, &rest) != 3)
                return false;
        return month >= 1 && month <= 12 && day >= 1 && day <= 31 && (year < 100 || (year >= 1900 && year <= 9999));
}

/* What is known of a table comes in the order of the table, whatever the document has. */
static void order_entries(xmlNode *info) {
        static const struct {
                const char *table, *names[8];
        } tables[] = {
                { "bios", { "vendor", "version", "date", "release" } },
                { "system", { "manufacturer", "product", "version", "serial", "uuid", "sku", "family" } },
                { "baseBoard", { "manufacturer", "product", "version", "serial", "asset", "location" } },
                { "chassis", { "manufacturer", "version", "serial", "asset", "sku" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                XML_FOREACH(table, info, tables[i].table)
                        for (const char *const *name = tables[i].names; *name; name++)
                                for (xmlNode *e = xml_child(table, "entry"), *next; e; e = next) {
                                        next = xml_next(e, "entry");
                                        if (!xml_attr_is(e, "name", *name))
                                                continue;
                                        xmlUnlinkNode(e);
                                        xmlAddChild(table, e);
                                        break;
                                }
}

static int check_sysinfo(Normaliser *n, xmlNode *os) {
        xmlNode *info = xml_child(n->root, "sysinfo");
        uint8_t ours[16], theirs[16];

        order_entries(info);
        XML_FOREACH(entry, xml_child(info, "bios"), "entry")
                if (xml_attr_is(entry, "name", "date") && !is_bios_date(xml_text(entry)))
                        return fail_xml(n, entry, "Invalid BIOS 'date' format");

        if (xml_attr_is(xml_child(os, "smbios"), "mode", "none"))
                xml_remove_children(os, "smbios");
        if (xml_attr_is(xml_child(os, "smbios"), "mode", "sysinfo") && !info)
                return fail_xml(n, xml_child(os, "smbios"), "smbios mode 'sysinfo' needs a <sysinfo> element");

        XML_FOREACH(entry, xml_child(info, "system"), "entry") {
                if (!xml_attr_is(entry, "name", "uuid"))
                        continue;
                if (uuid_parse(xml_text(entry), theirs) < 0)
                        return fail_xml(n, entry, "malformed <sysinfo> uuid element");
                if (definition_uuid(n->d, ours) && memcmp(ours, theirs, sizeof(ours)) != 0)
                        return fail_xml(n, entry, "UUID mismatch between <uuid> and <sysinfo>");
        }

        return 0;
}

int normalise_os(Normaliser *n) {
        xmlNode *os = norm_ensure(n, n->root, "os"), *type = norm_ensure(n, os, "type");
        int r;

        if (!type)
                return -ENOMEM;
        if (!*xml_text(type))
                norm_set_text(n, type, "hvm");
        norm_set_default(n, type, "arch", "x86_64");

        r = write_machine(n, type);
        if (r < 0)
                return r;
        r = normalise_firmware(n, os);
        if (r < 0)
                return r;
        r = check_loader(n, os);
        if (r < 0)
                return r;
        r = check_menu(n, os);
        if (r < 0)
                return r;

        if (xml_attr_bool(xml_child(os, "bios"), "useserial", false) && !xml_child(n->devices, "serial") &&
            !xml_child(n->devices, "console"))
                return fail_unsupported(n, xml_child(os, "bios"), "useserial needs a serial port");
        drop_empty(os, "kernel");
        drop_empty(os, "initrd");
        drop_empty(os, "cmdline");
        return check_sysinfo(n, os);
}
