/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-dump: started by vm-dump.socket as root, for one connection of a guest's vm-run, which is stdin. It opens the file
 * that the guest's memory goes to. See base/guest-dump.h for what is said, and why it is so little. */

#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/guest-dump.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "dump-files.h"
#include "launch.h"
#include "plan/names.h"

#define CONNECTION STDIN_FILENO

/* Who asks is known by a number that may be another process's by now: it counts together with the user, of whom the
 * kernel knows for good. */
static int check_user(const char *name, uid_t uid) {
        _cleanup_free_ char *user = NULL, *folder = NULL;
        struct stat st;
        int r = user_name_for_guest(name, &user);

        folder = r >= 0 ? guest_folder(user) : NULL;
        if (r < 0 || !folder)
                return r < 0 ? r : -ENOMEM;
        return stat(folder, &st) < 0 ? -errno : st.st_uid != uid ? -EPERM : 0;
}

/* The guest whose unit the process at the other end belongs to. */
static int peer_guest(char **ret) {
        _cleanup_free_ char *unit = NULL, *name = NULL;
        struct ucred peer;
        socklen_t len = sizeof peer;
        int r;

        if (getsockopt(CONNECTION, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        r = sd_pid_get_unit(peer.pid, &unit);
        if (r >= 0)
                r = guest_name_from_unit(unit, &name);
        if (r >= 0)
                r = check_user(name, peer.uid);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(name);
        return 0;
}

/* *ret_lock is the launch file, locked: a guest has one dump at a time, and cannot take those of others. */
static int load_launch(const char *name, Launch *l, int *ret_lock) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_close_ int lock = -EBADF;
        unsigned line;
        int r;

        path = guest_file(GUEST_FILE_LAUNCH, name);
        if (!path)
                return -ENOMEM;
        lock = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        r = file_read(path, LAUNCH_MAX, &text, NULL);
        if (r >= 0)
                r = launch_parse(text, l, &line);
        if (r >= 0 && !l->dump_prefix)
                r = -EPERM;
        if (r >= 0)
                *ret_lock = TAKE_FD(lock);
        return r;
}

static int send_answer(const char *text, int fd) {
        ssize_t n = send_fds(CONNECTION, text, strnlen(text, DUMP_ANSWER_MAX), &fd, fd >= 0, 0);

        return n < 0 ? (int) n : 0;
}

static int refuse(const char *name, int r, const char *what, const char *path) {
        _cleanup_free_ char *text = NULL;

        text = text_format("%s %s: %s", what, path, strerror(-r));
        if (!text)
                return -ENOMEM;
        log_error("guest %s: %s", name, text);
        (void) send_answer(text, -EBADF);
        return r;
}

/* Did the other end say, before it closed, that everything is in the file? */
static bool wait_for_whole(void) {
        char text[sizeof DUMP_WHOLE];
        ssize_t n;

        do
                n = recv(CONNECTION, text, sizeof text, 0);
        while (n < 0 && errno == EINTR);
        return n == (ssize_t) strlen(DUMP_WHOLE) && memcmp(text, DUMP_WHOLE, strlen(DUMP_WHOLE)) == 0;
}

/* Its data is not synced: it is the guest that has crashed, not the host. */
static int keep_file(const char *name, const char *partial, const char *path) {
        if (renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
                int r = -errno;

                log_error_errno(r, "guest %s: cannot rename %s: %m", name, partial);
                (void) unlink(partial);
                return r;
        }
        (void) fsync_parent(path);
        return 0;
}

static void keep_to_limit(const char *path, const char *limit_text) {
        _cleanup_free_ char *folder = strdup(path), *name = strdup(path);
        uint64_t limit;
        int r;

        if (!limit_text || parse_u64(limit_text, 10, &limit) < 0 || !folder || !name)
                return;
        r = dump_files_prune(dirname(folder), limit, basename(name));
        if (r < 0)
                log_warning_errno(r, "cannot remove older dumps than %s, proceeding without: %s", path, strerror(-r));
}

static int make_folder(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        return copy ? mkdir_p(dirname(copy), 0700) : -ENOMEM;
}

/* --- how much a guest gets --- */

/* A guest that panics again and again, or is somebody else's by now, has one dump a minute. */
#define INTERVAL_SEC 60
/* Memory of screens, ROMs, the headers. */
#define BESIDES_MEMORY (UINT64_C(512) * 1024 * 1024)

static int check_interval(const char *name) {
        _cleanup_free_ char *mark = guest_file(GUEST_FILE_DUMPED, name);
        struct stat st;

        if (!mark)
                return -ENOMEM;
        if (stat(mark, &st) >= 0 && st.st_mtime <= time(NULL) && time(NULL) - st.st_mtime < INTERVAL_SEC)
                return -EBUSY;
        return file_write_atomic(mark, "", 0, 0600, FILE_WRITE_NOSYNC);
}

/* What the guest's memory takes; 0: not known. */
static uint64_t size_of_dump(const Launch *l) {
        uint64_t size = 0;

        return l->dump_size && parse_u64(l->dump_size, 10, &size) >= 0 ? size : 0;
}

/* QEMU wrote it, or who is QEMU now. */
static bool is_too_large(int fd, uint64_t size) {
        struct stat st;

        return size > 0 && fstat(fd, &st) >= 0 && (uint64_t) st.st_size > size + size / 16 + BESIDES_MEMORY;
}

static int dump(const char *name, const Launch *l) {
        _cleanup_free_ char *path = NULL, *partial = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = dump_path(l->dump_prefix, time(NULL), &path);
        if (r >= 0 && asprintf(&partial, "%s" DUMP_PARTIAL, path) < 0) {
                partial = NULL;
                r = -ENOMEM;
        }
        if (r < 0)
                return log_error_errno(r, "guest %s: no name for a dump: %s", name, strerror(-r));
        r = make_folder(path);
        if (r < 0)
                return refuse(name, r, "cannot create the folder of", path);
        fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return refuse(name, -errno, "cannot create", partial);
        r = send_answer(path, fd);
        if (r >= 0 && wait_for_whole() && !is_too_large(fd, size_of_dump(l))) {
                r = keep_file(name, partial, path);
                if (r >= 0)
                        keep_to_limit(path, l->dump_limit);
                return r < 0 ? r : send_answer(path, -EBADF);
        }
        (void) unlink(partial);
        return log_warning_errno(r < 0 ? r : -ECANCELED, "guest %s: its memory was not dumped to %s", name, path);
}

int main(int argc, char **argv) {
        _cleanup_free_ char *name = NULL;
        _cleanup_launch_ Launch l = {};
        _cleanup_close_ int lock = -EBADF;
        int r;

        log_open("vm-dump", LOG_TARGET_AUTO);
        if (argc != 1) {
                log_error("usage: vm-dump (started by vm-dump.socket)");
                return EXIT_FAILURE;
        }
        r = peer_guest(&name);
        if (r < 0) {
                log_error_errno(r, "not asked by a guest: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        r = load_launch(name, &l, &lock);
        if (r < 0) {
                log_error_errno(r, "guest %s: it is not to be dumped: %s", name, strerror(-r));
                return EXIT_FAILURE;
        }
        r = check_interval(name);
        if (r < 0)
                return refuse(name, r, "its memory was dumped less than a minute ago, not to", l.dump_prefix),
                       EXIT_FAILURE;
        return dump(name, &l) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
