/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/chains.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink-private.h"

static Request chain_request(int flags, uint8_t family) {
        const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

        return request_new(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, flags | NLM_F_REQUEST, &header, sizeof header);
}

static int found(const struct nlmsghdr *answer, void *userdata) {
        return 1;
}

int chain_exists(Netlink *n, const char *table, const char *chain) {
        Request q = chain_request(NLM_F_ACK, NFPROTO_IPV4);
        int r;

        request_put_text(&q, NFTA_CHAIN_TABLE, table);
        request_put_text(&q, NFTA_CHAIN_NAME, chain);
        r = request_read(n, &q, found, NULL);
        return r == -ENOENT ? 0 : r;
}

typedef struct Search {
        ChainFunc f;
        void *userdata;
} Search;

static bool hooks_input(struct nlattr *nest) {
        struct nlattr *hook[NFTA_HOOK_MAX + 1];

        return nest && nla_parse_nested(hook, NFTA_HOOK_MAX, nest, NULL) >= 0 && hook[NFTA_HOOK_HOOKNUM] &&
                nla_get_u32(hook[NFTA_HOOK_HOOKNUM]) == htonl(NF_INET_LOCAL_IN);
}

static int look_at_chain(const struct nlmsghdr *answer, void *userdata) {
        const struct nfgenmsg *header = nlmsg_data((struct nlmsghdr *) answer);
        struct nlattr *attrs[NFTA_CHAIN_MAX + 1];
        const Search *s = userdata;

        if ((header->nfgen_family != NFPROTO_IPV4 && header->nfgen_family != NFPROTO_INET) ||
            nlmsg_parse((struct nlmsghdr *) answer, sizeof *header, attrs, NFTA_CHAIN_MAX, NULL) < 0 ||
            !attrs[NFTA_CHAIN_TABLE] || !attrs[NFTA_CHAIN_NAME] || !hooks_input(attrs[NFTA_CHAIN_HOOK]) ||
            !attrs[NFTA_CHAIN_POLICY] || nla_get_u32(attrs[NFTA_CHAIN_POLICY]) != htonl(NF_DROP))
                return 0;
        s->f(header->nfgen_family == NFPROTO_IPV4 ? "ip" : "inet", nla_get_string(attrs[NFTA_CHAIN_TABLE]),
             nla_get_string(attrs[NFTA_CHAIN_NAME]), s->userdata);
        return 0;
}

int chains_dropping_input(Netlink *n, ChainFunc f, void *userdata) {
        Search s = { f, userdata };
        Request q = chain_request(NLM_F_DUMP, NFPROTO_UNSPEC);

        return request_read(n, &q, look_at_chain, &s);
}
