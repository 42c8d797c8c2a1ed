/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A child process run to its end: input written, output collected, all by callbacks that wake the fiber
 * which waits for the whole. */

#include "loop/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/strings.h"
#include "loop/fiber.h"

#define OUTPUT_MAX_DEFAULT (1024U * 1024U)

typedef struct Output {
        struct Process *process;
        sd_event_source *source;
        int fd;
        StrBuf text;
} Output;

typedef struct Process {
        const ProcessSpec *spec;
        Fiber *fiber;
        pid_t pid;
        int pidfd;
        sd_event_source *exit_source;
        Output output;
        Output error;
        int input_fd;
        size_t input_done;
        sd_event_source *input_source;
        int result;             /* negative errno of a pump */
} Process;

void process_result_done(ProcessResult *r) {
        if (r->output)
                explicit_bzero(r->output, r->output_len);
        free(r->output);
        free(r->error);
        *r = (ProcessResult) {};
}

static void process_end(Process *p, int r) {
        if (p->result == 0)
                p->result = r;
        fiber_resume(p->fiber, r);
}

/* Reads all there is: 0 at the end of the file, 1 when more may come. */
static int output_drain(Output *o) {
        size_t max = o->process->spec->output_max ?: OUTPUT_MAX_DEFAULT;
        char buf[16 * 1024];

        for (;;) {
                ssize_t n = read(o->fd, buf, sizeof(buf));

                if (n == 0)
                        return 0;
                if (n < 0)
                        return errno == EAGAIN ? 1 : -errno;
                if ((size_t) n > max - MIN(o->text.len, max))
                        return -EFBIG;
                strbuf_addn(&o->text, buf, (size_t) n);
                if (o->process->spec->wipe)
                        explicit_bzero(buf, (size_t) n);
                if (o->text.failed)
                        return -ENOMEM;
        }
}

static int on_output(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Output *o = userdata;
        int r;

        r = output_drain(o);
        if (r <= 0)
                o->source = sd_event_source_disable_unref(o->source);
        if (r < 0)
                process_end(o->process, r);
        return 0;
}

static void input_close(Process *p) {
        p->input_source = sd_event_source_disable_unref(p->input_source);
        closep(&p->input_fd);
        p->input_fd = -EBADF;
}

/* A child that does not read its input to the end is its own business: it says by its status how it went. */
static int on_input(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Process *p = userdata;
        ssize_t n;

        n = send(fd, (const char *) p->spec->input + p->input_done, p->spec->input_len - p->input_done,
                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n > 0)
                p->input_done += (size_t) n;
        if (n <= 0 || p->input_done == p->spec->input_len)
                input_close(p);
        return 0;
}

static int on_exit_ready(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        process_end(userdata, 0);
        return 0;
}

static int make_pipe(int *ret_ours, int *ret_theirs) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *ret_ours = fds[0];
        *ret_theirs = fds[1];
        return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Signals as a fresh program expects them: we block some for the loop. */
static int spawn_with(char *const *argv, char *const *envp, int in, int out, int err, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attr;
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        r = -posix_spawn_file_actions_init(&actions);
        if (r < 0)
                return r;
        r = -posix_spawnattr_init(&attr);
        if (r < 0) {
                posix_spawn_file_actions_destroy(&actions);
                return r;
        }
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attr, &none);
        posix_spawnattr_setsigdefault(&attr, &all);
        r = -posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        if (r >= 0)
                r = -posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r >= 0)
                r = -posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
        if (r >= 0)
                r = -posix_spawnp(ret, argv[0], &actions, &attr, argv, envp ?: environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attr);
        return r;
}

static int start(char *const *argv, char *const *envp, bool with_input, ProcessSpare *ret) {
        _cleanup_close_ int in = -EBADF, out = -EBADF, err = -EBADF;
        int r;

        if (with_input) {
                int fds[2];

                /* A socket, since only those can be written to without SIGPIPE. */
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                        return -errno;
                ret->input = fds[0];
                in = fds[1];
        } else {
                in = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (in < 0)
                        return -errno;
        }
        r = make_pipe(&ret->output, &out);
        if (r < 0)
                return r;
        r = make_pipe(&ret->error, &err);
        if (r < 0)
                return r;
        return spawn_with(argv, envp, in, out, err, &ret->pid);
}

#define SPARE_CLOSED { .input = -EBADF, .output = -EBADF, .error = -EBADF }

static int process_start(Process *p) {
        ProcessSpare begun = SPARE_CLOSED, *spare = p->spec->spare;
        int r = 0;

        if (spare && spare->pid > 0) {
                begun = *spare;
                *spare = (ProcessSpare) {};
        } else
                r = start(p->spec->argv, p->spec->envp, p->spec->input_len > 0, &begun);
        p->pid = begun.pid;
        p->input_fd = begun.input;
        p->output.fd = begun.output;
        p->error.fd = begun.error;
        return r;
}

int process_spare_begin(ProcessSpare *s, char *const argv[]) {
        ProcessSpare begun = SPARE_CLOSED;
        int r;

        if (s->pid > 0)
                return 0;
        r = start(argv, NULL, true, &begun);
        if (r < 0) {
                closep(&begun.input);
                closep(&begun.output);
                closep(&begun.error);
                return r;
        }
        *s = begun;
        return 0;
}

/* It has been given nothing to do, so it dies at once. */
void process_spare_end(ProcessSpare *s) {
        if (s->pid <= 0)
                return;
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
        closep(&s->input);
        closep(&s->output);
        closep(&s->error);
        *s = (ProcessSpare) {};
}

static int process_watch(Process *p) {
        sd_event *event = loop_event(fiber_loop(p->fiber));
        int r;

        p->pidfd = pidfd_open(p->pid, 0);
        if (p->pidfd < 0)
                return -errno;
        r = sd_event_add_io(event, &p->exit_source, p->pidfd, EPOLLIN, on_exit_ready, p);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &p->output.source, p->output.fd, EPOLLIN, on_output, &p->output);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &p->error.source, p->error.fd, EPOLLIN, on_output, &p->error);
        if (r < 0 || p->input_fd < 0)
                return r;
        return sd_event_add_io(event, &p->input_source, p->input_fd, EPOLLOUT, on_input, p);
}

static int on_late_exit(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        waitid(P_PIDFD, (id_t) fd, &(siginfo_t){}, WEXITED | WNOHANG);
        sd_event_source_disable_unref(s);
        return 0;
}

/* A killed child ends at once, unless it waits for a disk that does not answer: nobody else shall wait for that. */
#define KILLED_MSEC 20

static void process_kill(Process *p) {
        struct pollfd wait = { p->pidfd, POLLIN, 0 };
        sd_event_source *late;

        kill(p->pid, SIGKILL);
        if (p->pidfd >= 0 && poll(&wait, 1, KILLED_MSEC) == 0 &&
            sd_event_add_io(loop_event(fiber_loop(p->fiber)), &late, p->pidfd, EPOLLIN, on_late_exit, NULL) >= 0) {
                sd_event_source_set_io_fd_own(late, true);
                p->pidfd = -EBADF;
                return;
        }
        waitpid(p->pid, NULL, 0);
}

static void process_done(Process *p) {
        sd_event_source_disable_unref(p->exit_source);
        sd_event_source_disable_unref(p->output.source);
        sd_event_source_disable_unref(p->error.source);
        input_close(p);
        if (p->pid > 0)
                process_kill(p);
        closep(&p->pidfd);
        closep(&p->output.fd);
        closep(&p->error.fd);
        if (p->output.text.data && p->spec->wipe)
                explicit_bzero(p->output.text.data, p->output.text.len);
        strbuf_done(&p->output.text);
        strbuf_done(&p->error.text);
}

/* All the memory at once, so that no part is left behind where the text has grown out of it. */
static int output_reserve(Output *o, const ProcessSpec *spec) {
        size_t size = (spec->output_max ?: OUTPUT_MAX_DEFAULT) + 1;

        if (!spec->wipe)
                return 0;
        o->text.data = calloc(1, size);
        if (!o->text.data)
                return -ENOMEM;
        o->text.size = size;
        return 0;
}

/* What the child wrote last may still be in the pipes; a grandchild that holds them open is not waited for. */
static int process_collect(Process *p, ProcessResult *ret) {
        siginfo_t info = {};
        int r;

        r = output_drain(&p->output);
        if (r < 0)
                return r;
        r = output_drain(&p->error);
        if (r < 0)
                return r;
        if (waitid(P_PID, (id_t) p->pid, &info, WEXITED) < 0)
                return -errno;
        p->pid = 0;

        strbuf_addn(&p->output.text, "", 0);
        strbuf_addn(&p->error.text, "", 0);
        ret->output_len = p->output.text.len;
        ret->error_len = p->error.text.len;
        ret->output = strbuf_take(&p->output.text);
        ret->error = strbuf_take(&p->error.text);
        ret->status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
        if (ret->output && ret->error)
                return 0;
        process_result_done(ret);
        return -ENOMEM;
}

int process_run(const ProcessSpec *spec, ProcessResult *ret, Error *e) {
        _cleanup_(process_done) Process p = {
                .spec = spec,
                .fiber = fiber_self(),
                .pidfd = -EBADF,
                .input_fd = -EBADF,
                .output.fd = -EBADF,
                .error.fd = -EBADF,
        };
        int r;

        if (!p.fiber)
                return -EDEADLK;
        p.output.process = p.error.process = &p;
        r = output_reserve(&p.output, spec);
        if (r >= 0)
                r = process_start(&p);
        if (r >= 0)
                r = process_watch(&p);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NONE, "cannot run %s", spec->argv[0]);

        r = fiber_suspend(spec->timeout ?: FIBER_FOREVER);
        if (r >= 0)
                r = p.result;
        if (r >= 0)
                r = process_collect(&p, ret);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NONE, "%s did not end well", spec->argv[0]);
        return 0;
}

int process_check(const ProcessSpec *spec, ProcessResult *ret, Error *e) {
        char *line, *last = NULL;
        int r;

        r = process_run(spec, ret, e);
        if (r < 0 || ret->status == 0)
                return r;
        for (line = strtok(ret->error, "\n"); line; line = strtok(NULL, "\n"))
                last = line;
        if (last)
                r = error_set(e, -EPROTO, ERROR_INTERNAL, ORIGIN_NONE, "%s: %s", spec->argv[0], last);
        else
                r = error_set(e, -EPROTO, ERROR_INTERNAL, ORIGIN_NONE, "%s failed with status %d", spec->argv[0],
                              ret->status);
        process_result_done(ret);
        return r;
}
