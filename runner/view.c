/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/strings.h"

static int set_read_only(const char *path, bool yes) {
        struct mount_attr attr = {};

        *(yes ? &attr.attr_set : &attr.attr_clr) = MOUNT_ATTR_RDONLY;
        return mount_setattr(AT_FDCWD, path, 0, &attr, sizeof attr) < 0 ? -errno : 0;
}

/* The view's root and its /dev are small file systems of its own, which nobody there can write to. */
static int put(int tree, const char *folder) {
        const char *own = startswith(folder, "/dev/") ? "/dev" : "/";
        int r, also;

        r = set_read_only(own, false);
        if (r < 0)
                return r;
        (void) umask(0022); /* who goes through them is no root */
        r = mkdir_p(folder, 0755);
        if (r >= 0 && move_mount(tree, "", AT_FDCWD, folder, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                r = -errno;
        also = set_read_only(own, true);
        return r < 0 ? r : also;
}

static int show_there(int process, int tree, const char *folder) {
        struct stat ours, theirs;

        if (fstat(tree, &ours) < 0 || setns(process, CLONE_NEWNS) < 0)
                return -errno;
        if (stat(folder, &theirs) >= 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
                return 0;
        return put(tree, folder);
}

int view_show(int process, const char *folder) {
        _cleanup_close_ int tree = open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        pid_t pid;
        int status;

        if (tree < 0)
                return -errno;
        /* in a child: there is no sure way back from another namespace */
        pid = fork();
        if (pid == 0)
                _exit(-show_there(process, tree, folder) & 0xff);
        if (pid < 0)
                return -errno;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
