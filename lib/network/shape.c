/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* htb: root 1:, one class 1:1, to which all traffic goes. Policing: a filter that matches all at the ingress. */

#include "shape-private.h"

#include <linux/tc_act/tc_csum.h>
#include <linux/tc_act/tc_gact.h>

#define CLSACT_HANDLE TC_H_MAKE(0xffffU << 16, 0U)
#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

#define PACKET_MAX 65536U   /* with segmentation offload */
#define CELL_LOG 8          /* of a table of times by size: 256 entries for such packets; without it there is none */

/* Bursts are given to the kernel as the time that they take at their rate, in its ticks of 64 ns (psched). */
static uint32_t ticks(uint64_t bytes, uint64_t bytes_per_second) {
        uint64_t t = bytes * 1000000000 / (bytes_per_second ?: 1) / 64;

        return (uint32_t) MIN(t, (uint64_t) UINT32_MAX);
}

static uint64_t bytes_of(unsigned kib) {
        return (uint64_t) kib * 1024;
}

static uint32_t rate32(uint64_t rate) {
        return (uint32_t) MIN(rate, (uint64_t) UINT32_MAX);
}

/* What may go at once: what was asked for, and at least a packet and what comes in a hundredth of a second. */
static uint64_t burst_of(const Rate *r, uint64_t rate) {
        uint64_t least = MAX(rate / 100, (uint64_t) PACKET_MAX);

        return r->burst > 0 ? MAX(bytes_of(r->burst), (uint64_t) 2048) : least;
}

Request tc_request(int type, int flags, int index, uint32_t parent, uint32_t handle, uint32_t info) {
        struct tcmsg header = { .tcm_family = AF_UNSPEC,
                                .tcm_ifindex = index,
                                .tcm_parent = parent,
                                .tcm_handle = handle,
                                .tcm_info = info };

        return request_new(type, flags | NLM_F_REQUEST | NLM_F_ACK, &header, sizeof header);
}

static int remove_qdisc(Netlink *n, int index, uint32_t parent) {
        Request q = tc_request(RTM_DELQDISC, 0, index, parent, 0, 0);
        int r = request_send(n, &q);

        /* the kernel's words for "there is none" */
        return r == -ENOENT || r == -EINVAL ? 0 : r;
}

static int add_htb(Netlink *n, int index, uint32_t standard) {
        struct tc_htb_glob global = { .version = 3, .rate2quantum = 10, .defcls = standard };
        Request q = tc_request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, TC_H_ROOT, SHAPE_ROOT, 0);
        struct nlattr *nest;

        request_put_text(&q, TCA_KIND, "htb");
        nest = request_open(&q, TCA_OPTIONS);
        request_put(&q, TCA_HTB_INIT, &global, sizeof global);
        request_close(&q, nest);
        return request_send(n, &q);
}

int shape_class(Netlink *n, int index, uint32_t parent, uint32_t class, const Rate *rate) {
        uint64_t average = bytes_of(rate->average), peak = bytes_of(MAX(rate->peak, rate->average));
        struct tc_htb_opt opt = {
                .rate = { .rate = rate32(average), .linklayer = TC_LINKLAYER_ETHERNET },
                .ceil = { .rate = rate32(peak), .linklayer = TC_LINKLAYER_ETHERNET },
                .buffer = ticks(burst_of(rate, average), average), .cbuffer = ticks(burst_of(rate, peak), peak),
                .quantum = 60000,
        };
        Request q = tc_request(RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, index, parent, class, 0);
        struct nlattr *nest;

        request_put_text(&q, TCA_KIND, "htb");
        nest = request_open(&q, TCA_OPTIONS);
        request_put(&q, TCA_HTB_PARMS, &opt, sizeof opt);
        if (average > UINT32_MAX)
                request_put(&q, TCA_HTB_RATE64, &average, sizeof average);
        if (peak > UINT32_MAX)
                request_put(&q, TCA_HTB_CEIL64, &peak, sizeof peak);
        request_close(&q, nest);
        return request_send(n, &q);
}

int shape_egress(Netlink *n, const char *link, const Rate *rate) {
        int index = link_index(link), r;

        if (index < 0)
                return index;
        r = remove_qdisc(n, index, TC_H_ROOT);
        if (r < 0 || !rate)
                return r;
        r = add_htb(n, index, SHAPE_ALL);
        return r < 0 ? r : shape_class(n, index, SHAPE_ROOT, SHAPE_CLASS(SHAPE_ALL), rate);
}

int shape_network(Netlink *n, const char *bridge, const Rate *rate) {
        int index = link_index(bridge), r;

        if (index < 0)
                return index;
        r = remove_qdisc(n, index, TC_H_ROOT);
        if (r >= 0)
                r = add_htb(n, index, SHAPE_REST);
        if (r >= 0)
                r = shape_class(n, index, SHAPE_ROOT, SHAPE_CLASS(SHAPE_ALL), rate);
        return r < 0 ? r : shape_class(n, index, SHAPE_CLASS(SHAPE_ALL), SHAPE_CLASS(SHAPE_REST), rate);
}

/* What holds filters of what comes in and of what goes out, beside the queue. */
static int add_clsact(Netlink *n, int index) {
        Request q = tc_request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, TC_H_CLSACT, CLSACT_HANDLE, 0);

        request_put_text(&q, TCA_KIND, "clsact");
        return request_send(n, &q);
}

static int add_policer(Netlink *n, int index, const Rate *rate) {
        struct tc_u32_sel match_all = { .flags = TC_U32_TERMINAL, .nkeys = 1 };
        struct { struct tc_u32_sel selector; struct tc_u32_key key; } u32 = { .selector = match_all };
        uint64_t average = bytes_of(rate->average);
        struct tc_police police = {
                .action = TC_ACT_SHOT, .mtu = PACKET_MAX, .burst = ticks(burst_of(rate, average), average),
                .rate = { .rate = rate32(average), .cell_log = CELL_LOG, .linklayer = TC_LINKLAYER_ETHERNET },
        };
        Request q = tc_request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, INGRESS, 0,
                               TC_H_MAKE(1U << 16, htons(ETH_P_ALL)));
        uint32_t table[256] = {};
        struct nlattr *nest, *policer;

        request_put_text(&q, TCA_KIND, "u32");
        nest = request_open(&q, TCA_OPTIONS);
        request_put_u32(&q, TCA_U32_CLASSID, TC_H_MAKE(0U, 1U));
        request_put(&q, TCA_U32_SEL, &u32, sizeof u32);
        policer = request_open(&q, TCA_U32_POLICE);
        request_put(&q, TCA_POLICE_TBF, &police, sizeof police);
        /* a table of times by size: asked for also by kernels that reckon by themselves */
        request_put(&q, TCA_POLICE_RATE, table, sizeof table);
        if (average > UINT32_MAX)
                request_put(&q, TCA_POLICE_RATE64, &average, sizeof average);
        request_close(&q, policer);
        request_close(&q, nest);
        return request_send(n, &q);
}

int shape_ingress(Netlink *n, const char *link, const Rate *rate) {
        int index = link_index(link), r;

        if (index < 0)
                return index;
        r = remove_qdisc(n, index, TC_H_CLSACT);
        if (r < 0 || !rate)
                return r;
        r = add_clsact(n, index);
        if (r >= 0)
                r = add_policer(n, index, rate);
        if (r < 0)
                (void) remove_qdisc(n, index, TC_H_CLSACT);
        return r == -ENOENT || r == -EPROTONOSUPPORT || r == -EINVAL ? -EOPNOTSUPP : r;
}

/* --- checksums --- */

#define DHCP_SERVER 67U
#define DHCP_CLIENT 68U

static void put_checksum_action(Request *q) {
        const struct tc_csum csum = { .action = TC_ACT_OK,
                                      .update_flags = TCA_CSUM_UPDATE_FLAG_IPV4HDR | TCA_CSUM_UPDATE_FLAG_UDP };
        struct nlattr *actions = request_open(q, TCA_U32_ACT), *action = request_open(q, 1), *options;

        request_put_text(q, TCA_ACT_KIND, "csum");
        options = request_open(q, TCA_ACT_OPTIONS);
        request_put(q, TCA_CSUM_PARMS, &csum, sizeof csum);
        request_close(q, options);
        request_close(q, action);
        request_close(q, actions);
}

/* UDP from port 67 to port 68, by words of the packet from its IP header on. */
static int add_checksum_filter(Netlink *n, int index) {
        const struct { struct tc_u32_sel selector; struct tc_u32_key keys[2]; } u32 = {
                .selector = { .flags = TC_U32_TERMINAL, .nkeys = 2 },
                .keys = { { .mask = htonl(0x00ff0000), .val = htonl(IPPROTO_UDP << 16), .off = 8 },
                          { .mask = 0xffffffff, .val = htonl(DHCP_SERVER << 16 | DHCP_CLIENT), .off = 20 } },
        };
        Request q = tc_request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, EGRESS, 0,
                               TC_H_MAKE(1U << 16, htons(ETH_P_IP)));
        struct nlattr *nest;

        request_put_text(&q, TCA_KIND, "u32");
        nest = request_open(&q, TCA_OPTIONS);
        request_put(&q, TCA_U32_SEL, &u32, sizeof u32);
        put_checksum_action(&q);
        request_close(&q, nest);
        return request_send(n, &q);
}

int shape_checksums(Netlink *n, const char *bridge) {
        int index = link_index(bridge), r;

        if (index < 0)
                return index;
        r = add_clsact(n, index);
        if (r < 0 && r != -EEXIST)
                return r == -ENOENT ? -EOPNOTSUPP : r;
        r = add_checksum_filter(n, index);
        return r == -ENOENT ? -EOPNOTSUPP : r;
}
