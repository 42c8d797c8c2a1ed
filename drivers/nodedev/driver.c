/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The index of devices: filled from sysfs, and kept by udev's messages. Where udev is not running, or its messages do
 * not come in (a daemon without netlink), each call looks anew. */

#include "base/log.h"
#include "base/strings.h"
#include "model/kind.h"
#include "object/event.h"
#include "object/list.h"
#include "nodedev.h"

#define EVENT_UPDATE 1

/* --- the index --- */

int device_add(NodedevDriver *driver, const char *name, const DeviceKind *k, const char *syspath, int event) {
        _cleanup_object_ Object *o = NULL;
        int r;

        r = object_new(&driver->devices, NULL, name, NULL, &o);
        if (r < 0)
                return r;
        /* what was not made is there again after a boot */
        o->persistent = k != &device_mdev;
        device_of(o)->kind = k;
        if (syspath && !(device_of(o)->syspath = strdup(syspath)))
                return -ENOMEM;
        r = object_index_add(o);
        if (r >= 0 && event >= 0)
                object_emit_lifecycle(o, event, 0);
        return r;
}

/* One that was defined is there now. */
static int activate(Device *d, const char *syspath, bool tell) {
        if (d->kind != &device_mdev || d->syspath)
                return 0;
        d->syspath = strdup(syspath);
        if (!d->syspath)
                return -ENOMEM;
        if (tell)
                object_emit_lifecycle(&d->object, DEVICE_CREATED, 0);
        return 0;
}

static int add_device(NodedevDriver *driver, sd_device *d, bool tell) {
        const DeviceKind *k = device_kind(d);
        _cleanup_free_ char *name = NULL;
        const char *syspath;
        Object *known;
        int r;

        if (!k || sd_device_get_syspath(d, &syspath) < 0)
                return 0;
        r = device_name(d, k, &name);
        if (r < 0)
                return r;
        known = object_by_name(&driver->devices, NULL, name);
        if (known)
                return activate(device_of(known), syspath, tell);
        return device_add(driver, name, k, syspath, tell ? DEVICE_CREATED : -1);
}

static void remove_device(Object *o) {
        _cleanup_object_ Object *hold = object_ref(o);
        Device *d = device_of(o);

        if (d->config) {
                free(d->syspath);
                d->syspath = NULL;
        } else
                object_index_remove(o);
        object_emit_lifecycle(hold, DEVICE_DELETED, 0);
}

/* All that a kind may be of: the rest of sysfs (processors, memory, terminals) is much more, and not looked at. */
static int match_subsystems(sd_device_enumerator *e) {
        static const char *const names[] = {
                "pci", "usb", "net", "scsi", "block", "scsi_generic", "drm", "mdev", "vdpa"
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++)
                r = sd_device_enumerator_add_match_subsystem(e, names[i], true);
        return r;
}

static int add_all(NodedevDriver *driver, bool tell) {
        _cleanup_(sd_device_enumerator_unrefp) sd_device_enumerator *e = NULL;
        int r;

        r = sd_device_enumerator_new(&e);
        if (r >= 0)
                r = sd_device_enumerator_allow_uninitialized(e);
        if (r >= 0)
                r = match_subsystems(e);
        if (r < 0)
                return r;
        for (sd_device *d = sd_device_enumerator_get_device_first(e); d && r >= 0;
             d = sd_device_enumerator_get_device_next(e))
                r = add_device(driver, d, tell);
        return r;
}

/* By name and path: who has another MAC now is another device to clients. */
static bool is_there(const Device *d) {
        _cleanup_(sd_device_unrefp) sd_device *device = NULL;
        _cleanup_free_ char *name = NULL;

        if (!d->syspath)
                return true;
        if (sd_device_new_from_syspath(&device, d->syspath) < 0 || device_kind(device) != d->kind)
                return false;
        return device_name(device, d->kind, &name) < 0 || streq(name, d->object.name);
}

static void remove_gone(NodedevDriver *driver, const char *syspath) {
        Object **list;
        size_t n;

        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                const Device *d = device_of(list[i]);

                if ((!syspath || streq_ptr(d->syspath, syspath)) && !is_there(d))
                        remove_device(list[i]);
        }
        object_release(list, n);
}

void device_look(NodedevDriver *driver) {
        mdev_look(driver);
        if (driver->monitor)
                return;
        remove_gone(driver, NULL);
        (void) add_all(driver, true);
}

/* One device: all are looked at only where it is not as it was. Borrowed, or NULL. */
Object *device_look_for(NodedevDriver *driver, const char *name) {
        Object *o = object_by_name(&driver->devices, NULL, name);

        if (startswith(name, "mdev_"))
                mdev_look(driver);
        else if (driver->monitor || (o && is_there(device_of(o))))
                return o;
        device_look(driver);
        return object_by_name(&driver->devices, NULL, name);
}

/* --- udev's messages --- */

static void emit_update(const Object *o) {
        remote_node_device_event_update_msg msg = { .dev.name = o->name };

        object_emit(o, EVENT_UPDATE, &msg);
}

static int on_message(sd_device_monitor *m, sd_device *d, void *userdata) {
        NodedevDriver *driver = userdata;
        _cleanup_free_ char *name = NULL;
        const DeviceKind *k = device_kind(d);
        sd_device_action_t action;
        const char *syspath;
        Object *known = NULL;

        if (sd_device_get_action(d, &action) < 0 || sd_device_get_syspath(d, &syspath) < 0)
                return 0;
        if (k && device_name(d, k, &name) >= 0)
                known = object_by_name(&driver->devices, NULL, name);
        if (action == SD_DEVICE_REMOVE && known) {
                remove_device(known);
                return 0;
        }
        /* A link that was renamed, or got another address, has another name. */
        remove_gone(driver, action == SD_DEVICE_MOVE ? NULL : syspath);
        known = name ? object_by_name(&driver->devices, NULL, name) : NULL;
        if (action == SD_DEVICE_REMOVE)
                return 0;
        if (known)
                emit_update(known);
        else if (add_device(driver, d, true) < 0)
                log_oom();
        return 0;
}

static int watch(NodedevDriver *driver, Loop *loop) {
        int r;

        if (access("/run/udev/control", F_OK) < 0)
                return -ENOENT;
        r = sd_device_monitor_new(&driver->monitor);
        if (r >= 0)
                r = sd_device_monitor_attach_event(driver->monitor, loop_event(loop));
        if (r >= 0)
                r = sd_device_monitor_start(driver->monitor, on_message, driver);
        if (r < 0)
                driver->monitor = sd_device_monitor_unref(driver->monitor);
        return r;
}

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

static bool has_capability(const Device *d, const char *capability) {
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
        return device_describe(d, &ret->xml, e);
}

/* What is not there now may have a parent that is not either. */
static int mdev_parent_of(const Device *d, remote_node_device_get_parent_ret *ret, Error *e) {
        ret->parentName = calloc(1, sizeof(*ret->parentName));
        return ret->parentName ? mdev_parent_name(d, ret->parentName, e) : -ENOMEM;
}

static int get_parent(Call *c, Device *d, const remote_node_device_get_parent_args *args,
                      remote_node_device_get_parent_ret *ret, Error *e) {
        _cleanup_(sd_device_unrefp) sd_device *device = NULL;

        if (!d->syspath)
                return d->config ? mdev_parent_of(d, ret, e) : 0;
        if (sd_device_new_from_syspath(&device, d->syspath) < 0)
                return object_error_gone(&d->object, e);
        ret->parentName = calloc(1, sizeof(*ret->parentName));
        return ret->parentName ? device_parent(device, ret->parentName) : -ENOMEM;
}

static size_t capabilities_of(const Device *d, const char *ret[8]) {
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

        sd_device_monitor_unref(d->monitor);
        object_index_done(&d->devices);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        NodedevDriver *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->host = host;
        object_index_init(&d->devices, &kind_device, host, d);
        /* Watched first, read then: nothing falls between. */
        r = watch(d, host->loop);
        if (r < 0)
                log_debug("no messages of udev: %s; devices are looked for at each call", strerror(-r));
        r = device_add(d, "computer", &device_system, NULL, -1);
        if (r >= 0)
                r = add_all(d, false);
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
