/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Units. systemd starts and stops; what it starts is in a drop-in that is written here at define and start, and by the
 * generator at boot, both from the same plan. */

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/instance.h"
#include "base/strings.h"
#include "object/store.h"
#include "object/unit.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "plan/pools.h"

#define ERROR_FILE_MAX (64U * 1024U)

static int unit_of(const ObjectKind *k, const char *name, char **ret, Error *e) {
        int r = unit_name_for(k->unit->kind, name, ret);

        return r < 0 ? unit_name_refuse(name, r, e) : 0;
}

int object_unit(const Object *o, char **ret, Error *e) {
        return unit_of(object_kind(o), o->name, ret, e);
}

/* --- the drop-in --- */

static const char *dropin_folder(bool transient) {
        const char *p = getenv(transient ? "UNITVIRT_TRANSIENT_UNITS" : "UNITVIRT_GENERATED_UNITS");

        return p ? p : transient ? "/run/systemd/system" : "/run/systemd/generator";
}

/*
 * systemd remembers which drop-ins there are, and looks again only when one of its folders has changed. It takes the
 * generators' folder for its own and does not count it, so that a change there is shown to it by the time of another
 * (systemd 252 to 257; unit_file_build_name_map is where it compares them). The time is one that no earlier change had:
 * the kernel's own has steps of milliseconds, and systemd compares microseconds.
 */
static void show_dropins_to_systemd(void) {
        struct timespec times[2];

        if (clock_gettime(CLOCK_REALTIME, &times[0]) < 0 || mkdir_p(dropin_folder(true), 0755) < 0)
                return;
        times[1] = times[0];
        (void) utimensat(AT_FDCWD, dropin_folder(true), times, 0);
}

int object_write_dropin(Object *o, const Definition *d, bool transient, Error *e) {
        Systemd *systemd = o->index->host->systemd;
        _cleanup_plan_ Plan *plan = NULL;
        int r;

        r = plan_build(d, &plan, e);
        if (r >= 0 && definition_kind(d) == &document_domain)
                r = plan_after_pools(plan, d, pool_places_now(&o->index->pools));
        if (r < 0)
                return r;
        if (access(dropin_folder(transient), F_OK) < 0)
                systemd_forget_unit_path(systemd);
        r = mkdir_p(dropin_folder(transient), 0755);
        if (r >= 0)
                r = plan_write_dropin(plan, dropin_folder(transient));
        if (r < 0)
                return error_set_errno(e, r, object_kind(o)->origin, "cannot write the unit settings of %s '%s'",
                                       object_kind(o)->word, o->name);
        if (r > 0) {
                show_dropins_to_systemd();
                systemd_unit_changed(systemd, plan_unit(plan));
        }
        return 0;
}

int object_correct_dropin(ObjectIndex *i, const Definition *d) {
        _cleanup_free_ char *file = NULL, *path = NULL;
        _cleanup_plan_ Plan *plan = NULL;
        int r;

        r = plan_build(d, &plan, NULL);
        if (r >= 0)
                r = plan_after_pools(plan, d, pool_places_now(&i->pools));
        if (r < 0)
                return r;
        file = plan_file(plan);
        path = file ? text_format("%s/%s", dropin_folder(false), file) : NULL;
        if (!path)
                return -ENOMEM;
        r = access(path, F_OK) < 0 ? 0 : plan_write_dropin(plan, dropin_folder(false));
        if (r > 0) {
                show_dropins_to_systemd();
                systemd_unit_changed(i->host->systemd, plan_unit(plan));
        }
        return r;
}

void object_remove_dropin(ObjectIndex *i, const char *name, bool transient) {
        _cleanup_free_ char *unit = NULL;

        (void) plan_remove_dropin_as(i->kind->unit->kind, name, dropin_folder(transient));
        show_dropins_to_systemd();
        if (unit_of(i->kind, name, &unit, NULL) >= 0)
                systemd_unit_changed(i->host->systemd, unit);
}

void object_remove_units(ObjectIndex *i, const char *name, const Definition *d, bool transient) {
        _cleanup_plan_ Plan *plan = NULL;

        if (d && plan_build(d, &plan, NULL) >= 0)
                (void) plan_remove(plan, dropin_folder(transient));
        object_remove_dropin(i, name, transient);
}

/* --- jobs --- */

static void trim(char *s) {
        size_t n = strlen(s);

        while (n > 0 && (unsigned char) s[n - 1] <= ' ')
                s[--n] = 0;
        for (char *p = s; *p; p++)
                if ((unsigned char) *p < ' ' && *p != '\n')
                        *p = '?';
}

static char *error_file(const Object *o) {
        const char *folder = object_kind(o)->unit->errors;

        return folder ? text_format("%s/%s/%s.error", path_run(), folder, o->name) : NULL;
}

/* "[38] words", as error_to_text() has it: words of another error have a code of their own. */
static void drop_code(char *text) {
        const char *rest = *text == '[' ? strstr(text, "] ") : NULL;

        if (rest)
                memmove(text, rest + 2, strlen(rest + 2) + 1);
}

/* What the program of a pool or a network has left; NULL where that says nothing. *ret_what is in words what it is. */
static char *words_of_other(const char *unit, char **ret_what) {
        static const struct {
                const UnitKind *kind;
                const char *folder, *etc;
        } kinds[] = { { &unit_pool, "storage", "storage" }, { &unit_network, "network", "qemu/networks" } };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_free_ char *instance = NULL, *name = NULL, *path = NULL, *text = NULL,
                                    *etc = text_format("%s/%s", path_etc(), kinds[i].etc);

                if (instance_from_unit(kinds[i].kind, unit, &instance) < 0 || !etc ||
                    instance_to_name(instance, (const char *const[]) { etc, NULL }, &name) < 0)
                        continue;
                path = text_format("%s/%s/%s.error", path_run(), kinds[i].folder, name);
                if (!path || file_read(path, ERROR_FILE_MAX, &text, NULL) < 0)
                        return NULL;
                trim(text);
                drop_code(text);
                *ret_what = text_format("%s '%s'", kinds[i].kind->word, name);
                return *ret_what && *text ? TAKE_PTR(text) : NULL;
        }
        return NULL;
}

static int need_failed(Object *o, const char *unit, int r, Error *e) {
        _cleanup_free_ char *need = NULL, *what = NULL, *text = NULL;
        ErrorOrigin origin = object_kind(o)->origin;

        if (systemd_unit_failed_need(o->index->host->systemd, unit, &need, NULL) <= 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, origin,
                                 "a unit that %s needs did not start; see 'systemctl list-dependencies %s'", unit,
                                 unit);
        text = words_of_other(need, &what);
        if (text)
                return error_set(e, r, ERROR_OPERATION_FAILED, origin, "%s, which %s needs, did not start: %s", what,
                                 unit, text);
        return error_set(e, r, ERROR_OPERATION_FAILED, origin,
                         "%s, which %s needs, did not start; see 'systemctl status %s'", need, unit, need);
}

/* Why the unit did not come up: what its programs left, else what systemd knows. Not the unit's status text, which may
 * be that of an earlier run. */
static int start_failed(Object *o, const char *unit, JobResult result, Error *e) {
        _cleanup_free_ char *path = error_file(o), *text = NULL, *why = NULL;
        int r = result == JOB_TIMEOUT ? -ETIMEDOUT : -EIO;
        ErrorOrigin origin = object_kind(o)->origin;

        if (object_kind(o)->unit->wait_for_others)
                object_kind(o)->unit->wait_for_others(o);
        if (path && file_read(path, ERROR_FILE_MAX, &text, NULL) >= 0) {
                trim(text);
                if (text[0])
                        return error_set_from_text(e, r, ERROR_INTERNAL, origin, text);
        }
        if (result == JOB_DEPENDENCY)
                return need_failed(o, unit, r, e);
        if (systemd_unit_failed_step(o->index->host->systemd, unit, &why, NULL) > 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, origin, "%s did not start: %s; see 'journalctl -u %s'",
                                 unit, why, unit);
        (void) systemd_unit_string(o->index->host->systemd, unit, "Service", "Result", &why, NULL);
        return error_set(e, r, ERROR_OPERATION_FAILED, origin,
                         "%s did not start (job: %s, result: %s); see 'journalctl -u %s'", unit,
                         job_result_to_string(result), why ? why : "unknown", unit);
}

/* systemd calls a start done that it has skipped. One that has left a live definition was not: systemd is not asked. */
static int check_conditions(Object *o, const char *unit, Error *e) {
        _cleanup_free_ char *live = object_path(object_kind(o), STORE_LIVE, o->name), *unmet = NULL;

        if (live && access(live, F_OK) >= 0)
                return 0;
        if (systemd_unit_unmet(o->index->host->systemd, unit, &unmet, NULL) <= 0)
                return 0;
        return error_set(e, -EPERM, ERROR_OPERATION_FAILED, object_kind(o)->origin,
                         "systemd did not start %s: %s is not met", unit, unmet);
}

int object_unit_start(Object *o, bool transient, void (*began)(Object *o), Error *e) {
        _cleanup_free_ char *unit = NULL, *path = error_file(o);
        Systemd *systemd = o->index->host->systemd;
        JobResult result;
        int r;

        r = object_unit(o, &unit, e);
        if (r >= 0)
                r = systemd_ensure_unit_path(systemd, dropin_folder(transient), e);
        if (r >= 0)
                r = systemd_unit_refresh(systemd, unit, e);
        if (r < 0)
                return r;
        if (path)
                (void) unlink(path);
        if (began)
                began(o);
        /* The unit has its own limit. */
        r = systemd_run_job(systemd, "StartUnit", unit, FIBER_FOREVER, &result, e);
        if (r < 0)
                return r;
        return result == JOB_DONE ? check_conditions(o, unit, e) : start_failed(o, unit, result, e);
}

int object_unit_stop(Object *o, uint64_t timeout, Error *e) {
        _cleanup_free_ char *unit = NULL;
        JobResult result;
        int r;

        r = object_unit(o, &unit, e);
        if (r >= 0)
                r = systemd_run_job(o->index->host->systemd, "StopUnit", unit, timeout, &result, e);
        if (r < 0 || result == JOB_DONE)
                return r;
        return error_set(e, -EIO, ERROR_OPERATION_FAILED, object_kind(o)->origin,
                         "%s did not stop (job: %s); see 'journalctl -u %s'", unit, job_result_to_string(result), unit);
}

/* --- helpers --- */

#define HELPER_TIMEOUT (100U * 1000000U) /* it has a limit of its own */

int object_helper_start(Object *o, const Plan *helper, Error *e) {
        Systemd *systemd = o->index->host->systemd;
        const char *unit = plan_unit(helper);
        JobResult result = JOB_DONE;
        int r;

        r = mkdir_p(dropin_folder(true), 0755);
        if (r >= 0)
                r = plan_write_dropin(helper, dropin_folder(true));
        if (r < 0)
                return error_set_errno(e, r, object_kind(o)->origin, "cannot write the settings of %s", unit);
        show_dropins_to_systemd();
        r = systemd_unit_refresh(systemd, unit, e);
        if (r >= 0)
                r = systemd_run_job(systemd, "StartUnit", unit, HELPER_TIMEOUT, &result, e);
        return r < 0 || result == JOB_DONE ? r : start_failed(o, unit, result, e);
}

void object_helper_stop(Object *o, const Plan *helper) {
        const char *unit = plan_unit(helper);
        _cleanup_free_ char *folder = text_format("%s/%s.d", dropin_folder(true), unit);
        JobResult result;

        if (!folder || access(folder, F_OK) < 0)
                return;
        (void) systemd_run_job(o->index->host->systemd, "StopUnit", unit, HELPER_TIMEOUT, &result, NULL);
        (void) plan_remove_dropin_of(unit, dropin_folder(true));
}

/* --- work --- */

int unit_work_result(const char *path, const char *on, const char *unit, ErrorOrigin origin, ErrorCode code, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r = file_read(path, 64 * 1024, &text, NULL);

        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, origin,
                                 "the work on %s did not begin; see 'journalctl -u %s'", on, unit);
        text[strcspn(text, "\n")] = '\0';
        return streq(text, "ok") ? 0 : error_set_from_text(e, -EIO, code, origin, text);
}

/* --- autostart --- */

static char *systemd_link(const ObjectKind *k, const char *name) {
        _cleanup_free_ char *unit = NULL;
        const char *top = getenv("UNITVIRT_SYSTEMD_ETC");

        if (unit_of(k, name, &unit, NULL) < 0)
                return NULL;
        return text_format("%s/%s.wants/%s", top ? top : "/etc/systemd/system", k->unit->kind->target, unit);
}

static char *libvirt_link(const ObjectKind *k, const char *name, const char *suffix) {
        return k->unit->autostart ? text_format("%s/%s/%s.xml%s", path_etc(), k->unit->autostart, name, suffix) : NULL;
}

static bool is_there(char *path) {
        _cleanup_free_ _unused_ char *owned = path;

        return path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool object_autostart_of(const ObjectIndex *i, const char *name) {
        return is_there(systemd_link(i->kind, name)) || is_there(libvirt_link(i->kind, name, ""));
}

bool object_autostart(const Object *o) {
        return object_autostart_of(o->index, o->name);
}

static int remove_link(const ObjectKind *k, const char *name, const char *suffix, Error *e) {
        _cleanup_free_ char *path = libvirt_link(k, name, suffix);

        if (!path)
                return k->unit->autostart ? -ENOMEM : 0;
        if (unlink(path) < 0)
                return errno == ENOENT ? 0 : error_set_errno(e, -errno, k->origin, "cannot remove %s", path);
        return fsync_parent(path);
}

static int switch_unit(ObjectIndex *i, const char *name, bool on, Error *e) {
        _cleanup_free_ char *unit = NULL;
        int r;

        if (is_there(systemd_link(i->kind, name)) == on)
                return 0;
        r = unit_of(i->kind, name, &unit, e);
        return r < 0 ? r : systemd_enable(i->host->systemd, unit, on, e);
}

int object_autostart_switch_name(ObjectIndex *i, const char *name, bool on, Error *e) {
        int r = switch_unit(i, name, on, e);

        return r < 0 ? r : remove_link(i->kind, name, "", e);
}

int object_autostart_switch(Object *o, bool on, Error *e) {
        return object_autostart_switch_name(o->index, o->name, on, e);
}

int object_unit_forget(ObjectIndex *i, const char *name, Error *e) {
        _cleanup_free_ char *unit = NULL;
        int r;

        r = object_autostart_switch_name(i, name, false, e);
        if (r >= 0)
                r = remove_link(i->kind, name, ".once", e);
        if (unit_of(i->kind, name, &unit, NULL) >= 0)
                (void) systemd_reset_failed(i->host->systemd, unit, NULL);
        return r;
}

bool object_autostart_once(const Object *o) {
        return is_there(libvirt_link(object_kind(o), o->name, ".once"));
}

static int make_once(Object *o, Error *e) {
        const ObjectKind *k = object_kind(o);
        _cleanup_free_ char *link = libvirt_link(k, o->name, ".once"), *folder = NULL, *target = NULL;
        int r;

        target = object_path(k, STORE_PERSISTENT, o->name);
        folder = text_format("%s/%s", path_etc(), k->unit->autostart);
        if (!link || !target || !folder)
                return -ENOMEM;
        r = mkdir_p(folder, 0755);
        if (r < 0)
                return error_set_errno(e, r, k->origin, "cannot make %s", folder);
        if (symlink(target, link) < 0 && errno != EEXIST)
                return error_set_errno(e, -errno, k->origin, "cannot make %s", link);
        return fsync_parent(link);
}

int object_set_autostart_once(Object *o, bool on, Error *e) {
        return on ? make_once(o, e) : remove_link(object_kind(o), o->name, ".once", e);
}
