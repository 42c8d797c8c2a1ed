/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The socket, and requests on it. libnl's own error numbers are coarser than errno, so the answer's errno is taken from
 * the message itself. */

#include "netlink-private.h"
#include "network/chains.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

struct Netlink {
        struct nl_sock *sock;
        int error;            /* errno of the last answer, negative */
        bool done;
        AnswerFunc answer;
        void *userdata;
        int result;           /* of the answer function */
};

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *userdata) {
        Netlink *n = userdata;

        n->error = e->error;
        n->done = true;
        return NL_STOP;
}

static int on_end(struct nl_msg *msg, void *userdata) {
        Netlink *n = userdata;

        n->done = true;
        return NL_STOP;
}

static int on_valid(struct nl_msg *msg, void *userdata) {
        Netlink *n = userdata;

        if (n->answer && n->result == 0)
                n->result = n->answer(nlmsg_hdr(msg), n->userdata);
        return NL_OK;
}

/* What was asked by whoever had the socket before, and did not stay for the answer. */
static void drain(int fd) {
        char buffer[8192];

        while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) >= 0 || errno == EINTR || errno == ENOBUFS)
                ;
}

static int connect_socket(struct nl_sock *sock, int protocol, int fd) {
        int copy, r;

        if (fd < 0)
                return nl_connect(sock, protocol) < 0 ? -EIO : 0;
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        drain(copy);
        r = nl_socket_set_fd(sock, protocol, copy);
        if (r < 0)
                close(copy);
        return r < 0 ? -EBADF : 0;
}

static int open_with(int protocol, int fd, Netlink **ret) {
        _cleanup_netlink_ Netlink *n = calloc(1, sizeof *n);
        int r;

        if (!n)
                return -ENOMEM;
        n->sock = nl_socket_alloc();
        if (!n->sock)
                return -ENOMEM;
        r = connect_socket(n->sock, protocol, fd);
        if (r < 0)
                return r;
        nl_socket_disable_seq_check(n->sock);
        (void) nl_socket_modify_err_cb(n->sock, NL_CB_CUSTOM, on_error, n);
        (void) nl_socket_modify_cb(n->sock, NL_CB_ACK, NL_CB_CUSTOM, on_end, n);
        (void) nl_socket_modify_cb(n->sock, NL_CB_FINISH, NL_CB_CUSTOM, on_end, n);
        (void) nl_socket_modify_cb(n->sock, NL_CB_VALID, NL_CB_CUSTOM, on_valid, n);
        *ret = TAKE_PTR(n);
        return 0;
}

int netlink_open(Netlink **ret) {
        return open_with(NETLINK_ROUTE, -EBADF, ret);
}

int netlink_open_netfilter(Netlink **ret) {
        return open_with(NETLINK_NETFILTER, -EBADF, ret);
}

int netlink_open_socket(int fd, Netlink **ret) {
        return open_with(NETLINK_ROUTE, fd, ret);
}

Netlink *netlink_close(Netlink *n) {
        if (n)
                nl_socket_free(n->sock);
        free(n);
        return NULL;
}

Request request_new(int type, int flags, const void *header, size_t len) {
        Request q = { .msg = nlmsg_alloc_simple(type, flags) };

        q.failed = !q.msg || nlmsg_append(q.msg, (void *) header, len, NLMSG_ALIGNTO) < 0;
        return q;
}

void request_put(Request *q, int attribute, const void *data, size_t len) {
        q->failed = q->failed || nla_put(q->msg, attribute, (int) len, data) < 0;
}

void request_put_u8(Request *q, int attribute, uint8_t value) {
        request_put(q, attribute, &value, sizeof value);
}

void request_put_u32(Request *q, int attribute, uint32_t value) {
        request_put(q, attribute, &value, sizeof value);
}

void request_put_text(Request *q, int attribute, const char *text) {
        request_put(q, attribute, text, strlen(text) + 1);
}

struct nlattr *request_open(Request *q, int attribute) {
        struct nlattr *nest = q->failed ? NULL : nla_nest_start(q->msg, attribute);

        q->failed = q->failed || !nest;
        return nest;
}

void request_close(Request *q, struct nlattr *nest) {
        if (!q->failed)
                nla_nest_end(q->msg, nest);
}

static int wait_for_answer(Netlink *n) {
        while (!n->done) {
                int r = nl_recvmsgs_default(n->sock);

                /* what changes while it is listed is there or is not: both are true */
                if (r < 0 && r != -NLE_DUMP_INTR && !n->done)
                        return -EIO;
        }
        return n->error;
}

int request_read(Netlink *n, Request *q, AnswerFunc f, void *userdata) {
        int r;

        n->error = 0;
        n->done = false;
        n->answer = f;
        n->userdata = userdata;
        n->result = 0;
        r = q->failed ? -ENOMEM : nl_send_auto(n->sock, q->msg) < 0 ? -EIO : 0;
        nlmsg_free(q->msg);
        q->msg = NULL;
        if (r < 0)
                return r;
        r = wait_for_answer(n);
        n->answer = NULL;
        return r < 0 ? r : n->result;
}

int request_send(Netlink *n, Request *q) {
        return request_read(n, q, NULL, NULL);
}

int link_index(const char *name) {
        unsigned index;

        if (!*name || strlen(name) >= IFNAMSIZ)
                return -EINVAL;
        index = if_nametoindex(name);
        return index == 0 ? -ENODEV : (int) index;
}
