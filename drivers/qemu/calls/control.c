/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ending, pausing and resetting a running guest. */

#include <signal.h>

#include "calls/calls.h"
#include "object/unit.h"
#include "run/agent.h"
#include "run/end.h"
#include "run/monitor.h"

static int destroy(Call *c, Guest *g, uint32_t flags, Error *e) {
        return guest_end(g, e);
}

/* --- asking the guest --- */

#define SHUTDOWN_ACPI 1U
#define SHUTDOWN_AGENT 2U

#define AGENT_SECONDS 60U

/* The agent is asked where the client wants it, or does not care and there is one; then ACPI where it need not be the
 * agent. */
static int by_agent(Guest *g, uint32_t flags, const char *mode, bool (*done)(const Guest *g), Error *e) {
        _cleanup_error_ Error why = {};
        int r;

        if (flags == SHUTDOWN_ACPI || (flags != SHUTDOWN_AGENT && !guest_has_agent(g)))
                return 0;
        r = guest_agent_until(g, "guest-shutdown", json_pack("{s:s}", "mode", mode), AGENT_SECONDS, done, &why);
        if (r >= 0)
                return 1;
        if (flags == SHUTDOWN_AGENT && e)
                error_move(e, &why);
        return flags == SHUTDOWN_AGENT ? r : 0;
}

static bool has_shut_down(const Guest *g) {
        return g->state != GUEST_RUNNING;
}

static int shut_down(Call *c, Guest *g, uint32_t flags, Error *e) {
        int r = by_agent(g, flags, "powerdown", has_shut_down, e);

        return r != 0 ? MIN(r, 0) : guest_command(g, "system_powerdown", NULL, NULL, e);
}

/* The agent's reboot is a reset, after which the guest has no agent for a while. */
static bool has_reset(const Guest *g) {
        return g->state != GUEST_RUNNING || !g->run || !g->run->agent_open;
}

/* vm-run asks the guest to power off and starts it again when it has, in the same QEMU. */
static int reboot_guest(Call *c, Guest *g, uint32_t flags, Error *e) {
        _cleanup_free_ char *unit = NULL;
        int r = by_agent(g, flags, "reboot", has_reset, e);

        if (r != 0)
                return MIN(r, 0);
        r = object_unit(&g->object, &unit, e);
        if (r < 0)
                return r;
        /* a guest may have powered off before the service manager has answered */
        if (g->run)
                g->run->rebooting = true;
        r = systemd_kill_main(g->driver->systemd, unit, SIGINT, e);
        if (r < 0 && g->run)
                g->run->rebooting = false;
        return r;
}

static int refuse_asleep(Guest *g, Error *e) {
        return g->state == GUEST_SUSPENDED ? object_refuse(&g->object, e, "domain is pmsuspended") : 0;
}

static int suspend(Call *c, Guest *g, uint32_t flags, Error *e) {
        int r = refuse_asleep(g, e);

        return r < 0 || g->state == GUEST_PAUSED ? r : guest_command(g, "stop", NULL, NULL, e);
}

static int resume(Call *c, Guest *g, uint32_t flags, Error *e) {
        int r = refuse_asleep(g, e);

        if (r < 0)
                return r;
        if (g->state == GUEST_RUNNING)
                return object_refuse(&g->object, e, "domain is already running");
        return guest_command(g, "cont", NULL, NULL, e);
}

static const RpcHandler rows[] = {
        ACTION(DOMAIN_DESTROY, destroy, .needs = NEED_DESTROY),
        ACTION(DOMAIN_DESTROY_FLAGS, destroy, .flags = DESTROY_GRACEFUL | DESTROY_REMOVE_LOGS, .needs = NEED_DESTROY),
        ACTION(DOMAIN_SHUTDOWN, shut_down, .needs = NEED_ACTIVE),
        ACTION(DOMAIN_SHUTDOWN_FLAGS, shut_down, .flags = SHUTDOWN_ACPI | SHUTDOWN_AGENT, .needs = NEED_ACTIVE),
        ACTION(DOMAIN_REBOOT, reboot_guest, .flags = SHUTDOWN_ACPI | SHUTDOWN_AGENT, .needs = NEED_ACTIVE),
        ACTION(DOMAIN_SUSPEND, suspend, .needs = NEED_ACTIVE),
        ACTION(DOMAIN_RESUME, resume, .needs = NEED_ACTIVE),
};
const RpcTable qemu_control_table = RPC_TABLE(rows);
