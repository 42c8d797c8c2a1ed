/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two documents that say what this host can run. They come from the recorded facts about the installed QEMU and
 * from the tables of what this program translates; nothing is probed. */

#include "base/fs.h"
#include "base/strings.h"
#include "handlers.h"
#include "host-cpu.h"
#include "qemu/caps.h"
#include "qemu/firmware.h"
#include "start.h"

/* --- a document in the making --- */

static int take_document(xmlDocPtr doc, char **ret) {
        return xml_format(xmlDocGetRootElement(doc), ret);
}

static xmlNode *new_document(const char *root, xmlDocPtr *ret) {
        xmlNode *node;

        *ret = xmlNewDoc((const xmlChar *) "1.0");
        if (!*ret)
                return NULL;
        node = xmlNewDocNode(*ret, NULL, (const xmlChar *) root, NULL);
        if (node)
                xmlDocSetRootElement(*ret, node);
        return node;
}

/* Nodes that could not be made are NULL, and what hangs below them is then left out: the document is checked once, at
 * the end, by whether its last element is there. */
static xmlNode *add(xmlNode *parent, const char *name, const char *text) {
        return parent ? xml_add(parent, name, text) : NULL;
}

_printf_(3, 4) static xmlNode *addf(xmlNode *parent, const char *name, const char *format, ...) {
        char text[256];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        return add(parent, name, text);
}

static void attr(xmlNode *n, const char *name, const char *value) {
        if (n && value)
                (void) xml_set_attr(n, name, value);
}

static void attr_int(xmlNode *n, const char *name, long value) {
        if (n)
                (void) xml_set_attrf(n, name, "%li", value);
}

/* --- versions of machines --- */

typedef struct Facts {
        HostFacts host;
        const QemuCaps *caps;
        char version[32];
} Facts;

static int facts_read(QemuDriver *d, Facts *ret, Error *e) {
        int r;

        r = driver_host_facts(d, &ret->host, e);
        if (r < 0)
                return r;
        snprintf(ret->version, sizeof(ret->version), "%u.%u.%u", ret->host.qemu_version / 1000000U,
                 ret->host.qemu_version / 1000U % 1000U, ret->host.qemu_version % 1000U);
        ret->caps = qemu_caps_for(ret->version, "x86_64");
        if (!ret->caps)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "QEMU %s is not supported", ret->version);
        return 0;
}

static void add_machine(xmlNode *guest_arch, const QemuCaps *caps, const char *name, const char *canonical) {
        xmlNode *m = add(guest_arch, "machine", name);

        attr(m, "canonical", canonical);
        attr_int(m, "maxCpus", qemu_caps_max_vcpus(caps, name));
}

static void add_machines(xmlNode *guest_arch, const QemuCaps *caps) {
        static const char *const families[] = { "pc", "q35" };
        static const char *const prefixes[] = { "pc-i440fx", "pc-q35" };

        for (size_t f = 0; f < ELEMENTSOF(families); f++) {
                const char *canonical = qemu_caps_machine(caps, families[f]);

                if (!canonical)
                        continue;
                add_machine(guest_arch, caps, families[f], canonical);
                for (unsigned major = 11; major >= 2; major--)
                        for (int minor = 12; minor >= 0; minor--) {
                                char name[64];

                                snprintf(name, sizeof(name), "%s-%u.%i", prefixes[f], major, minor);
                                if (qemu_caps_machine(caps, name))
                                        add_machine(guest_arch, caps, name, NULL);
                        }
        }
}

/* --- capabilities --- */

static void add_host_uuid(xmlNode *host) {
        _cleanup_free_ char *text = NULL;
        uint8_t uuid[16];
        char printed[37];

        /* The machine's own, else that of the installation. */
        if ((file_read("/sys/class/dmi/id/product_uuid", 4096, &text, NULL) < 0 || uuid_parse(text, uuid) < 0)) {
                free(TAKE_PTR(text));
                if (file_read("/etc/machine-id", 4096, &text, NULL) < 0 || uuid_parse(text, uuid) < 0)
                        return;
        }
        uuid_format(uuid, printed);
        add(host, "uuid", printed);
}

static void add_topology(xmlNode *host) {
        xmlNode *topology = add(host, "topology", NULL), *cells = add(topology, "cells", NULL), *cell, *cpus;
        long kib = sysconf(_SC_PHYS_PAGES) / 1024 * sysconf(_SC_PAGESIZE);
        uint8_t map[2048] = {};
        unsigned online = 0;
        int present = host_cpu_map(map, sizeof(map), &online);

        attr_int(cells, "num", 1);
        cell = add(cells, "cell", NULL);
        attr_int(cell, "id", 0);
        attr(addf(cell, "memory", "%li", kib), "unit", "KiB");
        cpus = add(cell, "cpus", NULL);
        attr_int(cpus, "num", online);
        for (int i = 0; i < present; i++) {
                int socket, die, core;
                char siblings[256];
                xmlNode *cpu;

                if (!(map[i / 8] & 1 << (i % 8)))
                        continue;
                host_cpu_place(i, &socket, &die, &core, siblings, sizeof(siblings));
                cpu = add(cpus, "cpu", NULL);
                attr_int(cpu, "id", i);
                attr_int(cpu, "socket_id", socket);
                attr_int(cpu, "die_id", die);
                attr_int(cpu, "core_id", core);
                attr(cpu, "siblings", siblings);
        }
}

static void add_host(xmlNode *root) {
        xmlNode *host = add(root, "host", NULL), *cpu, *topology, *security;
        HostCpu h;

        host_cpu_read(&h);
        add_host_uuid(host);
        cpu = add(host, "cpu", NULL);
        add(cpu, "arch", h.arch);
        if (h.vendor[0])
                add(cpu, "vendor", h.vendor);
        topology = add(cpu, "topology", NULL);
        attr_int(topology, "sockets", h.sockets);
        attr_int(topology, "dies", 1);
        attr_int(topology, "cores", h.cores);
        attr_int(topology, "threads", h.threads);
        if (h.address_bits > 0) {
                xmlNode *bits = add(cpu, "maxphysaddr", NULL);

                attr(bits, "mode", "emulate");
                attr_int(bits, "bits", h.address_bits);
        }
        attr_int(add(cpu, "pages", NULL), "size", sysconf(_SC_PAGESIZE) / 1024);
        add(host, "power_management", NULL);
        attr(add(host, "iommu", NULL), "support", access("/sys/kernel/iommu_groups/0", F_OK) == 0 ? "yes" : "no");
        add_topology(host);
        security = add(host, "secmodel", NULL);
        add(security, "model", "dac");
        add(security, "doi", "0");
}

/* What guests may be made for. One package installs both programs, so the version of the first is that of both. */
static const struct {
        const char *arch, *wordsize, *emulator;
        const char *firmware;      /* its name in descriptors of firmware */
} arches[] = {
        { "x86_64", "64", "/usr/bin/qemu-system-x86_64", "x86_64" },
        { "i686", "32", "/usr/bin/qemu-system-i386", "i386" },
};

static void add_guest(xmlNode *root, const Facts *f, size_t which) {
        xmlNode *guest = add(root, "guest", NULL), *arch, *features, *feature;

        add(guest, "os_type", "hvm");
        arch = add(guest, "arch", NULL);
        attr(arch, "name", arches[which].arch);
        add(arch, "wordsize", arches[which].wordsize);
        add(arch, "emulator", arches[which].emulator);
        add_machines(arch, f->caps);
        attr(add(arch, "domain", NULL), "type", "qemu");
        if (host_has_kvm())
                attr(add(arch, "domain", NULL), "type", "kvm");
        features = add(guest, "features", NULL);
        feature = add(features, "acpi", NULL);
        attr(feature, "default", "on");
        attr(feature, "toggle", "yes");
        feature = add(features, "apic", NULL);
        attr(feature, "default", "on");
        attr(feature, "toggle", "no");
        add(features, "cpuselection", NULL);
        add(features, "deviceboot", NULL);
}

int connect_get_capabilities(Call *c, const rpc_void *args, remote_connect_get_capabilities_ret *ret, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        xmlNode *root;
        Facts f;
        int r;

        root = new_document("capabilities", &doc);
        if (!root)
                return -ENOMEM;
        add_host(root);
        r = facts_read(driver_of(c), &f, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(arches); i++)
                if (access(arches[i].emulator, X_OK) == 0)
                        add_guest(root, &f, i);
        return take_document(doc, &ret->capabilities);
}

/* --- domain capabilities --- */

/* Element below domainCapabilities, name of the enumeration, its values. */
static const struct {
        const char *element;
        const char *name;
        const char *values; /* separated by blanks */
} enumerations[] = {
        { "os/loader", "type", "rom pflash" },
        { "os/loader", "readonly", "yes no" },
        { "devices/disk", "diskDevice", "disk cdrom" },
        { "devices/disk", "bus", "ide scsi virtio usb sata" },
        { "devices/disk", "model", "virtio virtio-transitional virtio-non-transitional" },
        { "devices/graphics", "type", "vnc" },
        { "devices/video", "modelType", "vga cirrus vmvga virtio none bochs ramfb" },
        { "devices/rng", "model", "virtio virtio-transitional virtio-non-transitional" },
        { "devices/rng", "backendModel", "random egd builtin" },
        { "devices/channel", "type", "pty unix" },
};

static const char *const devices_order[] = { "disk", "graphics", "video", "rng", "channel" };

static void add_enumerations(xmlNode *n, const char *element) {
        for (size_t i = 0; i < ELEMENTSOF(enumerations); i++) {
                xmlNode *list;
                const char *p;

                if (!streq(enumerations[i].element, element))
                        continue;
                list = add(n, "enum", NULL);
                attr(list, "name", enumerations[i].name);
                for (p = enumerations[i].values; *p;) {
                        size_t len = strcspn(p, " ");
                        char value[64];

                        snprintf(value, sizeof(value), "%.*s", (int) len, p);
                        add(list, "value", value);
                        p += len + (p[len] == ' ');
                }
        }
}

static void add_cpu_modes(xmlNode *root, bool kvm) {
        static const char *const models[] = { "qemu64", "qemu32", "kvm64", "Nehalem", "Westmere", "SandyBridge", "IvyBridge",
                                              "Haswell", "Broadwell", "Skylake-Client", "Skylake-Server",
                                              "Cascadelake-Server", "Icelake-Server", "EPYC", "EPYC-Rome", "EPYC-Milan" };
        xmlNode *cpu = add(root, "cpu", NULL), *mode, *list;

        mode = add(cpu, "mode", NULL);
        attr(mode, "name", "host-passthrough");
        attr(mode, "supported", kvm ? "yes" : "no");
        mode = add(cpu, "mode", NULL);
        attr(mode, "name", "maximum");
        attr(mode, "supported", "yes");
        list = add(mode, "enum", NULL);
        attr(list, "name", "maximumMigratable");
        add(list, "value", "on");
        add(list, "value", "off");
        mode = add(cpu, "mode", NULL);
        attr(mode, "name", "host-model");
        attr(mode, "supported", "no");
        mode = add(cpu, "mode", NULL);
        attr(mode, "name", "custom");
        attr(mode, "supported", "yes");
        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                xmlNode *model = add(mode, "model", models[i]);

                attr(model, "usable", "unknown");
                attr(model, "vendor", strncmp(models[i], "EPYC", 4) == 0 ? "AMD" : i < 3 ? "unknown" : "Intel");
        }
}

/* What <os firmware=...> and <loader secure=...> may ask for on this host. */
static void add_os(xmlNode *root, const FirmwareList *list, const char *arch, const char *machine) {
        xmlNode *os = add(root, "os", NULL), *kinds, *loader, *secures;
        bool efi = false, bios = false, secure = false;

        attr(os, "supported", "yes");
        kinds = add(os, "enum", NULL);
        attr(kinds, "name", "firmware");
        loader = add(os, "loader", NULL);
        attr(loader, "supported", "yes");
        for (size_t i = 0; i < list->n; i++) {
                const Firmware *f = &list->list[i];

                if (!firmware_fits_machine(f, arch, machine) || f->mapping == FIRMWARE_FLASH_COMBINED)
                        continue;
                efi |= f->efi;
                bios |= f->bios;
                secure |= f->secure_boot && f->requires_smm;
                add(loader, "value", f->executable);
        }
        if (bios)
                add(kinds, "value", "bios");
        if (efi)
                add(kinds, "value", "efi");
        add_enumerations(loader, "os/loader");
        secures = add(loader, "enum", NULL);
        attr(secures, "name", "secure");
        if (secure)
                add(secures, "value", "yes");
        add(secures, "value", "no");
}

static void add_device_kinds(xmlNode *root) {
        xmlNode *devices = add(root, "devices", NULL);

        for (size_t i = 0; i < ELEMENTSOF(devices_order); i++) {
                xmlNode *n = add(devices, devices_order[i], NULL);
                char element[64];

                attr(n, "supported", "yes");
                snprintf(element, sizeof(element), "devices/%s", devices_order[i]);
                add_enumerations(n, element);
        }
        attr(add(devices, "hostdev", NULL), "supported", "no");
        attr(add(devices, "filesystem", NULL), "supported", "no");
        attr(add(devices, "tpm", NULL), "supported", "no");
}

static void add_features(xmlNode *root) {
        static const char *const absent[] = { "gic", "genid", "backingStoreInput", "backup", "sev" };
        xmlNode *features = add(root, "features", NULL);

        for (size_t i = 0; i < ELEMENTSOF(absent); i++)
                attr(add(features, absent[i], NULL), "supported", "no");
        attr(add(features, "vmcoreinfo", NULL), "supported", "yes");
}

/* Arguments that the client left out are filled in; those it gave must be what there is. */
typedef struct Asked {
        const char *emulator, *arch, *machine, *type;
        const char *firmware_arch;
} Asked;

static int resolve(const remote_connect_get_domain_capabilities_args *args, const Facts *f, Asked *ret, Error *e) {
        const char *machine = args->machine ? *args->machine : "pc";
        size_t i = 0;

        ret->arch = args->arch ? *args->arch : "x86_64";
        while (i < ELEMENTSOF(arches) && !streq(arches[i].arch, ret->arch))
                i++;
        if (i == ELEMENTSOF(arches))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "architecture '%s' is not supported: only x86_64 and i686 are", ret->arch);
        ret->firmware_arch = arches[i].firmware;
        ret->emulator = args->emulatorbin ? *args->emulatorbin : arches[i].emulator;
        ret->type = args->virttype ? *args->virttype : host_has_kvm() ? "kvm" : "qemu";
        if (!streq(ret->emulator, f->host.emulator) && access(ret->emulator, X_OK) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unable to find any emulator to serve '%s' at '%s'",
                                 ret->arch, ret->emulator);
        ret->machine = qemu_caps_machine(f->caps, machine);
        if (!ret->machine)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the machine '%s' is not supported by emulator '%s'",
                                 machine, ret->emulator);
        if (!streq(ret->type, "qemu") && !(streq(ret->type, "kvm") && host_has_kvm()))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the accel '%s' is not supported by '%s' on this host",
                                 ret->type, ret->emulator);
        return 0;
}

int connect_get_domain_capabilities(Call *c, const remote_connect_get_domain_capabilities_args *args,
                                   remote_connect_get_domain_capabilities_ret *ret, Error *e) {
        _cleanup_(firmware_list_done) FirmwareList firmware = {};
        _cleanup_xml_ xmlDocPtr doc = NULL;
        xmlNode *root;
        Asked asked = {};
        Facts f;
        int r;

        r = call_check_flags(c, args->flags, 1, e); /* leave out deprecated features: there are none */
        if (r >= 0)
                r = facts_read(driver_of(c), &f, e);
        if (r >= 0)
                r = resolve(args, &f, &asked, e);
        if (r < 0)
                return r;
        r = firmware_list_load(&firmware);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "the descriptors of firmware cannot be read");
        root = new_document("domainCapabilities", &doc);
        if (!root)
                return -ENOMEM;
        add(root, "path", asked.emulator);
        add(root, "domain", asked.type);
        add(root, "machine", asked.machine);
        add(root, "arch", asked.arch);
        attr_int(add(root, "vcpu", NULL), "max", strstr(asked.machine, "q35") ? 288 : 255);
        attr(add(root, "iothreads", NULL), "supported", "no");
        add_os(root, &firmware, asked.firmware_arch, asked.machine);
        add_cpu_modes(root, streq(asked.type, "kvm"));
        add_device_kinds(root);
        add_features(root);
        return take_document(doc, &ret->capabilities);
}
