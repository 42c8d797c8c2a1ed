/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images that a client has opened for a guest, and that are used by what is open rather than by their path
 * (virDomainFDAssociate): the daemon that starts the guest has them (base/guest-files.h). */

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fds.h"
#include "base/strings.h"
#include "prepare.h"

#define GROUPS_MAX 256U
#define ANSWER_MS 30000

static int connect_daemon(const char *path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (strlen(path) >= sizeof(a.sun_path))
                return -ENAMETOOLONG;
        strcpy(a.sun_path, path);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof a) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* 0 at the end. */
static int receive_group(int fd, FdGroup *g) {
        struct pollfd answer = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (poll(&answer, 1, ANSWER_MS) <= 0)
                return -ETIMEDOUT;
        n = receive_fds(fd, g->name, GROUP_NAME_MAX, g->fds, GROUP_FDS_MAX, &g->n, 0);
        if (n <= 0)
                return (int) n;
        g->name[n] = 0;
        return 1;
}

static int ask(Prepare *p) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_GROUPS, p->name);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (p->asked_groups)
                return 0;
        p->asked_groups = true;
        r = fd = path ? connect_daemon(path) : -ENOMEM;
        if (r == -ENOENT || r == -ECONNREFUSED)
                return 0; /* nobody has any */
        while (r >= 0 && p->n_groups < GROUPS_MAX) {
                FdGroup *more = reallocarray(p->groups, p->n_groups + 1, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                p->groups = more;
                more[p->n_groups] = (FdGroup) {};
                r = receive_group(fd, &more[p->n_groups]);
                if (r <= 0)
                        break;
                p->n_groups++;
        }
        return r;
}

int prepare_group(Prepare *p, const xmlNode *element, const char *name, const FdGroup **ret) {
        int r = ask(p);

        if (r < 0)
                return prepare_refuse(p, r, element, "cannot ask the daemon for descriptors: %s", strerror(-r));
        for (unsigned i = 0; i < p->n_groups; i++)
                if (streq(p->groups[i].name, name)) {
                        *ret = &p->groups[i];
                        return 0;
                }
        return prepare_refuse(p, -ENOENT, element, "file descriptor group '%s' was not associated with the domain",
                              name);
}

void prepare_groups_done(Prepare *p) {
        for (unsigned i = 0; i < p->n_groups; i++)
                for (unsigned k = 0; k < p->groups[i].n; k++)
                        close(p->groups[i].fds[k]);
        free(p->groups);
}
