/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is at the other end, as the kernel tells it. */

#include "rpc/identity.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/strings.h"

void identity_done(Identity *i) {
        free(i->user);
        free(i->group);
        free(i->selinux);
        free(i->sasl_user);
        free(i->x509_dname);
        free(i->address);
        *i = IDENTITY_INIT;
}

/* Field 22 of /proc/PID/stat; the name in field 2 may hold anything, spaces and parentheses too. */
uint64_t identity_process_start(pid_t pid) {
        _cleanup_fclose_ FILE *f = NULL;
        unsigned long long v;
        char path[64], line[1024], *p;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        f = fopen(path, "re");
        if (!f || !fgets(line, sizeof(line), f))
                return 0;
        p = strrchr(line, ')');
        for (int field = 2; p && field < 22; field++) {
                p = strchr(p, ' ');
                p = p ? p + 1 : NULL;
        }
        return p && sscanf(p, "%llu", &v) == 1 ? v : 0;
}

int identity_from_socket(Identity *i, int fd) {
        struct ucred cred;
        socklen_t len = sizeof(cred);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
                return -errno;
        i->uid = cred.uid;
        i->gid = cred.gid;
        i->pid = cred.pid;
        /* Only polkit asks for the start time, and root's calls do not get there. */
        if (cred.uid != 0)
                i->pid_start = identity_process_start(cred.pid);
        return 0;
}

int identity_resolve_names(Identity *i) {
        char buf[16 * 1024];
        struct passwd pw, *pwp = NULL;
        struct group gr, *grp = NULL;

        if (i->uid != (uid_t) -1 && !i->user && getpwuid_r(i->uid, &pw, buf, sizeof(buf), &pwp) == 0 && pwp) {
                i->user = strdup(pw.pw_name);
                if (!i->user)
                        return -ENOMEM;
        }
        if (i->gid != (gid_t) -1 && !i->group && getgrgid_r(i->gid, &gr, buf, sizeof(buf), &grp) == 0 && grp) {
                i->group = strdup(gr.gr_name);
                if (!i->group)
                        return -ENOMEM;
        }
        return 0;
}

static int fill_address(Identity *i, int fd, int (*get)(int fd, struct sockaddr *sa, socklen_t *len)) {
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } a;
        socklen_t len = sizeof(a);
        char host[INET6_ADDRSTRLEN];
        bool mapped = false;
        const void *address;
        uint16_t port;

        if (get(fd, &a.sa, &len) < 0)
                return -errno;
        if (a.sa.sa_family == AF_INET) {
                address = &a.in.sin_addr;
                port = ntohs(a.in.sin_port);
        } else if (a.sa.sa_family == AF_INET6) {
                /* An IPv4 peer of a socket for both families goes by the address that its owner knows. */
                mapped = IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr);
                address = mapped ? &a.in6.sin6_addr.s6_addr[12] : (const void *) &a.in6.sin6_addr;
                port = ntohs(a.in6.sin6_port);
        } else
                return 0;
        if (!inet_ntop(mapped ? AF_INET : a.sa.sa_family, address, host, sizeof(host)))
                return -errno;
        free(i->address);
        return asprintf(&i->address, "%s;%u", host, port) < 0 ? (i->address = NULL, -ENOMEM) : 0;
}

int identity_from_address(Identity *i, int fd) {
        return fill_address(i, fd, getpeername);
}

int identity_from_local_address(Identity *i, int fd) {
        return fill_address(i, fd, getsockname);
}
