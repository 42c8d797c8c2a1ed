/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cpu: a document without one gets the machine's own model, so that a newer QEMU gives the guest the same CPU. */

#include <inttypes.h>

#include "base/strings.h"
#include "normalise.h"

/* The default model is the emulator's, whatever the guest's architecture is. */
static const char *default_model(const Normaliser *n) {
        if (n->isapc)
                return "486";
        return endswith(xml_text(xml_child(n->devices, "emulator")), "-i386") ? "qemu32" : "qemu64";
}

static void default_cpu(Normaliser *n, xmlNode *cpu) {
        xmlNode *model = norm_ensure(n, cpu, "model");

        norm_set(n, cpu, "mode", "custom");
        norm_set_default(n, cpu, "match", "exact");
        norm_set_default(n, cpu, "check", "none");
        norm_set(n, model, "fallback", "forbid");
        norm_set_text(n, model, default_model(n));
}

static int check_features(Normaliser *n, xmlNode *cpu) {
        XML_FOREACH(f, cpu, "feature") {
                const char *name = xml_attr(f, "name");

                if (!name || !*name)
                        return fail_xml(n, f, "invalid CPU feature name");
                for (xmlNode *other = xml_next(f, "feature"); other; other = xml_next(other, "feature"))
                        if (streq_ptr(xml_attr(other, "name"), name))
                                return fail_xml(n, other, "CPU feature '%s' specified more than once", name);
                norm_set_default(n, f, "policy", "require");
        }

        return 0;
}

static int check_topology(Normaliser *n, xmlNode *cpu) {
        static const char *const names[] = { "sockets", "dies", "clusters", "cores", "threads" };
        xmlNode *topology = xml_child(cpu, "topology");
        uint64_t product = 1;
        unsigned vcpus;

        if (!topology)
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                unsigned v = number_or(topology, names[i], streq(names[i], "dies") || streq(names[i], "clusters"));

                if (v == 0)
                        return fail_xml(n, topology, "invalid or missing attribute '%s' in CPU topology", names[i]);
                if (__builtin_mul_overflow(product, v, &product))
                        product = UINT64_MAX;
                norm_setf(n, topology, names[i], "%u", v);
        }

        if (parse_uint(xml_text(xml_child(n->root, "vcpu")) ?: "", &vcpus) < 0 || product != vcpus)
                return fail_unsupported(n, topology, "CPU topology doesn't match maximum vcpu count");

        return 0;
}

static int check_cache(Normaliser *n, xmlNode *cpu) {
        xmlNode *cache = xml_child(cpu, "cache");
        const char *mode = attr_or(cache, "mode", "");
        bool hosts = xml_attr_is(cpu, "mode", "host-passthrough") || xml_attr_is(cpu, "mode", "maximum");

        if (streq(mode, "emulate") && xml_attr(cache, "level") && !xml_attr_is(cache, "level", "3"))
                return fail_unsupported(n, cache, "CPU cache mode 'emulate' can only be used with level='3'");
        if (streq(mode, "passthrough") && !hosts)
                return fail_unsupported(
                        n, cache,
                        "CPU cache mode 'passthrough' can only be used with 'host-passthrough' / 'maximum' CPUs");
        if (streq(mode, "passthrough") && xml_attr(cache, "level"))
                return fail_unsupported(n, cache, "unsupported CPU cache level for mode 'passthrough'");
        return 0;
}

static int check_address_width(Normaliser *n, xmlNode *cpu) {
        xmlNode *width = xml_child(cpu, "maxphysaddr");

        if (xml_attr_is(width, "mode", "passthrough") && xml_attr(width, "bits"))
                return fail_unsupported(n, width,
                                        "CPU maximum physical address bits number specification cannot be used with "
                                        "mode='passthrough'");
        return 0;
}

/* A model beside host-model is what some wrote when it was only a hint; it is shown, and says nothing. */
static bool has_model(const xmlNode *cpu) {
        const xmlNode *model = xml_child(cpu, "model");

        return model && (*xml_text(model) || xml_attr(model, "vendor_id"));
}

static int check_custom(Normaliser *n, xmlNode *cpu) {
        xmlNode *model = xml_child(cpu, "model");

        norm_set_default(n, cpu, "match", "exact");
        if (!model || !*xml_text(model)) {
                if (xml_child(cpu, "feature"))
                        return fail_xml(n, cpu, "non-empty feature list specified without CPU model");
                default_cpu(n, cpu);
                return 0;
        }

        norm_set_default(n, cpu, "check", xml_attr_is(n->root, "type", "kvm") ? "partial" : "none");
        norm_set_default(n, model, "fallback", "allow");
        return 0;
}

int normalise_cpu(Normaliser *n) {
        xmlNode *cpu = xml_child(n->root, "cpu");
        const char *mode, *vendor;
        int r;

        if (!cpu) {
                default_cpu(n, norm_add(n, n->root, "cpu"));
                return 0;
        }

        vendor = xml_get(cpu, "model/@vendor_id");
        if (vendor && strlen(vendor) != 12)
                return fail_xml(n, xml_child(cpu, "model"), "vendor_id must be exactly 12 characters long");
        mode = xml_attr(cpu, "mode");
        if (!mode)
                norm_set(n, cpu, "mode", "custom");
        if (!mode || streq(mode, "custom")) {
                r = check_custom(n, cpu);
                if (r < 0)
                        return r;
        } else {
                xml_unset_attr(cpu, "match");
                norm_set_default(n, cpu, "check", streq(mode, "host-model") ? "partial" : "none");
                if (!streq(mode, "host-model"))
                        norm_set_default(n, cpu, "migratable", "on");
                if (!streq(mode, "host-model") || !has_model(cpu))
                        xml_remove_children(cpu, "model");
        }

        r = check_features(n, cpu);
        if (r >= 0)
                r = check_cache(n, cpu);
        if (r >= 0)
                r = check_address_width(n, cpu);
        return r < 0 ? r : check_topology(n, cpu);
}
