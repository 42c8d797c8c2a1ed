/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two documents that say what this host can run. They come from the recorded facts about the installed QEMU and
 * from the tables of what this program translates; nothing is probed. */

#include "base/fs.h"
#include "base/strings.h"
#include "calls/calls.h"
#include "guest/emulator.h"
#include "hostinfo/cpu.h"
#include "model/writer.h"
#include "qemu/caps.h"
#include "qemu/firmware.h"
#include "qemu/machines.h"

static void attr_int(DocumentWriter *w, DocumentElement *n, const char *name, long value) {
        document_attrf(w, n, name, "%li", value);
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
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "QEMU %s is not supported",
                                 ret->version);
        return 0;
}

static void add_machine(DocumentWriter *w, DocumentElement *guest_arch, const QemuCaps *caps, const char *name,
                        const char *canonical) {
        DocumentElement *m = document_add(w, guest_arch, "machine", name);

        document_attr(w, m, "canonical", canonical);
        attr_int(w, m, "maxCpus", qemu_caps_max_vcpus(caps, name));
}

/* QEMU's own list; where it cannot be had, as with a script in QEMU's place, the alias alone. */
static void add_machines(DocumentWriter *w, DocumentElement *guest_arch, const QemuCaps *caps, const char *emulator) {
        static const char *const families[][2] = { { "pc", "pc-i440fx-" }, { "q35", "pc-q35-" } };
        _cleanup_strv_ char **machines = NULL;

        (void) qemu_machines_get(emulator, false, &machines);
        for (size_t f = 0; f < ELEMENTSOF(families); f++) {
                add_machine(w, guest_arch, caps, families[f][0], qemu_caps_machine(caps, families[f][0]));
                for (char *const *m = machines; m && *m; m++)
                        if (startswith(*m, families[f][1]))
                                add_machine(w, guest_arch, caps, *m, NULL);
        }
}

/* --- capabilities --- */

#define CAPABILITIES_USEC 1000000U

static void add_host_uuid(DocumentWriter *w, DocumentElement *host) {
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
        document_add(w, host, "uuid", printed);
}

static void add_topology(DocumentWriter *w, DocumentElement *host) {
        DocumentElement *topology = document_add(w, host, "topology", NULL),
                        *cells = document_add(w, topology, "cells", NULL), *cell, *cpus;
        long kib = sysconf(_SC_PHYS_PAGES) / 1024 * sysconf(_SC_PAGESIZE);
        uint8_t map[2048] = {};
        unsigned online = 0;
        int present = host_cpu_map(map, sizeof(map), &online);

        attr_int(w, cells, "num", 1);
        cell = document_add(w, cells, "cell", NULL);
        attr_int(w, cell, "id", 0);
        document_attr(w, document_addf(w, cell, "memory", "%li", kib), "unit", "KiB");
        cpus = document_add(w, cell, "cpus", NULL);
        attr_int(w, cpus, "num", online);
        for (int i = 0; i < present; i++) {
                int socket, die, core;
                char siblings[256];
                DocumentElement *cpu;

                if (!(map[i / 8] & 1 << (i % 8)))
                        continue;
                host_cpu_place(i, &socket, &die, &core, siblings, sizeof(siblings));
                cpu = document_add(w, cpus, "cpu", NULL);
                attr_int(w, cpu, "id", i);
                attr_int(w, cpu, "socket_id", socket);
                attr_int(w, cpu, "die_id", die);
                attr_int(w, cpu, "cluster_id", 0);
                attr_int(w, cpu, "core_id", core);
                document_attr(w, cpu, "siblings", siblings);
        }
}

static void add_host(DocumentWriter *w, DocumentElement *root) {
        DocumentElement *host = document_add(w, root, "host", NULL), *cpu, *topology, *security;
        HostCpu h;

        host_cpu_read(&h);
        add_host_uuid(w, host);
        cpu = document_add(w, host, "cpu", NULL);
        document_add(w, cpu, "arch", h.arch);
        if (h.vendor[0])
                document_add(w, cpu, "vendor", h.vendor);
        topology = document_add(w, cpu, "topology", NULL);
        attr_int(w, topology, "sockets", h.sockets);
        attr_int(w, topology, "dies", 1);
        attr_int(w, topology, "cores", h.cores);
        attr_int(w, topology, "threads", h.threads);
        if (h.address_bits > 0) {
                DocumentElement *bits = document_add(w, cpu, "maxphysaddr", NULL);

                document_attr(w, bits, "mode", "emulate");
                attr_int(w, bits, "bits", h.address_bits);
        }
        attr_int(w, document_add(w, cpu, "pages", NULL), "size", sysconf(_SC_PAGESIZE) / 1024);
        document_add(w, host, "power_management", NULL);
        document_attr(w, document_add(w, host, "iommu", NULL), "support",
                      access("/sys/kernel/iommu_groups/0", F_OK) == 0 ? "yes" : "no");
        add_topology(w, host);
        security = document_add(w, host, "secmodel", NULL);
        document_add(w, security, "model", "dac");
        document_add(w, security, "doi", "0");
}

/* What guests may be made for. One package installs both programs, so the version of the first is that of both. */
static const struct {
        const char *arch, *wordsize, *emulator;
        const char *firmware;      /* its name in descriptors of firmware */
} arches[] = {
        { "x86_64", "64", "/usr/bin/qemu-system-x86_64", "x86_64" },
        { "i686", "32", "/usr/bin/qemu-system-i386", "i386" },
};

static void add_guest(DocumentWriter *w, DocumentElement *root, const Facts *f, size_t which) {
        DocumentElement *guest = document_add(w, root, "guest", NULL), *arch, *features, *feature;

        document_add(w, guest, "os_type", "hvm");
        arch = document_add(w, guest, "arch", NULL);
        document_attr(w, arch, "name", arches[which].arch);
        document_add(w, arch, "wordsize", arches[which].wordsize);
        document_add(w, arch, "emulator", arches[which].emulator);
        add_machines(w, arch, f->caps, arches[which].emulator);
        document_attr(w, document_add(w, arch, "domain", NULL), "type", "qemu");
        if (host_has_kvm())
                document_attr(w, document_add(w, arch, "domain", NULL), "type", "kvm");
        features = document_add(w, guest, "features", NULL);
        feature = document_add(w, features, "acpi", NULL);
        document_attr(w, feature, "default", "on");
        document_attr(w, feature, "toggle", "yes");
        feature = document_add(w, features, "apic", NULL);
        document_attr(w, feature, "default", "on");
        document_attr(w, feature, "toggle", "no");
        document_add(w, features, "cpuselection", NULL);
        document_add(w, features, "deviceboot", NULL);
}

static int make_capabilities(QemuDriver *d, char **ret, Error *e) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root;
        Facts f;
        int r;

        r = document_begin("capabilities", &w, &root);
        if (r < 0)
                return r;
        add_host(w, root);
        r = facts_read(d, &f, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(arches); i++)
                if (access(arches[i].emulator, X_OK) == 0)
                        add_guest(w, root, &f, i);
        return document_finish(w, ret);
}

/* The host is looked at once a second at most, whoever asks: it is the longest answer that everybody may have. */
static int get_capabilities(Call *c, const rpc_void *args, remote_connect_get_capabilities_ret *ret, Error *e) {
        QemuDriver *d = driver_of(c);
        char *text = NULL;
        uint64_t now = 0;
        int r;

        (void) sd_event_now(loop_event(call_loop(c)), CLOCK_MONOTONIC, &now);
        if (!d->capabilities.text || now >= d->capabilities.until) {
                r = make_capabilities(d, &text, e);
                if (r < 0)
                        return r;
                free(d->capabilities.text);
                d->capabilities.text = text;
                d->capabilities.until = now + CAPABILITIES_USEC;
        }
        ret->capabilities = strdup(d->capabilities.text);
        return ret->capabilities ? 0 : -ENOMEM;
}

/* --- domain capabilities --- */

/* What devices there may be, in the order of libvirt's schema, and where our own says which kinds of them. */
static const struct {
        const char *device;
        const char *names[3], *paths[3];
} devices[] = {
        { "disk",
          { "diskDevice", "bus", "model" },
          { "devices/disk/@device", "devices/disk/target/@bus", "devices/disk/@model" } },
        { "graphics", { "type" }, { "devices/graphics/@type" } },
        { "video", { "modelType" }, { "devices/video/model/@type" } },
        { "hostdev", { "mode", "subsysType" }, { "devices/hostdev/@mode", "devices/hostdev/@type" } },
        { "rng", { "model", "backendModel" }, { "devices/rng/@model", "devices/rng/backend/@model" } },
        { "filesystem", { "driverType" }, { "devices/filesystem/driver/@type" } },
        { "tpm",
          { "model", "backendModel", "backendVersion" },
          { "devices/tpm/@model", "devices/tpm/backend/@type", "devices/tpm/backend/@version" } },
        { "redirdev", { "bus" }, { "devices/redirdev/@bus" } },
        { "channel", { "type" }, { "devices/channel/@type" } },
};

/* What needs a program that not every host has. */
static const struct {
        const char *path, *value, *program;     /* value NULL: all of them */
} programs[] = {
        { "devices/tpm/backend/@type", "emulator", "/usr/bin/swtpm" },
        { "devices/tpm/backend/@version", NULL, "/usr/bin/swtpm" },
};

static bool is_on_this_host(const char *path, const char *value) {
        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (streq(programs[i].path, path) && (!programs[i].value || streq(programs[i].value, value)) &&
                    access(programs[i].program, X_OK) < 0)
                        return false;
        return true;
}

static void add_values(DocumentWriter *w, DocumentElement *parent, const char *name, const char *path) {
        DocumentElement *list = document_add(w, parent, "enum", NULL);
        size_t position = 0;

        document_attr(w, list, "name", name);
        for (const char *v; (v = definition_value(path, &position));)
                if (is_on_this_host(path, v))
                        document_add(w, list, "value", v);
}

static DocumentElement *add_support(DocumentWriter *w, DocumentElement *parent, const char *name, bool is_supported) {
        DocumentElement *n = document_add(w, parent, name, NULL);

        document_attr(w, n, "supported", is_supported ? "yes" : "no");
        return n;
}

static void add_cpu_modes(DocumentWriter *w, DocumentElement *root, bool kvm) {
        static const char *const models[] = {
                "qemu64",         "qemu32",  "kvm64",     "Nehalem",        "Westmere",       "SandyBridge",
                "IvyBridge",      "Haswell", "Broadwell", "Skylake-Client", "Skylake-Server", "Cascadelake-Server",
                "Icelake-Server", "EPYC",    "EPYC-Rome", "EPYC-Milan"
        };
        DocumentElement *cpu = document_add(w, root, "cpu", NULL), *mode, *list;

        mode = document_add(w, cpu, "mode", NULL);
        document_attr(w, mode, "name", "host-passthrough");
        document_attr(w, mode, "supported", kvm ? "yes" : "no");
        mode = document_add(w, cpu, "mode", NULL);
        document_attr(w, mode, "name", "maximum");
        document_attr(w, mode, "supported", "yes");
        list = document_add(w, mode, "enum", NULL);
        document_attr(w, list, "name", "maximumMigratable");
        document_add(w, list, "value", "on");
        document_add(w, list, "value", "off");
        mode = document_add(w, cpu, "mode", NULL);
        document_attr(w, mode, "name", "host-model");
        document_attr(w, mode, "supported", "no");
        mode = document_add(w, cpu, "mode", NULL);
        document_attr(w, mode, "name", "custom");
        document_attr(w, mode, "supported", "yes");
        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                DocumentElement *model = document_add(w, mode, "model", models[i]);

                document_attr(w, model, "usable", "unknown");
                document_attr(w, model, "vendor",
                              strncmp(models[i], "EPYC", 4) == 0 ? "AMD"
                              : i < 3                            ? "unknown"
                                                                 : "Intel");
        }
}

/* What <os firmware=...> and <loader secure=...> may ask for on this host. */
static void add_os(DocumentWriter *w, DocumentElement *root, const FirmwareList *list, const char *arch,
                   const char *machine) {
        DocumentElement *os = document_add(w, root, "os", NULL), *kinds, *loader, *secures, *readonly;
        bool efi = false, bios = false, secure = false;

        document_attr(w, os, "supported", "yes");
        kinds = document_add(w, os, "enum", NULL);
        document_attr(w, kinds, "name", "firmware");
        loader = document_add(w, os, "loader", NULL);
        document_attr(w, loader, "supported", "yes");
        for (size_t i = 0; i < list->n; i++) {
                const Firmware *f = &list->list[i];

                if (!firmware_fits_machine(f, arch, machine) || f->mapping == FIRMWARE_FLASH_COMBINED)
                        continue;
                efi |= f->efi;
                bios |= f->bios;
                secure |= f->secure_boot && f->requires_smm;
                document_add(w, loader, "value", f->executable);
        }
        if (bios)
                document_add(w, kinds, "value", "bios");
        if (efi)
                document_add(w, kinds, "value", "efi");
        add_values(w, loader, "type", "os/loader/@type");
        readonly = document_add(w, loader, "enum", NULL);
        document_attr(w, readonly, "name", "readonly");
        document_add(w, readonly, "value", "yes");
        document_add(w, readonly, "value", "no");
        secures = document_add(w, loader, "enum", NULL);
        document_attr(w, secures, "name", "secure");
        if (secure)
                document_add(w, secures, "value", "yes");
        document_add(w, secures, "value", "no");
}

static void add_device_kinds(DocumentWriter *w, DocumentElement *root) {
        DocumentElement *all = document_add(w, root, "devices", NULL);

        for (size_t i = 0; i < ELEMENTSOF(devices); i++) {
                _cleanup_free_ char *path = text_format("devices/%s", devices[i].device);
                bool is_supported = path && definition_takes(path);
                DocumentElement *n = add_support(w, all, devices[i].device, is_supported);

                for (size_t j = 0; is_supported && j < ELEMENTSOF(devices[i].names) && devices[i].names[j]; j++)
                        add_values(w, n, devices[i].names[j], devices[i].paths[j]);
        }
}

static void add_memory_backing(DocumentWriter *w, DocumentElement *root) {
        add_values(w, add_support(w, root, "memoryBacking", true), "sourceType", "memoryBacking/source/@type");
}

static void add_features(DocumentWriter *w, DocumentElement *root) {
        static const struct {
                const char *name;
                const char *path;   /* of what definitions say about it; NULL: there is none yet */
        } list[] = {
                { "gic", "features/gic" }, { "vmcoreinfo", "features/vmcoreinfo" }, { "genid", "genid" },
                { "backingStoreInput", "devices/disk/backingStore" }, { "backup", NULL }, { "sev", "launchSecurity" },
        };
        DocumentElement *features = document_add(w, root, "features", NULL);

        for (size_t i = 0; i < ELEMENTSOF(list); i++)
                add_support(w, features, list[i].name, list[i].path && definition_takes(list[i].path));
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
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "unable to find any emulator to serve '%s' at '%s'", ret->arch, ret->emulator);
        ret->machine = qemu_caps_machine(f->caps, machine);
        if (!ret->machine)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "the machine '%s' is not supported by emulator '%s'", machine, ret->emulator);
        if (!streq(ret->type, "qemu") && !(streq(ret->type, "kvm") && host_has_kvm()))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "the accel '%s' is not supported by '%s' on this host", ret->type, ret->emulator);
        return 0;
}

static int get_domain_capabilities(Call *c, const remote_connect_get_domain_capabilities_args *args,
                                   remote_connect_get_domain_capabilities_ret *ret, Error *e) {
        _cleanup_(firmware_list_done) FirmwareList firmware = {};
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root;
        Asked asked = {};
        Facts f;
        int r;

        r = facts_read(driver_of(c), &f, e);
        if (r >= 0)
                r = resolve(args, &f, &asked, e);
        if (r < 0)
                return r;
        r = firmware_list_load(&firmware);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "the descriptors of firmware cannot be read");
        r = document_begin("domainCapabilities", &w, &root);
        if (r < 0)
                return r;
        document_add(w, root, "path", asked.emulator);
        document_add(w, root, "domain", asked.type);
        document_add(w, root, "machine", asked.machine);
        document_add(w, root, "arch", asked.arch);
        attr_int(w, document_add(w, root, "vcpu", NULL), "max", qemu_caps_max_vcpus(f.caps, asked.machine));
        add_support(w, root, "iothreads", definition_takes("iothreads"));
        add_os(w, root, &firmware, asked.firmware_arch, asked.machine);
        add_cpu_modes(w, root, streq(asked.type, "kvm"));
        add_memory_backing(w, root);
        add_device_kinds(w, root);
        add_features(w, root);
        return document_finish(w, &ret->capabilities);
}

/* Leaves out deprecated features: there are none. */
#define DOMAIN_CAPABILITIES_DISABLE_DEPRECATED_FEATURES 1U

static const RpcHandler rows[] = {
        PLAIN(CONNECT_GET_CAPABILITIES, get_capabilities),
        PLAIN(CONNECT_GET_DOMAIN_CAPABILITIES, get_domain_capabilities,
              .flags = DOMAIN_CAPABILITIES_DISABLE_DEPRECATED_FEATURES),
};
const RpcTable qemu_capabilities_table = RPC_TABLE(rows);
