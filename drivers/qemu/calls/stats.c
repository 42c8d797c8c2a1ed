/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Figures of all guests in one reply, and the single ones. A group is a function that adds the parameters it has; what
 * QEMU does not tell is left out, never zero. */

#include "base/strings.h"
#include "calls/calls.h"
#include "calls/stats-block.h"
#include "calls/stats-counted.h"
#include "object/list.h"
#include "rpc/typed-params.h"
#include "run/monitor.h"
#include "qemu/args.h"
#include "run/net-stats.h"
#include "run/process.h"

#define STATS_STATE 1U
#define STATS_CPU_TOTAL 2U
#define STATS_BALLOON 4U
#define STATS_VCPU 8U
#define STATS_INTERFACE 16U
#define STATS_BLOCK 32U
#define STATS_PERF 64U
#define STATS_IOTHREAD 128U
#define STATS_MEMORY 256U
#define STATS_SUPPORTED (STATS_STATE | STATS_CPU_TOTAL | STATS_BALLOON | STATS_VCPU | STATS_INTERFACE | \
                         STATS_BLOCK | STATS_PERF | STATS_IOTHREAD | STATS_MEMORY)

#define STATS_FLAG_STATES 0xffU          /* DOMAIN_LIST_ACTIVE ... DOMAIN_LIST_OTHER */
#define STATS_FLAG_NOWAIT (1U << 29)
#define STATS_FLAG_BACKING (1U << 30)
#define STATS_FLAG_ENFORCE (1U << 31)

#define STATS_DEADLINE (5U * 1000000U)  /* for all guests together, which are asked side by side */
#define SIDE_BY_SIDE 32U

int ask_qemu(const Ask *a, const char *command, json_t *arguments, json_t **ret) {
        if (!a->nowait && guest_is_active(a->guest))
                return guest_command_until(a->guest, command, arguments, a->deadline, ret, NULL);
        json_decref(arguments);
        return -ENODATA;
}

/* --- memory --- */

static const struct {
        const char *qemu;
        const char *name;
        int tag;        /* VIR_DOMAIN_MEMORY_STAT_x */
        unsigned scale; /* bytes of QEMU's unit to ours */
} memory_fields[] = {
        { "stat-swap-in", "balloon.swap_in", 0, 1024 },
        { "stat-swap-out", "balloon.swap_out", 1, 1024 },
        { "stat-major-faults", "balloon.major_fault", 2, 1 },
        { "stat-minor-faults", "balloon.minor_fault", 3, 1 },
        { "stat-free-memory", "balloon.unused", 4, 1024 },
        { "stat-total-memory", "balloon.available", 5, 1024 },
        { "stat-available-memory", "balloon.usable", 8, 1024 },
        { "stat-disk-caches", "balloon.disk_caches", 10, 1024 },
        { "stat-htlb-pgalloc", "balloon.hugetlb_pgalloc", 11, 1 },
        { "stat-htlb-pgfail", "balloon.hugetlb_pgfail", 12, 1 },
};
#define MEMORY_ACTUAL 6
#define MEMORY_RSS 7
#define MEMORY_LAST_UPDATE 9

/* What the guest's balloon driver reported last. */
static json_t *guest_memory_stats(const Ask *a) {
        json_t *reply = NULL;
        json_t *args = json_pack("{s:s,s:s}", "path", QEMU_BALLOON_PATH, "property", "guest-stats");

        return args && ask_qemu(a, "qom-get", args, &reply) >= 0 ? reply : NULL;
}

/* Fields that the guest did not report are all ones. */
static bool memory_value(json_t *stats, size_t i, uint64_t *ret) {
        json_t *v = json_object_get(stats, memory_fields[i].qemu);
        json_int_t n = json_is_integer(v) ? json_integer_value(v) : -1;

        if (n < 0)
                return false;
        *ret = (uint64_t) n / memory_fields[i].scale;
        return true;
}

static void add_balloon(const Ask *a, TypedParams *p) {
        Guest *g = a->guest;
        _cleanup_(json_decrefp) json_t *stats = NULL, *wrapper = NULL;
        uint64_t v;
        GuestFacts facts;

        if (guest_facts(g, guest_is_active(g), &facts, NULL) >= 0) {
                typed_params_add_ullong(p, "balloon.current", guest_balloon_kib(g, &facts));
                typed_params_add_ullong(p, "balloon.maximum", facts.memory_kib);
        }
        if (!guest_is_active(g))
                return;
        wrapper = guest_memory_stats(a);
        stats = json_incref(json_object_get(wrapper, "stats"));
        for (size_t i = 0; i < ELEMENTSOF(memory_fields); i++)
                if (memory_value(stats, i, &v))
                        typed_params_add_ullong(p, memory_fields[i].name, v);
        if (json_is_integer(json_object_get(wrapper, "last-update")))
                typed_params_add_ullong(p, "balloon.last-update",
                                        (uint64_t) json_integer_value(json_object_get(wrapper, "last-update")));
        if (guest_is_active(g) && process_rss(g, &v) >= 0)
                typed_params_add_ullong(p, "balloon.rss", v);
}

/* --- processors --- */

static void add_state(const Ask *a, TypedParams *p) {
        Guest *g = a->guest;
        int reason;
        DomainState state = guest_public_state(g, &reason);

        typed_params_add_int(p, "state.state", (int) state);
        typed_params_add_int(p, "state.reason", reason);
}

/* How long KVM has looked whether a vCPU that waits has something to do, with success and without: QEMU's figures of
 * all vCPUs. */
static void add_polling(const Ask *a, TypedParams *p) {
        static const char *const names[][2] = {
                { "halt_poll_success_ns", "cpu.haltpoll.success.time" },
                { "halt_poll_fail_ns", "cpu.haltpoll.fail.time" },
        };
        _cleanup_(json_decrefp) json_t *reply = NULL;
        uint64_t sums[ELEMENTSOF(names)] = {};
        json_t *vcpu, *one;
        GuestFacts facts;
        size_t i, k;

        if (guest_facts(a->guest, true, &facts, NULL) < 0 ||
            (facts.kvm && ask_qemu(a, "query-stats", json_pack("{s:s,s:[{s:s,s:[s,s]}]}", "target", "vcpu", "providers",
                                                               "provider", "kvm", "names", names[0][0], names[1][0]),
                                   &reply) < 0))
                return;
        json_array_foreach(reply, i, vcpu)
                json_array_foreach(json_object_get(vcpu, "stats"), k, one)
                        for (size_t n = 0; n < ELEMENTSOF(names); n++)
                                if (streq_ptr(json_string_value(json_object_get(one, "name")), names[n][0]))
                                        sums[n] += (uint64_t) json_integer_value(json_object_get(one, "value"));
        for (size_t n = 0; n < ELEMENTSOF(names); n++)
                typed_params_add_ullong(p, names[n][1], sums[n]);
}

static void add_cpu(const Ask *a, TypedParams *p) {
        Guest *g = a->guest;
        uint64_t total, user, system;

        if (!guest_is_active(g) || process_cpu_time(g, &total, &user, &system) < 0)
                return;
        typed_params_add_ullong(p, "cpu.time", total);
        typed_params_add_ullong(p, "cpu.user", user);
        typed_params_add_ullong(p, "cpu.system", system);
        stats_add_cache_monitors(a, p);
        add_polling(a, p);
}

static void add_vcpus(const Ask *a, TypedParams *p) {
        Guest *g = a->guest;
        _cleanup_(json_decrefp) json_t *reply = NULL;
        GuestFacts facts;
        json_t *cpu;
        size_t i;

        if (guest_facts(g, guest_is_active(g), &facts, NULL) < 0)
                return;
        typed_params_add_uint(p, "vcpu.current", facts.vcpus);
        typed_params_add_uint(p, "vcpu.maximum", facts.vcpus_max);
        if (ask_qemu(a, "query-cpus-fast", NULL, &reply) < 0)
                return;
        json_array_foreach(reply, i, cpu) {
                json_int_t index = json_integer_value(json_object_get(cpu, "cpu-index"));
                json_int_t tid = json_integer_value(json_object_get(cpu, "thread-id"));
                ThreadTime t;

                if (index < 0 || index >= facts.vcpus_max || tid <= 0)
                        continue;
                typed_params_add_int(p, TYPED_PARAM_NAME("vcpu.%i.state", (int) index), 1);
                if (process_thread_time(g, (pid_t) tid, &t) < 0)
                        continue;
                typed_params_add_ullong(p, TYPED_PARAM_NAME("vcpu.%i.time", (int) index), t.nsec);
                if (t.has_waited) {
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("vcpu.%i.wait", (int) index), t.wait_nsec);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("vcpu.%i.delay", (int) index), t.delay_nsec);
                }
        }
}

/* --- interfaces --- */

static void add_interfaces(const Ask *a, TypedParams *p) {
        Guest *g = a->guest;
        _cleanup_definition_ Definition *d = NULL;
        unsigned n = 0;

        if (!guest_is_active(g) || object_load(&g->object, OBJECT_LIVE, &d, NULL) < 0)
                return;
        XML_FOREACH(net, definition_devices(d), "interface") {
                const char *name = xml_get(net, "target/@dev");
                NetStats s;

                if (name && net_stats_read(name, &s) >= 0) {
                        typed_params_add_string(p, TYPED_PARAM_NAME("net.%u.name", n), name);
                        /* The host's end sends what the guest receives. */
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.rx.bytes", n), s.tx_bytes);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.rx.pkts", n), s.tx_packets);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.rx.errs", n), s.tx_errors);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.rx.drop", n), s.tx_dropped);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.tx.bytes", n), s.rx_bytes);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.tx.pkts", n), s.rx_packets);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.tx.errs", n), s.rx_errors);
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("net.%u.tx.drop", n), s.rx_dropped);
                }
                n++;
        }
        typed_params_add_uint(p, "net.count", n);
}

/* --- I/O threads --- */

static void add_iothreads(const Ask *a, TypedParams *p) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        json_t *thread;
        unsigned id;
        size_t i;

        if (ask_qemu(a, "query-iothreads", NULL, &reply) < 0 || json_array_size(reply) == 0)
                return;
        typed_params_add_uint(p, "iothread.count", (unsigned) json_array_size(reply));
        json_array_foreach(reply, i, thread) {
                const char *name = json_string_value(json_object_get(thread, "id")) ?: "";
                const char *number = startswith(name, "iothread");

                if (!number || parse_uint(number, &id) < 0)
                        continue;
                typed_params_add_ullong(p, TYPED_PARAM_NAME("iothread.%u.poll-max-ns", id),
                                        (uint64_t) json_integer_value(json_object_get(thread, "poll-max-ns")));
                typed_params_add_uint(p, TYPED_PARAM_NAME("iothread.%u.poll-grow", id),
                                      (unsigned) json_integer_value(json_object_get(thread, "poll-grow")));
                typed_params_add_uint(p, TYPED_PARAM_NAME("iothread.%u.poll-shrink", id),
                                      (unsigned) json_integer_value(json_object_get(thread, "poll-shrink")));
        }
}

/* --- all --- */

static const struct {
        unsigned group;
        void (*add)(const Ask *a, TypedParams *p);
} groups[] = {
        { STATS_STATE, add_state },         { STATS_CPU_TOTAL, add_cpu },       { STATS_BALLOON, add_balloon },
        { STATS_VCPU, add_vcpus },          { STATS_INTERFACE, add_interfaces }, { STATS_BLOCK, stats_add_blocks },
        { STATS_PERF, stats_add_events },   { STATS_IOTHREAD, add_iothreads },
        { STATS_MEMORY, stats_add_memory_monitors },
};

static int add_record(const Ask *a, unsigned stats, remote_domain_stats_record *ret) {
        _cleanup_typed_params_ TypedParams p = {};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if (stats & groups[i].group)
                        groups[i].add(a, &p);
        r = object_to_wire(&a->guest->object, &ret->dom);
        return r < 0 ? r : typed_params_take(&p, &ret->params.params_val, &ret->params.params_len);
}

/* Guests are asked side by side, so that a mute one holds up nobody but itself. */
typedef struct Round {
        unsigned stats, n_running;
        bool nowait, backing;
        uint64_t deadline;
        FiberQueue waiters;
        int r;                  /* of the first that failed */
} Round;

typedef struct RecordJob {
        Round *round;
        Ask ask;
        remote_domain_stats_record *ret;
} RecordJob;

static void record_fiber(void *userdata) {
        RecordJob *j = userdata;
        int r = add_record(&j->ask, j->round->stats, j->ret);

        if (j->round->r >= 0 && r < 0)
                j->round->r = r;
        j->round->n_running--;
        fiber_queue_wake_all(&j->round->waiters, 0);
        guest_unref(j->ask.guest);
        free(j);
}

static int wait_until(Round *round, unsigned n) {
        int r = 0;

        /* Those that run hold pointers to the reply and to this: nothing ends before they do. */
        while (round->n_running > n)
                r = fiber_queue_wait(&round->waiters, FIBER_FOREVER) < 0 && n > 0 ? -ECANCELED : r;
        return r;
}

static int add_one(Call *c, Round *round, Guest *g, remote_domain_stats_record *ret) {
        const Ask ask = {
                .guest = g, .nowait = round->nowait, .backing = round->backing, .deadline = round->deadline,
        };
        RecordJob *j;

        if (round->nowait || !guest_is_active(g))
                return add_record(&ask, round->stats, ret);
        j = malloc(sizeof(*j));
        if (!j)
                return -ENOMEM;
        *j = (RecordJob) { .round = round, .ask = ask, .ret = ret };
        guest_ref(g);
        if (fiber_spawn(call_loop(c), record_fiber, j, NULL) < 0) {
                guest_unref(g);
                free(j);
                return add_record(&ask, round->stats, ret);
        }
        round->n_running++;
        return wait_until(round, SIDE_BY_SIDE);
}

/* The guests that the client named, or all. */
static int choose(Call *c, const remote_connect_get_all_domain_stats_args *args, Object ***ret, size_t *ret_n,
                  Error *e) {
        Object **list;
        size_t n = 0;
        int r;

        if (args->doms.doms_len == 0)
                return object_snapshot(call_index(c), NULL, ret, ret_n);
        list = calloc(args->doms.doms_len, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (unsigned i = 0; i < args->doms.doms_len; i++) {
                const remote_nonnull_domain *dom = &args->doms.doms_val[i];
                Object *o = object_by_uuid(call_index(c), (const uint8_t *) dom->uuid);

                if (!o || !object_is_visible(o)) {
                        r = object_none_uuid(&kind_domain, (const uint8_t *) dom->uuid, dom->name, e);
                        object_release(list, n);
                        return r;
                }
                list[n++] = object_ref(o);
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

static int get_all_stats(Call *c, const remote_connect_get_all_domain_stats_args *args,
                         remote_connect_get_all_domain_stats_ret *ret, Error *e) {
        unsigned stats = args->stats ? args->stats : STATS_SUPPORTED;
        Round round = { .stats = stats,
                        .nowait = args->flags & STATS_FLAG_NOWAIT,
                        .backing = args->flags & STATS_FLAG_BACKING };
        Object **list;
        size_t n;
        int r;

        if (args->flags & STATS_FLAG_ENFORCE && stats & ~STATS_SUPPORTED)
                return error_set(e, -EINVAL, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "Stats types bits 0x%x are not supported by this daemon or QEMU",
                                 stats & ~STATS_SUPPORTED);
        r = choose(c, args, &list, &n, e);
        if (r < 0)
                return r;
        (void) sd_event_now(loop_event(call_loop(c)), CLOCK_MONOTONIC, &round.deadline);
        round.deadline += STATS_DEADLINE;
        ret->retStats.retStats_val = calloc(n + 1, sizeof(remote_domain_stats_record));
        r = ret->retStats.retStats_val ? 0 : -ENOMEM;
        for (size_t i = 0; i < n && r >= 0; i++) {
                Guest *g = guest_of(list[i]);

                if (!round.nowait)
                        guest_wait_settled(g);
                if (object_is_visible(list[i]) && object_fits(list[i], args->flags & STATS_FLAG_STATES) &&
                    object_may_show(c, list[i]))
                        r = add_one(c, &round, g, &ret->retStats.retStats_val[ret->retStats.retStats_len++]);
        }
        (void) wait_until(&round, 0);
        if (r >= 0)
                r = round.r;
        object_release(list, n);
        return r;
}

static int memory_stats(Call *c, Guest *g, const remote_domain_memory_stats_args *args,
                        remote_domain_memory_stats_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *wrapper = NULL;
        remote_domain_memory_stat *list;
        uint64_t v;
        Ask ask = { .guest = g };
        GuestFacts facts;
        unsigned n = 0;

        if (args->maxStats > REMOTE_DOMAIN_MEMORY_STATS_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many memory stats requested");
        list = calloc(ELEMENTSOF(memory_fields) + 3, sizeof(*list));
        if (!list)
                return -ENOMEM;
        ret->stats.stats_val = list;
        if (guest_facts(g, true, &facts, NULL) >= 0)
                list[n++] = (remote_domain_memory_stat) { MEMORY_ACTUAL, guest_balloon_kib(g, &facts) };
        (void) sd_event_now(loop_event(call_loop(c)), CLOCK_MONOTONIC, &ask.deadline);
        ask.deadline += STATS_DEADLINE;
        wrapper = guest_memory_stats(&ask);
        for (size_t i = 0; i < ELEMENTSOF(memory_fields); i++)
                if (memory_value(json_object_get(wrapper, "stats"), i, &v))
                        list[n++] = (remote_domain_memory_stat) { memory_fields[i].tag, v };
        if (json_is_integer(json_object_get(wrapper, "last-update")))
                list[n++] = (remote_domain_memory_stat) {
                        MEMORY_LAST_UPDATE, (uint64_t) json_integer_value(json_object_get(wrapper, "last-update")) };
        if (guest_is_active(g) && process_rss(g, &v) >= 0)
                list[n++] = (remote_domain_memory_stat) { MEMORY_RSS, v };
        ret->stats.stats_len = MIN(n, args->maxStats);
        return 0;
}

/* --- one guest's processors --- */

#define CPU_STATS_TOTAL (-1) /* in place of the first CPU's number */

/* Who asks for no CPU wants to know how many there are; who asks for no parameter, how many of those. Version 2 of the
 * control groups does not count by CPU. */
static int cpu_stats(Call *c, Guest *g, const remote_domain_get_cpu_stats_args *args,
                     remote_domain_get_cpu_stats_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams p = {};
        uint64_t total, user, system;
        int r;

        if (args->start_cpu != CPU_STATS_TOTAL && args->ncpus == 0) {
                ret->nparams = (int) sysconf(_SC_NPROCESSORS_CONF);
                return 0;
        }
        if (args->start_cpu != CPU_STATS_TOTAL)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "the kernel counts no processor time by CPU: ask for the total (--total)");
        r = process_cpu_time(g, &total, &user, &system);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot read the processor time of the domain");
        typed_params_add_ullong(&p, "cpu_time", total);
        typed_params_add_ullong(&p, "user_time", user);
        typed_params_add_ullong(&p, "system_time", system);
        ret->nparams = (int) p.len;
        return args->nparams == 0 ? 0 : typed_params_take(&p, &ret->params.params_val, &ret->params.params_len);
}

#define STATS_FLAGS (STATS_FLAG_STATES | STATS_FLAG_NOWAIT | STATS_FLAG_BACKING | STATS_FLAG_ENFORCE)

static const RpcHandler rows[] = {
        PLAIN(CONNECT_GET_ALL_DOMAIN_STATS, get_all_stats, .flags = STATS_FLAGS),
        CALL(DOMAIN_MEMORY_STATS, memory_stats, .needs = NEED_ACTIVE),
        CALL(DOMAIN_GET_CPU_STATS, cpu_stats, .flags = TYPED_PARAM_STRING_OKAY, .needs = NEED_ACTIVE),
};
const RpcTable qemu_stats_table = RPC_TABLE(rows);
