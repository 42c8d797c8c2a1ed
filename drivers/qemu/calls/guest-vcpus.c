/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh guestvcpus, and setvcpus --guest. */

#include "calls/guest-vcpus.h"
#include "base/strings.h"
#include "calls/calls.h"
#include "rpc/typed-params.h"
#include "run/agent.h"

#define VCPUS_MAX 4096U

typedef struct Vcpus {
        uint64_t known[VCPUS_MAX / 64], online[VCPUS_MAX / 64], offlinable[VCPUS_MAX / 64];
} Vcpus;

static bool has(const uint64_t *set_of_vcpus, unsigned i) {
        return set_of_vcpus[i / 64] >> i % 64 & 1;
}

static void put(uint64_t *set_of_vcpus, unsigned i, bool v) {
        if (v)
                set_of_vcpus[i / 64] |= UINT64_C(1) << i % 64;
        else
                set_of_vcpus[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static unsigned count(const uint64_t *set_of_vcpus) {
        unsigned n = 0;

        for (size_t i = 0; i < VCPUS_MAX / 64; i++)
                n += (unsigned) __builtin_popcountll(set_of_vcpus[i]);
        return n;
}

static int malformed(Error *e) {
        return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU,
                         "malformed return value of the guest agent about vCPUs");
}

static int get_vcpus(Guest *g, Vcpus *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *list = NULL;
        json_t *vcpu;
        size_t i;
        int r = guest_agent(g, "guest-get-vcpus", NULL, AGENT_SOON, &list, e);

        *ret = (Vcpus) {};
        if (r < 0)
                return r;
        if (!json_is_array(list) || json_array_size(list) == 0)
                return malformed(e);
        json_array_foreach(list, i, vcpu) {
                json_int_t id = json_integer_value(json_object_get(vcpu, "logical-id"));

                if (!json_is_integer(json_object_get(vcpu, "logical-id")) || id < 0 || id >= VCPUS_MAX)
                        return malformed(e);
                put(ret->known, (unsigned) id, true);
                put(ret->online, (unsigned) id, json_is_true(json_object_get(vcpu, "online")));
                put(ret->offlinable, (unsigned) id, json_is_true(json_object_get(vcpu, "can-offline")));
        }
        return 0;
}

/* The agent may stop in the middle, and says how many it has done: the rest is asked for again, for as long as it gets
 * on. */
static int switch_vcpus(Guest *g, json_t *list, Error *e) {
        _cleanup_(json_decrefp) json_t *rest = list;

        while (json_array_size(rest) > 0) {
                _cleanup_(json_decrefp) json_t *done = NULL;
                json_int_t n;
                int r = guest_agent(g, "guest-set-vcpus", json_pack("{s:O}", "vcpus", rest), AGENT_SOON, &done, e);

                if (r < 0)
                        return r;
                n = json_integer_value(done);
                if (n < 0 || n > (json_int_t) json_array_size(rest))
                        return malformed(e);
                if (n == 0)
                        return error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                         "failed to set state of cpu %lld via guest agent",
                                         (long long) json_integer_value(
                                                 json_object_get(json_array_get(rest, 0), "logical-id")));
                for (json_int_t i = 0; i < n; i++)
                        (void) json_array_remove(rest, 0);
        }
        return 0;
}

static int add_switch(json_t *list, unsigned id, bool online) {
        return json_array_append_new(list, json_pack("{s:i,s:b}", "logical-id", (int) id, "online", (int) online));
}

/* --- the numbers --- */

int guest_count_vcpus(Guest *g, bool all, unsigned *ret, Error *e) {
        Vcpus v;
        int r = get_vcpus(g, &v, e);

        if (r >= 0)
                *ret = count(all ? v.known : v.online);
        return r;
}

int guest_set_vcpus(Guest *g, unsigned n, Error *e) {
        json_t *list;
        unsigned on;
        Vcpus v;
        int r = get_vcpus(g, &v, e);

        if (r < 0)
                return r;
        if (n > count(v.known))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "guest agent reports less cpu than requested");
        list = json_array();
        on = count(v.online);
        for (unsigned i = 0; list && i < VCPUS_MAX && on < n; i++)
                if (has(v.known, i) && !has(v.online, i))
                        on += add_switch(list, i, true) >= 0;
        for (unsigned i = VCPUS_MAX; list && i-- > 0 && on > n;)
                if (has(v.online, i) && has(v.offlinable, i))
                        on -= add_switch(list, i, false) >= 0;
        if (on == n && list)
                return switch_vcpus(g, list, e);
        json_decref(list);
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "cannot offline enough CPUs");
}

/* --- virsh guestvcpus --- */

static void add_set(TypedParams *p, const char *name, const uint64_t *set_of_vcpus) {
        _cleanup_free_ char *text = cpuset_format(set_of_vcpus, VCPUS_MAX);

        if (!text)
                p->error = -ENOMEM;
        typed_params_add_string(p, name, text);
}

static int get_guest_vcpus(Call *c, Guest *g, const remote_domain_get_guest_vcpus_args *args,
                           remote_domain_get_guest_vcpus_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        Vcpus v;
        int r = get_vcpus(g, &v, e);

        if (r < 0)
                return r;
        add_set(&params, "vcpus", v.known);
        add_set(&params, "online", v.online);
        add_set(&params, "offlinable", v.offlinable);
        return typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

static int set_guest_vcpus(Call *c, Guest *g, const remote_domain_set_guest_vcpus_args *args, rpc_void *ret,
                           Error *e) {
        uint64_t wanted[VCPUS_MAX / 64];
        json_t *list;
        Vcpus v;
        int r;

        if (args->state != 0 && args->state != 1)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unsupported state value");
        if (cpuset_parse(args->cpumap, wanted, VCPUS_MAX) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the set of vCPUs '%s' cannot be read",
                                 args->cpumap);
        r = get_vcpus(g, &v, e);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < VCPUS_MAX; i++) {
                if (has(wanted, i) && !has(v.known, i))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "guest is missing vCPU '%u'", i);
                if (has(wanted, i) && !args->state && !has(v.offlinable, i))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "vCPU '%u' can't be offlined", i);
        }
        list = json_array();
        for (unsigned i = 0; list && i < VCPUS_MAX; i++)
                if (has(wanted, i) && has(v.online, i) != (args->state == 1))
                        r = MIN(r, add_switch(list, i, args->state == 1));
        if (!list || r < 0) {
                json_decref(list);
                return -ENOMEM;
        }
        return switch_vcpus(g, list, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_GUEST_VCPUS, get_guest_vcpus, .needs = NEED_ACTIVE),
        CALL(DOMAIN_SET_GUEST_VCPUS, set_guest_vcpus, .needs = NEED_ACTIVE),
};
const RpcTable qemu_guest_vcpus_table = RPC_TABLE(rows);
