/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh setvcpu: single vCPUs, which <vcpus> lists. */

#include "base/strings.h"
#include "calls/edit.h"
#include "calls/vcpus.h"
#include "hotplug/new-vcpu.h"
#include "hotplug/unplug.h"
#include "run/monitor.h"

#define VCPUS_MAX 4096U

typedef struct Switch {
        const uint64_t *set;
        bool on;
} Switch;

static bool is_in(const uint64_t *set, unsigned id) {
        return set[id / 64] >> id % 64 & 1;
}

static unsigned number(const xmlNode *root, const char *path, unsigned otherwise) {
        unsigned v;

        return parse_uint(xml_get(root, path) ?: "", &v) >= 0 && v > 0 ? v : otherwise;
}

/* A definition that only has a number says: the first ones, for good. */
static int list_all(Definition *d) {
        xmlNode *root = definition_root(d), *vcpus;
        unsigned max = number(root, "vcpu", 1), current = number(root, "vcpu/@current", max);
        int r = 0;

        if (xml_child(root, "vcpus"))
                return 0;
        vcpus = xml_ensure(root, "vcpus");
        for (unsigned i = 0; vcpus && r >= 0 && i < max; i++) {
                xmlNode *n = xml_add(vcpus, "vcpu", NULL);

                r = n ? xml_set_attrf(n, "id", "%u", i) : -ENOMEM;
                if (r >= 0)
                        r = xml_set_attr(n, "enabled", i < current ? "yes" : "no");
                if (r >= 0)
                        r = xml_set_attr(n, "hotpluggable", i < current ? "no" : "yes");
        }
        return vcpus ? r : -ENOMEM;
}

static int check(const Definition *d, const Switch *s, Error *e) {
        unsigned first = 0;

        if (is_in(s->set, 0))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "vCPU '0' can't be modified");
        while (first < VCPUS_MAX && !is_in(s->set, first))
                first++;
        XML_FOREACH(n, xml_child(definition_root(d), "vcpus"), "vcpu") {
                unsigned id = 0;

                (void) xml_attr_uint(n, "id", &id);
                if (id > first && !is_in(s->set, id) && xml_attr_is(n, "enabled", "yes") &&
                    !xml_attr_is(n, "hotpluggable", "yes"))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "vcpu '%u' can't be modified as it is followed by non-hotpluggable online "
                                         "vcpus", first);
        }
        return 0;
}

static int write_current(Definition *d) {
        xmlNode *vcpu = xml_child(definition_root(d), "vcpu");
        unsigned on = 0;

        XML_FOREACH(n, xml_child(definition_root(d), "vcpus"), "vcpu")
                on += xml_attr_is(n, "enabled", "yes");
        if (on < number(definition_root(d), "vcpu", 1))
                return xml_set_attrf(vcpu, "current", "%u", on);
        xml_unset_attr(vcpu, "current");
        return 0;
}

static int edit(Definition *d, const void *what, Error *e) {
        const Switch *s = what;
        int r;

        r = list_all(d);
        if (r >= 0)
                r = check(d, s, e);
        XML_FOREACH(n, xml_child(definition_root(d), "vcpus"), "vcpu") {
                unsigned id = 0;

                (void) xml_attr_uint(n, "id", &id);
                /* the order of before may not hold any more */
                xml_unset_attr(n, "order");
                if (r < 0 || !is_in(s->set, id))
                        continue;
                r = xml_set_attr(n, "enabled", s->on ? "yes" : "no");
                if (r >= 0)
                        r = xml_set_attr(n, "hotpluggable", "yes");
        }
        return r < 0 ? r : write_current(d);
}

bool vcpu_is_on(const Definition *d, unsigned id) {
        const xmlNode *root = definition_root(d);
        unsigned other;

        XML_FOREACH(v, xml_child(root, "vcpus"), "vcpu")
                if (xml_attr_uint(v, "id", &other) >= 0 && other == id)
                        return xml_attr_is(v, "enabled", "yes");
        return id < number(root, "vcpu/@current", number(root, "vcpu", 1));
}

int vcpus_enable(Definition *d, unsigned n) {
        unsigned on = 0, max = number(definition_root(d), "vcpu", 1);
        xmlNode *vcpus, *last = NULL;
        int r = list_all(d);

        vcpus = xml_child(definition_root(d), "vcpus");
        XML_FOREACH(v, vcpus, "vcpu") {
                xml_unset_attr(v, "order");
                on += xml_attr_is(v, "enabled", "yes");
        }
        XML_FOREACH(v, vcpus, "vcpu") {
                if (r < 0 || on >= n || xml_attr_is(v, "enabled", "yes"))
                        continue;
                r = xml_set_attr(v, "enabled", "yes");
                if (r >= 0)
                        r = xml_set_attr(v, "hotpluggable", "yes");
                on++;
        }
        for (; r >= 0 && on > n && max-- > 0; on--) {
                XML_FOREACH(v, vcpus, "vcpu")
                        if (xml_attr_is(v, "enabled", "yes"))
                                last = v;
                r = last ? xml_set_attr(last, "enabled", "no") : 0;
                if (r >= 0 && last)
                        r = xml_set_attr(last, "hotpluggable", "yes");
        }
        return r < 0 ? r : write_current(d);
}

/* --- of a guest that runs --- */

unsigned vcpu_id(const Definition *live, const json_t *place) {
        const json_t *props = json_object_get(place, "props");
        const xmlNode *root = definition_root(live);
        unsigned threads = number(root, "cpu/topology/@threads", 1), cores = number(root, "cpu/topology/@cores", 1),
                 dies = number(root, "cpu/topology/@dies", 1);
        uint64_t socket = (uint64_t) json_integer_value(json_object_get(props, "socket-id")),
                 die = (uint64_t) json_integer_value(json_object_get(props, "die-id")),
                 core = (uint64_t) json_integer_value(json_object_get(props, "core-id")),
                 thread = (uint64_t) json_integer_value(json_object_get(props, "thread-id"));

        return (unsigned) (((socket * dies + die) * cores + core) * threads + thread);
}

int vcpu_plug(Guest *g, const Definition *live, json_t *place, unsigned id, Error *e) {
        json_t *arguments = json_copy(json_object_get(place, "props"));
        char name[32];
        int r;

        snprintf(name, sizeof(name), "vcpu%u", id);
        if (!arguments || json_object_set(arguments, "driver", json_object_get(place, "type")) < 0 ||
            json_object_set_new(arguments, "id", json_string(name)) < 0) {
                json_decref(arguments);
                return -ENOMEM;
        }
        r = guest_command(g, "device_add", arguments, NULL, e);
        return r < 0 ? r : new_vcpu_settle(g, live, id, e);
}

const char *vcpu_alias(const json_t *place) {
        const char *path = json_string_value(json_object_get(place, "qom-path"));

        return path ? startswith(path, "/machine/peripheral/") : NULL;
}

int vcpu_unplug(Guest *g, const Definition *live, const json_t *place, unsigned id, Error *e) {
        const char *alias = vcpu_alias(place);
        bool gone = false;
        int r;

        if (!xml_attr_is(definition_root(live), "type", "kvm"))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "vcpu '%u' can't be unplugged from a domain without KVM; setvcpus --guest switches "
                                 "it off", id);
        if (!alias)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "vcpu '%u' can't be unplugged", id);
        r = unplug_alias(g, alias, &gone, e);
        if (r < 0 || gone)
                return r;
        return error_set(e, -ETIMEDOUT, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU,
                         "vcpu unplug request timed out. Unplug result must be manually inspected in the domain");
}

static int apply(Guest *g, const Definition *live, const void *what, Error *e) {
        _cleanup_(json_decrefp) json_t *places = NULL;
        const Switch *s = what;
        unsigned chosen = 0, id = 0;
        json_t *place;
        size_t i;
        int r;

        for (unsigned k = 0; k < VCPUS_MAX; k++)
                if (is_in(s->set, k) && chosen++ == 0)
                        id = k;
        if (chosen != 1)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "only one hotpluggable entity can be selected");
        r = guest_command(g, "query-hotpluggable-cpus", NULL, &places, e);
        if (r < 0)
                return r;
        json_array_foreach(places, i, place) {
                bool is_on = json_object_get(place, "qom-path");

                if (vcpu_id(live, place) != id)
                        continue;
                if (is_on == s->on)
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "vcpu '%u' is already in requested state", id);
                return s->on ? vcpu_plug(g, live, place, id, e) : vcpu_unplug(g, live, place, id, e);
        }
        return error_set(e, -EINVAL, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "QEMU has no place for vCPU %u", id);
}

static int set_vcpu(Call *c, Guest *g, const remote_domain_set_vcpu_args *args, rpc_void *ret, Error *e) {
        uint64_t set[VCPUS_MAX / 64] = {};
        const Switch s = { set, args->state == 1 };
        unsigned max = number(definition_root(call_definition(c)), "vcpu", 1);

        if (args->state != 0 && args->state != 1)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unsupported state value");
        if (cpuset_parse(args->cpumap, set, VCPUS_MAX) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "Failed to parse bitmap '%s'",
                                 args->cpumap);
        for (unsigned i = max; i < VCPUS_MAX; i++)
                if (is_in(set, i))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "vcpu '%u' is out of range", i);
        return edit_definitions(c, g, &(Edit) { edit, apply, &s, NULL }, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_SET_VCPU, set_vcpu, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .needs = NEED_LOCK | NEED_IMPACTS | NEED_DEFINITION),
};
const RpcTable qemu_vcpu_table = RPC_TABLE(rows);
