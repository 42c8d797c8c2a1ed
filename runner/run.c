/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop of vm-run. QEMU is started stopped; what must hold before the guest's first instruction is sent over
 * QMP; "cont" makes the unit ready. From then on vm-run waits: for QMP events, for signals of the service manager
 * and of machined, for QEMU's end, and copies the console to the journal. */

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "run.h"
#include "words.h"

/* How often a guest is asked to power off: a kernel that is still booting drops the first request. */
#define POWERDOWN_REPEAT (10 * USEC_PER_SEC)
/* A guest that writes to its disks or console while it shuts down gets this much more time, again and again... */
#define POWERDOWN_EXTENSION (30 * USEC_PER_SEC)
/* ...but not beyond this. */
#define POWERDOWN_MAX (15 * 60 * USEC_PER_SEC)
/* QEMU closes its images at quit and SIGTERM. */
#define QUIT_TIMEOUT (10 * USEC_PER_SEC)
#define DESTROY_TIMEOUT (3 * USEC_PER_SEC)

uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

/* --- what the unit's status says --- */

/* With what else the service manager shall know, as "KEY=VALUE\n": each message makes it tell everybody on the bus. */
static void show_status_with(Run *run, const char *more) {
        if (run->state == RUN_RUNNING)
                (void) notify_send(run->notify_fd, "%sSTATUS=%s, %s", more, run->stopping ? "shutting down" : "running",
                                   run->launch.size ?: "");
        else
                (void) notify_send(run->notify_fd, "%sSTATUS=%s", more, run->status);
}

static void show_status(Run *run) {
        show_status_with(run, "");
}

static void set_state(Run *run, RunState state, const char *status) {
        if (run->state == RUN_ENDING)
                return;
        run->state = state;
        run->status = status;
        show_status(run);
}

/* --- the end --- */

static void decide_end(Run *run, GuestExit end) {
        if (run->end_known)
                return;
        run->end = end;
        run->end_known = true;
}

static void kill_qemu(Run *run, int sig) {
        if (run->qemu > 0)
                (void) kill(run->qemu, sig);
}

static void quit(Run *run, GuestExit end, const char *status) {
        decide_end(run, end);
        set_state(run, RUN_ENDING, status);
        (void) monitor_execute(run, "quit", NULL);
        run->kill_at = now_usec() + QUIT_TIMEOUT;
}

static void destroy(Run *run, const char *status) {
        decide_end(run, run->state == RUN_STARTING && run->end_known ? run->end : GUEST_EXIT_DESTROYED);
        set_state(run, RUN_ENDING, status);
        kill_qemu(run, SIGTERM);
        run->kill_at = now_usec() + DESTROY_TIMEOUT;
}

/* Where vm-cleanup and so the supervisor look for the cause of a failed start. */
static void save_error(Run *run, const char *text) {
        _cleanup_free_ char *path = NULL;

        if (run->runtime_dir && asprintf(&path, "%s/error", run->runtime_dir) > 0)
                (void) file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
}

void run_fail_start(Run *run, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                text = NULL;
        log_error("%s", text ?: "out of memory");
        save_error(run, text ?: "out of memory");
        decide_end(run, GUEST_EXIT_START_FAILED);
        run->state = RUN_ENDING;
        (void) notify_send(run->notify_fd, "STATUS=start failed: %s", text ?: "out of memory");
        kill_qemu(run, SIGKILL);
}

/* --- lifecycle --- */

static void resumed(Run *run, const json_t *result, const char *error) {
        if (error)
                log_error("cannot continue the guest: %s", error);
}

/* Back to the firmware with the same QEMU: what libvirt's clients know as a reboot. */
static void restart_guest(Run *run) {
        run->rebooting = false;
        run->shut_down = false;
        (void) monitor_execute(run, "system_reset", NULL);
        (void) monitor_execute(run, "cont", resumed);
}

static bool is_restart(const char *action) {
        return streq_ptr(action, "restart") || streq_ptr(action, "rename-restart") || streq_ptr(action, "coredump-restart");
}

static void guest_powered_off(Run *run, const json_t *data) {
        const char *reason = json_string_value(json_object_get(data, "reason"));

        if (streq_ptr(reason, "host-signal") || streq_ptr(reason, "host-qmp-quit")) {
                /* QEMU is on its way out; whoever did it wanted the guest gone. */
                decide_end(run, GUEST_EXIT_DESTROYED);
                set_state(run, RUN_ENDING, "ending");
                run->kill_at = now_usec() + QUIT_TIMEOUT;
                return;
        }
        run->shut_down = true;
        if (run->stopping)
                quit(run, GUEST_EXIT_SHUTDOWN, "shut down");
        else if (run->rebooting || is_restart(run->launch.on_poweroff))
                restart_guest(run);
        else if (streq_ptr(run->launch.on_poweroff, "preserve"))
                set_state(run, RUN_PAUSED, "shut down, preserved");
        else
                quit(run, GUEST_EXIT_SHUTDOWN, "shut down");
}

static void guest_panicked(Run *run, const json_t *data) {
        const char *action = run->launch.on_crash;

        log_warning("the guest's kernel panicked");
        if (run->stopping)
                quit(run, GUEST_EXIT_CRASHED, "crashed");
        else if (is_restart(action))
                restart_guest(run);
        else if (streq_ptr(action, "preserve"))
                set_state(run, RUN_PAUSED, "crashed, preserved");
        else
                quit(run, GUEST_EXIT_CRASHED, "crashed");
}

static void guest_stopped(Run *run, const json_t *data) {
        if (!run->shut_down && run->state == RUN_RUNNING)
                set_state(run, RUN_PAUSED, "paused");
}

static void guest_resumed(Run *run, const json_t *data) {
        if (run->state == RUN_PAUSED)
                set_state(run, RUN_RUNNING, "running");
}

static void guest_suspended(Run *run, const json_t *data) {
        set_state(run, RUN_PAUSED, "suspended by the guest");
}

static void guest_block_error(Run *run, const json_t *data) {
        const char *action = json_string_value(json_object_get(data, "action"));
        const char *node = json_string_value(json_object_get(data, "node-name"));

        log_warning("I/O error on %s, action %s", node ?: "a disk", action ?: "unknown");
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
        { "WAKEUP",         guest_resumed },
        { "BLOCK_IO_ERROR", guest_block_error },
};

void run_event(Run *run, const char *name, const json_t *data) {
        for (size_t i = 0; i < ELEMENTSOF(events); i++)
                if (streq(events[i].name, name))
                        events[i].handle(run, data);
}

/* --- the start: each function is the answer to the command before it --- */

/* "charserial0" is the alias with QEMU's prefix for character devices. */
static void add_ptys(StrBuf *b, const json_t *chardevs) {
        size_t i;
        json_t *c;

        json_array_foreach(chardevs, i, c) {
                const char *label = json_string_value(json_object_get(c, "label"));
                const char *file = json_string_value(json_object_get(c, "filename"));
                const char *alias = label ? startswith(label, "char") : NULL;
                const char *pty = file ? startswith(file, "pty:") : NULL;

                if (alias && pty && strcspn(pty, "\n") == strlen(pty))
                        strbuf_addf(b, "pty.%s=%s\n", alias, pty);
        }
}

static int write_run_file(Run *run, const json_t *chardevs) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL, *path = NULL;

        if (!run->runtime_dir)
                return 0;
        strbuf_addf(&b, "pid=%i\nsince=%" PRIu64 "\n", run->qemu, run->since);
        for (char *const *g = run->launch.graphics; g && *g; g++)
                strbuf_addf(&b, "%s\n", *g);
        add_ptys(&b, chardevs);
        text = strbuf_take(&b);
        if (!text || asprintf(&path, "%s/run", run->runtime_dir) < 0)
                return -ENOMEM;
        return file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
}

static void become_ready(Run *run) {
        run->state = run->launch.paused ? RUN_PAUSED : RUN_RUNNING;
        run->status = "paused";
        show_status_with(run, "READY=1\n");
        if (run->watchdog_usec > 0)
                run->watchdog_next = now_usec() + run->watchdog_usec;
        if (run->stopping)
                destroy(run, "stopped while it started");
}

static void guest_continues(Run *run, const json_t *result, const char *error) {
        if (error)
                run_fail_start(run, "QEMU does not start the guest: %s", error);
        else
                become_ready(run);
}

static void got_chardevs(Run *run, const json_t *result, const char *error) {
        int r;

        if (run->state != RUN_STARTING)
                return;
        r = write_run_file(run, result);
        if (r < 0) {
                run_fail_start(run, "cannot write %s/run: %s", run->runtime_dir, strerror(-r));
                return;
        }
        if (run->launch.paused)
                become_ready(run);
        else
                (void) monitor_execute(run, "cont", guest_continues);
}

static void applied(Run *run, const json_t *result, const char *error) {
        if (error && run->state == RUN_STARTING)
                run_fail_start(run, "QEMU refused a setting of the guest: %s", error);
}

void run_greeted(Run *run) {
        struct timespec t;

        registration_end(run);
        (void) clock_gettime(CLOCK_REALTIME, &t);
        run->since = (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
        (void) monitor_execute(run, "qmp_capabilities", applied);
        for (char *const *c = run->launch.commands; c && *c; c++)
                (void) monitor_send(run, *c, applied);
        (void) monitor_execute(run, "query-chardev", got_chardevs);
}

void run_monitor_closed(Run *run) {
        monitor_done(&run->monitor);
        /* SIGCHLD follows; a QEMU without its monitor is of no use. */
        if (run->kill_at == 0)
                run->kill_at = now_usec() + DESTROY_TIMEOUT;
}

/* --- signals --- */

static void ask_to_power_off(Run *run) {
        (void) monitor_execute(run, "system_powerdown", NULL);
        run->powerdown_next = now_usec() + POWERDOWN_REPEAT;
}

static void on_stop(Run *run) {
        if (run->state == RUN_STARTING) {
                /* nothing runs that could be asked */
                destroy(run, "stopped while it started");
                return;
        }
        if (run->stopping || run->state == RUN_ENDING)
                return;
        run->stopping = true;
        run->stop_give_up = now_usec() + POWERDOWN_MAX;
        show_status_with(run, "STOPPING=1\n");
        if (run->shut_down) {
                quit(run, GUEST_EXIT_SHUTDOWN, "shut down");
                return;
        }
        /* a paused guest cannot hear */
        if (run->state == RUN_PAUSED)
                (void) monitor_execute(run, "cont", resumed);
        ask_to_power_off(run);
}

/* machinectl poweroff: the unit need not be stopping. */
static void on_power_off(Run *run) {
        if (run->state == RUN_RUNNING)
                ask_to_power_off(run);
        run->powerdown_next = 0;
}

static void on_reboot(Run *run) {
        if (run->state != RUN_RUNNING || run->stopping)
                return;
        run->rebooting = true;
        (void) monitor_execute(run, "system_powerdown", NULL);
}

static void on_destroy(Run *run) {
        destroy(run, "destroyed");
}

static void log_end(Run *run, int status) {
        if (WIFSIGNALED(status))
                log_full(run->end_known ? LOG_DEBUG : LOG_ERR, 0, "QEMU was killed by signal %i (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
        else if (!run->end_known || WEXITSTATUS(status) != 0)
                log_error("QEMU ended with exit status %i", WEXITSTATUS(status));
}

/* The last line of "systemctl status" once the unit is down, where the status line is gone. */
static void log_result(const Run *run) {
        static const struct {
                GuestExit end;
                const char *words;
        } results[] = {
                { GUEST_EXIT_SHUTDOWN,        "the guest has shut down" },
                { GUEST_EXIT_DESTROYED,       "the guest was destroyed: ended on request" },
                { GUEST_EXIT_CRASHED,         "the guest has crashed" },
                { GUEST_EXIT_QEMU_DIED,       "the guest ended with its QEMU" },
                { GUEST_EXIT_CRASHED_RESTART, "the guest has crashed, and will be started again" },
        };

        for (size_t i = 0; i < ELEMENTSOF(results); i++)
                if (results[i].end == run->end)
                        log_info("%s", results[i].words);
}

/* The last words of a QEMU that did not start say why. */
static void explain_failed_start(Run *run) {
        _cleanup_free_ char *words = last_words(run->words, run->n_words);

        run_fail_start(run, "QEMU %s%s%s", run->monitor.greeted ? "ended while it started the guest" : "did not start",
                       words ? ": " : "", words ?: "");
}

static void on_child(Run *run) {
        int status;

        if (run->qemu <= 0 || waitpid(run->qemu, &status, WNOHANG) != run->qemu)
                return;
        run->qemu = 0;
        for (size_t i = 0; i < run->n_consoles; i++)
                console_read(run, &run->consoles[i]);
        if (run->state == RUN_STARTING)
                explain_failed_start(run);
        log_end(run, status);
        decide_end(run, is_restart(run->launch.on_crash) ? GUEST_EXIT_CRASHED_RESTART : GUEST_EXIT_QEMU_DIED);
        log_result(run);
}

static void on_signal(Run *run) {
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

static int open_signals(Run *run) {
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

/* --- time --- */

static void qemu_answered(Run *run, const json_t *result, const char *error) {
        (void) notify_send(run->notify_fd, "WATCHDOG=1");
        run->watchdog_next = now_usec() + run->watchdog_usec;
}

static void ask_qemu(Run *run) {
        run->watchdog_next = 0;
        (void) monitor_execute(run, "query-status", qemu_answered);
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
        if (sum != run->last_progress && now_usec() < run->stop_give_up)
                (void) notify_send(run->notify_fd, "EXTEND_TIMEOUT_USEC=%" PRIu64, POWERDOWN_EXTENSION);
        run->last_progress = sum;
}

static void powerdown_again(Run *run) {
        (void) monitor_execute(run, "query-blockstats", got_block_statistics);
        ask_to_power_off(run);
}

static void kill_now(Run *run) {
        log_warning("QEMU does not end, killing it");
        run->kill_at = 0;
        kill_qemu(run, SIGKILL);
}

/* Runs what is due; the poll timeout in milliseconds until the next, -1 for none. */
static int run_timers(Run *run) {
        const struct {
                uint64_t *when;
                void (*act)(Run *run);
        } timers[] = {
                { &run->watchdog_next,  ask_qemu },
                { &run->powerdown_next, powerdown_again },
                { &run->flush_at,       consoles_flush },
                { &run->kill_at,        kill_now },
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

static int loop(Run *run) {
        size_t n = 2 + run->n_consoles;
        _cleanup_free_ struct pollfd *p = calloc(n, sizeof(struct pollfd));

        if (!p)
                return -ENOMEM;
        while (run->qemu > 0) {
                int timeout = run_timers(run);

                p[0] = (struct pollfd) { run->signal_fd, POLLIN, 0 };
                p[1] = (struct pollfd) { run->monitor.fd, POLLIN, 0 };
                for (size_t i = 0; i < run->n_consoles; i++)
                        p[2 + i] = (struct pollfd) { run->consoles[i].fd, POLLIN, 0 };
                if (poll(p, n, timeout) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                for (size_t i = 0; i < run->n_consoles; i++)
                        if (p[2 + i].revents)
                                console_read(run, &run->consoles[i]);
                if (p[1].revents)
                        monitor_read(run);
                if (p[0].revents)
                        on_signal(run);
        }
        return 0;
}

/* --- the program --- */

static int read_all(int fd, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        char data[4096];
        ssize_t n;

        while ((n = pread(fd, data, sizeof data, (off_t) b.len)) > 0)
                strbuf_addn(&b, data, (size_t) n);
        if (n < 0)
                return -errno;
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* From the descriptor that vm-prepare stored; by its name where there is none. */
static int load_launch(Run *run, const char *name) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        unsigned line = 0;
        int fd, r;

        fd = inherited_fd("launch");
        if (fd >= 0)
                r = read_all(fd, &text);
        else {
                if (asprintf(&path, "%s/qemu/%s.launch", path_run(), name) < 0)
                        return log_oom();
                r = file_read(path, 16 * 1024 * 1024, &text, NULL);
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
        if (parse_u64(getenv("WATCHDOG_USEC") ?: "", 10, &usec) >= 0)
                run->watchdog_usec = usec / 3;
}

static void run_done(Run *run) {
        monitor_done(&run->monitor);
        for (size_t i = 0; i < run->n_consoles; i++)
                if (run->consoles[i].fd >= 0)
                        close(run->consoles[i].fd);
        free(run->consoles);
        launch_done(&run->launch);
}

static int run_guest(Run *run, const char *name) {
        int r;

        close_inherited_on_exec();
        r = load_launch(run, name);
        if (r < 0)
                return GUEST_EXIT_START_FAILED;
        registration_begin(run);
        r = open_signals(run);
        if (r < 0) {
                log_error_errno(r, "cannot take signals: %s", strerror(-r));
                return GUEST_EXIT_START_FAILED;
        }
        r = spawn_qemu(run);
        release_store(run);
        if (r < 0) {
                run_fail_start(run, "cannot start %s: %s", run->launch.argv[0], strerror(-r));
                return GUEST_EXIT_START_FAILED;
        }
        r = loop(run);
        if (r < 0) {
                log_error_errno(r, "cannot wait: %s", strerror(-r));
                kill_qemu(run, SIGKILL);
                return GUEST_EXIT_QEMU_DIED;
        }
        return (int) run->end;
}

int main(int argc, char **argv) {
        Run run = {
                .signal_fd = -EBADF,
                .monitor.fd = -EBADF,
        };
        int r;

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
