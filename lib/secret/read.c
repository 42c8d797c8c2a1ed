/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/kind.h"
#include "secret/file.h"
#include "secret/secret.h"

#define PATIENCE 30 /* seconds: a TPM takes its time */

/* --- finding --- */

static int no_such(Error *e, const char *what, const char *which) {
        return error_set(e, -ENOENT, ERROR_NO_SECRET, ORIGIN_SECRET, "no secret with matching %s '%s'", what, which);
}

/* Broken definitions are for their own readers to complain of. */
static bool is_for(const char *path, SecretUsageType type, const char *id, char uuid[37]) {
        _cleanup_definition_ Definition *d = NULL;
        SecretUsageType found;
        uint8_t bytes[16];

        if (definition_load_as(&document_secret, path, 0, &d, NULL) < 0 || !definition_uuid(d, bytes))
                return false;
        if (!streq(secret_usage(d, &found), id) || found != type)
                return false;
        uuid_format(bytes, uuid);
        return true;
}

static bool find_in(const char *folder, SecretUsageType type, const char *id, char uuid[37]) {
        _cleanup_free_ char *path = text_format("%s/secrets", folder);
        DIR *dir = path ? opendir(path) : NULL;
        const struct dirent *entry;
        bool found = false;

        while (!found && dir && (entry = readdir(dir))) {
                _cleanup_free_ char *file = NULL;

                if (!endswith(entry->d_name, ".xml"))
                        continue;
                file = text_format("%s/%s", path, entry->d_name);
                found = file && is_for(file, type, id, uuid);
        }
        if (dir)
                closedir(dir);
        return found;
}

int secret_find(SecretUsageType type, const char *id, char ret_uuid[37], Error *e) {
        if (find_in(path_etc(), type, id, ret_uuid) || find_in(path_run(), type, id, ret_uuid))
                return 0;
        return no_such(e, "usage", id);
}

/* --- reading --- */

static int spawn_opener(const char *uuid, int input, int output, pid_t *ret) {
        const char *argv[SECRET_COMMAND_MAX];
        posix_spawn_file_actions_t actions;
        char name[SECRET_NAME_MAX];
        int r;

        secret_open_command(uuid, name, argv);
        (void) posix_spawn_file_actions_init(&actions);
        r = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, NULL, (char **) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int64_t seconds_now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec;
}

/* All that comes, into v, which is as large as a value can be. */
static int read_all(int fd, SecretValue *v) {
        int64_t deadline = seconds_now() + PATIENCE;
        size_t n = 0;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                int64_t left = deadline - seconds_now();
                ssize_t k;

                if (left <= 0 || poll(&p, 1, (int) left * 1000) == 0)
                        return -ETIMEDOUT;
                k = read(fd, v->data + n, v->len - n);
                if (k < 0 && errno != EINTR)
                        return -errno;
                if (k == 0) {
                        v->len = n;
                        return 0;
                }
                n += k > 0 ? (size_t) k : 0;
                if (n == v->len)
                        return -E2BIG;
        }
}

static int wait_for(pid_t pid, int r) {
        int status;

        if (r < 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EKEYREJECTED;
}

static int open_sealed(const char *uuid, const char *path, SecretValue *ret) {
        _cleanup_secret_value_ SecretValue all = {}, copy = {};
        _cleanup_close_ int input = -EBADF, from = -EBADF, to = -EBADF;
        int fds[2], r;
        pid_t pid;

        r = secret_value_new(SECRET_VALUE_MAX + 1, &all);
        if (r < 0)
                return r;
        input = open(path, O_RDONLY | O_CLOEXEC);
        if (input < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        from = fds[0];
        to = fds[1];
        r = spawn_opener(uuid, input, to, &pid);
        if (r < 0)
                return r;
        close(TAKE_FD(to));
        r = wait_for(pid, read_all(from, &all));
        if (r >= 0)
                r = secret_value_copy(all.data, all.len, &copy);
        /* The whole of it was written to, whatever the length says now. */
        all.len = SECRET_VALUE_MAX + 1;
        if (r >= 0) {
                *ret = copy;
                copy = (SecretValue){};
        }
        return r;
}

int secret_read(const char *uuid, SecretValue *ret, Error *e) {
        _cleanup_free_ char *path = NULL;
        SecretForm form;
        int r;

        r = secret_file_find(uuid, &path, &form);
        if (r == -ENOENT)
                return error_set(e, r, ERROR_NO_SECRET, ORIGIN_SECRET, "secret '%s' does not have a value", uuid);
        if (r >= 0)
                r = form == SECRET_SEALED ? open_sealed(uuid, path, ret) : secret_plain_read(path, ret);
        return r < 0 && r != -ENOMEM ? error_set_errno(e, r, ORIGIN_SECRET, "cannot read the secret in %s", path) : r;
}
