/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The procedures that ask. */

#include <stdlib.h>

#include "base/strings.h"
#include "interface.h"
#include "model/interface.h"

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_interface, Interface, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_interface, NAME, f, __VA_ARGS__)

/* VIR_CONNECT_LIST_INTERFACES_x, VIR_INTERFACE_XML_INACTIVE */
enum { INTERFACES_INACTIVE = 1, INTERFACES_ACTIVE = 2, INTERFACE_XML_INACTIVE = 1 };

/* --- the kind --- */

static Interface *interface_of(const Object *o) {
        return container_of((Object *) o, Interface, object);
}

/* Asked for once a call, before anything is looked up. */
static ObjectIndex *index_of(void *driver) {
        InterfaceDriver *d = driver;

        links_follow(d);
        return &d->interfaces;
}

/* Switched on, and not known to be without a carrier: lo has no state. One that is defined runs from its start to its
 * stop: a bridge has no carrier while nobody is in it. */
static bool is_active(const Object *o) {
        const Interface *i = interface_of(o);
        const HostLink *l = &i->link;

        return i->is_there && l->facts.up && (i->defined || l->state == 0 || l->state >= 5);
}

static char *mac_of(const HostLink *l) {
        const uint8_t *m = l->facts.mac;

        return l->has_mac ? text_format("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
                          : strdup("");
}

static int to_wire(const Object *o, void *wire) {
        remote_nonnull_interface *w = wire;

        w->mac = mac_of(&interface_of(o)->link);
        return w->mac ? 0 : -ENOMEM;
}

static void free_wire(void *wire) {
        free(((remote_nonnull_interface *) wire)->mac);
}

static const ObjectFilter filters[] = { { .yes = INTERFACES_ACTIVE, .no = INTERFACES_INACTIVE, .is = is_active }, {} };

const ObjectKind kind_interface = {
        .word = "interface", .acl_name = "interface_name", .none = ERROR_NO_INTERFACE, .origin = ORIGIN_INTERFACE,
        .subject = ORIGIN_INTERFACE, .inactive_text = "interface is not running", .size = sizeof(Interface),
        .wire = OBJECT_WIRE_NAMED(remote_nonnull_interface, name), .index = index_of, .is_active = is_active,
        .to_wire = to_wire, .free_wire = free_wire, .filters = filters,
};

/* --- what is asked --- */

/* MACs are written in either case. */
static int lookup_by_mac(Call *c, const remote_interface_lookup_by_mac_string_args *args,
                         remote_interface_lookup_by_mac_string_ret *ret, Error *e) {
        _cleanup_object_ Object *found = NULL;
        Object **list;
        size_t n, matches = 0;
        int r;

        r = object_snapshot(call_index(c), NULL, &list, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *mac = mac_of(&interface_of(list[i])->link);

                if (!mac || !*mac || strcasecmp(mac, args->mac) != 0 || !object_may_show(c, list[i]))
                        continue;
                if (matches++ == 0)
                        found = object_ref(list[i]);
        }
        object_release(list, n);
        if (matches > 1)
                return error_set(e, -ENOTUNIQ, ERROR_MULTIPLE_INTERFACES, ORIGIN_INTERFACE,
                                 "%zu interfaces have the MAC address %s", matches, args->mac);
        if (!found)
                return error_set(e, -ENOENT, ERROR_NO_INTERFACE, ORIGIN_INTERFACE,
                                 "no interface has the MAC address %s", args->mac);
        return object_reply_found(c, found, &ret->iface, e);
}

/* Another look: members and links below are part of it. */
static int describe_link(Interface *i, bool as_definition, char **ret, Error *e) {
        InterfaceDriver *d = i->object.index->driver;
        _cleanup_free_ HostLink *links = NULL;
        size_t n = 0;
        int r;

        r = links_list(d->netlink, &links, &n);
        for (size_t k = 0; r >= 0 && k < n; k++)
                if (streq(links[k].name, i->object.name))
                        return interface_describe(d->netlink, links, n, &links[k], as_definition, ret);
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot read the host's links")
                     : object_error_gone(&i->object, e);
}

/* The definition is asked for, or there is nothing else. A link that others define is described as it is. */
static int get_xml_desc(Call *c, Interface *i, const remote_interface_get_xml_desc_args *args,
                        remote_interface_get_xml_desc_ret *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        bool inactive = call_flags(c) & INTERFACE_XML_INACTIVE;
        int r = -ENOENT;

        if (!i->is_there || inactive)
                r = interface_definition_load(i->object.name, &d, e);
        if (r == -ENOENT && i->is_there)
                return describe_link(i, inactive, &ret->xml, e);
        return r == -ENOENT ? object_error_gone(&i->object, e)
               : r < 0      ? r
                            : definition_format(d, DEFINITION_FORMAT_INACTIVE, &ret->xml);
}

static const RpcHandler rows[] = {
        OBJECT_NUM_OF(remote, REMOTE, &kind_interface, CONNECT_NUM_OF_INTERFACES, INTERFACES_ACTIVE),
        OBJECT_NUM_OF(remote, REMOTE, &kind_interface, CONNECT_NUM_OF_DEFINED_INTERFACES, INTERFACES_INACTIVE),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_interface, CONNECT_LIST_INTERFACES, maxnames, INTERFACES_ACTIVE),
        OBJECT_LIST_NAMES(remote, REMOTE, &kind_interface, CONNECT_LIST_DEFINED_INTERFACES, maxnames,
                          INTERFACES_INACTIVE),
        OBJECT_LIST_ALL(remote, REMOTE, &kind_interface, CONNECT_LIST_ALL_INTERFACES),
        OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_interface, INTERFACE_LOOKUP_BY_NAME),
        OBJECT_IS_ACTIVE(remote, REMOTE, &kind_interface, INTERFACE_IS_ACTIVE),
        PLAIN(INTERFACE_LOOKUP_BY_MAC_STRING, lookup_by_mac),
        CALL(INTERFACE_GET_XML_DESC, get_xml_desc, .flags = INTERFACE_XML_INACTIVE),
};
const RpcTable interface_calls_table = RPC_TABLE(rows);
