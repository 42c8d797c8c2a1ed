/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vcpu: the maximum, how many run at the start, and on which CPUs of the host. */

#include "base/strings.h"
#include "normalise.h"

#define MAX_HOST_CPUS 16384U
#define MAX_VCPUS 4096U

static bool bit(const uint64_t *set_of_cpus, unsigned i) {
        return i < MAX_HOST_CPUS && (set_of_cpus[i / 64] >> i % 64 & 1);
}

/* "3,1-2,^2" to "1,3". */
static int write_cpuset(Normaliser *n, xmlNode *vcpu) {
        _cleanup_free_ uint64_t *cpus = calloc(MAX_HOST_CPUS / 64, sizeof(*cpus));
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        if (!cpus)
                return -ENOMEM;
        if (cpuset_parse(xml_attr(vcpu, "cpuset"), cpus, MAX_HOST_CPUS) < 0)
                return fail_xml(n, vcpu, "failed to parse the cpuset '%s'", xml_attr(vcpu, "cpuset"));

        for (unsigned i = 0; i < MAX_HOST_CPUS; i++) {
                unsigned last = i;

                if (!bit(cpus, i))
                        continue;
                while (bit(cpus, last + 1))
                        last++;
                strbuf_addf(&b, "%s%u", b.len ? "," : "", i);
                if (last > i)
                        strbuf_addf(&b, "-%u", last);
                i = last;
        }

        text = strbuf_take(&b);
        if (!text)
                return -ENOMEM;
        if (!*text)
                return fail_xml(n, vcpu, "the cpuset '%s' is empty", xml_attr(vcpu, "cpuset"));

        set(n, vcpu, "cpuset", text);
        return 0;
}

int normalise_vcpu(Normaliser *n) {
        xmlNode *vcpu;
        unsigned max, current;
        int r;

        default_child(n, n->root, "vcpu", "1");
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

        set_default(n, vcpu, "placement", "static");
        return xml_attr(vcpu, "cpuset") ? write_cpuset(n, vcpu) : 0;
}
