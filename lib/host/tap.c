/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/tap.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/vhost.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/strings.h"

static struct ifreq request_for(const char *interface) {
        struct ifreq ifr = {};

        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", interface);
        return ifr;
}

static int set_mtu(int sock, const char *tap, const TapOptions *o) {
        struct ifreq ifr = request_for(o->like ?: tap);

        if (o->mtu > 0)
                ifr.ifr_mtu = (int) o->mtu;
        else if (!o->like)
                return 0;
        else if (ioctl(sock, SIOCGIFMTU, &ifr) < 0)
                return -errno;
        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", tap);
        return ioctl(sock, SIOCSIFMTU, &ifr) < 0 ? -errno : 0;
}

/* The guest's address with 0xfe in front: a bridge takes the lowest address of its ports for its own. */
static int set_mac(int sock, const char *tap, const char *mac) {
        struct ifreq ifr = request_for(tap);
        uint8_t bytes[6];

        if (mac_parse(mac, bytes) < 0)
                return 0;
        bytes[0] = 0xfe;
        ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        memcpy(ifr.ifr_hwaddr.sa_data, bytes, sizeof bytes);
        return ioctl(sock, SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

/* How many frames the guest's card gathers before the host is told of them. */
static int set_coalescing(int sock, const char *tap, unsigned frames) {
        struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
        struct ifreq ifr = request_for(tap);

        ifr.ifr_data = (char *) &c;
        if (ioctl(sock, SIOCETHTOOL, &ifr) < 0)
                return -errno;
        c.cmd = ETHTOOL_SCOALESCE;
        c.rx_max_coalesced_frames = frames;
        return ioctl(sock, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

int tap_gather_frames(const char *tap, unsigned frames) {
        _cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return sock < 0 ? -errno : set_coalescing(sock, tap, frames);
}

static int bring_up(int sock, const char *tap) {
        struct ifreq ifr = request_for(tap);

        if (ioctl(sock, SIOCGIFFLAGS, &ifr) < 0)
                return -errno;
        ifr.ifr_flags = (short) (ifr.ifr_flags | IFF_UP);
        return ioctl(sock, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

/* One queue. name is a pattern or a name at first, the name afterwards. */
static int open_queue(char name[IFNAMSIZ], const TapOptions *o) {
        struct ifreq ifr = { .ifr_flags = (short) (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) };
        _cleanup_close_ int fd = open(o->node ?: "/dev/net/tun", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (o->queues > 1)
                ifr.ifr_flags = (short) (ifr.ifr_flags | IFF_MULTI_QUEUE);
        memcpy(ifr.ifr_name, name, IFNAMSIZ);
        if (ioctl(fd, TUNSETIFF, &ifr) < 0)
                return -errno;
        memcpy(name, ifr.ifr_name, IFNAMSIZ);
        return TAKE_FD(fd);
}

static int configure(const TapOptions *o, const char *tap) {
        _cleanup_close_ int sock = -EBADF;
        int r;

        if (o->flags & TAP_EXISTING)
                return 0;
        sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (sock < 0)
                return -errno;
        r = set_mac(sock, tap, o->mac);
        if (r >= 0)
                r = set_mtu(sock, tap, o);
        if (r >= 0)
                r = o->frames > 0 ? set_coalescing(sock, tap, o->frames) : 0;
        return r < 0 || o->flags & TAP_DOWN ? r : bring_up(sock, tap);
}

static int check(const TapOptions *o, Error *e) {
        if (o->like && (!*o->like || strlen(o->like) >= IFNAMSIZ))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "no bridge can have the name '%s'",
                                 o->like);
        if (o->name && (!*o->name || strlen(o->name) >= IFNAMSIZ || strchr(o->name, '%')))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "no tap can have the name '%s'",
                                 o->name);
        if (o->queues < 1 || o->queues > TAP_QUEUES_MAX)
                return error_set(e, -E2BIG, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "a card has 1 to %u queues",
                                 TAP_QUEUES_MAX);
        if (o->flags & TAP_EXISTING && (!o->name || if_nametoindex(o->name) == 0))
                return error_set(e, -ENODEV, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "there is no tap '%s'",
                                 o->name ?: "");
        return 0;
}

int tap_open(const TapOptions *o, FdSink *sink, char ret_name[IFNAMSIZ], int *ret_numbers, Error *e) {
        int r;

        r = check(o, e);
        if (r < 0)
                return r;
        (void) snprintf(ret_name, IFNAMSIZ, "%s", o->name ?: "vnet%d");
        for (unsigned i = 0; i < o->queues; i++) {
                _cleanup_close_ int fd = open_queue(ret_name, o);

                if (fd < 0)
                        return error_set_errno(e, fd, ORIGIN_QEMU, "cannot %s the tap '%s'",
                                               o->flags & TAP_EXISTING ? "open" : "make", ret_name);
                r = i == 0 && o->made ? o->made(o->userdata, ret_name, e) : 0;
                if (r < 0)
                        return r;
                r = i == 0 ? configure(o, ret_name) : 0;
                if (r < 0 && o->like)
                        return error_set_errno(e, r, ORIGIN_QEMU, "cannot attach %s to the bridge '%s'", ret_name,
                                               o->like);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_QEMU, "cannot set up the tap '%s'", ret_name);
                r = fd_sink_give(sink, fd, e);
                if (r < 0)
                        return r;
                ret_numbers[i] = r;
        }
        return 0;
}

int vhost_net_open(const char *node, unsigned n, bool required, FdSink *sink, int *ret_numbers, Error *e) {
        node = node ?: "/dev/vhost-net";
        for (unsigned i = 0; i < n; i++) {
                _cleanup_close_ int fd = open(node, O_RDWR | O_CLOEXEC);
                int r;

                if (fd < 0 && !required)
                        return 0;
                if (fd < 0)
                        return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot open %s", node);
                r = fd_sink_give(sink, fd, e);
                if (r < 0)
                        return r;
                ret_numbers[i] = r;
        }
        return 1;
}
