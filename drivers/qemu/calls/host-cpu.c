/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's processor in the capabilities: its flags are the kernel's, the models are QEMU's, and what the registers
 * say is KVM's. */

#include "calls/host-cpu.h"

#include "base/log.h"
#include "base/strings.h"
#include "calls/cpus.h"
#include "calls/facts.h"
#include "hostinfo/cpu.h"
#include "hostinfo/memory.h"

#define PAGE_SIZES_MAX 8U

void host_cpu_forget(QemuDriver *d) {
        kept_memory_drop(&d->cpu.words);
        memset(&d->cpu, 0, sizeof(d->cpu));
}

static int keep(QemuDriver *d, const char *model, char *const *features) {
        size_t size = strlen(model) + 1;
        char *p;

        for (char *const *f = features; f && *f; f++)
                size += strlen(*f) + 1;
        if (kept_memory_take(&d->cpu.words, size) < 0)
                return -ENOMEM;
        p = stpcpy(d->cpu.words.data, model) + 1;
        for (char *const *f = features; f && *f; f++)
                p = stpcpy(p, *f) + 1;
        return 0;
}

static int choose(QemuDriver *d, Error *e) {
        _cleanup_cpu_models_ CpuModels *m = NULL;
        _cleanup_cpu_choice_ CpuChoice choice = {};
        int r;

        r = driver_real_cpu(d, &m, e);
        if (r >= 0)
                r = cpu_choose_host(m, &choice);
        if (r < 0)
                return r;
        d->cpu.tsc_hz = m->tsc_hz;
        d->cpu.tsc_scales = m->tsc_scales;
        return keep(d, choice.model->name, choice.require);
}

/* Once for each state of QEMU's file, whatever comes of it. */
static void find(QemuDriver *d) {
        _cleanup_error_ Error e = ERROR_INIT;
        unsigned version;
        int r;

        if (emulator_version(d, &version, NULL) < 0)
                return;
        if (d->cpu.known && file_stamp_equal(&d->cpu.file, &d->emulator.file))
                return;
        host_cpu_forget(d);
        r = choose(d, &e);
        if (r < 0)
                log_debug("capabilities without a model of the processor: %s", error_text(&e, r));
        d->cpu.known = r != -ENOMEM;
        d->cpu.file = d->emulator.file;
}

static void add_counter(DocumentWriter *w, DocumentElement *cpu, const QemuDriver *d) {
        DocumentElement *counter;

        if (d->cpu.tsc_hz == 0)
                return;
        counter = document_add(w, cpu, "counter", NULL);
        document_attr(w, counter, "name", "tsc");
        document_attr_int(w, counter, "frequency", (long) d->cpu.tsc_hz);
        document_attr(w, counter, "scaling", d->cpu.tsc_scales ? "yes" : "no");
}

static void add_signature(DocumentWriter *w, DocumentElement *cpu, const HostCpu *h) {
        DocumentElement *signature;

        if (h->microcode > 0)
                document_attr_int(w, document_add(w, cpu, "microcode", NULL), "version", h->microcode);
        if (h->family == 0)
                return;
        signature = document_add(w, cpu, "signature", NULL);
        document_attr_int(w, signature, "family", h->family);
        document_attr_int(w, signature, "model", h->model);
        document_attr_int(w, signature, "stepping", h->stepping);
}

static void add_shape(DocumentWriter *w, DocumentElement *cpu, const HostCpu *h) {
        DocumentElement *topology = document_add(w, cpu, "topology", NULL), *bits;

        document_attr_int(w, topology, "sockets", h->sockets);
        document_attr_int(w, topology, "dies", 1);
        document_attr_int(w, topology, "clusters", 1);
        document_attr_int(w, topology, "cores", h->cores);
        document_attr_int(w, topology, "threads", h->threads);
        if (h->address_bits == 0)
                return;
        bits = document_add(w, cpu, "maxphysaddr", NULL);
        document_attr(w, bits, "mode", "emulate");
        document_attr_int(w, bits, "bits", h->address_bits);
}

void host_cpu_describe(QemuDriver *d, DocumentWriter *w, DocumentElement *host) {
        DocumentElement *cpu = document_add(w, host, "cpu", NULL);
        unsigned sizes[PAGE_SIZES_MAX];
        size_t n = host_page_sizes(sizes, ELEMENTSOF(sizes));
        const char *model;
        HostCpu h;

        host_cpu_read(&h);
        find(d);
        model = d->cpu.words.data;
        document_add(w, cpu, "arch", h.arch);
        if (model)
                document_add(w, cpu, "model", model);
        if (h.vendor[0])
                document_add(w, cpu, "vendor", h.vendor);
        add_signature(w, cpu, &h);
        add_counter(w, cpu, d);
        add_shape(w, cpu, &h);
        for (const char *f = model; f && (f += strlen(f) + 1) < model + d->cpu.words.size;)
                document_attr(w, document_add(w, cpu, "feature", NULL), "name", cpu_feature_name(f));
        for (size_t i = 0; i < n; i++) {
                DocumentElement *pages = document_add(w, cpu, "pages", NULL);

                document_attr(w, pages, "unit", "KiB");
                document_attr_int(w, pages, "size", sizes[i]);
        }
}
