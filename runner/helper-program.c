/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper-program.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "plan/helper.h"

volatile sig_atomic_t helper_program;

static void keep(LastLine *line, const char *data, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (data[i] == '\n') {
                        line->ended = true;
                        if (!line->first[0])
                                memcpy(line->first, line->text, line->n);
                        continue;
                }
                if (line->ended)
                        line->n = 0;
                line->ended = false;
                if (line->n < sizeof(line->text) - 1)
                        line->text[line->n++] = data[i];
        }
        line->text[line->n] = 0;
}

/* A program that is named without a folder is where the distributions have it. */
static const char *find_program(const char *name) {
        static const char *const folders[] = { "/usr/libexec", "/usr/lib/qemu", "/usr/lib/virtiofsd", "/usr/bin" };
        static char path[4096];

        if (*name == '/')
                return name;
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                (void) snprintf(path, sizeof path, "%s/%s", folders[i], name);
                if (access(path, X_OK) >= 0)
                        return path;
        }
        return name;
}

/* A file of its own each time, to be read from the beginning; key_fd -EBADF: there is none. */
static int give_key(int key_fd) {
        static const int numbers[] = { HELPER_KEY_FD, HELPER_KEY_FD_AGAIN };
        char path[64];

        (void) snprintf(path, sizeof path, "/proc/self/fd/%i", key_fd);
        for (size_t i = 0; key_fd >= 0 && i < ELEMENTSOF(numbers); i++) {
                int fd = open(path, O_RDONLY | O_CLOEXEC);

                if (fd < 0 || (fd != numbers[i] && dup2(fd, numbers[i]) < 0))
                        return -errno;
                if (fd == numbers[i])
                        (void) fcntl(fd, F_SETFD, 0);
        }
        return 0;
}

bool helper_is_activated(void) {
        return streq_ptr(getenv("UNITVIRT_ACTIVATED"), "yes");
}

static void activate(void) {
        char number[16];

        /* the same of the socket that is ours */
        if (!helper_is_activated() && !streq_ptr(getenv("UNITVIRT_LISTENS"), "yes"))
                return;
        (void) snprintf(number, sizeof number, "%i", getpid());
        (void) setenv("LISTEN_PID", number, 1);
        (void) setenv("LISTEN_FDS", "1", 1);
        (void) unsetenv("LISTEN_FDNAMES");
}

_noreturn_ static void become(const char *const *words, int socket_fd, int key_fd, int words_fd) {
        const char *program = find_program(words[0]);

        /* out of the way of those that the program knows by number */
        words_fd = fcntl(words_fd, F_DUPFD_CLOEXEC, HELPER_PARKED_FD);
        socket_fd = fcntl(socket_fd, F_DUPFD_CLOEXEC, HELPER_PARKED_FD);
        if (words_fd < 0 || socket_fd < 0 || give_key(key_fd) < 0 || dup2(words_fd, STDERR_FILENO) < 0 ||
            dup2(words_fd, STDOUT_FILENO) < 0 || dup2(socket_fd, HELPER_SOCKET_FD) < 0)
                _exit(127);
        (void) unsetenv("NOTIFY_SOCKET");
        activate();
        (void) execv(program, (char *const *) words);
        dprintf(STDERR_FILENO, "cannot start %s: %s\n", program, strerror(errno));
        _exit(127);
}

static void watch(int fd, LastLine *line) {
        char data[4096];
        ssize_t n;

        while ((n = read(fd, data, sizeof data)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return;
                (void) write_all(STDERR_FILENO, data, (size_t) n);
                keep(line, data, (size_t) n);
        }
}

static void leave_line(const char *folder, const LastLine *line) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, HELPER_ERROR);

        if (path && line->n > 0)
                (void) file_write_atomic(path, line->text, line->n, 0600, FILE_WRITE_NOSYNC);
}

void last_line_forget(const char *folder) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, HELPER_ERROR);

        if (path)
                (void) unlink(path);
}

/* One that has ended well may still have said why QEMU did not come to terms with it, before it says farewell. */
static void leave_first(const char *folder, const LastLine *line) {
        LastLine first = {};

        first.n = strnlen(line->first, sizeof(first.text) - 1);
        memcpy(first.text, line->first, first.n);
        leave_line(folder, &first);
}

int helper_exit_status(int status) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int helper_program_run(const char *const *words, const char *folder, int socket_fd, int key_fd, LastLine *line) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int ends[2], status = 0;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        ours = ends[0];
        theirs = ends[1];
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(words, socket_fd, key_fd, theirs);
        helper_program = pid;
        closep(&theirs);
        watch(ours, line);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        helper_program = 0;
        /* one that was told to end has not failed: what it said last was about its work */
        if (helper_exit_status(status) != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM))
                leave_line(folder, line);
        else if (helper_exit_status(status) == 0)
                leave_first(folder, line);
        return helper_exit_status(status);
}

int last_line_leave(const char *folder, int r, const char *format, ...) {
        LastLine line = {};
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(line.text, sizeof line.text, format, ap);
        va_end(ap);
        line.n = strlen(line.text);
        if (folder)
                leave_line(folder, &line);
        return log_error_errno(r, "%s", line.text);
}
