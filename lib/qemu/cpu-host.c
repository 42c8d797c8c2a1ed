/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's own processor as a model and what it has more or less of: for guests of mode host-model, and for the
 * host's capabilities. */

#include "base/strings.h"
#include "cpuinfo.h"
#include "model/xml.h"
#include "qemu/cpu-sets.h"

bool cpu_models_may_ask(const char *emulator) {
        return startswith(emulator, "/usr/") && !strstr(emulator, "/../");
}

int cpu_choose_host(const CpuModels *m, CpuChoice *ret) {
        return cpu_choose(m, m->real, m->vendor, true, ret);
}

int cpu_choose_host_model(const CpuModels *m, CpuChoice *ret) {
        return cpu_choose(m, m->host.features, m->guest_vendor, false, ret);
}

static xmlNode *find_feature(const xmlNode *cpu, const char *qemu) {
        char buf[64];

        XML_FOREACH(feature, cpu, "feature")
                if (streq(cpu_feature_qemu(xml_attr(feature, "name") ?: "", buf), qemu))
                        return feature;
        return NULL;
}

/* What the definition says of a feature counts more than what the host has. */
static int add_features(xmlNode *cpu, char *const *list, const char *policy) {
        int r = 0;

        for (char *const *f = list; r >= 0 && f && *f; f++) {
                xmlNode *feature;

                if (find_feature(cpu, *f))
                        continue;
                feature = xml_add(cpu, "feature", NULL);
                r = feature ? xml_set_attr(feature, "policy", policy) : -ENOMEM;
                if (r >= 0)
                        r = xml_set_attr(feature, "name", cpu_feature_name(*f));
        }
        return r;
}

bool cpu_has_optional(const xmlNode *cpu) {
        XML_FOREACH(feature, cpu, "feature")
                if (xml_attr_is(feature, "policy", "optional"))
                        return true;
        return false;
}

int cpu_decide_optional(xmlNode *cpu, const CpuModels *m) {
        char buf[64];
        int r = 0;

        XML_FOREACH(feature, cpu, "feature") {
                const char *name = cpu_feature_qemu(xml_attr(feature, "name") ?: "", buf);

                if (r >= 0 && xml_attr_is(feature, "policy", "optional"))
                        r = xml_set_attr(feature, "policy",
                                         strv_contains(m->host.features, name) ? "require" : "disable");
        }
        return r;
}

static int set_model(xmlNode *cpu, const CpuChoice *choice) {
        xmlNode *model = xml_ensure(cpu, "model"), *vendor = NULL;
        int r;

        r = model ? xml_set_text(model, choice->model->name) : -ENOMEM;
        if (r >= 0)
                r = xml_set_attr(model, "fallback", "forbid");
        if (r < 0 || !choice->vendor)
                return r;
        vendor = xml_ensure(cpu, "vendor");
        return vendor ? xml_set_text(vendor, choice->vendor) : -ENOMEM;
}

/* KVM's guests get as many bits of physical addresses as the host has; QEMU would give them 40. */
static int set_address_width(xmlNode *cpu, const CpuModels *m) {
        xmlNode *width;
        int r;

        if (!streq(m->host.name, "host") || m->address_bits == 0 || xml_child(cpu, "maxphysaddr"))
                return 0;
        width = xml_add(cpu, "maxphysaddr", NULL);
        r = width ? xml_set_attr(width, "mode", "passthrough") : -ENOMEM;
        return r < 0 ? r : xml_set_attrf(width, "limit", "%u", m->address_bits);
}

int cpu_fix_host_model(xmlNode *cpu, const CpuModels *m) {
        _cleanup_cpu_choice_ CpuChoice choice = {};
        int r;

        r = cpu_choose_host_model(m, &choice);
        if (r >= 0)
                r = set_model(cpu, &choice);
        if (r >= 0)
                r = cpu_decide_optional(cpu, m);
        if (r >= 0)
                r = add_features(cpu, choice.require, "require");
        if (r >= 0)
                r = add_features(cpu, choice.disable, "disable");
        if (r >= 0)
                r = set_address_width(cpu, m);
        if (r >= 0)
                r = xml_set_attr(cpu, "mode", "custom");
        if (r >= 0)
                r = xml_set_attr(cpu, "match", "exact");
        if (r >= 0 && !xml_attr_is(cpu, "check", "none"))
                r = xml_set_attr(cpu, "check", "full");
        xml_unset_attr(cpu, "migratable");
        return r;
}
