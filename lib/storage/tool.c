/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/strings.h"
#include "storage/tool.h"

#define OUTPUT_MAX (16U * 1024 * 1024)
#define STATUS_MISSING 127      /* the shell's too */

static _noreturn_ void become(char *const *argv, int out, int err) {
        int null = open("/dev/null", O_RDONLY);

        if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
                _exit(126);
        setenv("LC_ALL", "C", 1);
        signal(SIGPIPE, SIG_DFL);
        execvp(argv[0], argv);
        dprintf(2, "%s\n", strerror(errno));
        _exit(errno == ENOENT ? STATUS_MISSING : 126);
}

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int read_some(int fd, StrBuf *b) {
        char buffer[4096];
        ssize_t n = read(fd, buffer, sizeof buffer);

        if (n < 0)
                return errno == EINTR || errno == EAGAIN ? 1 : -errno;
        strbuf_addn(b, buffer, (size_t) n);
        if (b->failed)
                return -ENOMEM;
        return b->len > OUTPUT_MAX ? -E2BIG : n > 0;
}

/* Until both ends are closed. */
static int collect(int out, int err, unsigned timeout, StrBuf *b_out, StrBuf *b_err) {
        struct pollfd p[] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
        StrBuf *const b[] = { b_out, b_err };
        int64_t end = now_msec() + (int64_t) timeout * 1000;

        while (p[0].fd >= 0 || p[1].fd >= 0) {
                int64_t left = end - now_msec();

                if (left <= 0)
                        return -ETIMEDOUT;
                if (poll(p, 2, (int) left) < 0 && errno != EINTR)
                        return -errno;
                for (unsigned i = 0; i < 2; i++) {
                        int r = p[i].fd >= 0 && p[i].revents ? read_some(p[i].fd, b[i]) : 1;

                        if (r < 0)
                                return r;
                        if (r == 0)
                                p[i].fd = -1;
                }
        }
        return 0;
}

/* It says what went wrong; iscsiadm has said why before: "initiator reported error (24 - ...)". */
static const char *last_line(char *text) {
        static const char reason[] = "reported error (";
        char *why = text ? strstr(text, reason) : NULL;
        /* mkfs.xfs says what is wrong, and then all that could be right */
        char *usage = text ? strstr(text, "\nUsage:") : NULL;
        size_t n = usage ? (size_t) (usage - text) : text ? strlen(text) : 0;
        char *slash;

        if (usage)
                *usage = '\0';
        while (n > 0 && strchr(" \n\t", text[n - 1]))
                text[--n] = '\0';
        if (why) {
                why += strlen(reason);
                why[strcspn(why, ")\n")] = '\0';
                return why;
        }
        slash = n > 0 ? strrchr(text, '\n') : NULL;
        return n == 0 ? "no words" : slash ? slash + 1 : text;
}

static const struct {
        const char *tools, *package;
} packages[] = {
        { "iscsiadm", "open-iscsi" },
        { "lvchange lvcreate lvremove lvresize lvs pvcreate pvremove pvs vgchange vgcreate vgremove vgs", "lvm2" },
        { "qemu-img", "qemu-utils" },
        { "scrub", "scrub" },
        { "showmount", "nfs-common" },
};

static int not_installed(const char *name, Error *e) {
        for (size_t i = 0; i < ELEMENTSOF(packages); i++) {
                const char *at = strstr(packages[i].tools, name), *end = at ? at + strlen(name) : NULL;

                if (at && (at == packages[i].tools || at[-1] == ' ') && (*end == ' ' || !*end))
                        return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_STORAGE,
                                         "%s is not installed (package %s)", name, packages[i].package);
        }
        return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_STORAGE, "%s is not installed", name);
}

static int verdict(const char *name, int status, StrBuf *err, Error *e) {
        _cleanup_free_ char *words = NULL;

        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_MISSING)
                return not_installed(name, e);
        words = strbuf_take(err);
        if (WIFSIGNALED(status))
                return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_STORAGE, "%s was killed by signal %d", name,
                                 WTERMSIG(status));
        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_STORAGE, "%s failed (status %d): %s", name,
                         WEXITSTATUS(status), last_line(words));
}

int tool_run(char *const *argv, unsigned timeout, char **output, Error *e) {
        _cleanup_strbuf_ StrBuf out = {}, err = {};
        _cleanup_close_ int out_read = -EBADF, err_read = -EBADF;
        int o[2], x[2], status = 0, r;
        pid_t pid;

        if (pipe2(o, O_CLOEXEC) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot make a pipe");
        out_read = o[0];
        if (pipe2(x, O_CLOEXEC) < 0) {
                close(o[1]);
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot make a pipe");
        }
        err_read = x[0];
        pid = fork();
        if (pid == 0)
                become(argv, o[1], x[1]);
        close(o[1]);
        close(x[1]);
        if (pid < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot start %s", argv[0]);
        r = collect(out_read, err_read, timeout, &out, &err);
        if (r < 0) {
                (void) kill(pid, SIGKILL);
                if (r != -ETIMEDOUT)
                        (void) waitpid(pid, NULL, 0);
                return error_set_errno(e, r, ORIGIN_STORAGE, "%s", argv[0]);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        r = verdict(argv[0], status, &err, e);
        if (r >= 0 && output && !(*output = strbuf_take(&out)))
                return -ENOMEM;
        return r;
}

void tool_settle(void) {
        (void) TOOL(TOOL_TIMEOUT, NULL, NULL, "udevadm", "settle", "--timeout=20");
}
