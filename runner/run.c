/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop of vm-run. QEMU is started stopped; what must hold before the guest's first instruction is sent over
 * QMP; "cont" makes the unit ready. From then on vm-run waits: for QMP events, for signals of the service manager
 * and of machined, for QEMU's end, and copies the console to the journal. */

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "run.h"

/* A guest that writes to its disks or console while it shuts down gets this much more time, again and again, but not
 * beyond stop_give_up. */
#define POWERDOWN_EXTENSION (30 * USEC_PER_SEC)

/* QEMU is asked this often where the service manager does not say how often it wants to know, and given that time. */
#define ASK_INTERVAL (30 * USEC_PER_SEC)
#define ANSWER_TIME (15 * USEC_PER_SEC)

uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

/* --- time --- */

static void note_time(char *text, size_t size) {
        time_t now = time(NULL);
        struct tm tm;

        if (!localtime_r(&now, &tm) || strftime(text, size, "%H:%M:%S", &tm) == 0)
                *text = 0;
}

static void qemu_answered(Run *run, const json_t *result, const char *error) {
        if (run->watched)
                (void) notify_send(run->notify_fd, "WATCHDOG=1");
        if (run->stopping && run->dump.then && now_usec() < run->stop_give_up)
                (void) notify_send(run->notify_fd, "EXTEND_TIMEOUT_USEC=%" PRIu64,
                                   2 * MAX(run->ask_usec, POWERDOWN_EXTENSION));
        run->ask_next = now_usec() + run->ask_usec;
        run->answer_due = 0;
        if (!run->silent)
                return;
        run->silent = false;
        log_notice("QEMU answers again");
        run_show_status(run, "");
}

static void ask_qemu(Run *run) {
        run->ask_next = 0;
        run->answer_due = now_usec() + ANSWER_TIME;
        note_time(run->silent_since, sizeof run->silent_since);
        (void) monitor_execute(run, "query-status", qemu_answered);
}

/* Its storage may be gone for a while, or somebody has stopped it: it is not ended for that, unless the unit has
 * WatchdogSec=. */
static void qemu_is_silent(Run *run) {
        run->answer_due = 0;
        run->silent = true;
        log_warning("QEMU is not answering since %s", run->silent_since);
        run_show_status(run, "");
}

static void got_block_statistics(Run *run, const json_t *result, const char *error) {
        uint64_t sum = 0;
        size_t i;
        json_t *b;

        json_array_foreach(result, i, b)
                sum += (uint64_t) json_integer_value(
                        json_object_get(json_object_get(b, "stats"), "wr_operations"));
        run->disk_writes = sum;
        sum += run->console_bytes;
        if (sum != run->last_progress) {
                run->deaf_looks = 0;
                if (now_usec() < run->stop_give_up)
                        (void) notify_send(run->notify_fd, "EXTEND_TIMEOUT_USEC=%" PRIu64, POWERDOWN_EXTENSION);
        }
        run->last_progress = sum;
}

static void powerdown_again(Run *run) {
        (void) monitor_execute(run, "query-blockstats", got_block_statistics);
        run_ask_to_power_off(run);
}

static void kill_now(Run *run) {
        log_warning("QEMU does not end, killing it");
        run->kill_at = 0;
        run_kill_qemu(run, SIGKILL);
}

/* Runs what is due; the poll timeout in milliseconds until the next, -1 for none. */
static int run_timers(Run *run) {
        const struct {
                uint64_t *when;
                void (*act)(Run *run);
        } timers[] = {
                { &run->ask_next,       ask_qemu },
                { &run->answer_due,     qemu_is_silent },
                { &run->powerdown_next, powerdown_again },
                { &run->flush_at,       consoles_flush },
                { &run->kill_at,        kill_now },
                { &run->dump.give_up,   run_dump_timed_out },
        };
        uint64_t now = now_usec(), next = UINT64_MAX;

        for (size_t i = 0; i < ELEMENTSOF(timers); i++) {
                if (*timers[i].when > 0 && *timers[i].when <= now)
                        timers[i].act(run);
                if (*timers[i].when > 0 && *timers[i].when < next)
                        next = *timers[i].when;
        }
        if (next == UINT64_MAX)
                return -1;
        return next <= now ? 0 : (int) ((next - now + 999) / 1000);
}

/* What is waited for, in this order; behind them the consoles, and the screens. */
enum { AT_SIGNAL, AT_MONITOR, AT_DUMP, AT_PORTS, AT_CONSOLES };

static size_t fill(const Run *run, struct pollfd *p) {
        size_t n = AT_CONSOLES;

        p[AT_SIGNAL] = (struct pollfd) { run->signal_fd, POLLIN, 0 };
        p[AT_MONITOR] = (struct pollfd) { run->monitor.fd, POLLIN, 0 };
        p[AT_DUMP] = (struct pollfd) { run->dump.fd, POLLIN, 0 };
        p[AT_PORTS] = (struct pollfd) { run->ports_fd, POLLIN, 0 };
        for (size_t i = 0; i < run->n_consoles; i++)
                p[n++] = (struct pollfd) { run->consoles[i].fd, POLLIN, 0 };
        for (size_t i = 0; i < run->n_screens; i++)
                p[n++] = (struct pollfd) { screens_fd(run, i), POLLIN, 0 };
        return n;
}

/* Ports last: there may be another console afterwards. */
static void act(Run *run, const struct pollfd *p) {
        const struct pollfd *screens = p + AT_CONSOLES + run->n_consoles;

        for (size_t i = 0; i < run->n_consoles; i++)
                if (p[AT_CONSOLES + i].revents)
                        console_read(run, &run->consoles[i]);
        for (size_t i = 0; i < run->n_screens; i++)
                if (screens[i].revents && screens_fd(run, i) >= 0)
                        screens_accept(run, i);
        if (p[AT_MONITOR].revents)
                monitor_read(run);
        if (p[AT_DUMP].revents && run->dump.fd >= 0)
                run_dump_read(run);
        if (p[AT_SIGNAL].revents)
                signals_read(run);
        if (p[AT_PORTS].revents)
                ports_accept(run);
}

static int loop(Run *run) {
        _cleanup_free_ struct pollfd *p = NULL;
        size_t size = 0;

        while (run->qemu > 0) {
                size_t n = AT_CONSOLES + run->n_consoles + run->n_screens;
                int timeout = run_timers(run);

                if (n > size) {
                        struct pollfd *more = reallocarray(p, n, sizeof(struct pollfd));

                        if (!more)
                                return -ENOMEM;
                        p = more;
                        size = n;
                }
                if (poll(p, fill(run, p), timeout) >= 0)
                        act(run, p);
                else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

/* --- the program --- */

/* From the descriptor that vm-prepare opened; by its name where there is none. */
static int load_launch(Run *run, const char *name) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        unsigned line = 0;
        int fd, r;

        fd = parcel_find(&run->parcel, "launch");
        if (fd >= 0)
                r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, LAUNCH_MAX, &text, NULL);
        else {
                path = guest_file(GUEST_FILE_LAUNCH, name);
                if (!path)
                        return log_oom();
                r = file_read(path, LAUNCH_MAX, &text, NULL);
        }
        if (r < 0)
                return log_error_errno(r, "cannot read %s: %s", path ?: "what vm-prepare left", strerror(-r));
        r = launch_parse(text, &run->launch, &line);
        if (r < 0)
                return log_error_errno(r, "%s:%u: not understood", path ?: "launch", line);
        return 0;
}

static void read_environment(Run *run) {
        uint64_t usec;

        run->runtime_dir = getenv("RUNTIME_DIRECTORY");
        run->watched = parse_u64(getenv("WATCHDOG_USEC") ?: "", 10, &usec) >= 0 && usec > 0;
        run->ask_usec = run->watched ? usec / 3 : ASK_INTERVAL;
}

static void run_done(Run *run) {
        monitor_done(&run->monitor);
        screens_close(run);
        closep(&run->dump.fd);
        closep(&run->ports_fd);
        closep(&run->thread_groups);
        for (size_t i = 0; i < run->n_consoles; i++)
                console_done(&run->consoles[i]);
        free(run->consoles);
        free(run->known_threads);
        image_locks_done(&run->image_locks);
        launch_done(&run->launch);
        /* not the parcel: the mark that the guest runs goes with this process, and not before */
}

static int run_guest(Run *run, const char *name) {
        int r;

        if (take_parcel(run) < 0 || load_launch(run, name) < 0)
                return GUEST_EXIT_START_FAILED;
        r = run_enter_thread_groups(run);
        if (r < 0) {
                run_fail_start(run, "the guest's threads cannot have limits of their own: %s", strerror(-r));
                return GUEST_EXIT_START_FAILED;
        }
        registration_begin(run);
        r = signals_open(run);
        if (r < 0) {
                log_error_errno(r, "cannot take signals: %s", strerror(-r));
                return GUEST_EXIT_START_FAILED;
        }
        screens_open(run);
        ports_open(run);
        websocket_start(run);
        r = spawn_qemu(run);
        if (r < 0) {
                run_fail_start(run, "cannot start %s: %s", run->launch.argv[0], strerror(-r));
                return GUEST_EXIT_START_FAILED;
        }
        r = loop(run);
        if (r < 0) {
                log_error_errno(r, "cannot wait: %s", strerror(-r));
                run_kill_qemu(run, SIGKILL);
                return GUEST_EXIT_QEMU_DIED;
        }
        return (int) run->end;
}

int main(int argc, char **argv) {
        Run run = {
                .signal_fd = -EBADF,
                .monitor.fd = -EBADF,
                .dump.fd = -EBADF,
                .ports_fd = -EBADF,
                .thread_groups = -EBADF,
        };
        int r;

        /* QEMU has the same user: it shall not find its way into this process, whose words the service manager
         * believes. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        log_open("vm-run", LOG_TARGET_AUTO);
        if (argc != 2) {
                log_error("usage: vm-run NAME (started by vm@NAME.service)");
                return GUEST_EXIT_USAGE;
        }
        run.notify_fd = notify_open();
        run.journal_fd = journal_open();
        read_environment(&run);
        r = run_guest(&run, argv[1]);
        run_done(&run);
        return r;
}
