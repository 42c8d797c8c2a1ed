/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job is waited for by its JobRemoved signal. systemd sends that to the client that asked for the job even when the
 * client has not called Subscribe(), which we never do: a subscriber makes the manager announce every change of every
 * unit. The waiter is there before the call goes out, and remembers a job that ends before we know its name. */

#include <signal.h>

#include "base/strings.h"
#include "internal.h"

#define CALL_TIMEOUT (90U * 1000000U)
#define RELOAD_DELAY (500U * 1000U)
#define CHANGED_MAX 10000U /* names kept for one reload; more are reloaded for without asking */

typedef struct JobWaiter JobWaiter;

struct JobWaiter {
        JobWaiter *next;
        const char *unit;
        char *job;          /* object path, once known */
        char *early;        /* a job of the unit that ended before */
        char *early_result;
        JobResult result;
        bool done;
        Fiber *fiber;       /* set while it waits */
};

struct Systemd {
        Loop *loop;
        int (*get_bus)(void *userdata, sd_bus **ret, Error *e);
        void *userdata;
        sd_bus *bus;            /* the one that our matches are on, with a reference */
        sd_bus_slot *removed_slot, *disconnected_slot;
        JobWaiter *waiters;
        char **changed;         /* units to ask about at the next reload */
        char **linked;          /* of those, whose links have changed, of which systemd does not say that it is old */
        sd_event_source *timer; /* until then */
        bool reload_running;
        char *in_unit_path;     /* a folder that was found among those systemd reads units from */
};

static const char *const job_results[_JOB_RESULT_MAX] = {
        [JOB_DONE] = "done",
        [JOB_CANCELED] = "canceled",
        [JOB_TIMEOUT] = "timeout",
        [JOB_FAILED] = "failed",
        [JOB_DEPENDENCY] = "dependency",
        [JOB_SKIPPED] = "skipped",
        [JOB_OTHER] = "other",
};

const char *job_result_to_string(JobResult r) {
        return r >= 0 && r < _JOB_RESULT_MAX ? job_results[r] : NULL;
}

JobResult job_result_from_string(const char *s) {
        for (JobResult r = 0; r < _JOB_RESULT_MAX; r++)
                if (streq(job_results[r], s))
                        return r;
        return _JOB_RESULT_INVALID;
}

/* --- the connection --- */

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *s = userdata;
        const char *job, *unit, *result;

        if (sd_bus_message_read(m, "uoss", NULL, &job, &unit, &result) < 0)
                return 0;
        for (JobWaiter *w = s->waiters; w; w = w->next) {
                if (!streq(w->unit, unit) || w->done)
                        continue;
                if (!w->job) {
                        free(w->early);
                        free(w->early_result);
                        w->early = strdup(job);
                        w->early_result = strdup(result);
                } else if (streq(w->job, job)) {
                        w->result = job_result_from_string(result);
                        w->done = true;
                        if (w->fiber)
                                fiber_resume(w->fiber, 0);
                }
        }
        return 0;
}

static void drop_bus(Systemd *s) {
        s->removed_slot = sd_bus_slot_unref(s->removed_slot);
        s->disconnected_slot = sd_bus_slot_unref(s->disconnected_slot);
        s->bus = sd_bus_unref(s->bus);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *s = userdata;

        for (JobWaiter *w = s->waiters; w; w = w->next)
                if (w->fiber && !w->done)
                        fiber_resume(w->fiber, -ECONNRESET);
        return 0;
}

/* Asynchronous: the bus handles the request before any call that we send after it. */
static int add_matches(Systemd *s, sd_bus *bus) {
        int r;

        r = sd_bus_match_signal_async(bus, &s->removed_slot, DESTINATION, MANAGER_PATH, MANAGER, "JobRemoved",
                                      on_job_removed, NULL, s);
        if (r < 0)
                return r;
        return sd_bus_match_signal_async(bus, &s->disconnected_slot, "org.freedesktop.DBus.Local",
                                         "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                                         on_disconnected, NULL, s);
}

int systemd_get_bus(Systemd *s, sd_bus **ret, Error *e) {
        sd_bus *bus;
        int r;

        r = s->get_bus(s->userdata, &bus, e);
        if (r < 0)
                return r;
        if (bus != s->bus) {
                drop_bus(s);
                s->bus = sd_bus_ref(bus);
                r = add_matches(s, bus);
                if (r < 0) {
                        drop_bus(s);
                        return error_set_errno(e, r, ORIGIN_SYSTEMD, "cannot watch systemd's jobs");
                }
        }
        *ret = bus;
        return 0;
}

int systemd_new(Loop *l, int (*bus)(void *userdata, sd_bus **ret, Error *e), void *userdata, Systemd **ret) {
        Systemd *s;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->loop = l;
        s->get_bus = bus;
        s->userdata = userdata;
        *ret = s;
        return 0;
}

Systemd *systemd_free(Systemd *s) {
        if (!s)
                return NULL;
        s->timer = sd_event_source_disable_unref(s->timer);
        drop_bus(s);
        strv_free(s->changed);
        strv_free(s->linked);
        free(s->in_unit_path);
        free(s);
        return NULL;
}

/* --- calls --- */

int systemd_call_failed(int r, const sd_bus_error *error, const char *what, const char *unit, Error *e) {
        const char *text = error->message ? error->message : strerror(-r);

        return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_SYSTEMD, "systemd: %s%s%s: %s", what, unit ? " " : "",
                         unit ? unit : "", text);
}

static void waiter_done(JobWaiter *w, Systemd *s) {
        for (JobWaiter **p = &s->waiters; *p; p = &(*p)->next)
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        free(w->job);
        free(w->early);
        free(w->early_result);
}

static int wait_for_job(JobWaiter *w, sd_bus_message *reply, uint64_t timeout, JobResult *ret) {
        const char *job;
        int r;

        r = sd_bus_message_read(reply, "o", &job);
        if (r < 0)
                return r;
        w->job = strdup(job);
        if (!w->job)
                return -ENOMEM;
        if (w->early && w->early_result && streq(w->early, job)) {
                *ret = job_result_from_string(w->early_result);
                return 0;
        }
        w->fiber = fiber_self();
        r = w->done ? 0 : fiber_suspend(timeout);
        w->fiber = NULL;
        if (r < 0 && !w->done)
                return r;
        *ret = w->result;
        return 0;
}

static int run_job(Systemd *s, const char *method, const char *unit, const char *mode, uint64_t timeout, JobResult *ret,
                   Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        JobWaiter w = { .unit = unit, .result = JOB_OTHER };
        JobResult result = JOB_OTHER;
        int r;

        w.next = s->waiters;
        s->waiters = &w;
        r = MANAGER_CALL(s, method, unit, &reply, &error, e, "ss", unit, mode);
        if (r >= 0)
                r = wait_for_job(&w, reply, timeout, &result);
        waiter_done(&w, s);
        if (r < 0)
                return systemd_call_failed(r, &error, method, unit, e);
        *ret = result < 0 ? JOB_OTHER : result;
        return 0;
}

int systemd_run_job(Systemd *s, const char *method, const char *unit, uint64_t timeout, JobResult *ret, Error *e) {
        return run_job(s, method, unit, "replace", timeout, ret, e);
}

int systemd_run_job_alone(Systemd *s, const char *method, const char *unit, uint64_t timeout, JobResult *ret,
                          Error *e) {
        return run_job(s, method, unit, "ignore-requirements", timeout, ret, e);
}

static int kill_unit(Systemd *s, const char *unit, const char *who, int signo, Error *e) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = MANAGER_CALL(s, "KillUnit", unit, NULL, &error, e, "ssi", unit, who, (int32_t) signo);
        if (r >= 0)
                return 0;
        if (sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit") ||
            sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchProcess"))
                r = -ESRCH;
        return systemd_call_failed(r, &error, "cannot signal", unit, e);
}

int systemd_kill_main(Systemd *s, const char *unit, int signo, Error *e) {
        return kill_unit(s, unit, "main", signo, e);
}

int systemd_kill_all(Systemd *s, const char *unit, Error *e) {
        return kill_unit(s, unit, "all", SIGKILL, e);
}

int systemd_set_properties(Systemd *s, const char *unit, int (*append)(sd_bus_message *m, void *userdata),
                           void *userdata, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus;
        int r;

        r = systemd_get_bus(s, &bus, e);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(bus, &m, DESTINATION, MANAGER_PATH, MANAGER, "SetUnitProperties");
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", unit, 1);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append(m, userdata);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = fiber_bus_call(bus, m, 0, &error, NULL);
        return r < 0 ? systemd_call_failed(r, &error, "cannot set properties of", unit, e) : 0;
}

int systemd_unit_is_active(Systemd *s, const char *unit, Error *e) {
        _cleanup_free_ char *state = NULL;
        int r;

        r = systemd_unit_string(s, unit, "Unit", "ActiveState", &state, e);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : !streq(state, "inactive") && !streq(state, "failed");
}

int systemd_unit_has_job(Systemd *s, const char *unit, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t id;
        int r;

        r = systemd_get_property(s, unit, "Unit", "Job", "(uo)", &reply, e);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = sd_bus_message_read(reply, "(uo)", &id, NULL);
        return r < 0 ? r : id > 0;
}

int systemd_reset_failed(Systemd *s, const char *unit, Error *e) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = MANAGER_CALL(s, "ResetFailedUnit", unit, NULL, &error, e, "s", unit);
        if (r >= 0 || sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit"))
                return 0;
        return systemd_call_failed(r, &error, "cannot reset", unit, e);
}

/* 1 and the object path, or 0 where the unit is not in memory. */
int systemd_get_unit(Systemd *s, const char *unit, char **ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *path;
        int r;

        r = MANAGER_CALL(s, "GetUnit", unit, &reply, &error, e, "s", unit);
        if (sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit"))
                return 0;
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return systemd_call_failed(r, &error, "cannot find", unit, e);
        if (ret) {
                *ret = strdup(path);
                if (!*ret)
                        return -ENOMEM;
        }
        return 1;
}

int systemd_get_property(Systemd *s, const char *unit, const char *interface, const char *property, const char *type,
                        sd_bus_message **ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *path = NULL, *whole = NULL;
        sd_bus *bus;
        int r;

        r = systemd_get_unit(s, unit, &path, e);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENOENT;
        whole = text_format(DESTINATION ".%s", interface);
        if (!whole)
                return -ENOMEM;
        r = systemd_get_bus(s, &bus, e);
        if (r < 0)
                return r;
        r = fiber_bus_call_method(bus, DESTINATION, path, "org.freedesktop.DBus.Properties", "Get", &error, &reply,
                                  "ss", whole, property);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'v', type);
        if (r < 0)
                return systemd_call_failed(r, &error, "cannot read a property of", unit, e);
        *ret = TAKE_PTR(reply);
        return 0;
}

int systemd_unit_string(Systemd *s, const char *unit, const char *interface, const char *property, char **ret,
                        Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *value;
        int r;

        r = systemd_get_property(s, unit, interface, property, "s", &reply, e);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "s", &value);
        if (r < 0)
                return r;
        *ret = strdup(value);
        return *ret ? 0 : -ENOMEM;
}

int systemd_unit_bool(Systemd *s, const char *unit, const char *interface, const char *property, bool *ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int value, r;

        r = systemd_get_property(s, unit, interface, property, "b", &reply, e);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "b", &value);
        if (r < 0)
                return r;
        *ret = value;
        return 0;
}

int systemd_unit_devices(Systemd *s, const char *unit, char ***ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **list = NULL;
        const char *path, *access;
        int r;

        r = systemd_get_property(s, unit, "Service", "DeviceAllow", "a(ss)", &reply, e);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &path, &access)) > 0)
                r = strv_addf(&list, "%s %s", path, access);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

static int add_once(char ***list, const char *unit) {
        return strv_length(*list) > CHANGED_MAX || strv_contains(*list, unit) ? 0 : strv_add(list, unit);
}

int systemd_enable(Systemd *s, const char *unit, bool enable, Error *e) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (enable)
                r = MANAGER_CALL(s, "EnableUnitFiles", unit, NULL, &error, e, "asbb", 1, unit, 0, 0);
        else
                r = MANAGER_CALL(s, "DisableUnitFiles", unit, NULL, &error, e, "asb", 1, unit, 0);
        if (r < 0)
                return systemd_call_failed(r, &error, enable ? "cannot enable" : "cannot disable", unit, e);
        (void) add_once(&s->linked, unit);
        systemd_unit_changed(s, unit);
        return 0;
}

/* --- reloading --- */

int systemd_reload(Systemd *s, Error *e) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = MANAGER_CALL(s, "Reload", NULL, NULL, &error, e, "");
        return r < 0 ? systemd_call_failed(r, &error, "cannot reload", NULL, e) : 0;
}

int systemd_get_list(Systemd *s, const char *path, const char *interface, const char *property, char ***list,
                     Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *text;
        sd_bus *bus;
        int r;

        r = systemd_get_bus(s, &bus, e);
        if (r < 0)
                return r;
        r = fiber_bus_call_method(bus, DESTINATION, path, "org.freedesktop.DBus.Properties", "Get", &error, &reply,
                                  "ss", interface, property);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(reply, "s", &text)) > 0)
                r = strv_add(list, text);
        return r < 0 ? systemd_call_failed(r, &error, "cannot read", property, e) : 0;
}

/* 1 where systemd reads units from folder. */
static int is_in_unit_path(Systemd *s, const char *folder, Error *e) {
        _cleanup_strv_ char **folders = NULL;
        int r = systemd_get_list(s, MANAGER_PATH, MANAGER, "UnitPath", &folders, e);

        return r < 0 ? r : strv_contains(folders, folder);
}

int systemd_ensure_unit_path(Systemd *s, const char *folder, Error *e) {
        int r;

        if (streq_ptr(s->in_unit_path, folder))
                return 0;
        r = is_in_unit_path(s, folder, e);
        if (r == 0)
                r = systemd_reload(s, e);
        if (r < 0)
                return r;
        free(s->in_unit_path);
        s->in_unit_path = strdup(folder);
        return 0;
}

void systemd_forget_unit_path(Systemd *s) {
        free(TAKE_PTR(s->in_unit_path));
}

int systemd_unit_refresh(Systemd *s, const char *unit, Error *e) {
        bool stale;
        int r;

        r = systemd_unit_bool(s, unit, "Unit", "NeedDaemonReload", &stale, e);
        if (r == -ENOENT)
                return 0;
        if (r >= 0 && stale)
                r = systemd_reload(s, e);
        /* Also clears systemd's count of recent starts: a client may start and end a guest as often as it likes. */
        return r < 0 ? r : systemd_reset_failed(s, unit, e);
}

/* Those of the changed units that systemd has in memory. One question for all of them: asking for each by name would
 * cost more than the definitions did. */
static int loaded_ones(Systemd *s, char *const *units, char ***ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *name;
        int r;

        r = MANAGER_CALL(s, "ListUnitsByPatterns", NULL, &reply, NULL, NULL, "asas", 0, 1, "vm*@*.service");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL, NULL, NULL, NULL,
                                                  NULL, NULL, NULL)) > 0)
                if (strv_contains(units, name) && strv_add(ret, name) < 0)
                        return -ENOMEM;
        return r;
}

/* What was loaded after the change is as it should be: a guest that is started as soon as it is defined. */
static bool any_is_stale(Systemd *s, char *const *units) {
        _cleanup_strv_ char **loaded = NULL;
        int r = loaded_ones(s, units, &loaded);

        for (char **unit = loaded; r >= 0 && unit && *unit; unit++) {
                bool stale;

                if (strv_contains(s->linked, *unit) ||
                    (systemd_unit_bool(s, *unit, "Unit", "NeedDaemonReload", &stale, NULL) >= 0 && stale))
                        return true;
        }
        return false;
}

static void reload_fiber(void *userdata) {
        Systemd *s = userdata;
        _cleanup_strv_ char **units = TAKE_PTR(s->changed);

        if (strv_length(units) > CHANGED_MAX || any_is_stale(s, units)) {
                strv_free(TAKE_PTR(s->linked));
                (void) systemd_reload(s, NULL);
        }
        s->reload_running = false;
        /* What was named while we waited. */
        if (s->changed)
                systemd_unit_changed(s, s->changed[0]);
}

static int on_reload_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Systemd *s = userdata;

        s->timer = sd_event_source_disable_unref(s->timer);
        s->reload_running = true;
        if (fiber_spawn(s->loop, reload_fiber, s, NULL) < 0)
                s->reload_running = false;
        return 0;
}

void systemd_unit_changed(Systemd *s, const char *unit) {
        if (add_once(&s->changed, unit) < 0 || s->timer || s->reload_running)
                return;
        (void) sd_event_add_time_relative(loop_event(s->loop), &s->timer, CLOCK_MONOTONIC, RELOAD_DELAY, 0,
                                          on_reload_time, s);
}
