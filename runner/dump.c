/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guest's memory into a file: vm-dump opens it (base/guest-dump.h), QEMU writes it, beside everything else that it
 * does. Whatever comes of that, what was to follow does. */

#include <sys/socket.h>

#include "base/fds.h"
#include "base/guest-dump.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "run.h"

/* A manager that does not start vm-dump, or a host that does not open files, is not waited for any longer. */
#define ANSWER_TIMEOUT (60 * USEC_PER_SEC)

static void end_dump(Run *run) {
        void (*then)(Run *) = run->dump.then;

        closep(&run->dump.fd);
        run->dump = (Dump) { .fd = -EBADF };
        if (then && run->state != RUN_ENDING)
                then(run);
}

static void fail_dump(Run *run, const char *why) {
        log_error("cannot dump the guest's memory: %s", why);
        end_dump(run);
}

void run_dump_give_up(Run *run) {
        if (!run->dump.then || run->dump.said_whole)
                return; /* vm-dump names the file, whoever listens */
        log_warning("the dump of the guest's memory is given up: QEMU ends");
        run->dump.then = NULL;
        end_dump(run);
}

void run_dump_timed_out(Run *run) {
        fail_dump(run, "vm-dump does not answer");
}

static void dump_started(Run *run, const json_t *result, const char *error) {
        if (error && run->dump.writing)
                fail_dump(run, error);
}

static void let_qemu_write(Run *run, const char *path, int fd) {
        static const char getfd[] = "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"dump\"}}\n";
        static const char dump[] =
                "{\"execute\":\"dump-guest-memory\",\"arguments\":{\"paging\":false,\"protocol\":\"fd:dump\","
                "\"detach\":true}}\n";
        int r;

        log_debug("dumping the guest's memory to %s", path);
        run->dump.writing = true;
        run->dump.give_up = 0;
        r = monitor_send_fd(run, getfd, fd, NULL);
        if (r >= 0)
                r = monitor_send(run, dump, dump_started);
        if (r < 0)
                fail_dump(run, strerror(-r));
}

void run_dump_read(Run *run) {
        char text[DUMP_ANSWER_MAX + 1];
        int fd = -EBADF;
        unsigned n_fds = 0;
        ssize_t n = receive_fds(run->dump.fd, text, sizeof text - 1, &fd, 1, &n_fds, MSG_DONTWAIT);

        if (n == -EAGAIN || n == -EINTR)
                return;
        if (n > 0)
                text[n] = 0;
        if (n <= 0 || (run->dump.writing && !run->dump.said_whole))
                fail_dump(run, "vm-dump failed");
        else if (run->dump.said_whole) {
                log_info("dumped the guest's memory to %s", text);
                end_dump(run);
        } else if (fd < 0)
                fail_dump(run, text);
        else
                let_qemu_write(run, text, TAKE_FD(fd));
        closep(&fd);
}

void run_dump_completed(Run *run, const json_t *data) {
        const char *status = json_string_value(json_object_get(json_object_get(data, "result"), "status"));
        const char *error = json_string_value(json_object_get(data, "error"));

        if (!run->dump.writing || run->dump.said_whole)
                return; /* a dump of somebody else's */
        if (!streq_ptr(status, "completed")) {
                fail_dump(run, error ?: "QEMU failed");
                return;
        }
        if (send(run->dump.fd, DUMP_WHOLE, strlen(DUMP_WHOLE), MSG_NOSIGNAL) < 0) {
                fail_dump(run, strerror(errno));
                return;
        }
        run->dump.said_whole = true;
        run->dump.give_up = now_usec() + ANSWER_TIMEOUT;
}

void run_dump(Run *run, void (*then)(Run *run)) {
        int fd;

        if (run->dump.then)
                return; /* it is being dumped */
        fd = unix_connect(DUMP_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK);
        run->dump = (Dump) { .then = then, .fd = fd };
        if (fd < 0)
                fail_dump(run, fd == -ENOENT || fd == -ECONNREFUSED ? "vm-dump.socket is not active" : strerror(-fd));
        else
                run->dump.give_up = now_usec() + ANSWER_TIMEOUT;
}
