/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "virsh start" is StartUnit: systemd prepares, sandboxes and runs QEMU; we wait for its job and then for QEMU's word. */

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/strings.h"
#include "handlers.h"
#include "index.h"
#include "keep.h"
#include "monitor.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "savefile.h"
#include "start.h"

#define START_TIMEOUT FIBER_FOREVER     /* the unit has its own limit */
#define SETTLE_TIMEOUT (5U * 1000000U)
#define CLEANUP_TIMEOUT (30U * 1000000U)
#define LOCK_TIMEOUT (30U * 1000000U)
#define ERROR_FILE_MAX (64U * 1024U)

int guest_lock(Guest *g, Error *e) {
        int r;

        r = fiber_lock(&g->lock, LOCK_TIMEOUT);
        if (r == -ETIMEDOUT)
                return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU,
                                 "cannot acquire state change lock of domain '%s'", g->name);
        return r;
}

/* --- the unit's drop-in --- */

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

int guest_write_dropin(Guest *g, const Definition *d, bool transient, Error *e) {
        _cleanup_plan_ Plan *plan = NULL;
        int r;

        r = plan_build(d, &plan, e);
        if (r < 0)
                return r;
        if (access(dropin_folder(transient), F_OK) < 0)
                systemd_forget_unit_path(g->driver->systemd);
        r = mkdir_p(dropin_folder(transient), 0755);
        if (r >= 0)
                r = plan_write_dropin(plan, dropin_folder(transient));
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot write the unit settings of domain '%s'", g->name);
        if (r > 0) {
                show_dropins_to_systemd();
                systemd_unit_changed(g->driver->systemd, plan_unit(plan));
        }
        return 0;
}

void guest_remove_dropin(QemuDriver *d, const char *name, bool transient) {
        _cleanup_free_ char *unit = NULL;

        (void) plan_remove_dropin(name, dropin_folder(transient));
        show_dropins_to_systemd();
        if (unit_name_for_guest(name, &unit) >= 0)
                systemd_unit_changed(d->systemd, unit);
}

/* --- starting --- */

/* What vm-prepare should do otherwise than the definition says, this once. */
static int write_request(Guest *g, uint32_t flags, Error *e) {
        _cleanup_free_ char *path = guest_path_run(g->name, "request");
        _cleanup_strbuf_ StrBuf text = {};
        int r;

        if (!path)
                return -ENOMEM;
        if (!(flags & (CREATE_PAUSED | CREATE_RESET_NVRAM))) {
                (void) unlink(path);
                return 0;
        }
        if (flags & CREATE_PAUSED)
                strbuf_add(&text, "paused=yes\n");
        if (flags & CREATE_RESET_NVRAM)
                strbuf_add(&text, "reset-nvram=yes\n");
        if (text.failed)
                return -ENOMEM;
        r = file_write_atomic(path, text.data, text.len, 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path) : 0;
}

static void trim(char *s) {
        size_t n = strlen(s);

        while (n > 0 && (unsigned char) s[n - 1] <= ' ')
                s[--n] = 0;
        for (char *p = s; *p; p++)
                if ((unsigned char) *p < ' ' && *p != '\n')
                        *p = '?';
}

/* Why the unit did not come up: what vm-prepare or vm-run left, else what systemd knows. Not the unit's status text,
 * which may be that of an earlier run. */
static int start_failed(Guest *g, const char *unit, JobResult result, Error *e) {
        _cleanup_free_ char *path = guest_path_run(g->name, "error"), *text = NULL, *why = NULL;
        int r = -EIO;

        if (result == JOB_TIMEOUT)
                r = -ETIMEDOUT;
        if (path && file_read(path, ERROR_FILE_MAX, &text, NULL) >= 0) {
                trim(text);
                if (text[0])
                        return error_set_from_text(e, r, ERROR_INTERNAL, ORIGIN_QEMU, text);
        }
        if (result == JOB_DEPENDENCY)
                return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                 "a unit that %s needs did not start; see 'systemctl list-dependencies %s'", unit, unit);
        (void) systemd_unit_string(g->driver->systemd, unit, "Service", "Result", &why, NULL);
        return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                         "%s did not start (job: %s, result: %s); see 'journalctl -u %s'", unit,
                         job_result_to_string(result), why ? why : "unknown", unit);
}

/* The unit says it is up: follow what it has written, and have QEMU's own word. */
static void wait_for_qemu(Guest *g, uint32_t flags) {
        (void) index_refresh(g->driver, g->name);
        while (!g->gone && g->run && g->state == GUEST_STARTING && !(flags & CREATE_PAUSED && qmp_client_is_ready(g->run->qmp)))
                if (fiber_queue_wait(&g->waiters, SETTLE_TIMEOUT) < 0)
                        break;
        if (flags & CREATE_PAUSED && g->run && g->state == GUEST_STARTING)
                guest_enter(g, GUEST_PAUSED, PAUSED_USER);
}

/* Clients know of an end when QEMU is gone, its unit goes milliseconds later. As long as systemd holds the unit for
 * active a start would be done at once, and nothing started. */
int guest_wait_for_cleanup(Guest *g, Error *e) {
        while (!g->gone && g->state == GUEST_ENDING) {
                int r = fiber_queue_wait(&g->waiters, CLEANUP_TIMEOUT);

                if (r < 0)
                        return error_set(e, r, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU,
                                         "domain '%s' has ended, but its unit is still being stopped", g->name);
        }
        return g->gone ? error_no_domain_uuid(e, g->uuid, g->name) : 0;
}

int guest_start(Guest *g, uint32_t flags, uint64_t mark, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *unit = NULL, *error_path = guest_path_run(g->name, "error");
        Systemd *systemd = g->driver->systemd;
        JobResult result;
        int r;

        r = guest_wait_for_cleanup(g, e);
        if (r < 0)
                return r;
        if (guest_is_active(g))
                return error_set(e, -EALREADY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain is already running");
        if (has_managed_save(g) && !(flags & CREATE_FORCE_BOOT))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "domain '%s' has a managed save image, and restoring one is not supported: start it with "
                                 "--force-boot, which discards the image", g->name);
        r = unit_name_for_guest(g->name, &unit);
        if (r < 0)
                return unit_name_refuse(g->name, r, e);
        r = flags & CREATE_FORCE_BOOT ? remove_managed_save(g, e) : 0;
        if (r < 0)
                return r;
        r = guest_load_next(g, &d, e);
        if (r < 0)
                return r;
        r = guest_write_dropin(g, d, g->transient, e);
        if (r >= 0)
                r = write_request(g, flags, e);
        if (r >= 0)
                r = systemd_ensure_unit_path(systemd, dropin_folder(g->transient), e);
        if (r >= 0)
                r = systemd_unit_refresh(systemd, unit, e);
        if (r < 0)
                return r;
        if (error_path)
                (void) unlink(error_path);
        guest_set_autodestroy(g, mark);
        keep_save(g);
        r = systemd_run_job(systemd, "StartUnit", unit, START_TIMEOUT, &result, e);
        if (r < 0 || result != JOB_DONE) {
                guest_set_autodestroy(g, 0);
                keep_save(g);
        }
        if (r < 0)
                return r;
        if (result != JOB_DONE) {
                (void) index_refresh(g->driver, g->name);
                index_refresh_end(g);
                return start_failed(g, unit, result, e);
        }
        wait_for_qemu(g, flags);
        return 0;
}

#define CREATE_SUPPORTED (CREATE_PAUSED | CREATE_AUTODESTROY | CREATE_BYPASS_CACHE | CREATE_FORCE_BOOT | CREATE_RESET_NVRAM)

/* A client that has gone meanwhile is nobody's reason to wait for. */
static int start_for(Call *c, Guest *g, uint32_t flags, Error *e) {
        uint64_t mark = flags & CREATE_AUTODESTROY ? connection_id(call_connection(c)) + 1 : 0;
        int r;

        r = guest_start(g, flags, mark, e);
        if (r >= 0 && mark && !connection_is_alive(call_connection(c)))
                guests_autodestroy(g->driver, mark);
        return r;
}

int domain_create_with_flags(Call *c, const remote_domain_create_with_flags_args *args,
                             remote_domain_create_with_flags_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = call_check_flags(c, args->flags, CREATE_SUPPORTED, e);
        if (r >= 0)
                r = domain_get(c, &args->dom, args->flags, &g, e);
        if (r >= 0)
                r = guest_lock(g, e);
        if (r < 0)
                return r;
        r = g->gone ? error_no_domain_uuid(e, g->uuid, g->name) : start_for(c, g, args->flags, e);
        fiber_unlock(&g->lock);
        return r < 0 ? r : guest_to_wire(g, &ret->dom);
}

int domain_create(Call *c, const remote_domain_create_args *args, rpc_void *ret, Error *e) {
        const remote_domain_create_with_flags_args with_flags = { .dom = args->dom };
        remote_domain_create_with_flags_ret ignored = {};
        int r;

        r = domain_create_with_flags(c, &with_flags, &ignored, e);
        free(ignored.dom.name);
        return r;
}

/* --- transient guests --- */

static int write_transient(Guest *g, const Definition *d, Error *e) {
        _cleanup_free_ char *path = guest_path_transient(g->name), *text = NULL;
        int r;

        r = definition_format(d, DEFINITION_FORMAT_SECURE | DEFINITION_FORMAT_INACTIVE, &text);
        if (r < 0 || !path)
                return -ENOMEM;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path);
        return 0;
}

static void forget_transient(QemuDriver *d, const char *name) {
        _cleanup_free_ char *path = guest_path_transient(name);

        if (path)
                (void) unlink(path);
        guest_remove_dropin(d, name, true);
        (void) index_refresh(d, name);
}

static int start_transient(Call *c, Guest *g, const Definition *d, uint32_t flags, Error *e) {
        int r;

        r = guest_lock(g, e);
        if (r < 0)
                return r;
        if (guest_is_active(g))
                r = error_set(e, -EALREADY, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain is already active as '%s'", g->name);
        else {
                r = write_transient(g, d, e);
                if (r >= 0) {
                        (void) index_refresh_quietly(g->driver, g->name);
                        r = start_for(c, g, flags, e);
                        if (r < 0)
                                forget_transient(g->driver, g->name);
                }
        }
        fiber_unlock(&g->lock);
        return r;
}

/* An earlier transient guest of this name may be about to go, and would take our files with it. */
static int guest_for_start(QemuDriver *driver, const Definition *d, bool *ret_new, Guest **ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = guest_for_definition(driver, d, ret_new, &g, e);
        if (r < 0)
                return r;
        r = guest_wait_for_cleanup(g, e);
        if (g->gone) {
                error_done(e);
                return guest_for_definition(driver, d, ret_new, ret, e);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

int domain_create_xml(Call *c, const remote_domain_create_xml_args *args, remote_domain_create_xml_ret *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_guest_ Guest *g = NULL;
        QemuDriver *driver = driver_of(c);
        bool is_new;
        int r;

        r = call_check_flags(c, args->flags, CREATE_SUPPORTED | CREATE_VALIDATE, e);
        if (r >= 0)
                r = client_definition(driver, args->xml_desc, args->flags & CREATE_VALIDATE, &d, e);
        if (r >= 0)
                r = guest_for_start(driver, d, &is_new, &g, e);
        if (r < 0)
                return r;
        if (is_new)
                g->transient = true;
        r = domain_check_access(c, g, args->flags, e);
        if (r >= 0)
                r = start_transient(c, g, d, args->flags, e);
        if (r < 0) {
                (void) index_refresh(driver, g->name);
                return r;
        }
        return guest_to_wire(g, &ret->dom);
}
