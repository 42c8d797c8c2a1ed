/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bindings of taps to filters: those of guests, and those that clients make for taps of their own. */

#include <strings.h>

#include "nwfilter.h"
#include "object/list.h"

#define VALIDATE 1U /* VIR_NWFILTER_BINDING_CREATE_VALIDATE */

static int parse(const char *xml, uint32_t flags, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_parse_as(&document_filterbinding, xml, strlen(xml), NULL,
                                flags & VALIDATE ? DEFINITION_VALIDATE : 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

static int check_new(const NwfilterDriver *d, const Definition *binding, Error *e) {
        const char *name = definition_name(binding), *filter = xml_get(definition_root(binding), "filterref/@filter");

        if (object_by_name(&d->bindings, NULL, name))
                return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_NWFILTER, "binding '%s' already exists",
                                 name);
        if (!object_by_name(&d->filters, NULL, filter ?: ""))
                return error_set(e, -ENOENT, ERROR_NO_NWFILTER, ORIGIN_NWFILTER, "referenced filter '%s' is missing",
                                 filter);
        return 0;
}

static int create(Call *c, const remote_nwfilter_binding_create_xml_args *args,
                  remote_nwfilter_binding_create_xml_ret *ret, Error *e) {
        static const uint8_t no_uuid[16];
        _cleanup_definition_ Definition *d = NULL;
        NwfilterDriver *driver = call_index(c)->driver;
        _cleanup_free_ char *text = NULL;
        Object *o;
        int r;

        r = parse(args->xml, args->flags, &d, e);
        if (r >= 0)
                r = object_check_access_to(c, &kind_binding, definition_name(d), no_uuid, args->flags, e);
        if (r >= 0)
                r = check_new(driver, d, e);
        if (r >= 0)
                r = definition_format(d, 0, &text);
        if (r >= 0)
                r = driver->work(driver, "bind", text, e);
        if (r < 0)
                return r;
        o = object_refresh(&driver->bindings, definition_name(d), true);
        return o ? object_to_wire(o, &ret->nwfilter) : object_none_name(&kind_binding, definition_name(d), e);
}

static int delete(Call *c, Binding *b, uint32_t flags, Error *e) {
        NwfilterDriver *driver = b->object.index->driver;
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = object_load(&b->object, OBJECT_LIVE, &d, e);
        if (r >= 0)
                r = definition_format(d, 0, &text);
        if (r >= 0)
                r = driver->work(driver, "unbind", text, e);
        if (r >= 0)
                (void) object_refresh(&driver->bindings, b->object.name, true);
        return r;
}

static const RpcHandler rows[] = {
        OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_binding, NWFILTER_BINDING_LOOKUP_BY_PORT_DEV),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_binding, CONNECT_LIST_ALL_NWFILTER_BINDINGS),
        OBJECT_GET_XML(remote, REMOTE, &kind_binding, NWFILTER_BINDING_GET_XML_DESC, 0),
        PLAIN_CALL(remote, REMOTE, &kind_binding, NWFILTER_BINDING_CREATE_XML, create, .flags = VALIDATE),
        BINDING_ACTION(NWFILTER_BINDING_DELETE, delete, .needs = NEED_LOCK),
};
const RpcTable nwfilter_table_binding = RPC_TABLE(rows);
