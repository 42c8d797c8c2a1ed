/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver: lists, look-ups, documents, and what it is for the supervisor. */

#include "base/log.h"
#include "base/strings.h"
#include "model/kind.h"
#include "object/event.h"
#include "object/list.h"
#include "nodedev.h"
#include "object/work.h"

/* --- calls --- */

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_device, Device, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_device, NAME, f, __VA_ARGS__)

static int list_all(Call *c, const remote_connect_list_all_node_devices_args *args,
                    remote_connect_list_all_node_devices_ret *ret, Error *e) {
        Object **list;
        size_t n;
        int r;

        device_look(call_driver(c));
        r = object_select(c, call_index(c), NULL, call_flags(c), &list, &n);
        if (r < 0)
                return r;
        r = object_reply_list(list, n, args->need_results, ret);
        object_release(list, n);
        return r;
}

static bool has_capability(Device *d, const char *capability) {
        uint32_t flags;

        if (streq(d->kind->capability, capability))
                return true;
        flags = device_flags(d);
        for (const DeviceFeature *f = d->kind->features; f && f->capability; f++)
                if (streq(f->capability, capability) && flags & f->flag)
                        return true;
        return false;
}

/* Old style: of one capability, by its name, or all. */
static int select_by_name(Call *c, remote_string capability, Object ***ret, size_t *ret_n) {
        size_t kept = 0;
        int r;

        device_look(call_driver(c));
        r = object_select(c, call_index(c), NULL, 0, ret, ret_n);
        for (size_t i = 0; r >= 0 && i < *ret_n; i++)
                if (!capability || has_capability(device_of((*ret)[i]), *capability))
                        (*ret)[kept++] = (*ret)[i];
                else
                        object_unref((*ret)[i]);
        *ret_n = kept;
        return r;
}

static int num_of(Call *c, const remote_node_num_of_devices_args *args, remote_node_num_of_devices_ret *ret, Error *e) {
        Object **list;
        size_t n;
        int r;

        r = select_by_name(c, args->cap, &list, &n);
        if (r < 0)
                return r;
        ret->num = (int) n;
        object_release(list, n);
        return 0;
}

static int list_names(Call *c, const remote_node_list_devices_args *args, remote_node_list_devices_ret *ret, Error *e) {
        Object **list;
        size_t n;
        int r;

        r = select_by_name(c, args->cap, &list, &n);
        if (r < 0)
                return r;
        r = object_reply_names(list, n, args->maxnames, ret, e);
        object_release(list, n);
        return r;
}

static int lookup(Call *c, const remote_node_device_lookup_by_name_args *args,
                  remote_node_device_lookup_by_name_ret *ret, Error *e) {
        Object *o = device_look_for(call_driver(c), args->name);

        return o ? object_reply_found(c, o, ret, e) : object_none_name(&kind_device, args->name, e);
}

static int get_xml(Call *c, Device *d, const remote_node_device_get_xml_desc_args *args,
                   remote_node_device_get_xml_desc_ret *ret, Error *e) {
        if (d->config && (!d->syspath || args->flags))
                return mdev_describe(d, &ret->xml, e);
        return device_document(d, &ret->xml, e);
}

/* What is not there now may have a parent that is not either. */
static int mdev_parent_of(const Device *d, remote_node_device_get_parent_ret *ret, Error *e) {
        ret->parentName = calloc(1, sizeof(*ret->parentName));
        return ret->parentName ? mdev_parent_name(d, ret->parentName, e) : -ENOMEM;
}

static int get_parent(Call *c, Device *d, const remote_node_device_get_parent_args *args,
                      remote_node_device_get_parent_ret *ret, Error *e) {
        if (!d->syspath)
                return d->config ? mdev_parent_of(d, ret, e) : 0;
        ret->parentName = calloc(1, sizeof(*ret->parentName));
        return ret->parentName ? device_parent(d, ret->parentName, e) : -ENOMEM;
}

static size_t capabilities_of(Device *d, const char *ret[8]) {
        uint32_t flags = device_flags(d);
        size_t n = 0;

        ret[n++] = d->kind->capability;
        for (const DeviceFeature *f = d->kind->features; f && f->capability; f++)
                if (flags & f->flag)
                        ret[n++] = f->capability;
        return n;
}

static int num_of_caps(Call *c, Device *d, const remote_node_device_num_of_caps_args *args,
                       remote_node_device_num_of_caps_ret *ret, Error *e) {
        const char *names[8];

        ret->num = (int) capabilities_of(d, names);
        return 0;
}

static int list_caps(Call *c, Device *d, const remote_node_device_list_caps_args *args,
                     remote_node_device_list_caps_ret *ret, Error *e) {
        const char *names[8];
        size_t n = capabilities_of(d, names);

        if (args->maxnames < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NODEDEV, "maxnames must not be negative");
        ret->names.names_val = calloc(n, sizeof(char *));
        if (!ret->names.names_val)
                return -ENOMEM;
        for (size_t i = 0; i < MIN(n, (size_t) args->maxnames); i++) {
                int r = reply_string(&ret->names.names_val[i], names[i]);

                if (r < 0)
                        return r;
                ret->names.names_len++;
        }
        return 0;
}

/* Devices that were not made start with the host. */
static int get_autostart(Call *c, Device *d, const remote_node_device_get_autostart_args *args,
                         remote_node_device_get_autostart_ret *ret, Error *e) {
        _cleanup_mdev_spec_ MdevSpec s = {};
        int r = d->config ? mdev_load(d, &s, e) : 0;

        ret->autostart = d->config ? s.automatic : d->kind != &device_mdev;
        return r;
}

static const RpcHandler rows[] = {
        PLAIN(CONNECT_LIST_ALL_NODE_DEVICES, list_all, .flags = UINT32_MAX & ~0x0fc00000U),
        PLAIN(NODE_NUM_OF_DEVICES, num_of),
        PLAIN(NODE_LIST_DEVICES, list_names),
        PLAIN(NODE_DEVICE_LOOKUP_BY_NAME, lookup),
        CALL(NODE_DEVICE_GET_XML_DESC, get_xml, .flags = 1 /* VIR_NODE_DEVICE_XML_INACTIVE */),
        CALL(NODE_DEVICE_GET_PARENT, get_parent),
        CALL(NODE_DEVICE_NUM_OF_CAPS, num_of_caps),
        CALL(NODE_DEVICE_LIST_CAPS, list_caps),
        CALL(NODE_DEVICE_GET_AUTOSTART, get_autostart),
        OBJECT_IS_PERSISTENT(remote, REMOTE, &kind_device, NODE_DEVICE_IS_PERSISTENT),
        OBJECT_IS_ACTIVE(remote, REMOTE, &kind_device, NODE_DEVICE_IS_ACTIVE),
};
const RpcTable nodedev_table = RPC_TABLE(rows);

/* --- the kind --- */

static ObjectIndex *index_of(void *driver) {
        return &((NodedevDriver *) driver)->devices;
}

static void done(Object *o) {
        device_forget(device_of(o));
        free(device_of(o)->syspath);
        free(device_of(o)->config);
}

static bool is_active(const Object *o) {
        return device_of(o)->syspath || device_of(o)->kind == &device_system;
}

static Object *find(ObjectIndex *i, const void *wire) {
        return device_look_for(i->driver, *(char *const *) wire);
}

static uint32_t which(const Object *o) {
        return device_flags(device_of(o));
}

static bool is_persistent(const Object *o) {
        return o->persistent;
}

/* Numbers: virConnectListAllNodeDeviceFlags of libvirt-nodedev.h. */
static const ObjectFilter filters[] = {
        { .yes = 0x00ffffffU, .which = which },
        { .yes = 0x10000000U, .no = 0x20000000U, .is = is_persistent },
        { .yes = 0x80000000U, .no = 0x40000000U, .is = object_is_active },
        {},
};

const ObjectKind kind_device = {
        .word = "node device",
        .acl_name = "node_device_name",
        .none = ERROR_NO_NODE_DEVICE,
        .origin = ORIGIN_NODEDEV,
        .subject = ORIGIN_NODEDEV,
        .size = sizeof(Device),
        .wire = OBJECT_WIRE_NAMED(remote_nonnull_node_device, name),
        .has_events = true,
        .events = EVENT_NODE_DEVICE,
        .index = index_of,
        .is_active = is_active,
        .done = done,
        .find = find,
        .filters = filters,
};

/* --- the driver --- */

static void driver_stop(void *state) {
        NodedevDriver *d = state;

        sd_event_source_disable_unref(d->going);
        sd_device_monitor_unref(d->monitor);
        watch_close(d);
        object_index_done(&d->devices);
        free(d->link_words);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        NodedevDriver *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->host = host;
        object_work_tidy("nodedev");
        d->uevents_fd = d->links_fd = -EBADF;
        object_index_init(&d->devices, &kind_device, host, d);
        /* Watched first, read then: nothing falls between. */
        r = udev_open(d, host->loop);
        if (r < 0)
                log_debug("no messages of udev: %s", strerror(-r));
        r = watch_open(d, host->loop);
        if (r < 0)
                log_debug("no messages of the kernel: %s", strerror(-r));
        r = device_add(d, "computer", &device_system, NULL, -1);
        if (r >= 0)
                r = device_add_all(d, false);
        if (r < 0) {
                driver_stop(d);
                return error_set_errno(e, r, ORIGIN_NODEDEV, "cannot read the host's devices");
        }
        *ret_state = d;
        return 0;
}

static const RpcTable *const tables[] = { &nodedev_table, &nodedev_detach_table, &nodedev_make_table, NULL };

extern const Driver driver_nodedev; /* what the module is loaded for */
const Driver driver_nodedev = {
        .name = "nodedev",
        .class = DRIVER_NODEDEV,
        .origin = ORIGIN_NODEDEV,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
};
