/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh perf: what the kernel counts of a guest's work. domstats has how far it has come. */

#include "base/strings.h"
#include "calls/calls.h"
#include "calls/edit.h"
#include "rpc/typed-params.h"
#include "run/counters.h"

/* What a definition has of each event: counted, not counted, or not a word. */
typedef enum EventState { EVENT_UNSAID, EVENT_OFF, EVENT_ON } EventState;

static void read_states(const Definition *d, EventState ret[static GUEST_EVENTS]) {
        memset(ret, 0, GUEST_EVENTS * sizeof(*ret));
        XML_FOREACH(event, xml_child(definition_root(d), "perf"), "event") {
                int i = guest_event_find(xml_attr(event, "name") ?: "");

                if (i >= 0)
                        ret[i] = xml_attr_is(event, "enabled", "yes") ? EVENT_ON : EVENT_OFF;
        }
}

static int get_perf_events(Call *c, Guest *g, const remote_domain_get_perf_events_args *args,
                           remote_domain_get_perf_events_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams p = {};
        EventState states[GUEST_EVENTS];

        read_states(call_definition(c), states);
        for (size_t i = 0; i < GUEST_EVENTS; i++)
                typed_params_add_boolean(&p, guest_events[i].name, states[i] == EVENT_ON);
        return typed_params_take(&p, &ret->params.params_val, &ret->params.params_len);
}

/* In the order of the table, which is that of definitions. */
static int write_states(Definition *d, const EventState states[static GUEST_EVENTS]) {
        xmlNode *perf = xml_ensure(definition_root(d), "perf");

        if (!perf)
                return -ENOMEM;
        xml_remove_children(perf, "event");
        for (size_t i = 0; i < GUEST_EVENTS; i++) {
                xmlNode *event = states[i] != EVENT_UNSAID ? xml_add(perf, "event", NULL) : NULL;

                if (states[i] == EVENT_UNSAID)
                        continue;
                if (!event || xml_set_attr(event, "name", guest_events[i].name) < 0 ||
                    xml_set_attr(event, "enabled", states[i] == EVENT_ON ? "yes" : "no") < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int edit_events(Definition *d, const void *what, Error *e) {
        const remote_domain_set_perf_events_args *args = what;
        EventState states[GUEST_EVENTS];

        read_states(d, states);
        for (size_t i = 0; i < GUEST_EVENTS; i++) {
                bool on;

                if (typed_params_get_boolean(args->params.params_val, args->params.params_len, guest_events[i].name,
                                             &on) > 0)
                        states[i] = on ? EVENT_ON : EVENT_OFF;
        }
        return write_states(d, states);
}

/* What is to come is asked for first, since that may be refused. */
static int apply_events(Guest *g, const Definition *live, const void *what, Error *e) {
        _cleanup_definition_ Definition *before = NULL;
        EventState had[GUEST_EVENTS], wanted[GUEST_EVENTS];
        bool come[GUEST_EVENTS] = {}, go[GUEST_EVENTS] = {}, any_come = false, any_go = false;
        int r;

        r = object_load(&g->object, OBJECT_LIVE, &before, e);
        if (r < 0)
                return r;
        read_states(before, had);
        read_states(live, wanted);
        for (size_t i = 0; i < GUEST_EVENTS; i++) {
                come[i] = wanted[i] == EVENT_ON;
                go[i] = wanted[i] != EVENT_ON && had[i] == EVENT_ON;
                any_come = any_come || (come[i] && had[i] != EVENT_ON);
                any_go = any_go || go[i];
        }
        r = any_come ? counters_ask_enable(g, come, e) : 0;
        return r >= 0 && any_go ? counters_ask_disable(g, go, e) : r;
}

static int set_perf_events(Call *c, Guest *g, const remote_domain_set_perf_events_args *args, rpc_void *ret,
                           Error *e) {
        TypedParamRule rules[GUEST_EVENTS];
        int r;

        for (size_t i = 0; i < GUEST_EVENTS; i++)
                rules[i] = (TypedParamRule) { guest_events[i].name, TYPED_PARAM_BOOLEAN, false };
        r = typed_params_validate(args->params.params_val, args->params.params_len, rules, GUEST_EVENTS, e);
        return r < 0 ? r
                     : edit_definitions(c, g, &(Edit) { edit_events, apply_events, args, "what is counted" }, e);
}

#define FLAGS (AFFECT_LIVE | AFFECT_CONFIG | TYPED_PARAM_STRING_OKAY)

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_PERF_EVENTS, get_perf_events, .flags = FLAGS, .needs = NEED_IMPACT | NEED_DEFINITION),
        CALL(DOMAIN_SET_PERF_EVENTS, set_perf_events, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_LOCK | NEED_IMPACTS),
};
const RpcTable qemu_perf_table = RPC_TABLE(rows);
