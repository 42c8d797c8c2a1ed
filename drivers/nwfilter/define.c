/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Filters: finding, defining and undefining. */

#include "base/strings.h"
#include "nwfilter.h"
#include "object/list.h"

#define VALIDATE 1U /* VIR_NWFILTER_DEFINE_VALIDATE */

/* A definition without a uuid is another one of the filter that has its name. */
static int keep_uuid(const ObjectIndex *i, Definition *d) {
        const Object *o = object_by_name(i, NULL, definition_name(d));
        char text[37];

        if (!o || xml_child(definition_root(d), "uuid"))
                return 0;
        uuid_format(o->uuid, text);
        return xml_add(definition_root(d), "uuid", text) ? 0 : -ENOMEM;
}

static int parse(const ObjectIndex *i, const char *xml, uint32_t flags, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_parse_as(&document_filter, xml, strlen(xml), NULL,
                                flags & VALIDATE ? DEFINITION_VALIDATE : 0, &d, e);
        if (r >= 0)
                r = keep_uuid(i, d);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

static int check_loop(const ObjectIndex *i, const Definition *d, Error *e) {
        const char *name = definition_name(d);

        if (filter_reaches(i, name, name, d))
                return error_set(e, -ELOOP, ERROR_OPERATION_FAILED, ORIGIN_NWFILTER, "filter would introduce a loop");
        return 0;
}

/* Could the taps that are bound to it, directly or not, have these rules? */
static int check_use(NwfilterDriver *driver, const Definition *d, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = definition_format(d, DEFINITION_FORMAT_INACTIVE, &text);
        return r < 0 ? r : driver->work(driver, "check", text, e);
}

static int put(NwfilterDriver *driver, const Definition *d, Object **ret, Error *e) {
        const char *name = definition_name(d);
        int r;

        r = object_write(&kind_filter, STORE_PERSISTENT, name, d, NULL, e);
        if (r < 0)
                return r;
        driver->defining = true;
        *ret = object_refresh(&driver->filters, name, true);
        driver->defining = false;
        return *ret ? 0 : object_none_name(&kind_filter, name, e);
}

static int define_locked(Call *c, const Definition *d, Object **ret, Error *e) {
        ObjectIndex *i = call_index(c);
        NwfilterDriver *driver = i->driver;
        bool used = filter_is_used(driver, definition_name(d));
        int r;

        r = check_loop(i, d, e);
        if (r >= 0 && used)
                r = check_use(driver, d, e);
        if (r >= 0)
                r = put(driver, d, ret, e);
        if (r < 0 || !used)
                return r;
        /* what stands in the way of it now came up since the check: the definition is there, and is tried again */
        return driver->work(driver, "apply", "<apply/>", e);
}

static int define(Call *c, const char *xml, uint32_t flags, remote_nonnull_nwfilter *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        ObjectIndex *i = call_index(c);
        _cleanup_object_ Object *old = NULL;
        Object *found;
        uint8_t uuid[16];
        int r;

        r = parse(i, xml, flags, &d, e);
        if (r < 0)
                return r;
        (void) definition_uuid(d, uuid);
        r = object_check_access_to(c, &kind_filter, definition_name(d), uuid, flags, e);
        if (r >= 0)
                r = object_for_identity(i, definition_name(d), uuid, &found, e);
        if (r < 0)
                return r;
        old = found ? object_ref(found) : NULL;
        r = old ? object_job_begin(old, OBJECT_MODIFY, "virNWFilterDefineXML", e) : 0;
        if (r < 0)
                return r;
        r = define_locked(c, d, &found, e);
        if (r >= 0)
                r = object_to_wire(found, ret);
        if (old)
                object_job_end(old, OBJECT_MODIFY);
        return r;
}

static int define_xml(Call *c, const remote_nwfilter_define_xml_args *args, remote_nwfilter_define_xml_ret *ret,
                      Error *e) {
        return define(c, args->xml, 0, &ret->nwfilter, e);
}

static int define_xml_flags(Call *c, const remote_nwfilter_define_xml_flags_args *args,
                            remote_nwfilter_define_xml_flags_ret *ret, Error *e) {
        return define(c, args->xml, args->flags, &ret->nwfilter, e);
}

static int undefine(Call *c, Filter *f, uint32_t flags, Error *e) {
        const NwfilterDriver *d = f->object.index->driver;
        int r;

        if (filter_is_used(d, f->object.name))
                return object_refuse(&f->object, e, "nwfilter is in use");
        r = object_unlink(&kind_filter, STORE_PERSISTENT, f->object.name, e);
        if (r >= 0)
                (void) object_refresh(f->object.index, f->object.name, true);
        return r;
}

static int get_xml(Call *c, Filter *f, const remote_nwfilter_get_xml_desc_args *args,
                   remote_nwfilter_get_xml_desc_ret *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(&f->object, OBJECT_INACTIVE, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        return r < 0 ? r : definition_format(d, DEFINITION_FORMAT_INACTIVE, &ret->xml);
}

static const RpcHandler rows[] = {
        OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_filter, NWFILTER_LOOKUP_BY_NAME),
        OBJECT_LOOKUP_BY_UUID(remote, REMOTE, &kind_filter, NWFILTER_LOOKUP_BY_UUID),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_filter, CONNECT_LIST_ALL_NWFILTERS),
        OBJECT_NUM_OF(remote, REMOTE, &kind_filter, CONNECT_NUM_OF_NWFILTERS, 0),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_filter, CONNECT_LIST_NWFILTERS, maxnames, 0),
        FILTER_CALL(NWFILTER_GET_XML_DESC, get_xml),
        PLAIN_CALL(remote, REMOTE, &kind_filter, NWFILTER_DEFINE_XML, define_xml),
        PLAIN_CALL(remote, REMOTE, &kind_filter, NWFILTER_DEFINE_XML_FLAGS, define_xml_flags, .flags = VALIDATE),
        FILTER_ACTION(NWFILTER_UNDEFINE, undefine, .needs = NEED_LOCK | NEED_PERSISTENT),
};
const RpcTable nwfilter_table_define = RPC_TABLE(rows);
