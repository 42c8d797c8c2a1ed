/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Definitions that clients send, and those that they take away. */

#include <net/if.h>

#include "base/strings.h"
#include "network.h"
#include "network/files.h"

#define BRIDGES_MAX 10000U
#define VALIDATE 1U   /* VIR_NETWORK_DEFINE_VALIDATE, VIR_NETWORK_CREATE_VALIDATE */

const char *network_bridge_name(Network *n) {
        _cleanup_definition_ Definition *d = NULL;
        const char *name = NULL;

        if (n->bridge && file_stamp_equal(&n->bridge_stamp, &n->object.stamp))
                return n->bridge;
        if (object_load(&n->object, OBJECT_CURRENT, &d, NULL) >= 0)
                name = network_bridge(definition_root(d));
        free(n->bridge);
        n->bridge = name ? strdup(name) : NULL;
        n->bridge_stamp = n->object.stamp;
        return n->bridge;
}

/* --- the bridge's name --- */

typedef struct Bridges {
        Network **list;
        size_t n;
        const Object *self;   /* the network that is defined again, NULL for a new one */
} Bridges;

static bool is_taken(const Bridges *b, const char *name) {
        for (size_t i = 0; i < b->n; i++)
                if (&b->list[i]->object != b->self && streq_ptr(network_bridge_name(b->list[i]), name))
                        return true;
        return false;
}

/* The first name that neither a network nor the host has: it is kept in the definition, so that it stays. */
static int choose_bridge(const Bridges *b, xmlNode *root, Error *e) {
        char name[IF_NAMESIZE];
        xmlNode *node;

        for (unsigned i = 0; i < BRIDGES_MAX; i++) {
                (void) snprintf(name, sizeof name, "virbr%u", i);
                if (is_taken(b, name) || if_nametoindex(name) > 0)
                        continue;
                node = xml_ensure(root, "bridge");
                return node ? xml_set_attr(node, "name", name) : -ENOMEM;
        }
        return error_set(e, -ENFILE, ERROR_INTERNAL, ORIGIN_NETWORK, "Bridge generation exceeded max id %u",
                         BRIDGES_MAX);
}

static int settle_bridge(ObjectIndex *i, const Object *self, Definition *d, Error *e) {
        xmlNode *root = definition_root(d);
        const char *name = network_bridge(root);
        Bridges b = { .self = self };
        int r;

        if (!forward_mode_has_own_bridge(network_forward_mode(root)))
                return 0;
        r = object_snapshot(i, NULL, (Object ***) &b.list, &b.n);
        if (r < 0)
                return r;
        if (name && is_taken(&b, name))
                r = error_set(e, -EEXIST, ERROR_INTERNAL, ORIGIN_NETWORK, "bridge name '%s' already in use.", name);
        else if (!name || strchr(name, '%'))
                r = choose_bridge(&b, root, e);
        object_release((Object **) b.list, b.n);
        return r;
}

/* --- definitions of clients --- */

static int read_definition(Call *c, const char *xml, uint32_t flags, Definition **ret, Object **ret_object, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        Object *o;
        int r;

        r = object_read_definition(c, xml, flags & VALIDATE, &d, &o, e);
        if (r >= 0)
                r = settle_bridge(call_index(c), o, d, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        *ret_object = o;
        return 0;
}

static int define(Call *c, const char *xml, uint32_t flags, remote_nonnull_network *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        ObjectIndex *i = call_index(c);
        Object *o;
        int r;

        r = read_definition(c, xml, flags, &d, &o, e);
        if (r >= 0)
                r = object_write(&kind_network, STORE_PERSISTENT, definition_name(d), d, NULL, e);
        if (r < 0)
                return r;
        o = object_refresh(i, definition_name(d), false);
        if (!o)
                return object_none_name(&kind_network, definition_name(d), e);
        r = object_write_dropin(o, d, false, e);
        return r < 0 ? r : object_to_wire(o, ret);
}

static int define_xml(Call *c, const remote_network_define_xml_args *args, remote_network_define_xml_ret *ret,
                      Error *e) {
        return define(c, args->xml, 0, &ret->net, e);
}

static int define_xml_flags(Call *c, const remote_network_define_xml_flags_args *args,
                            remote_network_define_xml_flags_ret *ret, Error *e) {
        return define(c, args->xml, args->flags, &ret->net, e);
}

/* --- transient ones --- */

/* Its file goes again where it does not come up; vm-network removes it at the network's end. */
static int create(Call *c, const char *xml, uint32_t flags, remote_nonnull_network *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_object_ Object *o = NULL;
        ObjectIndex *i = call_index(c);
        Object *found;
        int r;

        r = read_definition(c, xml, flags, &d, &found, e);
        if (r >= 0 && found && object_is_active(found))
                r = object_refuse(found, e, "network '%s' is already active", found->name);
        if (r >= 0)
                r = object_write(&kind_network, STORE_TRANSIENT, definition_name(d), d, NULL, e);
        if (r < 0)
                return r;
        found = object_refresh(i, definition_name(d), false);
        if (!found)
                return object_none_name(&kind_network, definition_name(d), e);
        o = object_ref(found);
        r = object_job_begin(o, OBJECT_MODIFY, "virNetworkCreateXML", e);
        if (r < 0)
                return r;
        r = object_write_dropin(o, d, true, e);
        if (r >= 0)
                r = network_start((Network *) o, e);
        object_job_end(o, OBJECT_MODIFY);
        if (r < 0) {
                (void) object_unlink(&kind_network, STORE_TRANSIENT, o->name, NULL);
                object_remove_dropin(i, o->name, true);
                (void) object_refresh(i, o->name, false);
                return r;
        }
        return object_to_wire(o, ret);
}

static int create_xml(Call *c, const remote_network_create_xml_args *args, remote_network_create_xml_ret *ret,
                      Error *e) {
        return create(c, args->xml, 0, &ret->net, e);
}

static int create_xml_flags(Call *c, const remote_network_create_xml_flags_args *args,
                            remote_network_create_xml_flags_ret *ret, Error *e) {
        return create(c, args->xml, args->flags, &ret->net, e);
}

/* --- undefine --- */

/* Leases are of no use to a network of the same name that comes later. */
static void forget_leases(Network *n) {
        const char *bridge = network_bridge_name(n);
        _cleanup_free_ char *leases = bridge ? network_leases_file(bridge) : NULL,
                            *macs = bridge ? network_macs_file(bridge) : NULL;

        if (leases)
                (void) unlink(leases);
        if (macs)
                (void) unlink(macs);
}

/* A running network goes on as a transient one. */
static int keep_as_transient(Network *n, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(&n->object, OBJECT_INACTIVE, &d, e);
        return r < 0 ? r : object_write(&kind_network, STORE_TRANSIENT, n->object.name, d, NULL, e);
}

static int undefine(Call *c, Network *n, uint32_t flags, Error *e) {
        ObjectIndex *i = call_index(c);
        Object *o = &n->object;
        int r;

        r = object_unit_forget(i, o->name, e);
        if (r >= 0 && n->active)
                r = keep_as_transient(n, e);
        else if (r >= 0)
                forget_leases(n);
        if (r >= 0)
                r = object_unlink(&kind_network, STORE_PERSISTENT, o->name, e);
        if (r < 0)
                return r;
        if (!n->active)
                object_remove_dropin(i, o->name, false);
        (void) object_refresh(i, o->name, false);
        return 0;
}

static const RpcHandler rows[] = {
        PLAIN(NETWORK_DEFINE_XML, define_xml),
        PLAIN(NETWORK_DEFINE_XML_FLAGS, define_xml_flags, .flags = VALIDATE),
        PLAIN(NETWORK_CREATE_XML, create_xml),
        PLAIN(NETWORK_CREATE_XML_FLAGS, create_xml_flags, .flags = VALIDATE),
        ACTION(NETWORK_UNDEFINE, undefine, .needs = NEED_LOCK | NEED_PERSISTENT,
               .transient = "network is not persistent"),
};
const RpcTable network_table_define = RPC_TABLE(rows);
