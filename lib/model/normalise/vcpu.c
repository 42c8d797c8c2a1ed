/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vcpu: the maximum, how many run at the start, and on which CPUs of the host. */

#include "base/strings.h"
#include "model/iothreads.h"
#include "normalise.h"

#define MAX_HOST_CPUS 16384U
#define MAX_VCPUS 4096U

int norm_cpuset(Normaliser *n, xmlNode *node, const char *attr) {
        _cleanup_free_ uint64_t *cpus = calloc(MAX_HOST_CPUS / 64, sizeof(*cpus));
        const char *given = attr ? xml_attr(node, attr) : xml_text(node);
        _cleanup_free_ char *text = NULL;

        if (!cpus)
                return -ENOMEM;
        if (cpuset_parse(given ?: "", cpus, MAX_HOST_CPUS) < 0)
                return fail_xml(n, node, "failed to parse the %s '%s'", attr ?: xml_name(node), given ?: "");
        text = cpuset_format(cpus, MAX_HOST_CPUS);
        if (!text)
                return -ENOMEM;
        if (!*text)
                return fail_xml(n, node, "the %s '%s' is empty", attr ?: xml_name(node), given ?: "");

        if (attr)
                norm_set(n, node, attr, text);
        else
                norm_set_text(n, node, text);
        return 0;
}

bool has_iothread(const Normaliser *n, unsigned id) {
        const xmlNode *ids = xml_child(n->root, "iothreadids"), *count = xml_child(n->root, "iothreads");
        unsigned most;

        if (xml_child(ids, "iothread"))
                return iothread_is_listed(ids, id);
        return count && parse_uint(xml_text(count), &most) >= 0 && id >= 1 && id <= most;
}

/* The number of threads and the list of their ids say the same: each is completed from the other. */
static int write_iothreads(Normaliser *n) {
        xmlNode *count = xml_child(n->root, "iothreads"), *ids = xml_child(n->root, "iothreadids");
        unsigned wanted = 0, listed = 0, next = 1;
        char text[16];

        if (count && (parse_uint(xml_text(count), &wanted) < 0 || wanted > 4096))
                return fail_xml(n, count, "invalid number of I/O threads '%s'", xml_text(count));
        XML_FOREACH(t, ids, "iothread") {
                if (number_or(t, "id", 0) == 0)
                        return fail_xml(n, t, "invalid iothread 'id' value '%s'", attr_or(t, "id", ""));
                for (xmlNode *other = xml_next(t, "iothread"); other; other = xml_next(other, "iothread"))
                        if (number_or(other, "id", 0) == number_or(t, "id", 0))
                                return fail_xml(n, other, "duplicate iothread id '%u'", number_or(t, "id", 0));
                listed++;
        }

        for (; ids && listed > 0 && listed < wanted; listed++) {
                while (iothread_is_listed(ids, next))
                        next++;
                norm_setf(n, norm_add(n, ids, "iothread"), "id", "%u", next);
        }
        if (count && wanted == 0 && listed == 0)
                xml_remove(count);
        if (listed > wanted) {
                snprintf(text, sizeof(text), "%u", listed);
                norm_set_text(n, norm_ensure(n, n->root, "iothreads"), text);
        }

        return 0;
}

/* vCPUs that nothing binds go where the memory goes. */
static bool follows_memory(const Normaliser *n, const xmlNode *vcpu) {
        static const char *const pins[] = { "vcpupin", "emulatorpin", "iothreadpin" };

        for (size_t i = 0; i < ELEMENTSOF(pins); i++)
                if (xml_child(xml_child(n->root, "cputune"), pins[i]))
                        return false;
        return !xml_attr(vcpu, "cpuset") && xml_attr_is(xml_find(n->root, "numatune/memory"), "placement", "auto");
}

static int write_placement(Normaliser *n, xmlNode *vcpu) {
        if (xml_attr_is(vcpu, "placement", "auto") || follows_memory(n, vcpu)) {
                norm_set(n, vcpu, "placement", "auto");
                xml_unset_attr(vcpu, "cpuset");
                return 0;
        }
        norm_set(n, vcpu, "placement", "static");
        return xml_attr(vcpu, "cpuset") ? norm_cpuset(n, vcpu, "cpuset") : 0;
}

int normalise_vcpu(Normaliser *n) {
        xmlNode *vcpu;
        unsigned max, current;
        int r;

        norm_default_child(n, n->root, "vcpu", "1");
        vcpu = xml_child(n->root, "vcpu");
        if (!vcpu)
                return -ENOMEM;

        r = parse_uint(xml_text(vcpu), &max);
        if (r < 0 || max == 0 || max > MAX_VCPUS)
                return fail_xml(n, vcpu, "invalid number of vCPUs '%s'", xml_text(vcpu));
        current = number_or(vcpu, "current", max);
        if (current == 0 || current > max)
                return fail_xml(n, vcpu, "current vCPUs (%u) must be from 1 to the maximum (%u)", current, max);
        if (current == max)
                xml_unset_attr(vcpu, "current");

        r = write_iothreads(n);

        return r < 0 ? r : write_placement(n, vcpu);
}
