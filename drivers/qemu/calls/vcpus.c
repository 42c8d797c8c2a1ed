/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh setvcpus, set-lifecycle-action. */

#include "base/strings.h"
#include "calls/edit.h"
#include "calls/guest-vcpus.h"
#include "calls/vcpus.h"
#include "run/monitor.h"

/* --- virsh setvcpus --- */

typedef struct Count {
        unsigned n;
        bool maximum, hotpluggable;
} Count;

static int set_current(xmlNode *vcpu, uint64_t n, uint64_t max) {
        if (n < max)
                return xml_set_attrf(vcpu, "current", "%llu", (unsigned long long) n);
        xml_unset_attr(vcpu, "current");
        return 0;
}

static int edit_count(Definition *d, const void *what, Error *e) {
        const Count *c = what;
        xmlNode *vcpu = xml_ensure(definition_root(d), "vcpu");
        uint64_t max = 1, current;
        char text[16];

        if (!vcpu)
                return -ENOMEM;
        (void) parse_u64(xml_text(vcpu) ?: "", 10, &max);
        current = max;
        (void) xml_attr_u64(vcpu, "current", &current);
        if (!c->maximum) {
                if (c->n > max)
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "requested vcpus is greater than max allowable vcpus for the %s "
                                         "domain: %u > %llu",
                                         xml_attr(definition_root(d), "id") ? "live" : "persistent", c->n,
                                         (unsigned long long) max);
                if (c->hotpluggable)
                        return vcpus_enable(d, c->n);
                /* the list of single ones says the same in another way, and would contradict */
                xml_remove_children(definition_root(d), "vcpus");
                return set_current(vcpu, c->n, max);
        }
        if (c->n != max && xml_find(definition_root(d), "cpu/topology"))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "CPU topology doesn't match the desired vcpu count");
        xml_remove_children(definition_root(d), "vcpus");
        snprintf(text, sizeof(text), "%u", c->n);
        return xml_set_text(vcpu, text) < 0 ? -ENOMEM : set_current(vcpu, MIN(current, (uint64_t) c->n), c->n);
}

static bool is_free(json_t *place) {
        return !json_object_get(place, "qom-path");
}

/* QEMU's list of places for processors has the first ones last. */
static int plug_more(Guest *g, const Definition *live, json_t *places, size_t on, size_t wanted, Error *e) {
        int r = 0;

        for (size_t i = json_array_size(places); i-- > 0 && on < wanted && r >= 0;) {
                json_t *place = json_array_get(places, i);

                if (!is_free(place))
                        continue;
                r = vcpu_plug(g, live, place, vcpu_id(live, place), e);
                on += r >= 0;
        }
        if (r >= 0 && on < wanted)
                return error_set(e, -EINVAL, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                 "QEMU has no place for another vCPU");
        return r;
}

static int unplug_some(Guest *g, const Definition *live, json_t *places, size_t on, size_t wanted, Error *e) {
        size_t removable = 0, i;
        json_t *place;
        int r = 0;

        json_array_foreach(places, i, place)
                removable += vcpu_alias(place) != NULL;
        if (on - wanted > removable)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu "
                                 "count");
        json_array_foreach(places, i, place) {
                if (r < 0 || on <= wanted || !vcpu_alias(place))
                        continue;
                r = vcpu_unplug(g, live, place, vcpu_id(live, place), e);
                on -= r >= 0;
        }
        return r;
}

static int apply_count(Guest *g, const Definition *live, const void *what, Error *e) {
        const Count *c = what;
        _cleanup_(json_decrefp) json_t *places = NULL;
        size_t on = 0;
        json_t *place;
        size_t i;
        int r;

        if (c->maximum)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "maximum vcpu count of a live domain can't be modified");
        r = guest_command(g, "query-hotpluggable-cpus", NULL, &places, e);
        if (r < 0)
                return r;
        json_array_foreach(places, i, place)
                on += !is_free(place);
        return c->n < on ? unplug_some(g, live, places, on, c->n, e) : plug_more(g, live, places, on, c->n, e);
}

static int set_count(Call *c, Guest *g, unsigned n, uint32_t flags, Error *e) {
        const Count count = { n, flags & VCPU_MAXIMUM, flags & VCPU_HOTPLUGGABLE };

        if (n == 0 || n > 4096)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "the number of vCPUs must be from 1 to 4096");
        if (flags & VCPU_GUEST) {
                if (flags & (VCPU_MAXIMUM | VCPU_HOTPLUGGABLE) || call_affects_config(c))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "setting vcpus via guest agent isn't supported for the persistent definition");
                return guest_set_vcpus(g, n, e);
        }
        if (count.maximum && call_affects_live(c))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "maximum vcpu count of a live domain can't be modified");
        return edit_definitions(c, g, &(Edit) { edit_count, apply_count, &count, NULL }, e);
}

static int set_vcpus(Call *c, Guest *g, const remote_domain_set_vcpus_args *args, rpc_void *ret, Error *e) {
        return set_count(c, g, args->nvcpus, 0, e);
}

static int set_vcpus_flags(Call *c, Guest *g, const remote_domain_set_vcpus_flags_args *args, rpc_void *ret,
                           Error *e) {
        return set_count(c, g, args->nvcpus, args->flags, e);
}

/* --- virsh set-lifecycle-action --- */

static const char *const lifecycles[] = { "on_poweroff", "on_reboot", "on_crash" };
static const char *const actions[] = { "destroy",  "restart",          "rename-restart",
                                       "preserve", "coredump-destroy", "coredump-restart" };

static int edit_lifecycle(Definition *d, const void *what, Error *e) {
        const remote_domain_set_lifecycle_action_args *args = what;
        xmlNode *n = xml_ensure(definition_root(d), lifecycles[args->type]);

        return !n || xml_set_text(n, actions[args->action]) < 0 ? -ENOMEM : 0;
}

static int set_lifecycle(Call *c, Guest *g, const remote_domain_set_lifecycle_action_args *args, rpc_void *ret,
                         Error *e) {
        if (args->type >= ELEMENTSOF(lifecycles))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "Invalid lifecycle type '%u'", args->type);
        if (args->action >= ELEMENTSOF(actions) || (args->action >= 4 && args->type != 2))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "Invalid lifecycle action '%u'",
                                 args->action);
        return edit_definitions(c, g, &(Edit) { edit_lifecycle, NULL, args, "lifecycle actions" }, e);
}

#define FLAGS (AFFECT_LIVE | AFFECT_CONFIG)
#define NEEDS (NEED_LOCK | NEED_IMPACTS)

static const RpcHandler rows[] = {
        CALL(DOMAIN_SET_VCPUS, set_vcpus, .needs = NEEDS | NEED_ACTIVE),
        CALL(DOMAIN_SET_VCPUS_FLAGS, set_vcpus_flags, .needs = NEEDS,
             .flags = FLAGS | VCPU_MAXIMUM | VCPU_GUEST | VCPU_HOTPLUGGABLE),
        CALL(DOMAIN_SET_LIFECYCLE_ACTION, set_lifecycle, .flags = FLAGS, .needs = NEEDS),
};
const RpcTable qemu_vcpus_table = RPC_TABLE(rows);
