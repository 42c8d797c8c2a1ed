/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guest is told to do and does, and how it ends. */

#include <signal.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "run.h"

/* A kernel that woke up takes its devices up again first. */
#define POWERDOWN_AWAKE (1 * USEC_PER_SEC)

/* QEMU closes its images at quit and SIGTERM. */
#define QUIT_TIMEOUT (10 * USEC_PER_SEC)
#define DESTROY_TIMEOUT (3 * USEC_PER_SEC)

/* --- what the unit's status says --- */

void run_show_status(Run *run, const char *more) {
        const char *silent = run->silent ? ", QEMU is not answering since " : "",
                   *deaf = run->stopping && run->deaf ? ", the guest does not listen to its power button" : "";

        if (run->state == RUN_RUNNING)
                (void) notify_status(run->notify_fd, more, "%s, %s%s%s%s", run->stopping ? "shutting down" : "running",
                                     run->launch.size ?: "", deaf, silent, run->silent ? run->silent_since : "");
        else
                (void) notify_status(run->notify_fd, more, "%s%s%s", run->status, silent,
                                     run->silent ? run->silent_since : "");
}

void run_set_state(Run *run, RunState state, const char *status) {
        if (run->state == RUN_ENDING)
                return;
        run->state = state;
        run->status = status;
        if (state == RUN_ENDING)
                run_dump_give_up(run);
        run_show_status(run, "");
}

/* --- the end --- */

void run_decide_end(Run *run, GuestExit end) {
        if (run->end_known)
                return;
        run->end = end;
        run->end_known = true;
}

void run_kill_qemu(Run *run, int sig) {
        if (run->qemu > 0)
                (void) kill(run->qemu, sig);
}

void run_quit(Run *run, GuestExit end, const char *status) {
        run_decide_end(run, end);
        run_set_state(run, RUN_ENDING, status);
        (void) monitor_execute(run, "quit", NULL);
        run->kill_at = now_usec() + QUIT_TIMEOUT;
}

void run_destroy(Run *run, const char *status) {
        run_decide_end(run, run->state == RUN_STARTING && run->end_known ? run->end : GUEST_EXIT_DESTROYED);
        run_set_state(run, RUN_ENDING, status);
        run_kill_qemu(run, SIGTERM);
        run->kill_at = now_usec() + DESTROY_TIMEOUT;
}

/* Where vm-cleanup and so the supervisor look for the cause of a failed start. */
static void save_error(Run *run, const char *text) {
        _cleanup_free_ char *path = NULL;

        if (run->runtime_dir && asprintf(&path, "%s/" GUEST_FOLDER_ERROR, run->runtime_dir) > 0)
                (void) file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
}

void run_fail_start(Run *run, const char *format, ...) {
        _cleanup_free_ char *owned = TEXT_OF_ARGUMENTS(format);
        const char *text = owned ?: "out of memory";

        log_error("%s", text);
        save_error(run, text);
        run_decide_end(run, GUEST_EXIT_START_FAILED);
        run->state = RUN_ENDING;
        (void) notify_status(run->notify_fd, "", "start failed: %s", text);
        run_kill_qemu(run, SIGKILL);
}

/* --- lifecycle --- */

void run_resumed(Run *run, const json_t *result, const char *error) {
        if (error)
                log_error("cannot continue the guest: %s", error);
}

/* Back to the firmware with the same QEMU: what libvirt's clients know as a reboot. */
static void restart_guest(Run *run) {
        run->rebooting = false;
        run->shut_down = false;
        run->crashed = false;
        run->suspended = false;
        (void) monitor_execute(run, "system_reset", NULL);
        (void) monitor_execute(run, "cont", run_resumed);
}

bool run_is_restart(const char *action) {
        return streq_ptr(action, "restart") || streq_ptr(action, "rename-restart") ||
               streq_ptr(action, "coredump-restart");
}

static void guest_powered_off(Run *run, const json_t *data) {
        const char *reason = json_string_value(json_object_get(data, "reason"));

        if (streq_ptr(reason, "host-signal") || streq_ptr(reason, "host-qmp-quit")) {
                /* QEMU is on its way out; whoever did it wanted the guest gone. */
                run_decide_end(run, GUEST_EXIT_DESTROYED);
                run_set_state(run, RUN_ENDING, "ending");
                run->kill_at = now_usec() + QUIT_TIMEOUT;
                return;
        }
        run->shut_down = true;
        if (run->stopping)
                run_quit(run, GUEST_EXIT_SHUTDOWN, "shut down");
        else if (run->rebooting || run_is_restart(run->launch.on_poweroff))
                restart_guest(run);
        else if (streq_ptr(run->launch.on_poweroff, "preserve"))
                run_set_state(run, RUN_PAUSED, "shut down, preserved");
        else
                run_quit(run, GUEST_EXIT_SHUTDOWN, "shut down");
}

static void after_panic(Run *run) {
        const char *action = run->launch.on_crash;

        if (run->stopping)
                run_quit(run, GUEST_EXIT_CRASHED, "crashed");
        else if (run_is_restart(action))
                restart_guest(run);
        else if (streq_ptr(action, "preserve"))
                run_set_state(run, RUN_PAUSED, "crashed, preserved");
        else
                run_quit(run, GUEST_EXIT_CRASHED, "crashed");
}

static void guest_panicked(Run *run, const json_t *data) {
        log_warning("the guest's kernel panicked");
        run->crashed = true;
        if (run->stopping || !startswith(run->launch.on_crash ?: "", "coredump-")) {
                after_panic(run);
                return;
        }
        run_set_state(run, RUN_PAUSED, "crashed, its memory is being dumped");
        run_dump(run, after_panic);
}

static void resume_guest(Run *run) {
        (void) monitor_execute(run, "cont", run_resumed);
}

/* QEMU has paused it for that. */
static void guest_watchdog(Run *run, const json_t *data) {
        log_warning("the guest's watchdog expired");
        if (run->launch.watchdog_dumps && streq_ptr(json_string_value(json_object_get(data, "action")), "pause")) {
                run_set_state(run, RUN_PAUSED, "its memory is being dumped");
                run_dump(run, resume_guest);
        }
}

static void guest_stopped(Run *run, const json_t *data) {
        if (!run->shut_down && run->state == RUN_RUNNING)
                run_set_state(run, RUN_PAUSED, "paused");
}

static void guest_resumed(Run *run, const json_t *data) {
        if (run->state == RUN_PAUSED)
                run_set_state(run, RUN_RUNNING, "running");
}

/* The button that woke it up was lost on a kernel that slept: it is pressed again as soon as that may notice. */
static void guest_woke_up(Run *run, const json_t *data) {
        run->suspended = false;
        if (run->stopping)
                run->powerdown_next = now_usec() + POWERDOWN_AWAKE;
        guest_resumed(run, data);
}

static void guest_suspended(Run *run, const json_t *data) {
        run->suspended = true;
        run_set_state(run, RUN_PAUSED, "suspended by the guest");
}

static void guest_block_error(Run *run, const json_t *data) {
        const char *action = json_string_value(json_object_get(data, "action"));
        const char *node = json_string_value(json_object_get(data, "node-name"));

        log_warning("I/O error on %s, action %s", node ?: "a disk", action ?: "unknown");
}

static void guest_device_deleted(Run *run, const json_t *data) {
        image_locks_device_deleted(&run->image_locks, data);
}

static const struct {
        const char *name;
        void (*handle)(Run *run, const json_t *data);
} events[] = {
        { "SHUTDOWN",       guest_powered_off },
        { "GUEST_PANICKED", guest_panicked },
        { "STOP",           guest_stopped },
        { "RESUME",         guest_resumed },
        { "SUSPEND",        guest_suspended },
        { "WAKEUP",         guest_woke_up },
        { "BLOCK_IO_ERROR", guest_block_error },
        { "WATCHDOG",       guest_watchdog },
        { "DUMP_COMPLETED", run_dump_completed },
        { "DEVICE_DELETED", guest_device_deleted },
};

void run_event(Run *run, const char *name, const json_t *data) {
        run_begin_event(run, name, data);
        for (size_t i = 0; i < ELEMENTSOF(events); i++)
                if (streq(events[i].name, name))
                        events[i].handle(run, data);
}

void run_monitor_closed(Run *run) {
        monitor_done(&run->monitor);
        /* SIGCHLD follows; a QEMU without its monitor is of no use. */
        if (run->kill_at == 0)
                run->kill_at = now_usec() + DESTROY_TIMEOUT;
}
