/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <cpu> and <vcpu>: -cpu and -smp. */

#include "build.h"

/* Features whose name in libvirt is not QEMU's with "_" for "-". */
static const struct {
        const char *name, *qemu;
} feature_names[] = {
        { "pclmuldq", "pclmulqdq" },
};

/* Features that come and go with the operating system or belong to the host's resource control: part of what hosts
 * report, nothing that can be asked for. pconfig was in QEMU's models for a short time; no version recorded here knows
 * it. */
static const char *const feature_ignored[] = { "osxsave", "ospke", "cmt", "mbm_total", "mbm_local", "pconfig" };

void cpu_opt(Build *b, StrBuf *cpu, const xmlNode *node, const char *key, const char *value) {
        if (!value)
                return;
        if (strchr(value, ','))
                build_invalid(b, node, "a comma cannot be part of this value: '%s'", value);
        else
                put_opt(cpu, key, value);
}

static void cpu_feature(Build *b, StrBuf *o, const xmlNode *feature) {
        const char *name = xml_attr(feature, "name"), *policy = xml_attr(feature, "policy") ?: "require";
        char qemu[64];

        if (!name || !*name || strlen(name) >= sizeof(qemu)) {
                build_invalid(b, feature, "a CPU feature needs a name");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(feature_ignored); i++)
                if (streq(name, feature_ignored[i]))
                        return;
        strcpy(qemu, name);
        for (size_t i = 0; i < ELEMENTSOF(feature_names); i++)
                if (streq(name, feature_names[i].name))
                        strcpy(qemu, feature_names[i].qemu);
        for (char *c = qemu; *c; c++) {
                if (*c == '_')
                        *c = '-';
                if (*c == ',' || *c == '=') {
                        build_invalid(b, feature, "not the name of a CPU feature: '%s'", name);
                        return;
                }
        }
        put_opt_onoff(o, qemu, !streq(policy, "disable") && !streq(policy, "forbid"));
}

static void cpu_cache(Build *b, StrBuf *o, const xmlNode *cache) {
        const char *mode = xml_attr(cache, "mode");

        if (!mode)
                return;
        if (streq(mode, "emulate")) {
                put_opt(o, "l3-cache", "on");
                if (!xml_attr_is(xml_child(b->root, "cpu"), "mode", "custom"))
                        put_opt(o, "host-cache-info", "off");
        } else if (streq(mode, "passthrough")) {
                put_opt(o, "host-cache-info", "on");
                put_opt(o, "l3-cache", "off");
        } else {
                if (!xml_attr_is(xml_child(b->root, "cpu"), "mode", "custom"))
                        put_opt(o, "host-cache-info", "off");
                put_opt(o, "l3-cache", "off");
        }
}

static void cpu_address_width(Build *b, StrBuf *o, const xmlNode *width) {
        const char *mode = xml_attr(width, "mode");

        if (!mode)
                return;
        if (streq(mode, "passthrough")) {
                put_opt(o, "host-phys-bits", "on");
                cpu_opt(b, o, width, "host-phys-bits-limit", xml_attr(width, "limit"));
        } else if (xml_attr(width, "bits")) {
                cpu_opt(b, o, width, "phys-bits", xml_attr(width, "bits"));
        } else {
                put_opt(o, "host-phys-bits", "off");
        }
}

/* Only KVM has the host's own CPU; without it the nearest is all that TCG can do. A host-model that is still one here
 * (vm-prepare makes a model with features of it: cpu_fix_host_model()) is what QEMU itself takes for the host. */
static void cpu_model(Build *b, StrBuf *o, const xmlNode *cpu) {
        const char *mode = xml_attr(cpu, "mode") ?: "custom", *model = xml_get(cpu, "model");

        if (streq(mode, "custom")) {
                if (!model || !*model || strchr(model, ','))
                        build_invalid(b, cpu, "a custom CPU needs a model");
                else
                        strbuf_add(o, model);
                return;
        }
        if (streq(mode, "maximum") || !b->kvm)
                strbuf_add(o, "max");
        else
                strbuf_add(o, "host");
        if (xml_attr(cpu, "migratable"))
                put_opt_onoff(o, "migratable", xml_attr_bool(cpu, "migratable", true));
        else if (streq(mode, "host-model"))
                put_opt(o, "migratable", "on");
}

static void cpu_panic(const Build *b, StrBuf *o) {
        XML_FOREACH(p, b->devices, "panic")
                if (xml_attr_is(p, "model", "hyperv"))
                        strbuf_add(o, ",hv-crash");
}

void build_cpu(Build *b) {
        const xmlNode *cpu = xml_child(b->root, "cpu");
        _cleanup_strbuf_ StrBuf o = {};

        if (cpu && (xml_attr(cpu, "mode") || xml_child(cpu, "model")))
                cpu_model(b, &o, cpu);
        else
                strbuf_add(&o, streq(qemu_caps_arch(b->caps), "i686") ? "qemu32" : "qemu64");
        cpu_opt(b, &o, cpu, "vendor", xml_get(cpu, "model/@vendor_id"));
        XML_FOREACH(f, cpu, "feature")
                cpu_feature(b, &o, f);
        cpu_timers(b, &o);
        cpu_features(b, &o);
        cpu_panic(b, &o);
        cpu_cache(b, &o, xml_child(cpu, "cache"));
        cpu_address_width(b, &o, xml_child(cpu, "maxphysaddr"));
        add_option_buf(b, "-cpu", &o);
}

static uint64_t vcpus_maximum(Build *b) {
        const xmlNode *vcpu = xml_child(b->root, "vcpu");
        uint64_t n = 1;

        if (vcpu && (xml_get_u64(b->root, "vcpu", &n) < 0 || n == 0 || n > 65535))
                build_invalid(b, vcpu, "not a number of CPUs: '%s'", xml_text(vcpu));
        return n;
}

/* Those that can be taken away again are plugged in before the guest runs. */
static uint64_t vcpus_fixed(const Build *b, uint64_t current) {
        const xmlNode *vcpus = xml_child(b->root, "vcpus");
        uint64_t n = 0;

        if (!vcpus)
                return current;
        XML_FOREACH(vcpu, vcpus, "vcpu")
                n += xml_attr_is(vcpu, "enabled", "yes") && xml_attr_is(vcpu, "hotpluggable", "no");
        return n;
}

void build_smp(Build *b) {
        const xmlNode *vcpu = xml_child(b->root, "vcpu"), *t = xml_find(b->root, "cpu/topology");
        uint64_t maximum = vcpus_maximum(b), current = attr_u64(b, vcpu, "current", maximum);
        uint64_t sockets = maximum, dies = 1, clusters = 1, cores = 1, threads = 1;
        _cleanup_strbuf_ StrBuf o = {};

        if (t) {
                sockets = attr_u64(b, t, "sockets", 1);
                dies = attr_u64(b, t, "dies", 1);
                clusters = attr_u64(b, t, "clusters", 1);
                cores = attr_u64(b, t, "cores", 1);
                threads = attr_u64(b, t, "threads", 1);
                if (sockets * dies * clusters * cores * threads != maximum)
                        build_invalid(b, t, "the topology is not that of %llu CPUs", (unsigned long long) maximum);
                if (clusters > 1)
                        build_refuse(b, t, "attribute clusters above 1 is not supported by this machine");
        }
        if (current == 0 || current > maximum)
                build_invalid(b, vcpu, "current is not between 1 and the number of CPUs");
        current = vcpus_fixed(b, current);
        strbuf_addf(&o, "%llu", (unsigned long long) current);
        if (current != maximum)
                strbuf_addf(&o, ",maxcpus=%llu", (unsigned long long) maximum);
        strbuf_addf(&o, ",sockets=%llu", (unsigned long long) sockets);
        if (t)
                strbuf_addf(&o, ",dies=%llu,clusters=%llu", (unsigned long long) dies, (unsigned long long) clusters);
        strbuf_addf(&o, ",cores=%llu,threads=%llu", (unsigned long long) cores, (unsigned long long) threads);
        add_option_buf(b, "-smp", &o);
}
