/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* qemu-img over images that anybody may have made: a child that sees all file systems read-only but one folder, has no
 * network, and of root's rights only those over files' owners. */

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/strings.h"
#include "load.h"
#include "secret/secret.h"
#include "storage/open.h"
#include "storage/owner.h"
#include "volume.h"

#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY 1
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

struct attributes {
        uint64_t set, clear, propagation, userns_fd;
};

static int set_read_only(void) {
        struct attributes a = { .set = MOUNT_ATTR_RDONLY };

        return syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &a, sizeof a) < 0 ? -errno : 0;
}

/* A folder that stays writable, wherever links lead to meanwhile that its owner has put on the way. */
typedef struct Place {
        int at, tree;
} Place;

static void place_done(Place *p) {
        closep(&p->at);
        closep(&p->tree);
}
#define _cleanup_place_ _cleanup_(place_done)
#define PLACE_INIT { -EBADF, -EBADF }

static int place_take(Place *p, const char *folder) {
        struct stat st;

        p->at = path_open(folder, &st);
        p->tree = p->at < 0 ? p->at : open_tree(p->at, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        return p->at < 0 ? p->at : p->tree < 0 ? -errno : 0;
}

static int place_put(const Place *p) {
        return p->tree >= 0 && move_mount(p->tree, "", p->at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
                       ? -errno
                       : 0;
}

/* What the host unmounts goes here too: no file system stays busy for it. */
static int narrow_view(const char *folder, const char *other) {
        _cleanup_place_ Place first = PLACE_INIT, second = PLACE_INIT;
        int r;

        if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
                return -errno;
        r = folder ? place_take(&first, folder) : 0;
        if (r >= 0 && other)
                r = place_take(&second, other);
        if (r >= 0)
                r = set_read_only();
        if (r >= 0)
                r = place_put(&first);
        return r < 0 ? r : place_put(&second);
}

static int keep_rights(uint32_t capabilities) {
        struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct data[2] = {};

        /* a bounding set, because a program that root executes gets all of that set */
        for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
                if (c >= 32 || !(capabilities & 1U << c))
                        (void) prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        data[0].permitted = data[0].effective = capabilities;
        if (syscall(SYS_capset, &header, data) < 0)
                return -errno;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int confine_to(const char *folder) {
        int r = unshare(CLONE_NEWNS) < 0 ? -errno : narrow_view(folder, NULL);

        return r < 0 ? r : keep_rights(1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER | 1U << CAP_FSETID);
}

int confine_view(const char *folder) {
        _cleanup_free_ char *results = text_format("%s/storage", path_run());

        return !results ? -ENOMEM : unshare(CLONE_NEWNS) < 0 ? -errno : narrow_view(folder, results);
}

/* What a worker starts is confined to the pool's folder already, and can have no socket of a network: see its unit. */
static int confine_child(const char *folder) {
        if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0)
                return 0;
        return unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ? -errno : narrow_view(folder, NULL);
}

static _noreturn_ void become(char *const *argv, const char *folder, const Reach *reach, int out, int err) {
        int null = open("/dev/null", O_RDONLY);
        int r = confine_child(folder);

        if (r >= 0)
                r = owner_become();
        if (r > 0)
                r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
        else if (r == 0)
                r = keep_rights(1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER);
        if (r >= 0)
                r = reach_only(reach);
        if (r < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
                dprintf(err, "cannot confine it: %s\n", strerror(-r));
                _exit(126);
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("LC_ALL", "C", 1);
        execvp(argv[0], argv);
        dprintf(2, "%s\n", errno == ENOENT ? "it is not installed (package qemu-utils)" : strerror(errno));
        _exit(127);
}

/* "    (12.34/100%)" and a carriage return. */
static void show_progress(const VolumeJob *j, int out) {
        char buffer[512];
        ssize_t n;

        while ((n = read(out, buffer, sizeof buffer - 1)) > 0 || (n < 0 && errno == EINTR)) {
                const char *at;

                if (n < 0)
                        continue;
                buffer[n] = '\0';
                at = strchr(buffer, '(');
                if (at)
                        volume_progress(j, (uint64_t) (strtod(at + 1, NULL) * 100) + 1, 10000);
        }
}

/* qemu-img takes away what it could not make, which is not its to do here. */
#define NOT_DELETED "qemu-img: Error when deleting file"

static void drop_line(char *line) {
        char *end = strchr(line, '\n');

        memmove(line, end ? end + 1 : "", strlen(end ? end + 1 : "") + 1);
}

/* All of it as one line: the first says what is wrong, the others may say why. */
static char *words_of(int err) {
        char text[4096], *noise;
        ssize_t n = pread(err, text, sizeof text - 1, 0);

        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
                n--;
        text[MAX(n, 0)] = '\0';
        while ((noise = strstr(text, NOT_DELETED)))
                drop_line(noise);
        for (char *line = text; (line = strchr(line, '\n'));)
                *line = ' ';
        return strdup(text);
}

/* Runs it once: 0, or what it said as it failed. */
static int run_once(const VolumeJob *j, char *const *argv, const char *folder, const Reach *reach, char **ret_words,
                    Error *e) {
        _cleanup_close_ int out = -EBADF, err = memfd_create("errors", MFD_CLOEXEC);
        int p[2], status;
        pid_t pid;

        if (err < 0 || pipe2(p, O_CLOEXEC) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot start %s", argv[0]);
        out = p[0];
        pid = fork();
        if (pid == 0)
                become(argv, folder, reach, p[1], err);
        close(p[1]);
        if (pid < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot start %s", argv[0]);
        show_progress(j, out);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        *ret_words = words_of(err);
        return *ret_words ? 0 : -ENOMEM;
}

/* Before it derives a key QEMU counts how much of that a second of CPU is worth, with the kernel's account of a thread,
 * which some kernels bring up to date only at the clock's ticks, 4 ms apart. A processor that does the first round in
 * less sees no time pass, and qemu-img gives up (7.2 does, crypto/pbkdf.c); the next try meets other ticks. */
#define NO_TIME_PASSED "Unable to get accurate CPU usage"
#define TRIES 50

int confined_run(const VolumeJob *j, char *const *argv, const char *folder, const Reach *reach, Error *e) {
        for (unsigned tries = 1;; tries++) {
                _cleanup_free_ char *words = NULL;
                int r = run_once(j, argv, folder, reach, &words, e);

                if (r < 0 || !words)
                        return r;
                if (tries == TRIES || !strstr(words, NO_TIME_PASSED))
                        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_STORAGE, "%s %s failed: %s", argv[0], argv[1],
                                         words);
        }
}

int volume_open_secret(const char *uuid, int *ret_fd, char **ret_path, Error *e) {
        _cleanup_secret_value_ SecretValue v = {};
        _cleanup_close_ int fd = -EBADF;
        _cleanup_owner_ bool acted = owner_pause();
        int r = secret_read(uuid, &v, e);

        if (r >= 0)
                r = secret_value_to_fd(&v, 0, &fd);
        if (r < 0)
                return r;
        *ret_path = text_format("/dev/fd/%d", fd);
        if (!*ret_path)
                return -ENOMEM;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int active_folders(char ***ret, Error *e) {
        _cleanup_owner_ bool acted = owner_pause();
        _cleanup_free_ char *folder = text_format("%s/storage", path_run());
        _cleanup_strv_ char **l = NULL;
        DIR *d = folder ? opendir(folder) : NULL;
        int r = 0;

        for (struct dirent *entry = d ? readdir(d) : NULL; entry && r >= 0; entry = readdir(d)) {
                const char *end = endswith(entry->d_name, ".xml");
                _cleanup_free_ char *name = end ? strndup(entry->d_name, (size_t) (end - entry->d_name)) : NULL,
                                    *real = NULL;
                _cleanup_definition_ Definition *def = NULL;
                _cleanup_pool_spec_ PoolSpec *spec = NULL;

                if (!name || pool_load(name, true, &def, &spec, NULL) < 0 || !spec->target)
                        continue;
                real = realpath(spec->target, NULL);
                r = strv_add(&l, real ?: spec->target);
        }
        if (d)
                closedir(d);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}
