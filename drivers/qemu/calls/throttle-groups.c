/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Groups that disks are limited by together, <throttlegroup>: made, changed and taken away. */

#include "base/strings.h"
#include "calls/edit.h"
#include "calls/throttle.h"
#include "guest/events.h"
#include "qemu/throttle.h"
#include "rpc/typed-params.h"
#include "run/monitor.h"

static xmlNode *find_group(const Definition *d, const char *name) {
        XML_FOREACH(group, xml_child(definition_root(d), "throttlegroups"), "throttlegroup")
                if (streq_ptr(xml_get(group, "group_name"), name))
                        return group;
        return NULL;
}

static xmlNode *add_group(Definition *d, const char *name) {
        xmlNode *groups = xml_ensure(definition_root(d), "throttlegroups");
        xmlNode *group = groups ? xml_add(groups, "throttlegroup", NULL) : NULL;

        return group && xml_add(group, "group_name", name) ? group : NULL;
}

static int edit_group(Definition *d, const void *what, Error *e) {
        const Throttle *t = what;
        xmlNode *group = find_group(d, t->name) ?: add_group(d, t->name);
        int r = group ? throttle_edit(group, t, e) : -ENOMEM;

        if (r >= 0)
                definition_sort(d);
        return r;
}

/* QEMU has it, or it is new: nothing but the limits of one that is there can be changed. */
static int apply_group(Guest *g, const Definition *live, const void *what, Error *e) {
        const Throttle *t = what;
        _cleanup_definition_ Definition *before = NULL;
        _cleanup_free_ char *id = qemu_throttle_group_id(t->name), *path = NULL;
        json_t *limits;
        bool there;
        int r;

        r = object_load(&g->object, OBJECT_LIVE, &before, e);
        if (r < 0)
                return r;
        there = find_group(before, t->name);
        limits = qemu_throttle_group_limits(find_group(live, t->name), there);
        path = id ? text_format("/objects/%s", id) : NULL;
        if (!path || !limits) {
                json_decref(limits);
                return -ENOMEM;
        }
        return there ? guest_command(g, "qom-set",
                                     json_pack("{s:s,s:s,s:o}", "path", path, "property", "limits", "value", limits),
                                     NULL, e)
                     : guest_command(g, "object-add",
                                     json_pack("{s:s,s:s,s:o}", "qom-type", "throttle-group", "id", id, "limits",
                                               limits),
                                     NULL, e);
}

static void tell(const Guest *g, const Throttle *t) {
        _cleanup_free_ remote_typed_param *list = calloc(t->len + 1, sizeof(*list));
        unsigned n = 1;

        if (!list)
                return;
        list[0] = (remote_typed_param) {
                .field = (char *) "group_name",
                .value = { TYPED_PARAM_STRING, { .s = (char *) t->name } },
        };
        for (unsigned i = 0; i < t->len; i++)
                if (!streq(t->val[i].field, "group_name"))
                        list[n++] = t->val[i];
        emit_tunable(g, "blkdeviotune", NULL, list, n);
}

static int set_group(Call *c, Guest *g, const remote_domain_set_throttle_group_args *args, rpc_void *ret, Error *e) {
        const Throttle t = { args->group, args->params.params_val, args->params.params_len };
        int r = throttle_check(&t, e);

        if (r >= 0 && !*t.name)
                r = error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "a throttle group needs a name");
        if (r >= 0)
                r = edit_definitions(c, g, &(Edit) { edit_group, apply_group, &t, NULL }, e);
        if (r >= 0 && call_affects_live(c))
                tell(g, &t);
        return r;
}

/* --- without it --- */

static int remove_group(Definition *d, const void *what, Error *e) {
        const char *name = what;
        xmlNode *group = find_group(d, name), *groups;

        XML_FOREACH(disk, definition_devices(d), "disk")
                XML_FOREACH(filter, xml_child(disk, "throttlefilters"), "throttlefilter")
                        if (xml_attr_is(filter, "group", name))
                                return error_set(e, -EBUSY, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                                 "throttle group '%s' is still being used by disk %s", name,
                                                 xml_get(disk, "target/@dev") ?: "");
        if (!group)
                return 0;
        groups = group->parent;
        xml_remove(group);
        if (!xml_child(groups, NULL))
                xml_remove(groups);
        return 0;
}

static int apply_removal(Guest *g, const Definition *live, const void *what, Error *e) {
        _cleanup_free_ char *id = qemu_throttle_group_id(what);

        return id ? guest_command(g, "object-del", json_pack("{s:s}", "id", id), NULL, e) : -ENOMEM;
}

static int delete_group(Call *c, Guest *g, const remote_domain_del_throttle_group_args *args, rpc_void *ret,
                        Error *e) {
        if (!args->group)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "a throttle group needs a name");
        return edit_definitions(c, g, &(Edit) { remove_group, apply_removal, *args->group, NULL }, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_SET_THROTTLE_GROUP, set_group, .flags = AFFECT_LIVE | AFFECT_CONFIG | TYPED_PARAM_STRING_OKAY,
             .needs = NEED_LOCK | NEED_IMPACTS),
        CALL(DOMAIN_DEL_THROTTLE_GROUP, delete_group, .flags = AFFECT_LIVE | AFFECT_CONFIG,
             .writable = AFFECT_LIVE | AFFECT_CONFIG, .needs = NEED_LOCK | NEED_IMPACTS),
};
const RpcTable qemu_throttle_groups_table = RPC_TABLE(rows);
