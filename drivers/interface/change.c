/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes. They are the work of vm-interface@.service: what manages the host's links, systemd-networkd or
 * NetworkManager, is told there, with more power than this daemon has. */

#include "base/fs.h"
#include "base/strings.h"
#include "interface.h"
#include "object/work.h"

#define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_interface, Interface, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_interface, NAME, f, __VA_ARGS__)

enum { DEFINE_VALIDATE = 1 };

static const WorkKind kind = {
        .folder = "interface", .unit = "vm-interface", .origin = ORIGIN_INTERFACE, .timeout = 150U * 1000000U,
        .late = "what manages the host's interfaces does not answer",
};

static int work(InterfaceDriver *d, const char *verb, const char *name, const char *document, Error *e) {
        int r = object_work(d->interfaces.host->systemd, &kind,
                            (const char *const[]){ "verb", verb, "name", name, "document", document, NULL }, e);

        if (r >= 0)
                links_follow(d);
        return r;
}

static int define_xml(Call *c, const remote_interface_define_xml_args *args, remote_interface_define_xml_ret *ret,
                      Error *e) {
        InterfaceDriver *driver = call_driver(c);
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *text = NULL;
        Object *o;
        int r;

        r = definition_parse_as(&document_interface, args->xml, strlen(args->xml), NULL,
                                args->flags & DEFINE_VALIDATE ? DEFINITION_VALIDATE : 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0)
                r = object_check_access_to(c, &kind_interface, definition_name(d), NULL, args->flags, e);
        if (r >= 0)
                r = definition_format(d, DEFINITION_FORMAT_INACTIVE, &text);
        if (r >= 0)
                r = work(driver, "define", definition_name(d), text, e);
        if (r < 0)
                return r;
        o = object_by_name(&driver->interfaces, NULL, definition_name(d));
        return o ? object_to_wire(o, &ret->iface) : object_none_name(&kind_interface, definition_name(d), e);
}

static int undefine(Call *c, Interface *i, uint32_t flags, Error *e) {
        return work(call_driver(c), "undefine", i->object.name, NULL, e);
}

/* One that is defined here may run by somebody else's files: vm-interface knows. */
static int create(Call *c, Interface *i, uint32_t flags, Error *e) {
        if (object_is_active(&i->object) && !i->defined)
                return object_refuse(&i->object, e, "interface '%s' is already running", i->object.name);
        return work(call_driver(c), "start", i->object.name, NULL, e);
}

static int destroy(Call *c, Interface *i, uint32_t flags, Error *e) {
        return work(call_driver(c), "stop", i->object.name, NULL, e);
}

static int change_begin(Call *c, const remote_interface_change_begin_args *args, rpc_void *ret, Error *e) {
        return work(call_driver(c), "begin", NULL, NULL, e);
}

static int change_commit(Call *c, const remote_interface_change_commit_args *args, rpc_void *ret, Error *e) {
        return work(call_driver(c), "commit", NULL, NULL, e);
}

static int change_rollback(Call *c, const remote_interface_change_rollback_args *args, rpc_void *ret, Error *e) {
        return work(call_driver(c), "rollback", NULL, NULL, e);
}

static const RpcHandler rows[] = {
        ACTION(INTERFACE_CREATE, create, .needs = NEED_LOCK),
        ACTION(INTERFACE_DESTROY, destroy, .needs = NEED_LOCK | NEED_ACTIVE),
        ACTION(INTERFACE_UNDEFINE, undefine, .needs = NEED_LOCK),
        PLAIN(INTERFACE_DEFINE_XML, define_xml, .flags = DEFINE_VALIDATE),
        PLAIN(INTERFACE_CHANGE_BEGIN, change_begin),
        PLAIN(INTERFACE_CHANGE_COMMIT, change_commit),
        PLAIN(INTERFACE_CHANGE_ROLLBACK, change_rollback),
};
const RpcTable interface_change_table = RPC_TABLE(rows);
