/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A bus of the guest's own: dbus-daemon in a unit beside it. The socket is in the guest's folder, where QEMU sees it;
 * clients find it in the live definition and, where libvirt has it, by the guest's number and name. */

#include <sys/stat.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/strings.h"
#include "host/sockets.h"
#include "host/undo.h"
#include "plan/helper.h"
#include "prepare.h"

/* A socket is found by a link as well, and who may connect is the socket's own affair. */
static int link_bus(Prepare *p, const char *own) {
        _cleanup_free_ char *folder = text_format("%s/qemu/dbus", path_run()), *name = NULL, *path = NULL;
        int r = folder ? prepare_short_name(p, &name) : -ENOMEM;

        if (r < 0)
                return r;
        if (mkdir(folder, 0711) < 0 && errno != EEXIST)
                return -errno;
        path = text_format("%s/%s-dbus.sock", folder, name);
        r = path ? prepare_undo(p, UNDO_FILE, path) : -ENOMEM;
        return r < 0 ? r : socket_link(path, own);
}

static int give_bus(Prepare *p, const xmlNode *graphics, const char *own) {
        _cleanup_close_ int fd = -EBADF, connection = -EBADF;
        char users[HELPER_USERS_MAX];
        int r = prepare_reach_helper(p, graphics, HELPER_BUS, &connection);

        if (r < 0)
                return r;
        (void) snprintf(users, sizeof users, "root:x:0:0::/:/usr/sbin/nologin\nguest:x:%u:%u::/:/usr/sbin/nologin\n",
                        p->uid, p->gid);
        r = prepare_guest_socket(p, own, &fd);
        if (r >= 0)
                r = (int) send_fds(connection, users, strlen(users), &fd, 1, 0);
        if (r >= 0)
                r = link_bus(p, own);
        return r < 0 ? prepare_refuse(p, r, graphics, "no bus can be at %s: %s", own, strerror(-r)) : 0;
}

int prepare_bus(Prepare *p, xmlNode *graphics) {
        _cleanup_free_ char *own = text_format("%s/" HELPER_BUS_SOCKET, p->run_dir);
        int r = own ? give_bus(p, graphics, own) : -ENOMEM;

        return r < 0 ? r : xml_set_attrf(graphics, "address", "unix:path=%s", own);
}
