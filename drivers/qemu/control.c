/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ending, pausing and resetting a running guest. */

#include <signal.h>

#include "handlers.h"
#include "keep.h"
#include "monitor.h"
#include "plan/names.h"
#include "start.h"

#define DESTROY_TIMEOUT (30U * 1000000U)

#define SHUTDOWN_ACPI 1U
#define SHUTDOWN_AGENT 2U
#define SHUTDOWN_INITCTL 4U
#define SHUTDOWN_SIGNAL 8U
#define SHUTDOWN_PARAVIRT 16U

/* Waits until there is no QEMU any more. */
static int wait_for_end(Guest *g, uint64_t timeout) {
        int r;

        while (!g->gone && guest_is_active(g)) {
                r = fiber_queue_wait(&g->waiters, timeout);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* vm-run kills QEMU at once; where there is no vm-run yet, the unit is on its way up and its job is taken back. */
static int end_guest(Guest *g, Error *e) {
        _cleanup_free_ char *unit = NULL;
        JobResult result;
        int r;

        r = unit_name_for_guest(g->name, &unit);
        if (r < 0)
                return r;
        if (g->run)
                g->run->destroy = true;
        r = systemd_kill_main(g->driver->systemd, unit, SIGUSR1, e);
        if (r == -ESRCH) {
                if (e)
                        error_done(e);
                r = systemd_run_job(g->driver->systemd, "StopUnit", unit, DESTROY_TIMEOUT, &result, e);
        }
        if (r < 0)
                return r;
        r = wait_for_end(g, DESTROY_TIMEOUT);
        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "domain '%s' did not end in time", g->name);
        return 0;
}

int domain_destroy_flags(Call *c, const remote_domain_destroy_flags_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = call_check_flags(c, args->flags, 3, e); /* graceful; remove logs */
        if (r >= 0)
                r = domain_get_active(c, &args->dom, args->flags, &g, e);
        if (r < 0)
                return r;
        return end_guest(g, e);
}

int domain_destroy(Call *c, const remote_domain_destroy_args *args, rpc_void *ret, Error *e) {
        const remote_domain_destroy_flags_args with_flags = { .dom = args->dom };

        return domain_destroy_flags(c, &with_flags, ret, e);
}

/* --- asking the guest --- */

static int agent_missing(Error *e) {
        return error_set(e, -EOPNOTSUPP, ERROR_AGENT_UNRESPONSIVE, ORIGIN_QEMU, "QEMU guest agent is not connected");
}

int domain_shutdown_flags(Call *c, const remote_domain_shutdown_flags_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = call_check_flags(c, args->flags, SHUTDOWN_ACPI | SHUTDOWN_AGENT, e);
        if (r >= 0)
                r = domain_get_active(c, &args->dom, args->flags, &g, e);
        if (r < 0)
                return r;
        if (args->flags == SHUTDOWN_AGENT)
                return agent_missing(e);
        return guest_command(g, "system_powerdown", NULL, NULL, e);
}

int domain_shutdown(Call *c, const remote_domain_shutdown_args *args, rpc_void *ret, Error *e) {
        const remote_domain_shutdown_flags_args with_flags = { .dom = args->dom };

        return domain_shutdown_flags(c, &with_flags, ret, e);
}

/* vm-run asks the guest to power off and starts it again when it has, in the same QEMU. */
int domain_reboot(Call *c, const remote_domain_reboot_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        _cleanup_free_ char *unit = NULL;
        int r;

        r = call_check_flags(c, args->flags, SHUTDOWN_ACPI | SHUTDOWN_AGENT, e);
        if (r >= 0)
                r = domain_get_active(c, &args->dom, args->flags, &g, e);
        if (r < 0)
                return r;
        if (args->flags == SHUTDOWN_AGENT)
                return agent_missing(e);
        r = unit_name_for_guest(g->name, &unit);
        if (r < 0)
                return r;
        return systemd_kill_main(g->driver->systemd, unit, SIGINT, e);
}

int domain_reset(Call *c, const remote_domain_reset_args *args, rpc_void *ret, Error *e) {
        return domain_command(c, &args->dom, args->flags, "system_reset", e);
}

static int get_awake(Call *c, const remote_nonnull_domain *dom, Guest **ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get_active(c, dom, 0, &g, e);
        if (r < 0)
                return r;
        if (g->state == GUEST_SUSPENDED)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain is pmsuspended");
        *ret = TAKE_PTR(g);
        return 0;
}

int domain_suspend(Call *c, const remote_domain_suspend_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = get_awake(c, &args->dom, &g, e);
        if (r < 0)
                return r;
        if (g->state == GUEST_PAUSED)
                return 0;
        return guest_command(g, "stop", NULL, NULL, e);
}

int domain_resume(Call *c, const remote_domain_resume_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = get_awake(c, &args->dom, &g, e);
        if (r < 0)
                return r;
        if (g->state == GUEST_RUNNING)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_DOMAIN, "domain is already running");
        return guest_command(g, "cont", NULL, NULL, e);
}

/* --- the end of a client that asked for it --- */

typedef struct AutodestroyArgs {
        QemuDriver *driver;
        uint64_t mark;
} AutodestroyArgs;

/* A guest without a run may be on its way up: stopping its unit takes the job back. */
static void end_orphan(Guest *g) {
        guest_wait_settled(g);
        if (guest_is_active(g) || g->autodestroy == AUTODESTROY_ORPHAN)
                (void) end_guest(g, NULL);
        if (!g->run) {
                guest_set_autodestroy(g, 0);
                keep_save(g);
        }
}

static void autodestroy_fiber(void *userdata) {
        AutodestroyArgs *a = userdata;
        Guest **list;
        size_t n;

        if (guests_snapshot(a->driver, &list, &n) >= 0) {
                for (size_t i = 0; i < n; i++)
                        if (list[i]->autodestroy == a->mark)
                                end_orphan(list[i]);
                guests_release(list, n);
        }
        a->driver->host->hold(a->driver->host, -1);
        free(a);
}

void guests_autodestroy(QemuDriver *d, uint64_t mark) {
        AutodestroyArgs *a;

        if (d->n_autodestroy == 0)
                return;
        a = malloc(sizeof(*a));
        if (!a)
                return;
        *a = (AutodestroyArgs) { d, mark };
        if (fiber_spawn(d->host->loop, autodestroy_fiber, a, NULL) < 0) {
                free(a);
                return;
        }
        d->host->hold(d->host, 1);
}
