/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The index of devices: filled from sysfs, and kept by udev's messages, or where udev is not running by the kernel's
 * (watch.c). Where neither come in (a daemon without netlink, another's user namespace), each call looks anew. */

#include "base/log.h"
#include "base/strings.h"
#include "object/event.h"
#include "nodedev.h"

#define EVENT_UPDATE 1
#define GOING_TIME (5U * 1000U * 1000U)

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

int device_add_all(NodedevDriver *driver, bool tell) {
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

/* At that path, NULL: anywhere. */
static void remove_those(NodedevDriver *driver, const char *syspath, bool (*are)(const Device *d)) {
        Object **list;
        size_t n;

        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                const Device *d = device_of(list[i]);

                if ((!syspath || streq_ptr(d->syspath, syspath)) && are(d))
                        remove_device(list[i]);
        }
        object_release(list, n);
}

static bool is_gone(const Device *d) {
        return !is_there(d);
}

static void remove_gone(NodedevDriver *driver, const char *syspath) {
        remove_those(driver, syspath, is_gone);
}

void device_look_at_all(NodedevDriver *driver) {
        device_forget_path(driver, "/sys");
        remove_gone(driver, NULL);
        (void) device_add_all(driver, true);
}

static void look(NodedevDriver *driver) {
        watch_read(driver);
        if (!driver->monitor && !watch_is_open(driver))
                device_look_at_all(driver);
}

void device_look(NodedevDriver *driver) {
        mdev_look(driver);
        look(driver);
}

/* One device: all are looked at only where it is not as it was. Borrowed, or NULL. */
Object *device_look_for(NodedevDriver *driver, const char *name) {
        const Object *o = object_by_name(&driver->devices, NULL, name);

        if (startswith(name, "mdev_"))
                mdev_look(driver);
        if (watch_is_open(driver) || !o || !is_there(device_of(o)))
                look(driver);
        return object_by_name(&driver->devices, NULL, name);
}

/* --- what is said of them --- */

static void emit_update(const Object *o) {
        remote_node_device_event_update_msg msg = { .dev.name = o->name };

        object_emit(o, EVENT_UPDATE, &msg);
}

static bool any(const Device *d) {
        return true;
}

void device_gone(NodedevDriver *driver, const char *syspath) {
        remove_those(driver, syspath, any);
}

void device_came(NodedevDriver *driver, const char *syspath) {
        _cleanup_(sd_device_unrefp) sd_device *d = NULL;

        /* not there: it has gone again, and that is told next */
        if (sd_device_new_from_syspath(&d, syspath) >= 0 && add_device(driver, d, true) < 0)
                log_oom();
}

void device_updated(NodedevDriver *driver, const char *syspath) {
        Object **list;
        size_t n;

        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                if (streq_ptr(device_of(list[i])->syspath, syspath))
                        emit_update(list[i]);
        object_release(list, n);
}

void device_link_changed(NodedevDriver *driver, const char *name) {
        _cleanup_free_ char *path = NULL;
        Object **list;
        size_t n;

        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n && !path; i++) {
                const Device *d = device_of(list[i]);

                if (d->kind == &device_net && d->syspath && streq(strrchr(d->syspath, '/') + 1, name))
                        path = strdup(d->syspath);
        }
        object_release(list, n);
        if (!path)
                return;
        device_forget_path(driver, path);
        /* its address is part of its name */
        remove_gone(driver, path);
        device_came(driver, path);
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
        device_forget_path(driver, syspath);
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

static int on_going(sd_event_source *s, uint64_t usec, void *userdata) {
        NodedevDriver *driver = userdata;

        driver->going = sd_event_source_disable_unref(driver->going);
        remove_gone(driver, NULL);
        return 0;
}

void device_going(NodedevDriver *driver) {
        if (!driver->going &&
            sd_event_add_time_relative(sd_device_monitor_get_event(driver->monitor), &driver->going, CLOCK_MONOTONIC,
                                       GOING_TIME, 0, on_going, driver) < 0)
                log_oom();
}

int udev_open(NodedevDriver *driver, Loop *loop) {
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
