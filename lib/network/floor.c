/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <inbound floor=>: a class of its own below 1:1 for each such card, which a filter finds by the MAC that frames go to.
 * What is promised to whom is known by the kernel alone: so whoever comes and goes, and in what order, it is true. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/strings.h"
#include "shape-private.h"

#define PRIORITY 2U
#define FLOORS_MAX 4096U

/* Frames are looked at from the network's header on, in words of 4 bytes: their MAC begins 14 before it. */
#define MAC_HEAD (-16)
#define MAC_TAIL (-12)

/* One at a time: a class is looked for and then made. */
static int lock_floors(void) {
        _cleanup_free_ char *path = text_format("%s/network/floors.lock", path_run());

        return path ? file_open_locked(path) : -ENOMEM;
}

/* --- what there is --- */

typedef struct Classes {
        uint64_t average, peak;      /* of 1:1, bytes a second */
        uint64_t promised;           /* by all with a floor */
        bool used[FLOORS_MAX];
} Classes;

static uint64_t rate_of(struct nlattr *const *attrs, int wide, uint32_t narrow) {
        return attrs[wide] ? nla_get_u64(attrs[wide]) : narrow;
}

static int look_at_class(const struct nlmsghdr *answer, void *userdata) {
        const struct tcmsg *header = nlmsg_data((struct nlmsghdr *) answer);
        struct nlattr *attrs[TCA_MAX + 1], *htb[TCA_HTB_MAX + 1];
        unsigned minor = TC_H_MIN(header->tcm_handle);
        const struct tc_htb_opt *opt;
        Classes *c = userdata;

        if (nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, TCA_MAX, NULL) < 0 || !attrs[TCA_OPTIONS] ||
            nla_parse_nested(htb, TCA_HTB_MAX, attrs[TCA_OPTIONS], NULL) < 0 || !htb[TCA_HTB_PARMS] ||
            nla_len(htb[TCA_HTB_PARMS]) < (int) sizeof *opt || minor >= FLOORS_MAX)
                return 0;
        opt = nla_data(htb[TCA_HTB_PARMS]);
        if (minor == SHAPE_ALL) {
                c->average = rate_of(htb, TCA_HTB_RATE64, opt->rate.rate);
                c->peak = rate_of(htb, TCA_HTB_CEIL64, opt->ceil.rate);
        }
        if (minor >= SHAPE_FIRST_FLOOR) {
                c->used[minor] = true;
                c->promised += rate_of(htb, TCA_HTB_RATE64, opt->rate.rate);
        }
        return 0;
}

static int read_classes(Netlink *n, int index, Classes *ret) {
        Request q = tc_request(RTM_GETTCLASS, NLM_F_DUMP, index, 0, 0, 0);

        *ret = (Classes) {};
        return request_read(n, &q, look_at_class, ret);
}

/* --- filters --- */

typedef struct MacKeys {
        struct tc_u32_sel selector;
        struct tc_u32_key keys[2];
} MacKeys;

static void fill_keys(MacKeys *keys, const uint8_t mac[6]) {
        uint32_t head = (uint32_t) mac[0] << 8 | mac[1],
                 tail = (uint32_t) mac[2] << 24 | (uint32_t) mac[3] << 16 | (uint32_t) mac[4] << 8 | mac[5];

        memset(keys, 0, sizeof *keys);
        keys->selector.flags = TC_U32_TERMINAL;
        keys->selector.nkeys = 2;
        keys->keys[0] = (struct tc_u32_key) { .mask = htonl(0xffff), .val = htonl(head), .off = MAC_HEAD };
        keys->keys[1] = (struct tc_u32_key) { .mask = htonl(0xffffffff), .val = htonl(tail), .off = MAC_TAIL };
}

typedef struct Filter {
        MacKeys wanted;
        uint32_t handle, class, info;
} Filter;

static int look_at_filter(const struct nlmsghdr *answer, void *userdata) {
        const struct tcmsg *header = nlmsg_data((struct nlmsghdr *) answer);
        struct nlattr *attrs[TCA_MAX + 1], *u32[TCA_U32_MAX + 1];
        Filter *f = userdata;
        const MacKeys *keys;

        if (nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, TCA_MAX, NULL) < 0 || !attrs[TCA_OPTIONS] ||
            nla_parse_nested(u32, TCA_U32_MAX, attrs[TCA_OPTIONS], NULL) < 0 || !u32[TCA_U32_SEL] ||
            !u32[TCA_U32_CLASSID] || nla_len(u32[TCA_U32_SEL]) < (int) sizeof *keys)
                return 0;
        keys = nla_data(u32[TCA_U32_SEL]);
        if (keys->selector.nkeys != 2)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(keys->keys); i++)
                if (keys->keys[i].off != f->wanted.keys[i].off || keys->keys[i].val != f->wanted.keys[i].val)
                        return 0;
        f->handle = header->tcm_handle;
        f->info = header->tcm_info;
        f->class = nla_get_u32(u32[TCA_U32_CLASSID]);
        return 0;
}

static int find_filter(Netlink *n, int index, const uint8_t mac[6], Filter *ret) {
        Request q = tc_request(RTM_GETTFILTER, NLM_F_DUMP, index, SHAPE_ROOT, 0, 0);

        ret->handle = ret->class = ret->info = 0;
        fill_keys(&ret->wanted, mac);
        return request_read(n, &q, look_at_filter, ret);
}

static int add_filter(Netlink *n, int index, const uint8_t mac[6], uint32_t class) {
        MacKeys keys;
        Request q = tc_request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, SHAPE_ROOT, 0,
                               TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL)));
        struct nlattr *nest;
        int r;

        fill_keys(&keys, mac);
        request_put_text(&q, TCA_KIND, "u32");
        nest = request_open(&q, TCA_OPTIONS);
        request_put_u32(&q, TCA_U32_CLASSID, class);
        request_put(&q, TCA_U32_SEL, &keys, sizeof keys);
        request_close(&q, nest);
        r = request_send(n, &q);
        return r == -ENOENT ? -EOPNOTSUPP : r;
}

static int delete_filter(Netlink *n, int index, const Filter *f) {
        Request q = tc_request(RTM_DELTFILTER, 0, index, SHAPE_ROOT, f->handle, f->info);
        int r;

        request_put_text(&q, TCA_KIND, "u32");
        r = request_send(n, &q);
        return r == -ENOENT ? 0 : r;
}

static int delete_class(Netlink *n, int index, uint32_t class) {
        Request q = tc_request(RTM_DELTCLASS, 0, index, 0, class, 0);
        int r = request_send(n, &q);

        return r == -ENOENT ? 0 : r;
}

/* --- both --- */

/* Those without a floor share what is left. */
static int settle_rest(Netlink *n, int index) {
        Classes c;
        Rate rest;
        int r = read_classes(n, index, &c);

        if (r < 0 || c.average == 0)
                return r;
        rest = (Rate) { .average = (unsigned) ((c.average - MIN(c.promised, c.average)) / 1024),
                        .peak = (unsigned) (c.peak / 1024) };
        rest.average = MAX(rest.average, 1U);
        return shape_class(n, index, SHAPE_CLASS(SHAPE_ALL), SHAPE_CLASS(SHAPE_REST), &rest);
}

static int remove_floor(Netlink *n, int index, const uint8_t mac[6]) {
        Filter f;
        int r = find_filter(n, index, mac, &f);

        if (r < 0 || f.class == 0)
                return r == -ENOENT || r == -EINVAL || r == -EOPNOTSUPP ? 0 : r;
        r = delete_filter(n, index, &f);
        if (r >= 0)
                r = delete_class(n, index, f.class);
        return r < 0 ? r : settle_rest(n, index);
}

static int add_floor(Netlink *n, int index, const uint8_t mac[6], unsigned floor) {
        unsigned minor = SHAPE_FIRST_FLOOR;
        Classes c;
        Rate rate;
        int r;

        r = remove_floor(n, index, mac);
        if (r >= 0)
                r = read_classes(n, index, &c);
        if (r < 0)
                return r;
        if (c.average == 0)
                return -ENXIO;
        if (c.promised + (uint64_t) floor * 1024 > MAX(c.peak, c.average))
                return -ENOSPC;
        while (minor < FLOORS_MAX && c.used[minor])
                minor++;
        if (minor == FLOORS_MAX)
                return -ENOSPC;
        rate = (Rate) { .average = floor, .peak = (unsigned) (c.peak / 1024) };
        r = shape_class(n, index, SHAPE_CLASS(SHAPE_ALL), SHAPE_CLASS(minor), &rate);
        if (r < 0)
                return r;
        r = add_filter(n, index, mac, SHAPE_CLASS(minor));
        if (r < 0)
                (void) delete_class(n, index, SHAPE_CLASS(minor));
        return r < 0 ? r : settle_rest(n, index);
}

int shape_floor_add(Netlink *n, const char *bridge, const uint8_t mac[6], unsigned floor) {
        _cleanup_close_ int lock = lock_floors();
        int index = link_index(bridge);

        if (lock < 0 || index < 0)
                return lock < 0 ? lock : index;
        return add_floor(n, index, mac, floor);
}

int shape_floor_remove(Netlink *n, const char *bridge, const uint8_t mac[6]) {
        _cleanup_close_ int lock = lock_floors();
        int index = link_index(bridge);

        if (lock < 0 || index < 0)
                return lock < 0 ? lock : index == -ENODEV ? 0 : index;
        return remove_floor(n, index, mac);
}

int shape_floor_undo(const char *value) {
        _cleanup_netlink_ Netlink *n = NULL;
        _cleanup_free_ char *bridge = strndup(value, strcspn(value, " "));
        const char *text = strchr(value, ' ');
        uint8_t mac[6];
        int r;

        if (!bridge)
                return -ENOMEM;
        if (!text || mac_parse(text + 1, mac) < 0)
                return -EINVAL;
        r = netlink_open(&n);
        return r < 0 ? r : shape_floor_remove(n, bridge, mac);
}
