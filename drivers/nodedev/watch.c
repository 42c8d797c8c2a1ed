/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the kernel says of devices that come, change and go, and of links whose state or address changes: two sockets of
 * netlink. While they are open, what was once written of a device holds until they say otherwise, and before each
 * answer all that they have to say is read, so nobody is told what was true a moment ago. Where udev runs, its own
 * messages, which come later and with more in them, say what clients are told of; where it does not, the kernel's. */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strings.h"
#include "nodedev.h"

#define MESSAGE_MAX 16384U
#define READ_MAX 4096U /* at once: a device that changes for ever holds nobody up */
#define BUFFER_SIZE (1024 * 1024)
#define KERNEL_GROUP 1U /* "udev" in NETLINK_KOBJECT_UEVENT's second group, the kernel in the first */

/* --- what they say --- */

/* "ACTION@DEVPATH", and lines "KEY=VALUE", each with its NUL. */
int uevent_parse(const char *message, size_t len, Uevent *ret) {
        const char *at = memchr(message, '@', len);

        if (len == 0 || message[len - 1] != '\0' || !at || at == message || strlen(message) < (size_t) (at - message))
                return -EBADMSG;
        *ret = (Uevent) { .action = message, .action_len = (size_t) (at - message), .path = at + 1 };
        if (ret->path[0] != '/')
                return -EBADMSG;
        for (const char *p = message + strlen(message) + 1; p < message + len; p += strlen(p) + 1)
                if (startswith(p, "SUBSYSTEM="))
                        ret->subsystem = startswith(p, "SUBSYSTEM=");
                else if (startswith(p, "DEVPATH_OLD="))
                        ret->old_path = startswith(p, "DEVPATH_OLD=");
        return 0;
}

static bool is_action(const Uevent *u, const char *action) {
        return strlen(action) == u->action_len && memcmp(u->action, action, u->action_len) == 0;
}

static void on_uevent(NodedevDriver *driver, const char *message, size_t len) {
        _cleanup_free_ char *path = NULL, *old = NULL;
        bool add, remove, move;
        Uevent u;

        if (uevent_parse(message, len, &u) < 0)
                return;
        path = text_format("/sys%s", u.path);
        old = u.old_path ? text_format("/sys%s", u.old_path) : NULL;
        if (!path || (u.old_path && !old)) {
                driver->missed = true;
                return;
        }
        add = is_action(&u, "add");
        remove = is_action(&u, "remove");
        move = is_action(&u, "move");
        /* functions name each other, and who is in a group with them */
        if ((add || remove) && u.subsystem && streq(u.subsystem, "pci"))
                device_forget_kind(driver, &device_pci);
        device_forget_path(driver, path);
        if (old)
                device_forget_path(driver, old);
        if (driver->monitor) {
                if (remove)
                        device_going(driver);
                return;
        }
        if (remove || move)
                device_gone(driver, old ?: path);
        if (add || move)
                device_came(driver, path);
        else if (!remove)
                device_updated(driver, path);
}

/* The name of the link that a message is about; NULL. */
static const char *name_of_link(struct nlmsghdr *h) {
        struct ifinfomsg *info = NLMSG_DATA(h);
        int left = (int) IFLA_PAYLOAD(h);

        if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof *info))
                return NULL;
        for (struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
                if (a->rta_type == IFLA_IFNAME && RTA_PAYLOAD(a) > 0 && RTA_PAYLOAD(a) <= IFNAMSIZ &&
                    ((const char *) RTA_DATA(a))[RTA_PAYLOAD(a) - 1] == '\0')
                        return RTA_DATA(a);
        return NULL;
}

static void on_link(NodedevDriver *driver, char *message, size_t len) {
        for (struct nlmsghdr *h = (struct nlmsghdr *) message; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
                const char *name = name_of_link(h);

                if (name)
                        device_link_changed(driver, name);
        }
}

/* --- the sockets --- */

static void read_socket(NodedevDriver *driver, int fd, void (*f)(NodedevDriver *driver, char *message, size_t len)) {
        _Alignas(struct nlmsghdr) char buffer[MESSAGE_MAX];

        for (unsigned i = 0; i < READ_MAX; i++) {
                struct sockaddr_nl from = {};
                socklen_t size = sizeof from;
                ssize_t n = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *) &from,
                                     &size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                /* more came than the socket holds, or than fits here */
                if (n < 0 || (size_t) n > sizeof buffer) {
                        driver->missed = true;
                        if (n < 0 && errno != ENOBUFS)
                                return;
                } else if (from.nl_pid == 0) /* nobody but the kernel */
                        f(driver, buffer, (size_t) n);
        }
}

static void read_uevents(NodedevDriver *driver, char *message, size_t len) {
        on_uevent(driver, message, len);
}

void watch_read(NodedevDriver *driver) {
        if (!watch_is_open(driver))
                return;
        read_socket(driver, driver->uevents_fd, read_uevents);
        read_socket(driver, driver->links_fd, on_link);
        if (!driver->missed)
                return;
        driver->missed = false;
        device_look_at_all(driver);
}

static int on_io(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        watch_read(userdata);
        return 0;
}

static int open_socket(int protocol, uint32_t groups) {
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        int size = BUFFER_SIZE;

        if (fd < 0)
                return -errno;
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        return bind(fd, (const struct sockaddr *) &address, sizeof address) < 0 ? -errno : TAKE_FD(fd);
}

/* The kernel says nothing of its devices to networks of others' user namespaces (containers that are not the host's
 * root's). This process is in one of its own, where the host's root, whom sysfs belongs to, is root too; in those it is
 * nobody. */
static bool is_told(void) {
        struct stat st;

        return stat("/sys/devices", &st) >= 0 && st.st_uid == 0;
}

int watch_open(NodedevDriver *driver, Loop *loop) {
        int r;

        if (!is_told())
                return -EOPNOTSUPP;
        driver->uevents_fd = open_socket(NETLINK_KOBJECT_UEVENT, KERNEL_GROUP);
        if (driver->uevents_fd < 0)
                return driver->uevents_fd;
        driver->links_fd = open_socket(NETLINK_ROUTE, RTMGRP_LINK);
        r = driver->links_fd < 0 ? driver->links_fd
                                 : sd_event_add_io(loop_event(loop), &driver->uevents, driver->uevents_fd, EPOLLIN,
                                                   on_io, driver);
        if (r >= 0)
                r = sd_event_add_io(loop_event(loop), &driver->links, driver->links_fd, EPOLLIN, on_io, driver);
        if (r < 0)
                watch_close(driver);
        return r;
}

void watch_close(NodedevDriver *driver) {
        driver->uevents = sd_event_source_disable_unref(driver->uevents);
        driver->links = sd_event_source_disable_unref(driver->links);
        closep(&driver->uevents_fd);
        closep(&driver->links_fd);
        driver->uevents_fd = driver->links_fd = -EBADF;
}
