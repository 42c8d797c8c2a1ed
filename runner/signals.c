/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the service manager and machined ask for, and QEMU's end. */

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/strings.h"
#include "run.h"
#include "words.h"

/* A guest that is asked to stop gets no extension beyond this. */
#define POWERDOWN_MAX (15 * 60 * USEC_PER_SEC)

static void on_stop(Run *run) {
        if (run->state == RUN_STARTING) {
                /* nothing runs that could be asked */
                if (run->launch.waits)
                        run_fail_start(run, "QEMU waited for somebody to connect to '%s', and was stopped",
                                       run->launch.waits);
                else
                        run_destroy(run, "stopped while it started");
                return;
        }
        if (run->stopping || run->state == RUN_ENDING)
                return;
        run->stopping = true;
        run->stop_give_up = now_usec() + POWERDOWN_MAX;
        run_show_status(run, "STOPPING=1\n");
        if (run->shut_down) {
                run_quit(run, GUEST_EXIT_SHUTDOWN, "shut down");
                return;
        }
        if (run->dump.then)
                log_info("the guest's memory is being dumped; the stop waits for that");
        if (run->crashed) {
                /* it cannot hear either; what its memory holds shall be kept */
                if (!run->dump.then)
                        run_quit(run, GUEST_EXIT_CRASHED, "crashed");
                return;
        }
        /* a paused guest cannot hear, and one that sleeps would wake up by the button at best; during a dump QEMU
         * refuses */
        if (run->suspended)
                (void) monitor_execute(run, "system_wakeup", NULL);
        else if (run->state == RUN_PAUSED && !run->dump.then)
                (void) monitor_execute(run, "cont", run_resumed);
        run_ask_to_power_off(run);
}

/* machinectl poweroff: the unit need not be stopping. */
static void on_power_off(Run *run) {
        if (run->state == RUN_RUNNING)
                run_ask_to_power_off(run);
        run->powerdown_next = 0;
}

static void on_reboot(Run *run) {
        if (run->state != RUN_RUNNING || run->stopping)
                return;
        run->rebooting = true;
        (void) monitor_execute(run, "system_powerdown", NULL);
}

static void on_destroy(Run *run) {
        run_destroy(run, "destroyed");
}

static void log_end(Run *run, int status) {
        if (WIFSIGNALED(status))
                log_full(run->end_known ? LOG_DEBUG : LOG_ERR, 0, "QEMU was killed by signal %i (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
        else if (!run->end_known || WEXITSTATUS(status) != 0)
                log_error("QEMU ended with exit status %i", WEXITSTATUS(status));
}

/* The last line of "systemctl status" once the unit is down, where the status line is gone; and that of NAME.log. */
static void log_result(Run *run) {
        static const struct {
                GuestExit end;
                GuestEnd reason;
                const char *words;
        } results[] = {
                { GUEST_EXIT_SHUTDOWN, GUEST_END_SHUTDOWN, "the guest has shut down" },
                { GUEST_EXIT_DESTROYED, GUEST_END_DESTROYED, "the guest was destroyed: ended on request" },
                { GUEST_EXIT_CRASHED, GUEST_END_CRASHED, "the guest has crashed" },
                { GUEST_EXIT_QEMU_DIED, GUEST_END_FAILED, "the guest ended with its QEMU" },
                { GUEST_EXIT_CRASHED_RESTART, GUEST_END_CRASHED, "the guest has crashed, and will be started again" },
                { GUEST_EXIT_SAVED, GUEST_END_SAVED, NULL },
                { GUEST_EXIT_MIGRATED, GUEST_END_MIGRATED, NULL },
                { GUEST_EXIT_START_FAILED, GUEST_END_FAILED, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(results); i++) {
                if (results[i].end != run->end)
                        continue;
                console_log_end(run, guest_end_to_string(results[i].reason));
                if (results[i].words)
                        log_info("%s", results[i].words);
        }
}

/* The last words of a QEMU that did not start say why. */
static void explain_failed_start(Run *run) {
        _cleanup_free_ char *said = last_words(run->words, run->n_words);
        _cleanup_free_ char *words = said ? name_images(said, run->launch.images) : NULL;

        _cleanup_free_ char *file = words ? unseen_file(words, run->launch.argv) : NULL, *hint = NULL;

        /* the node of a device, as Looking Glass has it, is not a file that could be read */
        if (file && startswith(file, "/dev/"))
                hint = text_format(" (QEMU sees the devices that the definition's elements name, and no others: one "
                                   "that is passed through needs BindPaths=%s and DeviceAllow=%s rw by 'systemctl "
                                   "edit %s', and to be open to everybody or to the guest's user)",
                                   file, file, run->launch.unit);
        else if (file)
                hint = text_format(" (QEMU sees the files that the definition's elements name, and no others: one that "
                                   "is passed through "
                                   "needs BindReadOnlyPaths=%s by 'systemctl edit %s', and to be readable for "
                                   "everybody; what -fw_cfg names can "
                                   "be <sysinfo type='fwcfg'><entry name='...' file='...'/>)",
                                   file, run->launch.unit);
        run_fail_start(run, "QEMU %s%s%s%s",
                       run->monitor.greeted ? "ended while it started the guest" : "did not start", words ? ": " : "",
                       words ?: "", hint ?: "");
}

static void on_child(Run *run) {
        int status;

        websocket_reap(run);
        if (run->qemu <= 0 || waitpid(run->qemu, &status, WNOHANG) != run->qemu)
                return;
        run->qemu = 0;
        for (size_t i = 0; i < run->n_consoles; i++)
                console_read(run, &run->consoles[i]);
        if (run->state == RUN_STARTING)
                explain_failed_start(run);
        run_dump_give_up(run);
        log_end(run, status);
        run_decide_end(run, run_is_restart(run->launch.on_crash) ? GUEST_EXIT_CRASHED_RESTART : GUEST_EXIT_QEMU_DIED);
        log_result(run);
}

void signals_read(Run *run) {
        const struct {
                int number;
                void (*handle)(Run *run);
        } signals[] = {
                { SIGTERM,      on_stop },
                { SIGRTMIN + 4, on_power_off },
                { SIGINT,       on_reboot },
                { SIGUSR1,      on_destroy },
                { SIGCHLD,      on_child },
        };
        struct signalfd_siginfo si;

        while (read(run->signal_fd, &si, sizeof si) == sizeof si)
                for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                        if (si.ssi_signo == (uint32_t) signals[i].number)
                                signals[i].handle(run);
}

int signals_open(Run *run) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGRTMIN + 4);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return run->signal_fd < 0 ? -errno : 0;
}
