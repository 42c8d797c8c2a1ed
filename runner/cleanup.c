/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-cleanup NAME: run by vm@NAME.service as root after the guest's end (ExecStopPost=+), however it came. */

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/guest-exit.h"
#include "base/log.h"
#include "base/strings.h"
#include "host.h"
#include "launch.h"
#include "plan/names.h"
#include "sockets.h"

#define ERROR_TEXT_MAX 4096U

static char *run_path(const char *name, const char *suffix) {
        return text_format("%s/qemu/%s%s", path_run(), name, suffix);
}

static void remove_file(const char *name, const char *suffix) {
        _cleanup_free_ char *path = run_path(name, suffix);

        if (path && unlink(path) < 0 && errno != ENOENT)
                log_warning_errno(-errno, "cannot remove %s: %m", path);
}

/* Written before anything is removed: whoever sees NAME.xml vanish finds the reason. */
static void write_last(const char *name, GuestEnd end) {
        _cleanup_free_ char *path = run_path(name, ".last"), *text = NULL;
        struct timespec t;
        int r;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        if (!path || asprintf(&text, "reason=%s\nwhen=%" PRIu64 "\n", guest_end_to_string(end),
                              (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000) < 0)
                return;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        if (r < 0)
                log_warning_errno(r, "cannot write %s: %s", path, strerror(-r));
}

/* vm-run left the cause of a failed start in the folder of the guest's user, whose content is not to be trusted:
 * no links, no more than a page, no control characters. */
static void keep_error(const char *name, const char *dir) {
        _cleanup_free_ char *from = NULL, *to = run_path(name, ".error");
        char text[ERROR_TEXT_MAX + 1];
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        ssize_t n;

        if (!dir || !to || asprintf(&from, "%s/error", dir) < 0)
                return;
        fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        n = read(fd, text, ERROR_TEXT_MAX);
        if (n <= 0)
                return;
        for (ssize_t i = 0; i < n; i++)
                if (iscntrl((unsigned char) text[i]))
                        text[i] = ' ';
        (void) file_write_atomic(to, text, (size_t) n, 0600, FILE_WRITE_NOSYNC);
}

/* The sockets at paths of the definition, which nobody is behind any more. */
static void remove_sockets(const char *name) {
        _cleanup_free_ char *path = run_path(name, ".launch"), *text = NULL;
        _cleanup_launch_ Launch l = {};
        unsigned line;

        /* No file: the start did not get so far. */
        if (!path || file_read(path, LAUNCH_MAX, &text, NULL) < 0 || launch_parse(text, &l, &line) < 0)
                return;
        for (char *const *s = l.sockets; s && *s; s++) {
                int r = socket_remove(*s);

                if (r < 0)
                        log_debug("cannot remove %s: %s", *s, strerror(-r));
        }
}

/* Takes the guest's lines out of the list of ports that vm-prepare keeps. */
static void release_ports(const char *name) {
        _cleanup_free_ char *path = run_path("ports", ""), *lock_path = run_path("ports", ".lock"), *lines = NULL, *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_close_ int lock = -EBADF;
        char *rest, *line;

        if (!path || !lock_path || access(path, F_OK) < 0)
                return;
        lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (lock < 0 || flock(lock, LOCK_EX) < 0 || file_read(path, 1024 * 1024, &lines, NULL) < 0)
                return;
        rest = lines;
        while ((line = strsep(&rest, "\n"))) {
                const char *space = strchr(line, ' ');

                if (space && !streq(space + 1, name))
                        strbuf_addf(&b, "%s\n", line);
        }
        text = strbuf_take(&b);
        if (text)
                (void) file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
}

/* A transient guest leaves nothing behind. */
static void forget_transient(const char *name) {
        _cleanup_free_ char *path = NULL, *unit = NULL, *dir = NULL, *dropin = NULL;

        if (asprintf(&path, "%s/qemu/transient/%s.xml", path_run(), name) < 0 || unlink(path) < 0)
                return;
        if (unit_name_for_guest(name, &unit) < 0 || asprintf(&dir, "/run/systemd/system/%s.d", unit) < 0 ||
            asprintf(&dropin, "%s/50-unitvirt.conf", dir) < 0)
                return;
        (void) unlink(dropin);
        (void) rmdir(dir);
}

static bool will_restart(void) {
        return streq_ptr(getenv("EXIT_CODE"), "exited") && streq_ptr(getenv("EXIT_STATUS"), "86");
}

int main(int argc, char **argv) {
        const char *name;
        GuestEnd end;
        int r;

        log_open("vm-cleanup", LOG_TARGET_AUTO);
        if (argc != 2) {
                log_error("usage: vm-cleanup NAME (started by vm@NAME.service)");
                return EXIT_FAILURE;
        }
        r = host_enter();
        if (r < 0)
                return log_error_errno(r, "cannot enter the host's namespaces: %s", strerror(-r)) < 0;
        name = argv[1];
        end = guest_end_from_service(getenv("SERVICE_RESULT"), getenv("EXIT_CODE"), getenv("EXIT_STATUS"));
        if (end == GUEST_END_FAILED)
                keep_error(name, getenv("RUNTIME_DIRECTORY"));
        write_last(name, end);
        release_ports(name);
        remove_sockets(name);
        remove_file(name, ".launch");
        remove_file(name, ".state");
        if (!will_restart())
                forget_transient(name);
        remove_file(name, ".xml");
        return EXIT_SUCCESS;
}
