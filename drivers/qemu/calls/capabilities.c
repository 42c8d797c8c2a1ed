/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What this host can run: from the recorded facts about the installed QEMU and from the tables of what this program
 * translates. What the processor is, QEMU is asked once. */

#include "base/fs.h"
#include "base/strings.h"
#include "calls/calls.h"
#include "calls/facts.h"
#include "calls/host-cpu.h"
#include "hostinfo/cpu.h"
#include "model/writer.h"
#include "qemu/machines.h"

static void add_machine(DocumentWriter *w, DocumentElement *guest_arch, const QemuCaps *caps, const char *name,
                        const char *canonical) {
        DocumentElement *m = document_add(w, guest_arch, "machine", name);

        document_attr(w, m, "canonical", canonical);
        document_attr_int(w, m, "maxCpus", qemu_caps_max_vcpus(caps, name));
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
        for (char *const *m = machines; m && *m; m++) /* those without versions */
                if (!startswith(*m, "pc-"))
                        add_machine(w, guest_arch, caps, *m, NULL);
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

static void add_host(QemuDriver *d, DocumentWriter *w, DocumentElement *root) {
        DocumentElement *host = document_add(w, root, "host", NULL), *security;

        add_host_uuid(w, host);
        host_cpu_describe(d, w, host);
        document_add(w, host, "power_management", NULL);
        document_attr(w, document_add(w, host, "iommu", NULL), "support",
                      access("/sys/kernel/iommu_groups/0", F_OK) == 0 ? "yes" : "no");
        host_topology_describe(w, host);
        security = document_add(w, host, "secmodel", NULL);
        document_add(w, security, "model", "dac");
        document_add(w, security, "doi", "0");
}

static void add_guest(DocumentWriter *w, DocumentElement *root, const Facts *f, size_t which) {
        DocumentElement *guest = document_add(w, root, "guest", NULL), *arch, *features, *feature;

        document_add(w, guest, "os_type", "hvm");
        arch = document_add(w, guest, "arch", NULL);
        document_attr(w, arch, "name", guest_arches[which].arch);
        document_add(w, arch, "wordsize", guest_arches[which].wordsize);
        document_add(w, arch, "emulator", guest_arches[which].emulator);
        add_machines(w, arch, f->caps, guest_arches[which].emulator);
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
        add_host(d, w, root);
        r = facts_read(d, &f, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < N_GUEST_ARCHES; i++)
                if (access(guest_arches[i].emulator, X_OK) == 0)
                        add_guest(w, root, &f, i);
        return document_finish(w, ret);
}

/* The host is looked at once a second at most, whoever asks: it is the longest answer that everybody may have. */
static int get_capabilities(Call *c, const rpc_void *args, remote_connect_get_capabilities_ret *ret, Error *e) {
        QemuDriver *d = driver_of(c);
        uint64_t now = 0;
        int r;

        (void) sd_event_now(loop_event(call_loop(c)), CLOCK_MONOTONIC, &now);
        if (!d->capabilities.text.data || now >= d->capabilities.until) {
                _cleanup_free_ char *text = NULL;

                r = make_capabilities(d, &text, e);
                if (r >= 0)
                        r = kept_memory_take(&d->capabilities.text, strlen(text) + 1);
                if (r < 0)
                        return r;
                memcpy(d->capabilities.text.data, text, d->capabilities.text.size);
                d->capabilities.until = now + CAPABILITIES_USEC;
        }
        ret->capabilities = strdup(d->capabilities.text.data);
        return ret->capabilities ? 0 : -ENOMEM;
}

static const RpcHandler rows[] = {
        PLAIN(CONNECT_GET_CAPABILITIES, get_capabilities),
};
const RpcTable qemu_capabilities_table = RPC_TABLE(rows);
