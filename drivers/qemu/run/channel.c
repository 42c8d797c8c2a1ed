/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>

#include "base/socket.h"
#include "base/strings.h"
#include "plan/names.h"
#include "run/channel.h"
#include "run/qmp.h"

int guest_connect_channel(const Guest *g, const char *path) {
        _cleanup_free_ char *user = NULL, *folder = NULL;
        const char *name;
        int fd = -EBADF, r;

        r = user_name_for_guest(g->object.name, &user);
        if (r < 0)
                return r;
        folder = guest_folder(user);
        if (!folder)
                return -ENOMEM;
        name = startswith(path, folder);
        if (!name || *name != '/')
                return unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK);
        r = g->run->dir_fd < 0 ? -ENOTCONN : qmp_connect(g->run->dir_fd, name + 1, g->run->uid, &fd, NULL);
        return r < 0 ? r : fd;
}
