/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh domcapabilities: what a definition may ask for on this host. Kinds of devices are those that the schema takes;
 * processors are QEMU's own word. */

#include <glob.h>

#include "base/log.h"
#include "base/strings.h"
#include "calls/calls.h"
#include "calls/cpus.h"
#include "calls/facts.h"
#include "hostinfo/cpu.h"
#include "qemu/firmware.h"
#include "qemu/sev.h"

/* Arguments that the client left out are filled in; those it gave must be what there is. */
typedef struct Asked {
        const char *emulator, *arch, *machine, *type;
        const char *firmware_arch;
        bool q35, kvm;
} Asked;

/* --- kinds of devices --- */

/* What devices there may be, in the order of libvirt's schema, and where our own says which kinds of them. */
static const struct {
        const char *device;
        const char *names[5], *paths[5];
} devices[] = {
        { "disk",
          { "diskDevice", "bus", "model" },
          { "devices/disk/@device", "devices/disk/target/@bus", "devices/disk/@model" } },
        { "graphics", { "type" }, { "devices/graphics/@type" } },
        { "video", { "modelType" }, { "devices/video/model/@type" } },
        { "hostdev",
          { "mode", "startupPolicy", "subsysType", "capsType", "pciBackend" },
          { "devices/hostdev/@mode", "devices/hostdev/source/@startupPolicy", "devices/hostdev/@type", NULL,
            "devices/hostdev/driver/@name" } },
        { "rng", { "model", "backendModel" }, { "devices/rng/@model", "devices/rng/backend/@model" } },
        { "filesystem", { "driverType" }, { "devices/filesystem/driver/@type" } },
        { "tpm",
          { "model", "backendModel", "backendVersion" },
          { "devices/tpm/@model", "devices/tpm/backend/@type", "devices/tpm/backend/@version" } },
        { "redirdev", { "bus" }, { "devices/redirdev/@bus" } },
        { "channel", { "type" }, { "devices/channel/@type" } },
        { "crypto",
          { "model", "type", "backendModel" },
          { "devices/crypto/@model", "devices/crypto/@type", "devices/crypto/backend/@model" } },
        { "interface", { "backendType" }, { "devices/interface/backend/@type" } },
        { "panic", { "model" }, { "devices/panic/@model" } },
};

/* Values that are the first of their lists, though no definition has to say them. */
static bool has_default(const char *name) {
        return streq(name, "startupPolicy") || streq(name, "pciBackend");
}

/* What needs a program or a module of QEMU's that not every host has. */
static const struct {
        const char *path, *value, *file;     /* value NULL: all of them */
} files[] = {
        { "devices/tpm/backend/@type", "emulator", "/usr/bin/swtpm" },
        { "devices/tpm/backend/@version", NULL, "/usr/bin/swtpm" },
        { "devices/interface/backend/@type", "passt", "/usr/bin/passt" },
        { "devices/graphics/@type", "sdl", "/usr/lib/*/qemu/ui-sdl.so" },
        { "devices/graphics/@type", "spice", "/usr/lib/*/qemu/ui-spice-core.so" },
        { "devices/graphics/@type", "egl-headless", "/usr/lib/*/qemu/ui-egl-headless.so" },
        { "devices/graphics/@type", "dbus", "/usr/lib/*/qemu/ui-dbus.so" },
        { "devices/video/model/@type", "qxl", "/usr/lib/*/qemu/hw-display-qxl.so" },
};

static bool exists(const char *pattern) {
        glob_t found = {};
        bool there = glob(pattern, 0, NULL, &found) == 0;

        globfree(&found);
        return there;
}

/* A QEMU without modules has all of it in its program. */
static bool is_on_this_host(const char *path, const char *value) {
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                bool module = strstr(files[i].file, "/*/") != NULL;

                if (streq(files[i].path, path) && (!files[i].value || streq(files[i].value, value)) &&
                    (!module || exists("/usr/lib/*/qemu/*.so")) && !exists(files[i].file))
                        return false;
        }
        return true;
}

/* What works by itself: other channels need a source as well, which is nobody's to guess. */
static bool is_offered(const Asked *asked, const char *path, const char *value) {
        static const char *const channels[] = { "pty", "unix", "spicevmc", "qemu-vdagent" };

        if (streq(path, "devices/disk/target/@bus") && streq(value, "ide"))
                return !asked->q35;
        /* known, and refused in libvirt's words */
        if (streq(path, "devices/graphics/@type") && (streq(value, "rdp") || streq(value, "desktop")))
                return false;
        if (!streq(path, "devices/channel/@type"))
                return is_on_this_host(path, value);
        for (size_t i = 0; i < ELEMENTSOF(channels); i++)
                if (streq(channels[i], value))
                        return true;
        return false;
}

static DocumentElement *add_enum(DocumentWriter *w, DocumentElement *parent, const char *name) {
        DocumentElement *list = document_add(w, parent, "enum", NULL);

        document_attr(w, list, "name", name);
        return list;
}

static void add_values(DocumentWriter *w, DocumentElement *parent, const Asked *asked, const char *name,
                       const char *path) {
        DocumentElement *list = add_enum(w, parent, name);
        size_t position = 0;

        if (has_default(name))
                document_add(w, list, "value", "default");
        for (const char *v; path && (v = definition_value(path, &position));)
                if (is_offered(asked, path, v))
                        document_add(w, list, "value", v);
}

static DocumentElement *add_support(DocumentWriter *w, DocumentElement *parent, const char *name, bool is_supported) {
        DocumentElement *n = document_add(w, parent, name, NULL);

        document_attr(w, n, "supported", is_supported ? "yes" : "no");
        return n;
}

static void add_device_kinds(DocumentWriter *w, DocumentElement *root, const Asked *asked) {
        DocumentElement *all = document_add(w, root, "devices", NULL);

        for (size_t i = 0; i < ELEMENTSOF(devices); i++) {
                _cleanup_free_ char *path = text_format("devices/%s", devices[i].device);
                bool is_supported = path && definition_takes(path);
                DocumentElement *n = add_support(w, all, devices[i].device, is_supported);

                for (size_t j = 0; is_supported && j < ELEMENTSOF(devices[i].names) && devices[i].names[j]; j++)
                        add_values(w, n, asked, devices[i].names[j], devices[i].paths[j]);
        }
}

/* --- processors --- */

static DocumentElement *add_mode(DocumentWriter *w, DocumentElement *cpu, const char *name, bool is_supported) {
        DocumentElement *mode = document_add(w, cpu, "mode", NULL);

        document_attr(w, mode, "name", name);
        document_attr(w, mode, "supported", is_supported ? "yes" : "no");
        return mode;
}

static void add_switch(DocumentWriter *w, DocumentElement *mode, const char *name) {
        DocumentElement *list = add_enum(w, mode, name);

        document_add(w, list, "value", "on");
        document_add(w, list, "value", "off");
}

static void add_policy(DocumentWriter *w, DocumentElement *mode, char *const *features, const char *policy) {
        for (char *const *f = features; f && *f; f++) {
                DocumentElement *feature = document_add(w, mode, "feature", NULL);

                document_attr(w, feature, "policy", policy);
                document_attr(w, feature, "name", cpu_feature_name(*f));
        }
}

/* The model that is the nearest to what the host has, and the difference. */
static void add_host_model(DocumentWriter *w, DocumentElement *cpu, const CpuModels *m, bool kvm) {
        _cleanup_cpu_choice_ CpuChoice choice = {};
        DocumentElement *mode;

        if (!m || cpu_choose_host_model(m, &choice) < 0) {
                add_mode(w, cpu, "host-model", false);
                return;
        }
        mode = add_mode(w, cpu, "host-model", true);
        document_attr(w, document_add(w, mode, "model", choice.model->name), "fallback", "forbid");
        if (choice.vendor)
                document_add(w, mode, "vendor", choice.vendor);
        if (kvm && m->address_bits > 0) {
                DocumentElement *bits = document_add(w, mode, "maxphysaddr", NULL);

                document_attr(w, bits, "mode", "passthrough");
                document_attr_int(w, bits, "limit", (long) m->address_bits);
        }
        add_policy(w, mode, choice.require, "require");
        add_policy(w, mode, choice.disable, "disable");
}

static void add_model(DocumentWriter *w, DocumentElement *mode, const CpuModel *m) {
        DocumentElement *model = document_add(w, mode, "model", m->name), *blockers;

        document_attr(w, model, "usable", m->unavailable ? "no" : "yes");
        if (m->deprecated)
                document_attr(w, model, "deprecated", "yes");
        document_attr(w, model, "vendor", cpu_model_vendor(m->name) ?: "unknown");
        document_attr(w, model, "canonical", m->alias_of);
        if (!m->unavailable)
                return;
        blockers = document_add(w, mode, "blockers", NULL);
        document_attr(w, blockers, "model", m->name);
        for (char *const *f = m->unavailable; *f; f++)
                document_attr(w, document_add(w, blockers, "feature", NULL), "name", cpu_feature_name(*f));
}

/* m NULL: QEMU could not be asked. */
static void add_cpu_modes(DocumentWriter *w, DocumentElement *root, const CpuModels *m, bool kvm) {
        DocumentElement *cpu = document_add(w, root, "cpu", NULL), *mode;

        mode = add_mode(w, cpu, "host-passthrough", kvm);
        if (kvm)
                add_switch(w, mode, "hostPassthroughMigratable");
        mode = add_mode(w, cpu, "maximum", true);
        add_switch(w, mode, "maximumMigratable");
        add_host_model(w, cpu, m, kvm);
        mode = add_mode(w, cpu, "custom", true);
        for (size_t i = 0; m && i < m->n; i++)
                add_model(w, mode, &m->list[i]);
}

/* --- firmware, memory, features --- */

/* What <os firmware=...> and <loader secure=...> may ask for on this host. */
static void add_os(DocumentWriter *w, DocumentElement *root, const FirmwareList *list, const Asked *asked) {
        DocumentElement *os = document_add(w, root, "os", NULL), *kinds, *loader, *secures, *readonly;
        bool efi = false, bios = false, secure = false;

        document_attr(w, os, "supported", "yes");
        kinds = document_add(w, os, "enum", NULL);
        document_attr(w, kinds, "name", "firmware");
        loader = document_add(w, os, "loader", NULL);
        document_attr(w, loader, "supported", "yes");
        for (size_t i = 0; i < list->n; i++) {
                const Firmware *f = &list->list[i];

                if (f->mapping == FIRMWARE_FLASH_COMBINED ||
                    !firmware_fits_machine(f, asked->firmware_arch, asked->machine))
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
        add_values(w, loader, asked, "type", "os/loader/@type");
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

static void add_memory_backing(DocumentWriter *w, DocumentElement *root, const Asked *asked) {
        add_values(w, add_support(w, root, "memoryBacking", true), asked, "sourceType", "memoryBacking/source/@type");
}

static void add_sev(DocumentWriter *w, DocumentElement *features) {
        SevFacts facts;
        bool there = access("/dev/sev", F_OK) == 0 && sev_facts(&facts);
        DocumentElement *sev = add_support(w, features, "sev", there);

        if (!there)
                return;
        document_addf(w, sev, "cbitpos", "%u", facts.cbitpos);
        document_addf(w, sev, "reducedPhysBits", "%u", facts.reduced_phys_bits);
        document_addf(w, sev, "maxGuests", "%u", facts.guests);
        document_addf(w, sev, "maxESGuests", "%u", facts.es_guests);
}

static void add_hyperv(DocumentWriter *w, DocumentElement *features, const Asked *asked) {
        static const char *const names[] = {
                "relaxed",         "vapic",    "spinlocks", "vpindex", "runtime",     "synic",     "stimer", "reset",
                "vendor_id",       "frequencies", "reenlightenment", "tlbflush", "ipi", "evmcs",   "avic",
                "emsr_bitmap",     "xmm_input",
        };
        DocumentElement *hyperv = add_support(w, features, "hyperv", asked->kvm), *list;

        if (!asked->kvm)
                return;
        list = add_enum(w, hyperv, "features");
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = text_format("features/hyperv/%s", names[i]);

                if (path && definition_takes(path))
                        document_add(w, list, "value", names[i]);
        }
}

static void add_launch_security(DocumentWriter *w, DocumentElement *features, const QemuCaps *caps) {
        bool there = access("/dev/sev", F_OK) == 0;
        DocumentElement *security = add_support(w, features, "launchSecurity", there), *list;

        if (!there)
                return;
        list = add_enum(w, security, "sectype");
        document_add(w, list, "value", "sev");
        if (qemu_caps_has(caps, QEMU_CAP_SEV_SNP))
                document_add(w, list, "value", "sev-snp");
}

static void add_features(DocumentWriter *w, DocumentElement *root, const Asked *asked, const QemuCaps *caps) {
        DocumentElement *features = document_add(w, root, "features", NULL);

        add_support(w, features, "gic", definition_takes("features/gic"));
        add_support(w, features, "vmcoreinfo", definition_takes("features/vmcoreinfo"));
        add_support(w, features, "genid", definition_takes("genid"));
        add_support(w, features, "backingStoreInput", definition_takes("devices/disk/backingStore"));
        add_support(w, features, "backup", false);
        add_support(w, features, "async-teardown", qemu_caps_has(caps, QEMU_CAP_ASYNC_TEARDOWN));
        add_support(w, features, "ps2", definition_takes("features/ps2"));
        add_sev(w, features);
        add_support(w, features, "sgx", false);
        add_hyperv(w, features, asked);
        add_launch_security(w, features, caps);
}

static int resolve(const remote_connect_get_domain_capabilities_args *args, const Facts *f, Asked *ret, Error *e) {
        const char *machine = args->machine ? *args->machine : "pc";
        size_t i = 0;

        ret->arch = args->arch ? *args->arch : "x86_64";
        while (i < N_GUEST_ARCHES && !streq(guest_arches[i].arch, ret->arch))
                i++;
        if (i == N_GUEST_ARCHES)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "architecture '%s' is not supported: only x86_64 and i686 are", ret->arch);
        ret->firmware_arch = guest_arches[i].firmware;
        ret->emulator = args->emulatorbin ? *args->emulatorbin : guest_arches[i].emulator;
        ret->type = args->virttype ? *args->virttype : host_has_kvm() ? "kvm" : "qemu";
        if (!streq(ret->emulator, f->host.emulator) && access(ret->emulator, X_OK) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "unable to find any emulator to serve '%s' at '%s'", ret->arch, ret->emulator);
        ret->kvm = streq(ret->type, "kvm");
        ret->machine = qemu_caps_machine(f->caps, machine);
        if (!ret->machine)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "the machine '%s' is not supported by emulator '%s'", machine, ret->emulator);
        ret->q35 = startswith(ret->machine, "pc-q35") != NULL;
        if (!streq(ret->type, "qemu") && !(streq(ret->type, "kvm") && host_has_kvm()))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "the accel '%s' is not supported by '%s' on this host", ret->type, ret->emulator);
        return 0;
}

static int get_domain_capabilities(Call *c, const remote_connect_get_domain_capabilities_args *args,
                                   remote_connect_get_domain_capabilities_ret *ret, Error *e) {
        _cleanup_(firmware_list_done) FirmwareList firmware = {};
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        _cleanup_cpu_models_ CpuModels *m = NULL;
        _cleanup_error_ Error ignored = ERROR_INIT;
        DocumentElement *root;
        Asked asked = {};
        Facts f;
        int r;

        r = facts_read(driver_of(c), &f, e);
        if (r >= 0)
                r = resolve(args, &f, &asked, e);
        if (r < 0)
                return r;
        /* all else can be told without */
        if (driver_cpu_models(driver_of(c), asked.kvm ? "kvm" : "tcg", &m, &ignored) < 0)
                log_debug("domcapabilities without models of processors: %s", error_text(&ignored, -EIO));
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
        document_attr_int(w, document_add(w, root, "vcpu", NULL), "max", qemu_caps_max_vcpus(f.caps, asked.machine));
        add_support(w, root, "iothreads", definition_takes("iothreads"));
        add_os(w, root, &firmware, &asked);
        add_cpu_modes(w, root, m, asked.kvm);
        add_memory_backing(w, root, &asked);
        add_device_kinds(w, root, &asked);
        add_features(w, root, &asked, f.caps);
        return document_finish(w, &ret->capabilities);
}

/* Leaves out deprecated features: there are none. */
#define DOMAIN_CAPABILITIES_DISABLE_DEPRECATED_FEATURES 1U

static const RpcHandler rows[] = {
        PLAIN(CONNECT_GET_DOMAIN_CAPABILITIES, get_domain_capabilities,
              .flags = DOMAIN_CAPABILITIES_DISABLE_DEPRECATED_FEATURES),
};
const RpcTable qemu_domain_capabilities_table = RPC_TABLE(rows);
