/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh iothreadinfo, iothreadadd, iothreaddel: threads that do the work of disks. */

#include <sched.h>

#include "base/strings.h"
#include "calls/edit.h"
#include "hostinfo/cpu.h"
#include "hotplug/thread-limits.h"
#include "model/iothreads.h"
#include "rpc/typed-params.h"
#include "run/monitor.h"
#include "run/threads.h"

#define MAP_BYTES 512U /* 4096 CPUs */

/* --- what there is --- */

static const char *cpus_of(const Definition *d, unsigned id) {
        unsigned v;

        XML_FOREACH(pin, xml_child(definition_root(d), "cputune"), "iothreadpin")
                if (xml_attr_uint(pin, "iothread", &v) >= 0 && v == id)
                        return xml_attr(pin, "cpuset");
        return xml_get(definition_root(d), "vcpu/@cpuset");
}

static int fill_map(const char *cpus, remote_domain_iothread_info *ret) {
        uint64_t bits[MAP_BYTES / 8] = {};
        uint8_t online_map[MAP_BYTES] = {};
        unsigned online;
        int n = host_cpu_map(online_map, sizeof(online_map), &online);

        if (n <= 0)
                n = 1;
        if (cpus && cpuset_parse(cpus, bits, MAP_BYTES * 8) < 0)
                return -EINVAL;
        ret->cpumap.cpumap_len = ((unsigned) n + 7) / 8;
        ret->cpumap.cpumap_val = calloc(1, ret->cpumap.cpumap_len);
        if (!ret->cpumap.cpumap_val)
                return -ENOMEM;
        for (int i = 0; i < n; i++)
                if (!cpus || bits[i / 64] >> i % 64 & 1)
                        ret->cpumap.cpumap_val[i / 8] = (char) (ret->cpumap.cpumap_val[i / 8] | 1 << i % 8);
        return 0;
}

static int get_info(Call *c, Guest *g, const remote_domain_get_iothread_info_args *args,
                    remote_domain_get_iothread_info_ret *ret, Error *e) {
        const Definition *d = call_definition(c);
        size_t n = MIN(definition_iothreads(d, NULL, 0), (size_t) REMOTE_IOTHREAD_INFO_MAX);
        _cleanup_free_ unsigned *ids = calloc(n + 1, sizeof(*ids));

        ret->info.info_val = calloc(n + 1, sizeof(*ret->info.info_val));
        if (!ids || !ret->info.info_val)
                return -ENOMEM;
        (void) definition_iothreads(d, ids, n);
        while (ret->info.info_len < n) {
                remote_domain_iothread_info *one = &ret->info.info_val[ret->info.info_len];
                int r;

                one->iothread_id = ids[ret->info.info_len++];
                r = fill_map(cpus_of(d, one->iothread_id), one);
                if (r < 0)
                        return r;
        }
        ret->ret = ret->info.info_len;
        return 0;
}

/* --- more and fewer --- */

static xmlNode *find(const Definition *d, unsigned id) {
        unsigned v;

        XML_FOREACH(n, xml_child(definition_root(d), "iothreadids"), "iothread")
                if (xml_attr_uint(n, "id", &v) >= 0 && v == id)
                        return n;
        return NULL;
}

static int write_count(Definition *d) {
        xmlNode *ids = xml_child(definition_root(d), "iothreadids"), *n = xml_ensure(definition_root(d), "iothreads");
        char text[16];
        unsigned count = 0;

        XML_FOREACH(id, ids, "iothread")
                count++;
        snprintf(text, sizeof(text), "%u", count);
        if (!n)
                return -ENOMEM;
        if (count > 0)
                return xml_set_text(n, text);
        xml_remove(n);
        xml_remove(ids);
        return 0;
}

static int edit_add(Definition *d, const void *what, Error *e) {
        const unsigned *id = what;
        xmlNode *ids, *n;

        if (definition_list_iothreads(d) < 0)
                return -ENOMEM;
        if (find(d, *id))
                return error_set(e, -EEXIST, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "an IOThread is already using iothread_id '%u'", *id);
        ids = xml_ensure(definition_root(d), "iothreadids");
        n = ids ? xml_add(ids, "iothread", NULL) : NULL;
        if (!n || xml_set_attrf(n, "id", "%u", *id) < 0)
                return -ENOMEM;
        return write_count(d);
}

static int apply_add(Guest *g, const Definition *live, const void *what, Error *e) {
        const unsigned *id = what;
        char name[32];
        int r;

        snprintf(name, sizeof(name), "iothread%u", *id);
        r = guest_command(g, "object-add", json_pack("{s:s,s:s}", "qom-type", "iothread", "id", name), NULL, e);
        return r < 0 ? r : thread_limits_of_iothread(g, live, *id, e);
}

static bool uses(const xmlNode *device, const char *id) {
        const xmlNode *driver = xml_child(device, "driver");

        if (xml_attr_is(driver, "iothread", id))
                return true;
        XML_FOREACH(t, xml_child(driver, "iothreads"), "iothread")
                if (xml_attr_is(t, "id", id))
                        return true;
        return false;
}

static int edit_del(Definition *d, const void *what, Error *e) {
        static const char *const users[] = { "disk", "controller" };
        const unsigned *id = what;
        xmlNode *n, *tune = xml_child(definition_root(d), "cputune");
        char number[16];

        if (definition_list_iothreads(d) < 0)
                return -ENOMEM;
        n = find(d, *id);
        snprintf(number, sizeof(number), "%u", *id);
        if (!n)
                return error_set(e, -ENOENT, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "cannot find IOThread '%u' in iothreadids list", *id);
        for (size_t i = 0; i < ELEMENTSOF(users); i++)
                XML_FOREACH(device, definition_devices(d), users[i])
                        if (uses(device, number))
                                return error_set(e, -EBUSY, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                                 "cannot remove IOThread %u since it is being used by %s '%s'", *id,
                                                 users[i], xml_get(device, "target/@dev") ?: xml_attr(device, "index"));
        xml_remove(n);
        for (xmlNode *pin = xml_child(tune, "iothreadpin"), *next; pin; pin = next) {
                next = xml_next(pin, "iothreadpin");
                if (xml_attr_is(pin, "iothread", number))
                        xml_remove(pin);
        }
        return write_count(d);
}

static int apply_del(Guest *g, const Definition *live, const void *what, Error *e) {
        const unsigned *id = what;
        char name[32];

        snprintf(name, sizeof(name), "iothread%u", *id);
        return guest_command(g, "object-del", json_pack("{s:s}", "id", name), NULL, e);
}

static int check_id(unsigned id, Error *e) {
        return id == 0 ? error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                   "invalid value of 0 for iothread_id")
                       : 0;
}

static int add(Call *c, Guest *g, const remote_domain_add_iothread_args *args, rpc_void *ret, Error *e) {
        int r = check_id(args->iothread_id, e);

        return r < 0 ? r : edit_definitions(c, g, &(Edit) { edit_add, apply_add, &args->iothread_id, NULL }, e);
}

static int del(Call *c, Guest *g, const remote_domain_del_iothread_args *args, rpc_void *ret, Error *e) {
        int r = check_id(args->iothread_id, e);

        return r < 0 ? r : edit_definitions(c, g, &(Edit) { edit_del, apply_del, &args->iothread_id, NULL }, e);
}

/* --- how one waits and how many work for it --- */

typedef struct Settings {
        unsigned id;
        const remote_typed_param *val;
        unsigned len;
} Settings;

/* Names of the parameter, in definitions and of QEMU's object. */
static const struct {
        const char *field, *attribute, *property;
        bool polls;
        int type;
} settings[] = {
        { "poll_max_ns", "max", "poll-max-ns", true, TYPED_PARAM_ULLONG },
        { "poll_grow", "grow", "poll-grow", true, TYPED_PARAM_UINT },
        { "poll_shrink", "shrink", "poll-shrink", true, TYPED_PARAM_UINT },
        { "thread_pool_min", "thread_pool_min", "thread-pool-min", false, TYPED_PARAM_INT },
        { "thread_pool_max", "thread_pool_max", "thread-pool-max", false, TYPED_PARAM_INT },
};

/* False where it is not asked for. */
static bool get_setting(const Settings *s, size_t i, uint64_t *ret) {
        const char *field = settings[i].field;
        unsigned u = 0;
        int n = 0, r;

        if (settings[i].type == TYPED_PARAM_ULLONG)
                return typed_params_get_ullong(s->val, s->len, field, ret) > 0;
        r = settings[i].type == TYPED_PARAM_UINT ? typed_params_get_uint(s->val, s->len, field, &u)
                                                 : typed_params_get_int(s->val, s->len, field, &n);
        *ret = settings[i].type == TYPED_PARAM_UINT ? u : (uint64_t) (int64_t) n;
        return r > 0;
}

static int check_settings(const Settings *s, Error *e) {
        uint64_t v;

        for (size_t i = 0; i < ELEMENTSOF(settings); i++)
                if (get_setting(s, i, &v) && settings[i].type == TYPED_PARAM_INT && (int64_t) v < 0)
                        return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                         "%s (%lld) must not be negative", settings[i].field, (long long) v);
                else if (get_setting(s, i, &v) && settings[i].type == TYPED_PARAM_UINT && v > INT32_MAX)
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "value of '%s' is out of range [0, %d]", settings[i].field, INT32_MAX);
        return 0;
}

static int edit_settings(Definition *d, const void *what, Error *e) {
        const Settings *s = what;
        xmlNode *thread, *at;
        uint64_t v;
        int r = 0;

        if (definition_list_iothreads(d) < 0)
                return -ENOMEM;
        thread = find(d, s->id);
        if (!thread)
                return error_set(e, -ENOENT, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "cannot find IOThread '%u' in iothreadids list", s->id);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(settings); i++) {
                if (!get_setting(s, i, &v))
                        continue;
                at = settings[i].polls ? xml_ensure(thread, "poll") : thread;
                r = at ? xml_set_attrf(at, settings[i].attribute, "%llu", (unsigned long long) v) : -ENOMEM;
        }
        return r;
}

/* The larger end of the pool first where it grows: QEMU refuses a lower end above it. */
static int apply_settings(Guest *g, const Definition *live, const void *what, Error *e) {
        const Settings *s = what;
        char path[64];
        uint64_t v;
        int r = 0;

        snprintf(path, sizeof(path), "/objects/iothread%u", s->id);
        for (size_t i = ELEMENTSOF(settings); r >= 0 && i-- > 0;)
                if (get_setting(s, i, &v))
                        r = guest_command(g, "qom-set",
                                          json_pack("{s:s,s:s,s:I}", "path", path, "property", settings[i].property,
                                                    "value", (json_int_t) v), NULL, e);
        return r;
}

static int set_params(Call *c, Guest *g, const remote_domain_set_iothread_params_args *args, rpc_void *ret, Error *e) {
        const Settings s = { args->iothread_id, args->params.params_val, args->params.params_len };
        TypedParamRule rules[ELEMENTSOF(settings)];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(settings); i++)
                rules[i] = (TypedParamRule) { settings[i].field, settings[i].type, false };
        r = check_id(args->iothread_id, e);
        if (r >= 0)
                r = typed_params_validate(s.val, s.len, rules, ELEMENTSOF(rules), e);
        if (r >= 0)
                r = check_settings(&s, e);
        return r < 0 ? r : edit_definitions(c, g, &(Edit) { edit_settings, apply_settings, &s, NULL }, e);
}

#define FLAGS (AFFECT_LIVE | AFFECT_CONFIG)
#define NEEDS (NEED_LOCK | NEED_IMPACTS)

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_IOTHREAD_INFO, get_info, .flags = FLAGS, .needs = NEED_IMPACT | NEED_DEFINITION),
        CALL(DOMAIN_ADD_IOTHREAD, add, .flags = FLAGS, .needs = NEEDS),
        CALL(DOMAIN_DEL_IOTHREAD, del, .flags = FLAGS, .needs = NEEDS),
        CALL(DOMAIN_SET_IOTHREAD_PARAMS, set_params, .flags = FLAGS, .needs = NEEDS),
};
const RpcTable qemu_iothreads_table = RPC_TABLE(rows);
