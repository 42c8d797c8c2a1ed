/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Figures of all guests in one reply, and the single ones. A group is a function that adds the parameters it has; what QEMU
 * does not tell is left out, never zero. */

#include <sys/stat.h>

#include "base/strings.h"
#include "handlers.h"
#include "monitor.h"
#include "net-stats.h"
#include "process.h"
#include "rpc/typed-params.h"

#define STATS_STATE 1U
#define STATS_CPU_TOTAL 2U
#define STATS_BALLOON 4U
#define STATS_VCPU 8U
#define STATS_INTERFACE 16U
#define STATS_BLOCK 32U
#define STATS_SUPPORTED (STATS_STATE | STATS_CPU_TOTAL | STATS_BALLOON | STATS_VCPU | STATS_INTERFACE | STATS_BLOCK)

#define STATS_FLAG_STATES 0xffU          /* LIST_ACTIVE ... LIST_OTHER */
#define STATS_FLAG_NOWAIT (1U << 29)
#define STATS_FLAG_BACKING (1U << 30)
#define STATS_FLAG_ENFORCE (1U << 31)

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

/* What the guest's balloon driver reported last; the alias of the device is always the same. */
static json_t *guest_memory_stats(Guest *g) {
        json_t *reply = NULL;
        json_t *args = json_pack("{s:s,s:s}", "path", "/machine/peripheral/balloon0", "property", "guest-stats");

        if (!args || guest_command(g, "qom-get", args, &reply, NULL) < 0)
                return NULL;
        return reply;
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

static int balloon_actual(Guest *g, uint64_t *ret) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        GuestFacts facts;
        int r;

        if (guest_is_active(g) && g->run->balloon_kib == 0 && guest_command(g, "query-balloon", NULL, &reply, NULL) >= 0 &&
            g->run)
                g->run->balloon_kib = (uint64_t) json_integer_value(json_object_get(reply, "actual")) / 1024U;
        if (guest_is_active(g) && g->run->balloon_kib > 0) {
                *ret = g->run->balloon_kib;
                return 0;
        }
        r = guest_facts(g, guest_is_active(g), &facts, NULL);
        *ret = facts.current_kib;
        return r;
}

static void add_balloon(Guest *g, TypedParams *p) {
        _cleanup_(json_decrefp) json_t *stats = NULL, *wrapper = NULL;
        uint64_t v;
        GuestFacts facts;

        if (balloon_actual(g, &v) >= 0)
                typed_params_add_ullong(p, "balloon.current", v);
        if (guest_facts(g, guest_is_active(g), &facts, NULL) >= 0)
                typed_params_add_ullong(p, "balloon.maximum", facts.memory_kib);
        if (!guest_is_active(g))
                return;
        wrapper = guest_memory_stats(g);
        stats = json_incref(json_object_get(wrapper, "stats"));
        for (size_t i = 0; i < ELEMENTSOF(memory_fields); i++)
                if (memory_value(stats, i, &v))
                        typed_params_add_ullong(p, memory_fields[i].name, v);
        if (json_integer_value(json_object_get(wrapper, "last-update")) > 0)
                typed_params_add_ullong(p, "balloon.last-update",
                                        (uint64_t) json_integer_value(json_object_get(wrapper, "last-update")));
        if (guest_is_active(g) && process_rss(g, &v) >= 0)
                typed_params_add_ullong(p, "balloon.rss", v);
}

/* --- processors --- */

static void add_state(Guest *g, TypedParams *p) {
        int reason;
        DomainState state = guest_public_state(g, &reason);

        typed_params_add_int(p, "state.state", (int) state);
        typed_params_add_int(p, "state.reason", reason);
}

static void add_cpu(Guest *g, TypedParams *p) {
        uint64_t total, user, system;

        if (!guest_is_active(g) || process_cpu_time(g, &total, &user, &system) < 0)
                return;
        typed_params_add_ullong(p, "cpu.time", total);
        typed_params_add_ullong(p, "cpu.user", user);
        typed_params_add_ullong(p, "cpu.system", system);
}

static void add_vcpus(Guest *g, TypedParams *p) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        GuestFacts facts;
        json_t *cpu;
        size_t i;

        if (guest_facts(g, guest_is_active(g), &facts, NULL) < 0)
                return;
        typed_params_add_uint(p, "vcpu.current", facts.vcpus);
        typed_params_add_uint(p, "vcpu.maximum", facts.vcpus_max);
        if (!guest_is_active(g) || guest_command(g, "query-cpus-fast", NULL, &reply, NULL) < 0)
                return;
        json_array_foreach(reply, i, cpu) {
                json_int_t index = json_integer_value(json_object_get(cpu, "cpu-index"));
                json_int_t tid = json_integer_value(json_object_get(cpu, "thread-id"));
                uint64_t nsec;
                int host_cpu;

                if (index < 0 || index >= facts.vcpus_max || tid <= 0)
                        continue;
                typed_params_add_int(p, TYPED_PARAM_NAME("vcpu.%i.state", (int) index), 1);
                if (process_thread_time(g, (pid_t) tid, &nsec, &host_cpu) >= 0)
                        typed_params_add_ullong(p, TYPED_PARAM_NAME("vcpu.%i.time", (int) index), nsec);
        }
}

/* --- interfaces --- */

static void add_interfaces(Guest *g, TypedParams *p) {
        _cleanup_definition_ Definition *d = NULL;
        unsigned n = 0;

        if (!guest_is_active(g) || guest_load_live(g, &d, NULL) < 0)
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

/* --- disks --- */

static const struct {
        const char *qemu;
        const char *name;
} block_fields[] = {
        { "rd_operations", "rd.reqs" },  { "rd_bytes", "rd.bytes" },          { "rd_total_time_ns", "rd.times" },
        { "wr_operations", "wr.reqs" },  { "wr_bytes", "wr.bytes" },          { "wr_total_time_ns", "wr.times" },
        { "flush_operations", "fl.reqs" }, { "flush_total_time_ns", "fl.times" },
};

/* The entry of query-blockstats for a disk: its device is in QEMU's tree under the disk's alias. */
json_t *qmp_block_entry(json_t *list, const char *alias) {
        json_t *entry;
        size_t i;

        json_array_foreach(list, i, entry) {
                const char *path = alias ? json_string_value(json_object_get(entry, "qdev")) : NULL;
                const char *p = path ? startswith(path, "/machine/peripheral/") : NULL;
                size_t n = p ? strcspn(p, "/") : 0;

                if (p ? strlen(alias) == n && strncmp(p, alias, n) == 0 : streq_ptr(path, alias))
                        return entry;
        }
        return NULL;
}

static void add_block_sizes(const char *path, unsigned n, TypedParams *p) {
        struct stat st;

        if (!path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        typed_params_add_ullong(p, TYPED_PARAM_NAME("block.%u.physical", n), (uint64_t) st.st_size);
}

static void add_blocks(Guest *g, TypedParams *p) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_(json_decrefp) json_t *stats = NULL;
        unsigned n = 0;

        if (guest_load_current(g, &d, NULL) < 0)
                return;
        if (guest_is_active(g))
                (void) guest_command(g, "query-blockstats", NULL, &stats, NULL);
        XML_FOREACH(disk, definition_devices(d), "disk") {
                const char *alias = device_alias(disk), *path = xml_get(disk, "source/@file");
                json_t *values = alias ? json_object_get(qmp_block_entry(stats, alias), "stats") : NULL;

                typed_params_add_string(p, TYPED_PARAM_NAME("block.%u.name", n), xml_get(disk, "target/@dev"));
                if (!path)
                        path = xml_get(disk, "source/@dev");
                typed_params_add_string(p, TYPED_PARAM_NAME("block.%u.path", n), path);
                for (size_t i = 0; i < ELEMENTSOF(block_fields); i++) {
                        json_t *v = json_object_get(values, block_fields[i].qemu);

                        if (json_is_integer(v) && json_integer_value(v) >= 0)
                                typed_params_add_ullong(p, TYPED_PARAM_NAME("block.%u.%s", n, block_fields[i].name),
                                                        (uint64_t) json_integer_value(v));
                }
                add_block_sizes(path, n, p);
                n++;
        }
        typed_params_add_uint(p, "block.count", n);
}

/* --- all --- */

static const struct {
        unsigned group;
        void (*add)(Guest *g, TypedParams *p);
} groups[] = {
        { STATS_STATE, add_state },         { STATS_CPU_TOTAL, add_cpu },       { STATS_BALLOON, add_balloon },
        { STATS_VCPU, add_vcpus },          { STATS_INTERFACE, add_interfaces }, { STATS_BLOCK, add_blocks },
};

static int add_record(Guest *g, unsigned stats, remote_domain_stats_record *ret) {
        _cleanup_typed_params_ TypedParams p = {};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if (stats & groups[i].group)
                        groups[i].add(g, &p);
        r = guest_to_wire(g, &ret->dom);
        return r < 0 ? r : typed_params_take(&p, &ret->params.params_val, &ret->params.params_len);
}

static bool state_is_wanted(const Guest *g, uint32_t flags) {
        DomainState s = guest_public_state(g, NULL);
        uint32_t states = flags & (LIST_RUNNING | LIST_PAUSED | LIST_SHUTOFF | LIST_OTHER);
        uint32_t active = flags & (LIST_ACTIVE | LIST_INACTIVE), kept = flags & (LIST_PERSISTENT | LIST_TRANSIENT);
        uint32_t is = s == DOMAIN_RUNNING ? LIST_RUNNING : s == DOMAIN_PAUSED ? LIST_PAUSED : s == DOMAIN_SHUTOFF ? LIST_SHUTOFF : LIST_OTHER;

        return guest_is_visible(g) && (!states || states & is) &&
               (!active || active & (guest_is_active(g) ? LIST_ACTIVE : LIST_INACTIVE)) &&
               (!kept || kept & (g->persistent ? LIST_PERSISTENT : LIST_TRANSIENT));
}

/* The guests that the client named, or all. */
static int choose(Call *c, const remote_connect_get_all_domain_stats_args *args, Guest ***ret, size_t *ret_n, Error *e) {
        Guest **list;
        size_t n = 0;
        int r;

        if (args->doms.doms_len == 0)
                return guests_snapshot(driver_of(c), ret, ret_n);
        list = calloc(args->doms.doms_len, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (unsigned i = 0; i < args->doms.doms_len; i++) {
                Guest *g = guests_visible_by_uuid(driver_of(c), (const uint8_t *) args->doms.doms_val[i].uuid);

                if (!g) {
                        r = error_no_domain_uuid(e, (const uint8_t *) args->doms.doms_val[i].uuid, args->doms.doms_val[i].name);
                        guests_release(list, n);
                        return r;
                }
                list[n++] = guest_ref(g);
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

int connect_get_all_domain_stats(Call *c, const remote_connect_get_all_domain_stats_args *args,
                                remote_connect_get_all_domain_stats_ret *ret, Error *e) {
        unsigned stats = args->stats ? args->stats : STATS_SUPPORTED;
        Guest **list;
        size_t n;
        int r;

        r = call_check_flags(c, args->flags, STATS_FLAG_STATES | STATS_FLAG_NOWAIT | STATS_FLAG_BACKING | STATS_FLAG_ENFORCE, e);
        if (r < 0)
                return r;
        if (args->flags & STATS_FLAG_ENFORCE && stats & ~STATS_SUPPORTED)
                return error_set(e, -EINVAL, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "Stats types bits 0x%x are not supported by this daemon or QEMU", stats & ~STATS_SUPPORTED);
        r = choose(c, args, &list, &n, e);
        if (r < 0)
                return r;
        ret->retStats.retStats_val = calloc(n + 1, sizeof(remote_domain_stats_record));
        r = ret->retStats.retStats_val ? 0 : -ENOMEM;
        for (size_t i = 0; i < n && r >= 0; i++) {
                guest_wait_settled(list[i]);
                if (list[i]->gone || !state_is_wanted(list[i], args->flags) || domain_filter(c, list[i]) <= 0)
                        continue;
                r = add_record(list[i], stats, &ret->retStats.retStats_val[ret->retStats.retStats_len++]);
        }
        guests_release(list, n);
        return r;
}

int domain_memory_stats(Call *c, const remote_domain_memory_stats_args *args, remote_domain_memory_stats_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        _cleanup_(json_decrefp) json_t *wrapper = NULL;
        remote_domain_memory_stat *list;
        uint64_t v;
        unsigned n = 0;
        int r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r >= 0)
                r = domain_get_active(c, &args->dom, args->flags, &g, e);
        if (r < 0)
                return r;
        if (args->maxStats > REMOTE_DOMAIN_MEMORY_STATS_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "too many memory stats requested");
        list = calloc(ELEMENTSOF(memory_fields) + 3, sizeof(*list));
        if (!list)
                return -ENOMEM;
        ret->stats.stats_val = list;
        if (balloon_actual(g, &v) >= 0)
                list[n++] = (remote_domain_memory_stat) { MEMORY_ACTUAL, v };
        wrapper = guest_memory_stats(g);
        for (size_t i = 0; i < ELEMENTSOF(memory_fields); i++)
                if (memory_value(json_object_get(wrapper, "stats"), i, &v))
                        list[n++] = (remote_domain_memory_stat) { memory_fields[i].tag, v };
        if (json_integer_value(json_object_get(wrapper, "last-update")) > 0)
                list[n++] = (remote_domain_memory_stat) {
                        MEMORY_LAST_UPDATE, (uint64_t) json_integer_value(json_object_get(wrapper, "last-update")) };
        if (guest_is_active(g) && process_rss(g, &v) >= 0)
                list[n++] = (remote_domain_memory_stat) { MEMORY_RSS, v };
        ret->stats.stats_len = MIN(n, args->maxStats);
        return 0;
}
