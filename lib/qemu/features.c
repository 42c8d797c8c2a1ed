/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <features>: what of them is a property of the CPU, and a few globals. */

#include "build.h"

typedef struct FeatureRow {
        const char *path;     /* below features; the attribute state is on or off */
        const char *on, *off; /* option for each, NULL for none */
} FeatureRow;

static const FeatureRow hyperv_rows[] = {
        { "relaxed", "hv-relaxed=on", NULL },
        { "vapic", "hv-vapic=on", NULL },
        { "spinlocks", NULL, NULL },
        { "vpindex", "hv-vpindex=on", NULL },
        { "runtime", "hv-runtime=on", NULL },
        { "synic", "hv-synic=on", NULL },
        { "stimer", "hv-stimer=on", NULL },
        { "reset", "hv-reset=on", NULL },
        { "vendor_id", NULL, NULL },
        { "frequencies", "hv-frequencies=on", NULL },
        { "reenlightenment", "hv-reenlightenment=on", NULL },
        { "tlbflush", "hv-tlbflush=on", NULL },
        { "ipi", "hv-ipi=on", NULL },
        { "evmcs", "hv-evmcs=on", NULL },
        { "avic", "hv-avic=on", NULL },
        { "emsr_bitmap", "hv-emsr-bitmap=on", NULL },
        { "xmm_input", "hv-xmm-input=on", NULL },
};

static const FeatureRow kvm_rows[] = {
        { "hidden", "kvm=off", NULL },
        { "hint-dedicated", "kvm-hint-dedicated=on", NULL },
        { "poll-control", "kvm-poll-control=on", NULL },
        { "pv-ipi", NULL, "kvm-pv-ipi=off" },
};

static void add_text(StrBuf *cpu, const char *text) {
        if (text)
                strbuf_addf(cpu, ",%s", text);
}

static void add_rows(StrBuf *cpu, const xmlNode *parent, const FeatureRow *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const xmlNode *f = xml_child(parent, rows[i].path);

                if (f)
                        add_text(cpu, xml_attr_bool(f, "state", true) ? rows[i].on : rows[i].off);
        }
}

/* Direct TLB flush and the like: switches inside a feature. */
static void hyperv_sub(StrBuf *cpu, const xmlNode *hyperv, const char *path, const char *option) {
        const xmlNode *n = xml_find(hyperv, path);

        if (n && xml_attr_bool(n->parent, "state", true) && xml_attr_bool(n, "state", false))
                add_text(cpu, option);
}

static void hyperv_features(Build *b, StrBuf *cpu) {
        const xmlNode *hyperv = xml_find(b->root, "features/hyperv");
        const xmlNode *spinlocks = xml_child(hyperv, "spinlocks"), *vendor = xml_child(hyperv, "vendor_id");

        if (!hyperv)
                return;
        /* what is named beside is asked for as well: on a host that lacks it the guest does not start */
        if (xml_attr_is(hyperv, "mode", "passthrough"))
                add_text(cpu, "hv-passthrough=on");
        add_rows(cpu, hyperv, hyperv_rows, ELEMENTSOF(hyperv_rows));
        if (spinlocks && xml_attr_bool(spinlocks, "state", false))
                strbuf_addf(cpu, ",hv-spinlocks=0x%llx", (unsigned long long) attr_u64(b, spinlocks, "retries", 0));
        if (vendor && xml_attr_bool(vendor, "state", false))
                cpu_opt(b, cpu, vendor, "hv-vendor-id", xml_attr(vendor, "value") ?: "");
        hyperv_sub(cpu, hyperv, "stimer/direct", "hv-stimer-direct=on");
        hyperv_sub(cpu, hyperv, "tlbflush/direct", "hv-tlbflush-direct=on");
        hyperv_sub(cpu, hyperv, "tlbflush/extended", "hv-tlbflush-ext=on");
}

void cpu_features(Build *b, StrBuf *cpu) {
        const xmlNode *features = xml_child(b->root, "features");
        const char *pmu = xml_get(features, "pmu/@state"), *eoi = xml_get(features, "apic/@eoi");
        const char *unhalt = xml_get(features, "pvspinlock/@state");

        if (b->emulated) {
                put_opt(cpu, "pmu", pmu);
                return;
        }
        cpu_opt(b, cpu, features, "kvm-pv-eoi", eoi);
        cpu_opt(b, cpu, features, "kvm-pv-unhalt", unhalt);
        hyperv_features(b, cpu);
        add_rows(cpu, xml_child(features, "kvm"), kvm_rows, ELEMENTSOF(kvm_rows));
        cpu_opt(b, cpu, features, "pmu", pmu);
}

void build_features(Build *b) {
        const xmlNode *teardown = xml_find(b->root, "features/async-teardown");
        const xmlNode *tseg = xml_find(b->root, "features/smm/tseg");

        if (tseg) {
                if (!b->q35)
                        build_refuse(b, tseg, "element <tseg> needs a q35 machine");
                add_option(b, "-global", "mch.extended-tseg-mbytes=%llu",
                           (unsigned long long) (element_size(b, tseg, 1U << 20) >> 20));
        }
        if (teardown) {
                if (!qemu_caps_has(b->caps, QEMU_CAP_ASYNC_TEARDOWN))
                        build_refuse(b, teardown, "element <async-teardown> is not supported by this QEMU");
                add_option(b, "-run-with", "async-teardown=%s",
                           xml_attr_bool(teardown, "enabled", true) ? "on" : "off");
        }
        if (xml_attr_is(xml_find(b->root, "features/vmcoreinfo"), "state", "on") ||
            (xml_find(b->root, "features/vmcoreinfo") && !xml_get(b->root, "features/vmcoreinfo/@state")))
                add_props(b, QEMU_PART_DEVICE, device_new(b, "vmcoreinfo"));
}
