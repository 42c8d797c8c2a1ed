/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh vcpupin, emulatorpin, iothreadpin: the CPUs of the host that a guest's threads may run on. */

#include "base/strings.h"
#include "calls/edit.h"
#include "calls/vcpus.h"
#include "guest/events.h"
#include "hostinfo/cpu.h"
#include "hotplug/ask.h"
#include "model/iothreads.h"
#include "rpc/typed-params.h"
#include "run/threads.h"
#include "run/unit-limits.h"

#define CPUS_MAX 4096U

typedef struct Pin {
        const char *element, *attribute;
        ThreadKind kind;
        unsigned id;
        char *cpus;             /* NULL: all of the host's, which is no pin */
        char *all;
} Pin;

static unsigned count_host_cpus(void) {
        uint8_t map[CPUS_MAX / 8] = {};
        unsigned online;
        int n = host_cpu_map(map, sizeof(map), &online);

        return n > 0 ? (unsigned) n : 1;
}

/* A client's map, of the CPUs that this host has. All of them is none in the definition. */
static int read_map(const uint8_t *map, unsigned len, Pin *p, Error *e) {
        uint64_t bits[CPUS_MAX / 64] = {}, every[CPUS_MAX / 64] = {};
        unsigned n_host = count_host_cpus(), n = 0;

        for (unsigned i = 0; i < n_host && i < CPUS_MAX; i++) {
                every[i / 64] |= UINT64_C(1) << i % 64;
                if (i < len * 8 && map[i / 8] >> i % 8 & 1) {
                        bits[i / 64] |= UINT64_C(1) << i % 64;
                        n++;
                }
        }
        if (n == 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "Empty cpu list for pinning");
        p->all = cpuset_format(every, CPUS_MAX);
        p->cpus = n < n_host ? cpuset_format(bits, CPUS_MAX) : NULL;
        return !p->all || (n < n_host && !p->cpus) ? -ENOMEM : 0;
}

static xmlNode *find_pin(xmlNode *tune, const Pin *p) {
        char number[16];

        snprintf(number, sizeof(number), "%u", p->id);
        XML_FOREACH(n, tune, p->element)
                if (!p->attribute || xml_attr_is(n, p->attribute, number))
                        return n;
        return NULL;
}

static int check_thread(const Definition *d, const Pin *p, Error *e) {
        uint64_t vcpus = 1;

        (void) xml_get_u64(definition_root(d), "vcpu", &vcpus);
        if (p->kind == THREAD_VCPU && p->id >= vcpus)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "vcpu %u is out of range of %s cpu count %llu",
                                 p->id, xml_attr(definition_root(d), "id") ? "live" : "persistent",
                                 (unsigned long long) vcpus);
        if (p->kind == THREAD_IOTHREAD && !definition_has_iothread(d, p->id))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "iothreadid %u not found", p->id);
        return 0;
}

static int edit_pin(Definition *d, const void *what, Error *e) {
        const Pin *p = what;
        xmlNode *tune = xml_ensure(definition_root(d), "cputune"), *n;
        int r = tune ? check_thread(d, p, e) : -ENOMEM;

        if (r < 0)
                return r;
        n = find_pin(tune, p);
        if (!p->cpus) {
                if (n)
                        xml_remove(n);
                if (!xml_child(tune, NULL))
                        xml_remove(tune);
                return 0;
        }
        if (!n) {
                n = xml_add(tune, p->element, NULL);
                if (!n || (p->attribute && xml_set_attrf(n, p->attribute, "%u", p->id) < 0))
                        return -ENOMEM;
        }
        return xml_set_attr(n, "cpuset", p->cpus);
}

/* The unit must be allowed the CPUs before the thread can have them. */
static int apply_pin(Guest *g, const Definition *live, const void *what, Error *e) {
        const Pin *p = what;
        const char *otherwise = xml_get(definition_root(live), "vcpu/@cpuset") ?: p->all;
        _cleanup_free_ char *threads = NULL;
        int r = edit_apply_unit(g, live, what, e);

        if (r < 0)
                return r;
        if (p->kind == THREAD_VCPU && !vcpu_is_on(live, p->id))
                return 0; /* it gets them when it is plugged in */
        r = guest_list_threads(g, p->kind, p->id, &threads, e);
        return r < 0 ? r : plug_ask_pin(g, threads, p->cpus ?: otherwise, e);
}

/* "cputune.vcpupin1": the emulator's has no number. */
static void tell_pin(const Guest *g, const Pin *p) {
        char number[16] = "", name[32];
        remote_typed_param param = {
                name, { TYPED_PARAM_STRING, { .s = p->cpus ?: p->all } } };

        if (p->attribute)
                snprintf(number, sizeof(number), "%u", p->id);
        snprintf(name, sizeof(name), "%s%s", p->element, number);
        emit_tunable(g, "cputune", NULL, &param, 1);
}

static int pin(Call *c, Guest *g, Pin p, const char *map, unsigned len, Error *e) {
        int r = read_map((const uint8_t *) map, len, &p, e);

        if (r >= 0)
                r = edit_definitions(c, g, &(Edit) { edit_pin, apply_pin, &p, "pins" }, e);
        if (r >= 0 && call_affects_live(c))
                tell_pin(g, &p);
        free(p.cpus);
        free(p.all);
        return r;
}

static int pin_vcpu(Call *c, Guest *g, const remote_domain_pin_vcpu_args *args, rpc_void *ret, Error *e) {
        return pin(c, g, (Pin) { "vcpupin", "vcpu", THREAD_VCPU, args->vcpu, NULL, NULL }, args->cpumap.cpumap_val,
                   args->cpumap.cpumap_len, e);
}

static int pin_vcpu_flags(Call *c, Guest *g, const remote_domain_pin_vcpu_flags_args *args, rpc_void *ret, Error *e) {
        return pin(c, g, (Pin) { "vcpupin", "vcpu", THREAD_VCPU, args->vcpu, NULL, NULL }, args->cpumap.cpumap_val,
                   args->cpumap.cpumap_len, e);
}

static int pin_emulator(Call *c, Guest *g, const remote_domain_pin_emulator_args *args, rpc_void *ret, Error *e) {
        return pin(c, g, (Pin) { "emulatorpin", NULL, THREAD_EMULATOR, 0, NULL, NULL }, args->cpumap.cpumap_val,
                   args->cpumap.cpumap_len, e);
}

static int pin_iothread(Call *c, Guest *g, const remote_domain_pin_iothread_args *args, rpc_void *ret, Error *e) {
        return pin(c, g, (Pin) { "iothreadpin", "iothread", THREAD_IOTHREAD, args->iothreads_id, NULL, NULL },
                   args->cpumap.cpumap_val, args->cpumap.cpumap_len, e);
}

#define FLAGS (AFFECT_LIVE | AFFECT_CONFIG)
#define NEEDS (NEED_LOCK | NEED_IMPACTS)

static const RpcHandler rows[] = {
        CALL(DOMAIN_PIN_VCPU, pin_vcpu, .needs = NEEDS | NEED_ACTIVE),
        CALL(DOMAIN_PIN_VCPU_FLAGS, pin_vcpu_flags, .flags = FLAGS, .needs = NEEDS),
        CALL(DOMAIN_PIN_EMULATOR, pin_emulator, .flags = FLAGS, .needs = NEEDS),
        CALL(DOMAIN_PIN_IOTHREAD, pin_iothread, .flags = FLAGS, .needs = NEEDS),
};
const RpcTable qemu_pin_table = RPC_TABLE(rows);
