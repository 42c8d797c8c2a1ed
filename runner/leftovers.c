/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "leftovers.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "host/ports.h"
#include "host/undo.h"
#include "launch.h"

#define LOOK_EVERY_MS 10U

int leftovers_lock(const char *name, bool wait, int *ret) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LOCK, name);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        do
                r = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

int leftovers_lock_soon(const char *name, unsigned patience, int *ret) {
        for (unsigned waited = 0;; waited += LOOK_EVERY_MS) {
                int r = leftovers_lock(name, false, ret);

                if (r != -EWOULDBLOCK || waited >= patience)
                        return r;
                (void) usleep(LOOK_EVERY_MS * 1000);
        }
}

static bool says(int lock, const char *invocation) {
        char text[64];
        ssize_t n = pread(lock, text, sizeof text, 0);

        return n >= 0 && (size_t) n == strlen(invocation) && memcmp(text, invocation, (size_t) n) == 0;
}

int leftovers_begin(int lock, const char *invocation) {
        size_t len = strlen(invocation);

        if (len == 0)
                return -EINVAL;
        if (says(lock, invocation))
                return -EALREADY;
        if (ftruncate(lock, 0) < 0 || pwrite(lock, invocation, len, 0) != (ssize_t) len)
                return errno > 0 ? -errno : -EIO;
        return 0;
}

bool leftovers_begun(const char *name, const char *invocation) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LOCK, name);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -EBADF;

        return fd >= 0 && says(fd, invocation);
}

bool leftovers_exist(const char *name) {
        static const GuestFile files[] = { GUEST_FILE_LIVE, GUEST_FILE_LAUNCH, GUEST_FILE_UNDO, GUEST_FILE_STATE };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = guest_file(files[i], name);

                if (path && access(path, F_OK) >= 0)
                        return true;
        }
        return false;
}

static void remove_file(const char *name, GuestFile file) {
        _cleanup_free_ char *path = guest_file(file, name);

        if (path && unlink(path) < 0 && errno != ENOENT)
                log_warning_errno(-errno, "cannot remove %s: %m", path);
}

static void report(const char *key, const char *value, int r, void *userdata) {
        if (r == -ENOTSUP)
                log_warning("'%s' of '%s' is to be undone, and it is not known how: another version made it", key,
                            value);
        else
                log_debug("cannot undo %s of %s: %s", key, value, strerror(-r));
}

/* Until version 0.1 the launch file held what is on the undo list now. */
static void undo_old_list(const char *name) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LAUNCH, name), *text = NULL;

        if (path && file_read(path, LAUNCH_MAX, &text, NULL) >= 0)
                undo_text(text, true, report, NULL);
}

void leftovers_undo(const char *name) {
        int r;

        r = undo_run(name, report, NULL);
        if (r < 0)
                log_warning_errno(r, "cannot read what is to be undone: %s", strerror(-r));
        undo_old_list(name);
        r = ports_release(name);
        if (r < 0)
                log_warning_errno(r, "cannot give the guest's ports back: %s", strerror(-r));
}

void leftovers_remove(const char *name) {
        remove_file(name, GUEST_FILE_LAUNCH);
        remove_file(name, GUEST_FILE_STATE);
        remove_file(name, GUEST_FILE_DUMPED);
        remove_file(name, GUEST_FILE_PENDING);
        remove_file(name, GUEST_FILE_LIVE);
}
