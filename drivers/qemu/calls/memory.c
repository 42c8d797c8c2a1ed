/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much memory a guest has: now, by its balloon, and from its next start on, by its definition. */

#include <inttypes.h>

#include "base/strings.h"
#include "calls/edit.h"
#include "qemu/args.h"
#include "run/monitor.h"

#define MEMORY_MAXIMUM 4U /* virDomainMemoryModFlags */

static int refuse_more(uint64_t most, Error *e) {
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                         "cannot set memory higher than max memory (%" PRIu64 " KiB)", most);
}

static int set_live(Guest *g, uint64_t kib, Error *e) {
        GuestFacts facts;
        int r;

        r = guest_facts(g, true, &facts, e);
        if (r < 0)
                return r;
        if (kib > facts.memory_kib)
                return refuse_more(facts.memory_kib, e);
        return guest_command(g, "balloon", json_pack("{s:I}", "value", (json_int_t) (kib * 1024U)), NULL, e);
}

static int write_kib(xmlNode *root, const char *element, uint64_t kib) {
        xmlNode *n = xml_ensure(root, element);
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, kib);
        return !n || xml_set_attr(n, "unit", "KiB") < 0 || xml_set_text(n, text) < 0 ? -ENOMEM : 0;
}

static int set_config(Guest *g, uint64_t kib, bool maximum, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        GuestFacts facts;
        int r;

        r = guest_facts(g, false, &facts, e);
        if (r >= 0)
                r = object_load(&g->object, OBJECT_INACTIVE, &d, e);
        if (r < 0)
                return r;
        if (!maximum && kib > facts.memory_kib)
                return refuse_more(facts.memory_kib, e);
        if (maximum)
                r = write_kib(definition_root(d), "memory", kib);
        if (r >= 0)
                r = write_kib(definition_root(d), "currentMemory", maximum ? MIN(kib, facts.current_kib) : kib);
        if (r >= 0)
                r = object_write(&kind_domain, STORE_PERSISTENT, g->object.name, d, NULL, e);
        if (r >= 0)
                (void) index_refresh_quietly(g->driver, g->object.name);
        return r;
}

static int check_size(uint64_t kib, Error *e) {
        if (kib > 0 && kib <= UINT64_MAX / 1024U / 2U)
                return 0;
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                         "memory has to be more than 0 KiB, and a number of bytes");
}

static int change(Call *c, Guest *g, uint64_t kib, bool maximum, Error *e) {
        int r = check_size(kib, e);

        if (r < 0)
                return r;
        if (maximum && call_affects_live(c))
                return object_refuse(&g->object, e, "cannot resize the maximum memory on an active domain");
        if (call_affects_live(c))
                r = set_live(g, kib, e);
        return r >= 0 && call_affects_config(c) ? set_config(g, kib, maximum, e) : r;
}

static int set_memory_flags(Call *c, Guest *g, const remote_domain_set_memory_flags_args *args, rpc_void *ret,
                            Error *e) {
        return change(c, g, args->memory, args->flags & MEMORY_MAXIMUM, e);
}

/* Of what runs alone, as the old form has it. */
static int set_memory(Call *c, Guest *g, const remote_domain_set_memory_args *args, rpc_void *ret, Error *e) {
        return set_live(g, args->memory, e);
}

/* The old form: of a definition; what runs is refused. */
static int set_max_memory(Call *c, Guest *g, const remote_domain_set_max_memory_args *args, rpc_void *ret, Error *e) {
        int r = check_size(args->memory, e);

        if (r < 0)
                return r;
        if (guest_is_active(g))
                return object_refuse(&g->object, e, "cannot resize the maximum memory on an active domain");
        return set_config(g, args->memory, true, e);
}

/* --- how often the guest's balloon driver reports --- */

static int edit_period(Definition *d, const void *what, Error *e) {
        xmlNode *balloon = xml_child(definition_devices(d), "memballoon"), *stats;
        int period = *(const int *) what;

        if (!balloon || xml_attr_is(balloon, "model", "none"))
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "No memory balloon device configured, can not set the collection period");
        if (period == 0) {
                xml_remove_children(balloon, "stats");
                return 0;
        }
        stats = xml_ensure(balloon, "stats");
        if (!stats || xml_set_attrf(stats, "period", "%i", period) < 0)
                return -ENOMEM;
        definition_sort(d);
        return 0;
}

static int apply_period(Guest *g, const Definition *live, const void *what, Error *e) {
        json_t *args = json_pack("{s:s,s:s,s:i}", "path", QEMU_BALLOON_PATH, "property", QEMU_BALLOON_PERIOD, "value",
                                 *(const int *) what);

        return guest_command(g, "qom-set", args, NULL, e);
}

static int set_period(Call *c, Guest *g, const remote_domain_set_memory_stats_period_args *args, rpc_void *ret,
                      Error *e) {
        if (args->period < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "period in virDomainSetMemoryStatsPeriod must be zero or greater");
        return edit_definitions(c, g, &(Edit) { edit_period, apply_period, &args->period, NULL }, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_SET_MAX_MEMORY, set_max_memory, .needs = NEED_LOCK | NEED_PERSISTENT),
        CALL(DOMAIN_SET_MEMORY_STATS_PERIOD, set_period, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_LOCK | NEED_IMPACTS),
        CALL(DOMAIN_SET_MEMORY, set_memory, .needs = NEED_LOCK | NEED_ACTIVE),
        CALL(DOMAIN_SET_MEMORY_FLAGS, set_memory_flags, .flags = AFFECT_LIVE | AFFECT_CONFIG | MEMORY_MAXIMUM,
             .needs = NEED_LOCK | NEED_IMPACTS),
};
const RpcTable qemu_memory_table = RPC_TABLE(rows);
