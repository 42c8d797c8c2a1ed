/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Taps on bridges that exist. A tap lives as long as its descriptor is open, so it goes with QEMU. */

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if_arp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "prepare.h"

static int set_mtu(int sock, const char *bridge, const char *tap, const char *mtu) {
        struct ifreq ifr = {};
        unsigned n;

        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", bridge);
        if (mtu && parse_uint(mtu, &n) >= 0)
                ifr.ifr_mtu = (int) n;
        else if (ioctl(sock, SIOCGIFMTU, &ifr) < 0)
                return -errno;
        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", tap);
        return ioctl(sock, SIOCSIFMTU, &ifr) < 0 ? -errno : 0;
}

/* The guest's address with 0xfe in front: a bridge takes the lowest address of its ports for its own. */
static int set_mac(int sock, const char *tap, const char *mac) {
        struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
        uint8_t bytes[6];

        if (!mac || mac_parse(mac, bytes) < 0)
                return 0;
        bytes[0] = 0xfe;
        memcpy(ifr.ifr_hwaddr.sa_data, bytes, sizeof bytes);
        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", tap);
        return ioctl(sock, SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

static int bring_up(int sock, const char *tap) {
        struct ifreq ifr = {};

        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", tap);
        if (ioctl(sock, SIOCGIFFLAGS, &ifr) < 0)
                return -errno;
        ifr.ifr_flags = (short) (ifr.ifr_flags | IFF_UP);
        return ioctl(sock, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

static int add_to_bridge(int sock, const char *bridge, const char *tap) {
        struct ifreq ifr = {};

        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", tap);
        if (ioctl(sock, SIOCGIFINDEX, &ifr) < 0)
                return -errno;
        (void) snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", bridge);
        return ioctl(sock, SIOCBRADDIF, &ifr) < 0 ? -errno : 0;
}

/* One queue. name is a pattern or a name at first, the name afterwards. */
static int open_tap(char name[IFNAMSIZ], bool multi_queue) {
        struct ifreq ifr = { .ifr_flags = (short) (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi_queue ? IFF_MULTI_QUEUE : 0)) };
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        memcpy(ifr.ifr_name, name, IFNAMSIZ);
        if (ioctl(fd, TUNSETIFF, &ifr) < 0)
                return -errno;
        memcpy(name, ifr.ifr_name, IFNAMSIZ);
        return TAKE_FD(fd);
}

/* libvirt: a name that begins with vnet is not the user's */
static const char *wanted_name(const xmlNode *interface) {
        const char *dev = xml_get(interface, "target/@dev");

        return dev && *dev && !startswith(dev, "vnet") ? dev : NULL;
}

static unsigned queues_of(const xmlNode *interface) {
        unsigned n = 1;

        (void) parse_uint(xml_get(interface, "driver/@queues") ?: "1", &n);
        return n < 1 ? 1 : n;
}

/* With KVM as libvirt does; an emulated CPU gains nothing. */
static bool wants_vhost(const Prepare *p, const xmlNode *interface) {
        const char *driver = xml_get(interface, "driver/@name");

        if (streq_ptr(driver, "vhost"))
                return true;
        return !driver && xml_attr_is(definition_root(p->live), "type", "kvm") &&
                startswith(xml_get(interface, "model/@type") ?: "", "virtio");
}

static int open_vhost(Prepare *p, const xmlNode *interface, unsigned n) {
        bool required = streq_ptr(xml_get(interface, "driver/@name"), "vhost");
        QemuNet *net = &p->nets[p->res.n_nets];

        for (unsigned i = 0; i < n; i++) {
                _cleanup_close_ int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
                int number;

                if (fd < 0 && !required)
                        return 0;
                if (fd < 0)
                        return prepare_refuse(p, -errno, interface, "cannot open /dev/vhost-net: %s", strerror(errno));
                number = descriptor_store(p, fd);
                if (number < 0)
                        return number;
                p->vhost_fds[p->res.n_nets][i] = number;
        }
        net->vhost_fds = p->vhost_fds[p->res.n_nets];
        net->n_vhost_fds = n;
        return 0;
}

static int attach(const xmlNode *interface, const char *bridge, const char *tap) {
        _cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r;

        if (sock < 0)
                return -errno;
        r = set_mac(sock, tap, xml_get(interface, "mac/@address"));
        if (r >= 0)
                r = set_mtu(sock, bridge, tap, xml_get(interface, "mtu/@size"));
        if (r >= 0)
                r = add_to_bridge(sock, bridge, tap);
        return r < 0 ? r : bring_up(sock, tap);
}

static int prepare_bridge(Prepare *p, xmlNode *interface) {
        const char *bridge = xml_get(interface, "source/@bridge"), *wanted = wanted_name(interface);
        unsigned queues = queues_of(interface);
        size_t index = p->res.n_nets;
        char name[IFNAMSIZ] = "vnet%d";
        xmlNode *target;
        int r;

        if (!bridge || strlen(bridge) >= IFNAMSIZ || (wanted && strlen(wanted) >= IFNAMSIZ))
                return prepare_refuse(p, -EINVAL, interface, "no bridge of that name can exist");
        if (index == NETS_MAX || queues > QUEUES_MAX)
                return prepare_refuse(p, -E2BIG, interface, "too many interfaces or queues");
        if (wanted)
                (void) snprintf(name, sizeof name, "%s", wanted);
        p->nets[index] = (QemuNet) {
                .alias = device_alias(interface), .tap_fds = p->tap_fds[index], .n_tap_fds = queues,
        };
        for (unsigned i = 0; i < queues; i++) {
                _cleanup_close_ int fd = open_tap(name, queues > 1);

                if (fd < 0)
                        return prepare_refuse(p, fd, interface, "cannot make a tap: %s", strerror(-fd));
                r = i == 0 ? attach(interface, bridge, name) : 0;
                if (r < 0)
                        return prepare_refuse(p, r, interface, "cannot attach %s to the bridge '%s': %s", name, bridge, strerror(-r));
                r = descriptor_store(p, fd);
                if (r < 0)
                        return r;
                p->tap_fds[index][i] = r;
        }
        target = xml_ensure(interface, "target");
        r = target ? xml_set_attr(target, "dev", name) : -ENOMEM;
        if (r >= 0 && wants_vhost(p, interface))
                r = open_vhost(p, interface, queues);
        p->res.n_nets = index + 1;
        return r;
}

int prepare_network(Prepare *p) {
        p->res.nets = p->nets;
        XML_FOREACH(interface, definition_devices(p->live), "interface") {
                int r;

                if (!xml_attr_is(interface, "type", "bridge"))
                        continue;
                r = prepare_bridge(p, interface);
                if (r < 0)
                        return r;
        }
        return 0;
}
