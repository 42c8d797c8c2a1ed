/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/macvtap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "base/strings.h"
#include "network/link.h"

#define NAMES_MAX 1024U
/* A device node comes from udev, mostly at once. */
#define NODE_TRIES 50U

static int create(Netlink *n, const MacvtapOptions *o, const uint8_t mac[6], char name[IFNAMSIZ]) {
        int r = -EEXIST;

        if (o->name) {
                (void) snprintf(name, IFNAMSIZ, "%s", o->name);
                return macvtap_create(n, name, o->lower, o->mode, mac);
        }
        for (unsigned i = 0; r == -EEXIST && i < NAMES_MAX; i++) {
                (void) snprintf(name, IFNAMSIZ, "macvtap%u", i);
                r = macvtap_create(n, name, o->lower, o->mode, mac);
        }
        return r;
}

int macvtap_make(const MacvtapOptions *o, char ret_name[IFNAMSIZ], Error *e) {
        _cleanup_netlink_ Netlink *n = NULL;
        uint8_t mac[6];
        int r;

        if (!o->lower || strlen(o->lower) >= IFNAMSIZ || (o->name && strlen(o->name) >= IFNAMSIZ))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "no link can have the name '%s'",
                                 o->lower ?: "");
        if (mac_parse(o->mac, mac) < 0)
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "'%s' is no address of a card",
                                 o->mac ?: "");
        r = netlink_open(&n);
        if (r >= 0)
                r = create(n, o, mac, ret_name);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot make a macvtap on '%s'", o->lower);
        return 0;
}

static int open_queue(const char *path, unsigned queues) {
        struct ifreq ifr = { .ifr_flags = (short) (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) };
        _cleanup_close_ int fd = -EBADF;

        for (unsigned i = 0; fd < 0 && i < NODE_TRIES; i++) {
                fd = open(path, O_RDWR | O_CLOEXEC);
                if (fd < 0 && errno != ENOENT)
                        return -errno;
                if (fd < 0)
                        (void) usleep(20000);
        }
        if (fd < 0)
                return -ENOENT;
        if (queues > 1)
                ifr.ifr_flags = (short) (ifr.ifr_flags | IFF_MULTI_QUEUE);
        if (ioctl(fd, TUNSETIFF, &ifr) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int macvtap_give(const MacvtapOptions *o, const char *name, FdSink *sink, int *ret_numbers, Error *e) {
        _cleanup_netlink_ Netlink *n = NULL;
        char path[48];
        int r;

        r = netlink_open(&n);
        if (r >= 0)
                r = link_set_up(n, name, true);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot bring '%s' up", name);
        (void) snprintf(path, sizeof path, "/dev/tap%u", if_nametoindex(name));
        for (unsigned i = 0; i < o->queues; i++) {
                _cleanup_close_ int fd = open_queue(path, o->queues);

                if (fd < 0)
                        return error_set_errno(e, fd, ORIGIN_QEMU, "cannot open '%s' of '%s'", path, name);
                r = fd_sink_give(sink, fd, e);
                if (r < 0)
                        return r;
                ret_numbers[i] = r;
        }
        return 0;
}

int macvtap_remove(const char *name) {
        _cleanup_netlink_ Netlink *n = NULL;
        int r;

        r = netlink_open(&n);
        if (r >= 0)
                r = link_delete(n, name);
        return r == -ENODEV ? 0 : r;
}
