/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a link's hardware (or the kernel in its place) does for it, in libvirt's words. One of them stands for several
 * of the kernel's, as in the old calls of ethtool(8). "switchdev" is not said: devlink tells that only to who may
 * change it. */

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/strings.h"
#include "nodedev.h"

#define WORDS_MAX 8U
#define STRINGS_MAX (WORDS_MAX * 32U)

/* In libvirt's order. */
static const struct LinkFeature {
        const char *word, *kernel[6];
} features[] = {
        { "rx", { "rx-checksum" } },
        { "tx", { "tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6", "tx-checksum-fcoe-crc",
                  "tx-checksum-sctp" } },
        { "sg", { "tx-scatter-gather", "tx-scatter-gather-fraglist" } },
        { "tso", { "tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation",
                   "tx-tcp6-segmentation" } },
        { "gso", { "tx-generic-segmentation" } },
        { "gro", { "rx-gro" } },
        { "lro", { "rx-lro" } },
        { "rxvlan", { "rx-vlan-hw-parse" } },
        { "txvlan", { "tx-vlan-hw-insert" } },
        { "ntuple", { "rx-ntuple-filter" } },
        { "rxhash", { "rx-hashing" } },
        { "rdma", { NULL } },
        { "txudptnl", { "tx-udp_tnl-segmentation" } },
};

/* The kernel's bits of each of them: the same for all links until the next boot. */
struct LinkWords {
        uint32_t masks[ELEMENTSOF(features)][WORDS_MAX];
};

static int ask(int fd, const char *link, void *command) {
        struct ifreq request = { .ifr_data = command };

        (void) snprintf(request.ifr_name, sizeof request.ifr_name, "%s", link);
        return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

static void learn(LinkWords *w, unsigned bit, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(features); i++)
                for (const char *const *k = features[i].kernel; *k; k++)
                        if (streq(*k, name))
                                w->masks[i][bit / 32] |= 1U << bit % 32;
}

static int read_words(int fd, const char *link, LinkWords **ret) {
        struct {
                struct ethtool_sset_info head;
                uint32_t n;
        } count = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };
        _cleanup_free_ struct ethtool_gstrings *names = NULL;
        _cleanup_free_ LinkWords *w = NULL;
        int r = ask(fd, link, &count);

        if (r < 0 || !count.head.sset_mask || count.n == 0 || count.n > STRINGS_MAX)
                return r < 0 ? r : -EOPNOTSUPP;
        names = calloc(1, sizeof(*names) + (size_t) count.n * ETH_GSTRING_LEN);
        w = calloc(1, sizeof(*w));
        if (!names || !w)
                return -ENOMEM;
        names->cmd = ETHTOOL_GSTRINGS;
        names->string_set = ETH_SS_FEATURES;
        names->len = count.n;
        r = ask(fd, link, names);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < count.n; i++) {
                char name[ETH_GSTRING_LEN + 1] = "";

                memcpy(name, names->data + (size_t) i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
                learn(w, i, name);
        }
        *ret = TAKE_PTR(w);
        return 0;
}

/* Any socket will do, of the network that the link is in. */
static int read_active(NodedevDriver *d, const char *link, uint32_t active[WORDS_MAX]) {
        struct {
                struct ethtool_gfeatures head;
                struct ethtool_get_features_block blocks[WORDS_MAX];
        } reply = { .head.cmd = ETHTOOL_GFEATURES, .head.size = WORDS_MAX };
        bool given = d->host->links_fd > 0;
        _cleanup_close_ int own = given ? -EBADF : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int fd = given ? d->host->links_fd : own;
        int r = fd < 0 ? -errno : d->link_words ? 0 : read_words(fd, link, &d->link_words);

        if (r >= 0)
                r = ask(fd, link, &reply);
        for (size_t i = 0; r >= 0 && i < WORDS_MAX; i++)
                active[i] = reply.blocks[i].active;
        return r;
}

static bool has(const LinkWords *w, const char *syspath, size_t feature, const uint32_t active[WORDS_MAX]) {
        _cleanup_free_ char *infiniband = NULL;

        if (streq(features[feature].word, "rdma")) {
                infiniband = text_format("%s/device/infiniband", syspath);
                return infiniband && access(infiniband, F_OK) == 0;
        }
        for (size_t i = 0; w && i < WORDS_MAX; i++)
                if (active[i] & w->masks[feature][i])
                        return true;
        return false;
}

void describe_link_features(Description *d, const char *link, const char *syspath) {
        uint32_t active[WORDS_MAX] = {};

        /* a link that has gone meanwhile, or one that is not of this network: without */
        (void) read_active(d->driver, link, active);
        for (size_t i = 0; i < ELEMENTSOF(features); i++)
                if (has(d->driver->link_words, syspath, i, active))
                        document_attr(d->writer, document_add(d->writer, d->capability, "feature", NULL), "name",
                                      features[i].word);
}
