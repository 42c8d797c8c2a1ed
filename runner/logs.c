/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that vm-run writes what the guest and QEMU say to, as libvirt's virtlogd does, and with virtlogd's limits.
 * vm-run is the guest's user: it could neither make files in these folders nor rename them. So it is given all of them
 * open, the full ones too (rotate_adopt()). Those that nothing came to be in are removed after the guest's end. */

#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/rotate.h"
#include "base/strings.h"
#include "config/daemon.h"
#include "host/output.h"
#include "host/undo.h"
#include "notify.h"
#include "prepare.h"

/* A file that says something wrong is virtlogd's to complain of, and no reason not to start a guest. */
static void read_limits(Prepare *p) {
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        if (p->launch.log_size)
                return;
        r = daemon_config_load("virtlogd", NULL, &c, &warnings, &e);
        if (r < 0) {
                log_warning("logs have no limit: %s", error_text(&e, r));
                p->launch.log_size = strdup("0");
                return;
        }
        p->launch.log_size = text_format("%llu", (unsigned long long) c->max_size);
        p->n_backups = MIN(c->max_backups, ROTATE_BACKUPS_MAX);
}

static int hand_over(Prepare *p, const char *name, int fd) {
        int r = p->late ? late_port_add(p->late, name, fd) : parcel_put(p->parcel_fd, name, fd);

        if (r < 0 && p->late)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot hand a file to the guest's vm-run");
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_SYSTEMD, "cannot hand a file to vm-run") : 0;
}

static int open_backup(Prepare *p, const char *name, const char *path, bool append, unsigned n) {
        _cleanup_free_ char *file = text_format("%s.%u", path, n), *key = text_format("%s.%u", name, n);
        int how = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK | (append ? 0 : O_TRUNC);
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (!file || !key)
                return -ENOMEM;
        r = prepare_undo(p, UNDO_EMPTY, file);
        if (r < 0)
                return r;
        fd = open(file, how, 0600);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                log_warning("%s cannot take over what is too much for %s, which has fewer backups: %s", file, path,
                            fd < 0 ? strerror(errno) : "it is no file");
                return 1;
        }
        return hand_over(p, key, fd);
}

/* A file is opened again, since it is read when it is full; a terminal or a pipe has no size. */
static int open_again(int *fd) {
        _cleanup_free_ char *path = text_format("/proc/self/fd/%i", *fd);
        struct stat st;
        int again;

        if (!path)
                return -ENOMEM;
        if (fstat(*fd, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        again = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
        if (again < 0)
                return -errno;
        close(*fd);
        *fd = again;
        return 1;
}

int prepare_log_file(Prepare *p, const char *name, const char *path, bool append) {
        _cleanup_close_ int fd = -EBADF;
        int r, is_file;

        r = output_open(path, append, &fd, &p->error);
        if (r < 0)
                return r;
        is_file = open_again(&fd);
        if (is_file < 0)
                return error_set_errno(&p->error, is_file, ORIGIN_QEMU, "cannot open '%s' for its limit", path);
        read_limits(p);
        r = hand_over(p, name, fd);
        for (unsigned i = 0; r == 0 && is_file && i < p->n_backups; i++)
                r = open_backup(p, name, path, append, i);
        return r < 0 ? r : 0;
}

/* A host without a place for it is no reason not to start the guest: all of it is in the journal. */
int prepare_guest_log(Prepare *p) {
        _cleanup_free_ char *path = guest_log_file(p->name), *copy = path ? strdup(path) : NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        if (!copy)
                return -ENOMEM;
        r = mkdir_p(dirname(copy), 0700);
        if (r >= 0)
                r = prepare_log_file(p, LOG_FD_PREFIX "qemu", path, true);
        if (r >= 0)
                return 0;
        error_move(&e, &p->error);
        log_warning("QEMU's words are in the journal only, and not in %s: %s", path, error_text(&e, r));
        return 0;
}
