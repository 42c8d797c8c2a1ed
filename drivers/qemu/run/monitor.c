/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The connection to a running QEMU.
 *
 * vm-prepare makes the live definition, systemd the unit's folder, QEMU its socket, and vm-run the file "run" when QEMU
 * answers: only then is connecting worth a try. From then on QEMU tells all. The connection may end for any reason,
 * QEMU's will included; the end of its process is the end of the guest as far as clients care, milliseconds before
 * systemd has cleaned up behind it. */

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "guest/keep.h"
#include "guest/live.h"
#include "plan/names.h"
#include "run/follow.h"
#include "run/monitor.h"
#include "run/qmp-events.h"
#include "run/qmp.h"

#define RETRY_USEC (50U * 1000U)
#define RETRIES 100U /* five seconds */
#define GRACE_USEC (200U * 1000U)       /* between the end of the connection and that of the process */
#define CLEANUP_USEC (2U * 1000000U)    /* vm-cleanup is done long before */

static void try_connect(Guest *g);

/* --- state by query-status --- */

static const struct {
        const char *status;
        GuestState state;
        int reason;
} statuses[] = {
        { "running", GUEST_RUNNING, RUNNING_BOOTED },
        { "paused", GUEST_PAUSED, PAUSED_USER },
        { "debug", GUEST_PAUSED, PAUSED_UNKNOWN },
        { "io-error", GUEST_PAUSED, PAUSED_IOERROR },
        { "watchdog", GUEST_PAUSED, PAUSED_WATCHDOG },
        { "internal-error", GUEST_PAUSED, PAUSED_UNKNOWN },
        { "save-vm", GUEST_PAUSED, PAUSED_SAVE },
        { "restore-vm", GUEST_PAUSED, PAUSED_SNAPSHOT },
        { "finish-migrate", GUEST_PAUSED, PAUSED_MIGRATION },
        { "postmigrate", GUEST_PAUSED, PAUSED_MIGRATION },
        { "inmigrate", GUEST_PAUSED, PAUSED_MIGRATION },
        { "suspended", GUEST_SUSPENDED, 0 },
        { "shutdown", GUEST_SHUTDOWN, SHUTDOWN_USER },
        { "guest-panicked", GUEST_PANICKED, CRASHED_PANICKED },
        /* "prelaunch": vm-run has not continued it yet, or a client wanted it paused */
};

/* These two words tell no reason. */
static int reason_of_status(const Guest *g, const char *status, GuestState state, int reason) {
        return streq(status, "running") || streq(status, "paused") ? keep_reason(g, state, reason) : reason;
}

/* What query-status says, unless the events have told it already with a better reason. */
static void enter_status(Guest *g, const char *status) {
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                if (streq(status, statuses[i].status) && g->state != statuses[i].state)
                        guest_enter(g, statuses[i].state,
                                    reason_of_status(g, status, statuses[i].state, statuses[i].reason));
        if (streq(status, "prelaunch") && g->run->kept_state == GUEST_PAUSED)
                guest_enter(g, GUEST_PAUSED, g->run->kept_reason);
}

static void on_status(QmpClient *c, const QmpResult *result, void *userdata) {
        Guest *g = userdata;
        const char *status = result->r >= 0 ? json_string_value(json_object_get(result->ret, "status")) : NULL;

        if (!status)
                return;
        g->id = g->run->id; /* where the connection was lost and found again */
        enter_status(g, status);
        guest_settle(g);
        /* Who started it paused waits for this, whatever the state is called. */
        fiber_queue_wake_all(&g->object.waiters, 0);
}

static void on_balloon(QmpClient *c, const QmpResult *result, void *userdata) {
        Guest *g = userdata;

        if (result->r >= 0 && g->run->balloon_kib == 0)
                g->run->balloon_kib = (uint64_t) json_integer_value(json_object_get(result->ret, "actual")) / 1024U;
}

static void on_chardevs(QmpClient *c, const QmpResult *result, void *userdata) {
        if (result->r >= 0)
                live_take_chardevs(userdata, result->ret);
}

static void on_ready(QmpClient *c, void *userdata) {
        Guest *g = userdata;

        g->run->n_retries = 0;
        (void) qmp_execute(c, "query-chardev", NULL, NULL, 0, on_chardevs, g, NULL);
        (void) qmp_execute(c, "query-status", NULL, NULL, 0, on_status, g, NULL);
        (void) qmp_execute(c, "query-balloon", NULL, NULL, 0, on_balloon, g, NULL);
        g->driver->hooks->connected(g);
}

static void on_event(QmpClient *c, const char *name, json_t *data, uint64_t usec, void *userdata) {
        guest_on_qmp_event(userdata, name, data, usec);
}

/* --- connecting --- */

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        Guest *g = userdata;

        g->run->retry = sd_event_source_disable_unref(g->run->retry);
        try_connect(g);
        return 0;
}

static void retry_later(Guest *g, uint64_t usec) {
        sd_event *event = loop_event(g->driver->host->loop);

        if (g->run->retry || g->run->n_retries++ >= RETRIES)
                return;
        (void) sd_event_add_time_relative(event, &g->run->retry, CLOCK_MONOTONIC, usec, 0, on_retry, g);
}

static int reason_of_end(const Guest *g) {
        if (g->run->destroy)
                return SHUTOFF_DESTROYED;
        if (g->run->end_reason != SHUTOFF_UNKNOWN)
                return g->run->end_reason;
        return g->state == GUEST_STARTING ? SHUTOFF_FAILED : SHUTOFF_CRASHED;
}

static int on_process_end(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Guest *g = userdata;

        g->run->pid_watch = sd_event_source_disable_unref(g->run->pid_watch);
        g->run->pid_fd = (close(g->run->pid_fd), -EBADF);
        if (g->run->qmp)
                g->run->qmp = qmp_client_free(g->run->qmp);
        guest_enter(g, GUEST_ENDING, reason_of_end(g));
        guest_settle(g);
        follow_unit(g, CLEANUP_USEC);
        return 0;
}

static int watch_process(Guest *g) {
        if (g->run->pid_fd < 0)
                return -ESRCH;
        if (g->run->pid_watch)
                return 0;
        return sd_event_add_io(loop_event(g->driver->host->loop), &g->run->pid_watch, g->run->pid_fd, EPOLLIN,
                               on_process_end, g);
}

/* A QEMU may close the connection and go on: whether it ended its process tells, or where that is not known its
 * unit. */
static void on_closed(QmpClient *c, int r, void *userdata) {
        Guest *g = userdata;

        g->run->qmp = qmp_client_free(g->run->qmp);
        follow_unit(g, watch_process(g) >= 0 ? GRACE_USEC : 0);
        g->run->n_retries = 0;
        retry_later(g, 20 * RETRY_USEC);
}

static const QmpHandler qmp_handler = { on_ready, on_event, on_closed };

static int on_folder(sd_event_source *s, const struct inotify_event *event, void *userdata) {
        Guest *g = userdata;

        if (event->mask & IN_IGNORED || (event->len > 0 && streq(event->name, GUEST_FOLDER_RUN)))
                try_connect(g);
        return 0;
}

/* The folder is there once systemd runs the unit's first command, which may be later than our coming. */
static int open_folder(Guest *g) {
        _cleanup_free_ char *user = NULL, *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (g->run->dir_fd >= 0)
                return 0;
        r = user_name_for_guest(g->object.name, &user);
        if (r < 0)
                return r;
        path = guest_folder(user);
        if (!path)
                return -ENOMEM;
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        g->run->uid = st.st_uid;
        g->run->dir_fd = TAKE_FD(fd);
        return sd_event_add_inotify(loop_event(g->driver->host->loop), &g->run->dir_watch, path,
                                    IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR, on_folder, g);
}

static int connect_monitor(Guest *g) {
        int fd, r;

        r = open_folder(g);
        if (r < 0)
                return r;
        if (faccessat(g->run->dir_fd, GUEST_FOLDER_RUN, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        r = qmp_connect(g->run->dir_fd, GUEST_FOLDER_MONITOR, g->run->uid, &fd, &g->run->pid);
        if (r < 0)
                return r;
        if (g->run->pid_fd < 0)
                g->run->pid_fd = pidfd_open(g->run->pid, 0);
        return qmp_client_new(loop_event(g->driver->host->loop), fd, &qmp_handler, g, &g->run->qmp);
}

static void try_connect(Guest *g) {
        int r;

        if (g->run->qmp)
                return;
        r = connect_monitor(g);
        if (r >= 0)
                return;
        /* Nothing to ask: it has not come up yet, or it has gone already, or does not want to be asked. */
        if (g->run->quiet && !g->run->settled)
                follow_unit(g, 0);
        else
                guest_settle(g);
        retry_later(g, RETRY_USEC);
}

int monitor_begin_run(Guest *g, int id, bool found_running) {
        GuestRun *run;

        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;
        run->id = id;
        run->dir_fd = run->pid_fd = -EBADF;
        run->quiet = found_running;
        run->kept_state = _GUEST_STATE_INVALID;
        g->run = run;
        g->id = id;
        if (found_running)
                keep_load(g);
        else if (g->autodestroy || g->agent_timeout != AGENT_TIMEOUT_BLOCK)
                keep_save(g);
        guest_enter(g, GUEST_STARTING, 0);
        try_connect(g);
        return 0;
}

void monitor_end_run(Guest *g) {
        GuestRun *run = TAKE_PTR(g->run);

        if (!run)
                return;
        qmp_client_free(run->qmp);
        sd_event_source_disable_unref(run->dir_watch);
        sd_event_source_disable_unref(run->retry);
        sd_event_source_disable_unref(run->pid_watch);
        if (run->pid_fd >= 0)
                close(run->pid_fd);
        if (run->dir_fd >= 0)
                close(run->dir_fd);
        free(run->unplug_paused);
        free(run->by_number);
        free(run);
}

/* --- commands --- */

QmpClient *guest_qmp(Guest *g, Error *e) {
        if (!guest_is_active(g)) {
                (void) object_error_inactive(&g->object, e);
                return NULL;
        }
        if (!g->run->qmp) {
                error_set(e, -ENOTCONN, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                          "there is no connection to the monitor of domain '%s'", g->object.name);
                return NULL;
        }
        return g->run->qmp;
}

/* A command that is waited for, or was: then the guest is mute until the answer comes. */
typedef struct Wait {
        Fiber *fiber;       /* NULL once answered */
        Guest *late;        /* nobody waits any more */
        int r;
        bool raw;
        json_t *ret;
        char *class, *desc;
} Wait;

static void on_late_answer(Wait *w, const QmpResult *result) {
        if (w->late->run && result->r != -ECANCELED && result->r != -ECONNRESET)
                w->late->run->mute = false;
        guest_unref(w->late);
        free(w);
}

static void on_answer(QmpClient *c, const QmpResult *result, void *userdata) {
        Wait *w = userdata;

        if (w->late) {
                on_late_answer(w, result);
                return;
        }
        w->r = result->r;
        if (result->ret)
                w->ret = json_incref(result->ret);
        if (result->r == -EREMOTEIO) {
                w->class = strdup(result->class);
                w->desc = strdup(result->desc);
        }
        fiber_resume(TAKE_PTR(w->fiber), 0);
}

static int answer(Guest *g, const char *command, Wait *w, json_t **ret, Error *e) {
        _cleanup_free_ char *class = w->class, *desc = w->desc;
        _cleanup_(json_decrefp) json_t *value = w->ret;

        if (w->r == -EREMOTEIO && w->raw) {
                *ret = json_pack("{s:{s:s*,s:s*}}", "error", "class", class, "desc", desc);
                return *ret ? 0 : -ENOMEM;
        }
        if (w->r == -EREMOTEIO)
                return error_set(e, w->r, ERROR_INTERNAL, ORIGIN_QEMU, "unable to execute QEMU command '%s': %s",
                                 command, desc ? desc : "unknown");
        if (w->r < 0)
                return error_set(e, w->r, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                 "QEMU of domain '%s' ended before it answered '%s'", g->object.name, command);
        if (w->raw)
                value = json_pack("{s:o}", "return", TAKE_PTR(value));
        if (ret)
                *ret = TAKE_PTR(value);
        return 0;
}

static int error_mute(const Guest *g, const char *command, int r, Error *e) {
        return error_set(e, r < 0 ? r : -ECANCELED, ERROR_OPERATION_TIMEOUT, ORIGIN_QEMU,
                         "QEMU of domain '%s' does not answer '%s'", g->object.name, command);
}

/* Not answered: we gave up waiting, and the guest is not asked again until it has. */
static void give_up(Guest *g, QmpClient *c, uint64_t id, Wait *w, int r) {
        w->fiber = NULL;
        if (r == -ETIMEDOUT && g->run && g->run->qmp == c) {
                g->run->mute = true;
                w->late = guest_ref(g);
                return;
        }
        if (g->run && g->run->qmp == c)
                qmp_cancel(c, id);
        free(w);
}

static int wait_for_answer(Guest *g, QmpClient *c, Wait *w, uint64_t id, const char *command, uint64_t timeout,
                           json_t **ret, Error *e) {
        int r = fiber_suspend(timeout);

        if (w->fiber) {
                give_up(g, c, id, w, r);
                return error_mute(g, command, r, e);
        }
        r = answer(g, command, w, ret, e);
        free(w);
        return r;
}

static int send_and_wait(Guest *g, json_t *request, const int *fds, size_t n_fds, uint64_t timeout, bool raw,
                         json_t **ret, Error *e) {
        _cleanup_free_ char *command = strdup(json_string_value(json_object_get(request, "execute")) ?: "?");
        QmpClient *c = guest_qmp(g, e);
        _cleanup_free_ Wait *w = calloc(1, sizeof(*w));
        uint64_t id;
        int r;

        if (!c || !command || !w || g->run->mute) {
                json_decref(request);
                return !c ? -ENOTCONN : !command || !w ? -ENOMEM : error_mute(g, command, -ETIMEDOUT, e);
        }
        *w = (Wait) { .fiber = fiber_self(), .raw = raw };
        r = qmp_execute_object(c, request, fds, n_fds, on_answer, w, &id);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot send '%s' to QEMU", command);
        return wait_for_answer(g, c, TAKE_PTR(w), id, command, timeout, ret, e);
}

int guest_command_fds(Guest *g, json_t *request, const int *fds, size_t n_fds, json_t **ret, bool raw, Error *e) {
        return send_and_wait(g, request, fds, n_fds, MONITOR_TIMEOUT, raw, ret, e);
}

static json_t *request_of(const char *command, json_t *arguments) {
        return arguments ? json_pack("{s:s,s:o}", "execute", command, "arguments", arguments)
                         : json_pack("{s:s}", "execute", command);
}

int guest_command(Guest *g, const char *command, json_t *arguments, json_t **ret, Error *e) {
        json_t *request = request_of(command, arguments);

        return request ? send_and_wait(g, request, NULL, 0, MONITOR_TIMEOUT, false, ret, e) : -ENOMEM;
}

int guest_command_until(Guest *g, const char *command, json_t *arguments, uint64_t deadline, json_t **ret, Error *e) {
        json_t *request = request_of(command, arguments);
        uint64_t now = 0;

        (void) sd_event_now(loop_event(g->driver->host->loop), CLOCK_MONOTONIC, &now);
        if (!request)
                return -ENOMEM;
        if (now >= deadline) {
                json_decref(request);
                return error_mute(g, command, -ETIMEDOUT, e);
        }
        return send_and_wait(g, request, NULL, 0, deadline - now, false, ret, e);
}

/* The entry of query-blockstats for a disk: its device is in QEMU's tree under the disk's alias. */
json_t *qmp_block_entry(json_t *list, const char *alias) {
        json_t *entry;
        size_t i;

        json_array_foreach(list, i, entry) {
                const char *path = alias ? json_string_value(json_object_get(entry, "qdev")) : NULL;
                const char *p = path ? startswith(path, "/machine/peripheral/") : NULL;
                size_t n = p ? strcspn(p, "/") : 0;

                if (p ? strlen(alias) == n && strncmp(p, alias, n) == 0 : streq_ptr(path, alias))
                        return entry;
        }
        return NULL;
}

int guest_cgroup(Guest *g, char **ret) {
        _cleanup_free_ char *path = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        char *line = NULL, *end;
        size_t size = 0;
        ssize_t n;
        int r = -ESRCH;

        if (!g->run || g->run->pid <= 0)
                return -ESRCH;
        path = text_format("/proc/%i/cgroup", g->run->pid);
        if (!path)
                return -ENOMEM;
        f = fopen(path, "re");
        if (!f)
                return -errno;
        while ((n = getline(&line, &size, f)) > 0) {
                const char *p;

                line[n - 1] = line[n - 1] == '\n' ? 0 : line[n - 1];
                p = startswith(line, "0::/");
                if (!p)
                        continue;
                *ret = strdup(p);
                r = *ret ? 0 : -ENOMEM;
                break;
        }
        free(line);
        /* threads may have groups below the unit's */
        if (r >= 0 && (end = strstr(*ret, ".service/")))
                end[strlen(".service")] = 0;
        return r;
}
