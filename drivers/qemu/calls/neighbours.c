/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "calls/neighbours.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macros.h"

#define KNOWN (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

static int ask(int fd, uint32_t number) {
        const struct {
                struct nlmsghdr header;
                struct ndmsg neighbour;
        } request = {
                .header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETNEIGH, .nlmsg_seq = number,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        };
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

        if (sendto(fd, &request, sizeof request, 0, (const struct sockaddr *) &kernel, sizeof kernel) < 0)
                return -errno;
        return 0;
}

static int take_neighbour(const struct nlmsghdr *m, NeighbourFunc f, void *userdata) {
        const struct ndmsg *n = NLMSG_DATA(m);
        const uint8_t *mac = NULL, *address = NULL;
        char text[INET6_ADDRSTRLEN];
        int len = (int) m->nlmsg_len - (int) NLMSG_SPACE(sizeof *n);

        for (const struct rtattr *a = RTM_RTA(n); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
                if (a->rta_type == NDA_LLADDR && RTA_PAYLOAD(a) == 6)
                        mac = RTA_DATA(a);
                if (a->rta_type == NDA_DST && RTA_PAYLOAD(a) == (n->ndm_family == AF_INET ? 4 : 16))
                        address = RTA_DATA(a);
        }
        if (!mac || !address || !(n->ndm_state & KNOWN) || (n->ndm_family != AF_INET && n->ndm_family != AF_INET6))
                return 0;
        return f(mac, inet_ntop(n->ndm_family, address, text, sizeof text), userdata);
}

/* One part of the answer: 1 where it was the last. Answers to earlier questions, which nobody waited for, are passed
 * over. */
static int take_part(const char *buffer, size_t size, uint32_t number, NeighbourFunc f, void *userdata) {
        unsigned len = (unsigned) size;
        int r = 0;

        for (const struct nlmsghdr *m = (const void *) buffer; NLMSG_OK(m, len) && r == 0; m = NLMSG_NEXT(m, len)) {
                if (m->nlmsg_seq != number)
                        continue;
                if (m->nlmsg_type == NLMSG_DONE)
                        return 1;
                if (m->nlmsg_type == NLMSG_ERROR)
                        return m->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))
                                       ? -EBADMSG
                                       : ((const struct nlmsgerr *) NLMSG_DATA(m))->error ?: -EBADMSG;
                if (m->nlmsg_type == RTM_NEWNEIGH && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ndmsg)))
                        r = take_neighbour(m, f, userdata);
        }
        return r;
}

int neighbours_foreach(int fd, NeighbourFunc f, void *userdata) {
        _Alignas(struct nlmsghdr) char buffer[32768];
        _cleanup_close_ int own = -EBADF;
        const uint32_t number = 0x6e656967;
        int r;

        if (fd <= 0) {
                own = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
                if (own < 0)
                        return -errno;
        }
        r = ask(fd > 0 ? fd : own, number);
        while (r == 0) {
                ssize_t n = recv(fd > 0 ? fd : own, buffer, sizeof buffer, 0);

                if (n < 0 && errno != EINTR)
                        return -errno;
                r = n < 0 ? 0 : take_part(buffer, (size_t) n, number, f, userdata);
        }
        return r < 0 ? r : 0;
}
