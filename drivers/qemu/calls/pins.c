/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which of the host's CPUs a guest's threads may run on, as its definition says: a pin, else the guest's set of CPUs,
 * else all. */

#include "base/strings.h"
#include "calls/calls.h"
#include "hostinfo/cpu.h"

#define CPUS_MAX 4096U

/* The set's bits in a client's map of maplen bytes, of those CPUs that this host has. */
static int fill_map(const char *set, unsigned n_host, uint8_t *map, size_t maplen, Error *e) {
        uint64_t bits[CPUS_MAX / 64] = {};

        if (set && cpuset_parse(set, bits, CPUS_MAX) < 0)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_QEMU, "the set of CPUs '%s' cannot be read", set);
        for (unsigned i = 0; i < n_host && i < maplen * 8U && i < CPUS_MAX; i++)
                if (!set || bits[i / 64] >> i % 64 & 1)
                        map[i / 8] = (uint8_t) (map[i / 8] | 1U << i % 8);
        return 0;
}

static const char *pin_of(const Definition *d, unsigned vcpu) {
        char number[16];

        snprintf(number, sizeof(number), "%u", vcpu);
        XML_FOREACH(pin, xml_find(definition_root(d), "cputune"), "vcpupin")
                if (xml_attr_is(pin, "vcpu", number))
                        return xml_attr(pin, "cpuset");
        return xml_get(definition_root(d), "vcpu/@cpuset");
}

static unsigned count_host_cpus(void) {
        uint8_t map[CPUS_MAX / 8] = {};
        unsigned online;
        int n = host_cpu_map(map, sizeof(map), &online);

        return n > 0 ? (unsigned) n : 1;
}

static int get_vcpu_pin_info(Call *c, Guest *g, const remote_domain_get_vcpu_pin_info_args *args,
                             remote_domain_get_vcpu_pin_info_ret *ret, Error *e) {
        const Definition *d = call_definition(c);
        unsigned n_host = count_host_cpus(), n;
        uint64_t vcpus = 1;
        int r = 0;

        if (args->ncpumaps < 0 || args->ncpumaps > REMOTE_VCPUINFO_MAX || args->maplen < 0 ||
            (int64_t) args->ncpumaps * args->maplen > REMOTE_CPUMAPS_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many vCPUs or too long maps asked for");
        (void) xml_get_u64(definition_root(d), "vcpu", &vcpus);
        n = (unsigned) MIN(vcpus, (uint64_t) args->ncpumaps);
        ret->cpumaps.cpumaps_val = calloc(n + 1U, (size_t) args->maplen + 1);
        if (!ret->cpumaps.cpumaps_val)
                return -ENOMEM;
        for (unsigned i = 0; r >= 0 && i < n; i++)
                r = fill_map(pin_of(d, i), n_host, (uint8_t *) ret->cpumaps.cpumaps_val + i * (unsigned) args->maplen,
                             (size_t) args->maplen, e);
        ret->cpumaps.cpumaps_len = n * (unsigned) args->maplen;
        ret->num = (int) n;
        return r;
}

static int get_emulator_pin_info(Call *c, Guest *g, const remote_domain_get_emulator_pin_info_args *args,
                                 remote_domain_get_emulator_pin_info_ret *ret, Error *e) {
        const xmlNode *root = definition_root(call_definition(c));
        const char *set = xml_get(root, "cputune/emulatorpin/@cpuset") ?: xml_get(root, "vcpu/@cpuset");

        if (args->maplen < 0 || args->maplen > REMOTE_CPUMAPS_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too long a map is asked for");
        ret->cpumaps.cpumaps_val = calloc(1, (size_t) args->maplen + 1);
        if (!ret->cpumaps.cpumaps_val)
                return -ENOMEM;
        ret->cpumaps.cpumaps_len = (unsigned) args->maplen;
        ret->ret = 1;
        return fill_map(set, count_host_cpus(), (uint8_t *) ret->cpumaps.cpumaps_val, (size_t) args->maplen, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_VCPU_PIN_INFO, get_vcpu_pin_info, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_IMPACT | NEED_DEFINITION),
        CALL(DOMAIN_GET_EMULATOR_PIN_INFO, get_emulator_pin_info, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_IMPACT | NEED_DEFINITION),
};
const RpcTable qemu_pins_table = RPC_TABLE(rows);
