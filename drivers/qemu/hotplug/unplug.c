/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "base/strings.h"
#include "guest/events.h"
#include "guest/live.h"
#include "hotplug/card.h"
#include "hotplug/class.h"
#include "hotplug/lease.h"
#include "hotplug/pending.h"
#include "hotplug/steps.h"
#include "hotplug/unplug.h"
#include "hotplug/vfio.h"
#include "loop/fiber.h"
#include "object/job.h"
#include "qemu/live.h"
#include "run/monitor.h"

/* vm-plug is asked so often, with so much time between, what has become of a card. */
#define SETTLE_TRIES 5U
#define SETTLE_WAIT (1U * 1000000U)
#define WAIT_USEC (5U * 1000000U)
/* A guest that does not run cannot answer; devices that need no answer of it have gone before QEMU's reply. */
#define PAUSED_WAIT_USEC (100U * 1000U)

static xmlNode *device_of(const Definition *d, const char *alias) {
        XML_FOREACH(device, definition_devices(d), NULL)
                if (streq_ptr(device_alias(device), alias))
                        return device;
        return NULL;
}

/* It has gone: so does what it used, then it is news. */
static int finish(Guest *g, Definition *live, xmlNode *device, Error *e) {
        _cleanup_free_ char *alias = strdup(device_alias(device));
        int r;

        if (!alias)
                return -ENOMEM;
        steps_take_away(g, live, device, false);
        plug_stop_helper_of(g, live, device);
        plug_ask_release(g, alias);
        r = change_uncount_memory(live, device);
        live_count_module(g, device, false);
        xml_remove(device);
        if (r >= 0)
                r = g->run ? live_write(g, live, e) : 0;
        vfio_settle(g);
        emit_device_removed(g, alias);
        return r;
}

/* --- a client waits --- */

/* The guest may end while it is waited for, and with it what is known of its run. */
static bool runs_on(const Guest *g, int id) {
        return g->run && g->run->id == id;
}

static int ask_and_wait(Guest *g, const char *alias, UnplugState *ret, Error *e) {
        Unplug *u = &g->run->unplug;
        int id = g->run->id, r;

        *ret = UNPLUG_ASKED;
        *u = (Unplug) { .alias = alias };
        r = guest_command(g, "device_del", json_pack("{s:s}", "id", alias), NULL, e);
        if (r >= 0 && runs_on(g, id) && u->state == UNPLUG_ASKED) {
                u->fiber = fiber_self();
                r = fiber_suspend(g->state == GUEST_RUNNING ? WAIT_USEC : PAUSED_WAIT_USEC);
                r = r == -ETIMEDOUT ? 0 : r;
        }
        if (!runs_on(g, id))
                return r;
        *ret = u->state;
        *u = (Unplug) {};
        return r;
}

/* QEMU takes a second request for a device of ACPI's hotplug, and forgets it. A guest that runs may have slept through
 * the first one; one that is paused cannot have heard it. */
static int ask_once_while_paused(Guest *g, const char *alias, Error *e) {
        bool paused = g->state != GUEST_RUNNING;

        if (paused && streq_ptr(g->run->unplug_paused, alias))
                return error_set(e, -EBUSY, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "unable to execute QEMU command 'device_del': Device %s is already in the process of "
                                 "unplug",
                                 alias);
        free(g->run->unplug_paused);
        g->run->unplug_paused = paused ? strdup(alias) : NULL;
        return 0;
}

/* QEMU has a network and a port for it, or an object, and no device that its guest would have to give away. */
static bool is_of_qemu_s_own(const xmlNode *device) {
        return (xml_is(device, "channel") && streq_ptr(xml_get(device, "target/@type"), "guestfwd")) ||
               (xml_is(device, "input") && xml_attr_is(device, "type", "evdev"));
}

/* QEMU has never heard of it: a device of the host that was not there at the start, and may be missing, or that the
 * guest has without being shown it. */
static bool is_missing(const xmlNode *device) {
        return xml_attr_is(xml_child(device, "source"), "missing", "yes") ||
               xml_attr_is(xml_child(device, "address"), "type", "unassigned");
}

int unplug_alias(Guest *g, const char *alias, bool *ret_gone, Error *e) {
        UnplugState state = UNPLUG_ASKED;
        int r;

        r = ask_once_while_paused(g, alias, e);
        if (r >= 0)
                r = ask_and_wait(g, alias, &state, e);
        if (r >= 0 && state == UNPLUG_REFUSED)
                return error_set(e, -EBUSY, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                 "unplug of device was rejected by the guest");
        *ret_gone = r >= 0 && state == UNPLUG_GONE;
        return r;
}

int unplug_device(Guest *g, Definition *live, xmlNode *device, Error *e) {
        const char *alias = device_alias(device);
        bool gone = false;
        int r;

        if (!alias || !g->run)
                return error_set(e, -EINVAL, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "the device has no alias");
        if (is_missing(device) || is_of_qemu_s_own(device))
                return finish(g, live, device, e);
        r = unplug_alias(g, alias, &gone, e);
        return r >= 0 && gone ? finish(g, live, device, e) : r;
}

/* --- nobody waits --- */

typedef struct Late {
        Guest *guest;
        int id;         /* of the run */
        char *alias;    /* NULL: all are looked at */
} Late;

/* A vCPU that the guest has given away after nobody waited for it any more. */
static int finish_vcpu(Guest *g, Definition *live, unsigned id, Error *e) {
        xmlNode *root = definition_root(live), *vcpu = xml_child(root, "vcpu");
        unsigned on = 0, own;
        int r = 0;

        if (parse_uint(xml_attr(vcpu, "current") ?: xml_text(vcpu), &on) < 0 || on < 2)
                return 0;
        XML_FOREACH(n, xml_child(root, "vcpus"), "vcpu")
                if (r >= 0 && xml_attr_uint(n, "id", &own) >= 0 && own == id) {
                        xml_unset_attr(n, "order");
                        r = xml_set_attr(n, "enabled", "no");
                }
        if (r >= 0)
                r = xml_set_attrf(vcpu, "current", "%u", on - 1);
        return r < 0 || !g->run ? r : live_write(g, live, e);
}

static void finish_one(Guest *g, const char *alias) {
        const char *vcpu = startswith(alias, "vcpu");
        _cleanup_definition_ Definition *live = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        xmlNode *device;
        unsigned id;
        int r;

        r = object_load(&g->object, OBJECT_LIVE, &live, &e);
        device = r >= 0 ? device_of(live, alias) : NULL;
        if (device)
                r = finish(g, live, device, &e);
        else if (r >= 0 && vcpu && parse_uint(vcpu, &id) >= 0)
                r = finish_vcpu(g, live, id, &e);
        if (r < 0)
                log_warning("domain '%s': device %s has gone, and the live definition has it: %s", g->object.name,
                            alias, error_text(&e, r));
}

/* It was not vm-plug that said no: nobody knows yet. */
static bool is_open(int r) {
        return r == -EPIPE || r == -ECONNREFUSED || r == -ECONNRESET || r == -ENOENT || r == -ETIMEDOUT;
}

/* Cards that were about to get another place. False: that could not be found out, and is for a later supervisor. */
static bool settle_cards(Guest *g, const Definition *live) {
        _cleanup_definition_ Definition *pending = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r = pending_load(g, &pending, &e);

        if (r == -ENOENT)
                return true;
        if (r >= 0)
                r = card_settle(g, live, pending, &e);
        for (unsigned i = 0; is_open(r) && i < SETTLE_TRIES && g->run; i++) {
                error_done(&e);
                e = ERROR_INIT;
                r = fiber_sleep(SETTLE_WAIT);
                if (r >= 0)
                        r = card_settle(g, live, pending, &e);
        }
        if (r < 0)
                log_warning("domain '%s': what was begun with a card was not finished: %s", g->object.name,
                            error_text(&e, r));
        return !is_open(r);
}

/* The device that an earlier supervisor was about to plug in: it is there, or nothing of it is. */
static int settle_pending(Guest *g, json_t *peripherals, Definition *live, Error *e) {
        _cleanup_definition_ Definition *pending = NULL;
        int r;

        r = pending_load(g, &pending, e);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        lease_settle(g, pending, live);
        XML_FOREACH(device, definition_devices(pending), NULL) {
                const char *alias = device_alias(device);

                if (!alias || device_of(live, alias))
                        continue;
                if (steps_is_there(peripherals, alias)) {
                        if (!definition_add_device(live, device))
                                return -ENOMEM;
                        r = change_count_memory(live, device, e);
                        if (r >= 0)
                                r = live_write(g, live, e);
                        emit_device_added(g, alias);
                } else {
                        steps_take_away(g, pending, device, true);
                        plug_stop_helper_of(g, pending, device);
                        plug_ask_release(g, alias);
                        vfio_settle(g);
                }
        }
        pending_remove(g);
        return r;
}

/* Does QEMU know the device by its alias at all? */
static bool has_name(Guest *g, const Definition *live, const xmlNode *device) {
        _cleanup_qemu_parts_ QemuParts parts = {};

        if (steps_parts(g, live, device, &parts) < 0)
                return false;
        for (size_t i = 0; i < parts.n; i++)
                if (parts.list[i].kind == QEMU_PART_DEVICE &&
                    streq_ptr(json_string_value(json_object_get(parts.list[i].props, "id")), device_alias(device)))
                        return true;
        return false;
}

/* Those that have gone while nobody looked. */
static int finish_gone(Guest *g, json_t *peripherals, Definition *live, Error *e) {
        xmlNode *device = xml_child(definition_devices(live), NULL), *next;
        int r = 0;

        for (; r >= 0 && device; device = next) {
                const DeviceClass *class = device_class(xml_name(device));
                const char *alias = device_alias(device);

                next = xml_next(device, NULL);
                if (class && live_can_plug(class->element) && alias && !steps_is_there(peripherals, alias) &&
                    has_name(g, live, device))
                        r = finish(g, live, device, e);
        }
        return r;
}

static void look_at_all(Guest *g) {
        _cleanup_(json_decrefp) json_t *peripherals = NULL;
        _cleanup_definition_ Definition *live = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = object_load(&g->object, OBJECT_LIVE, &live, &e);
        if (r >= 0)
                r = steps_peripherals(g, &peripherals, &e);
        /* a QEMU with nothing at all is one that says nothing */
        if (r >= 0 && json_array_size(peripherals) == 0)
                return;
        if (r >= 0 && !settle_cards(g, live))
                return;
        live = definition_free(live);
        if (r >= 0)
                r = g->run ? object_load(&g->object, OBJECT_LIVE, &live, &e) : -ESRCH;
        if (r >= 0)
                r = settle_pending(g, peripherals, live, &e);
        if (r >= 0)
                r = finish_gone(g, peripherals, live, &e);
        if (r < 0)
                log_debug("domain '%s': its devices were not looked at: %s", g->object.name, error_text(&e, r));
}

static void late_main(void *userdata) {
        Late *l = userdata;
        Guest *g = l->guest;

        if (object_job_begin(&g->object, OBJECT_MODIFY, "device removal", NULL) >= 0) {
                if (!g->object.gone && g->run && g->run->id == l->id && g->run->qmp)
                        l->alias ? finish_one(g, l->alias) : look_at_all(g);
                object_job_end(&g->object, OBJECT_MODIFY);
        }
        guest_unref(g);
        free(l->alias);
        free(l);
}

static void later(Guest *g, const char *alias) {
        Late *l = calloc(1, sizeof(*l));
        char *copy = alias ? strdup(alias) : NULL;

        if (!l || (alias && !copy)) {
                free(copy);
                free(l);
                return;
        }
        *l = (Late) { guest_ref(g), g->run->id, copy };
        if (fiber_spawn(g->driver->host->loop, late_main, l, NULL) >= 0)
                return;
        guest_unref(g);
        free(copy);
        free(l);
}

/* --- what QEMU says --- */

static bool is_awaited(Guest *g, const char *alias, UnplugState state) {
        Unplug *u = &g->run->unplug;

        if (!streq_ptr(u->alias, alias))
                return false;
        u->state = state;
        if (u->fiber)
                fiber_resume(TAKE_PTR(u->fiber), 0);
        return true;
}

void unplug_on_deleted(Guest *g, const char *alias) {
        if (!is_awaited(g, alias, UNPLUG_GONE))
                later(g, alias);
}

void unplug_on_refused(Guest *g, const char *alias) {
        (void) is_awaited(g, alias, UNPLUG_REFUSED);
}

/* After a start all is as vm-prepare has written it. */
void unplug_on_connected(Guest *g) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_PENDING, g->object.name);

        if (g->run->quiet || (path && access(path, F_OK) >= 0))
                later(g, NULL);
}
