/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ruleset-private.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netlink.h>

/* --- messages --- */

static void pad(Batch *b) {
        while (b->out.len % NLMSG_ALIGNTO != 0)
                strbuf_addc(&b->out, 0);
}

void batch_begin(Batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
        const struct nlmsghdr header = {
                .nlmsg_type = type,
                .nlmsg_flags = (uint16_t) (flags | NLM_F_REQUEST),
                .nlmsg_seq = ++b->seq,
        };
        const struct nfgenmsg generic = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };

        b->message = b->out.len;
        strbuf_addn(&b->out, (const char *) &header, sizeof header);
        strbuf_addn(&b->out, (const char *) &generic, sizeof generic);
}

void batch_end(Batch *b) {
        uint32_t len = (uint32_t) (b->out.len - b->message);

        if (!b->out.failed)
                memcpy(b->out.data + b->message, &len, sizeof len);
}

size_t batch_open(Batch *b, uint16_t attribute) {
        const struct nlattr header = { .nla_type = attribute };
        size_t at = b->out.len;

        strbuf_addn(&b->out, (const char *) &header, sizeof header);
        return at;
}

void batch_close(Batch *b, size_t nest) {
        uint16_t len = (uint16_t) (b->out.len - nest);

        if (!b->out.failed)
                memcpy(b->out.data + nest, &len, sizeof len);
        pad(b);
}

void batch_put(Batch *b, uint16_t attribute, const void *data, size_t len) {
        size_t nest = batch_open(b, attribute);

        strbuf_addn(&b->out, data, len);
        batch_close(b, nest);
}

void batch_put_u32(Batch *b, uint16_t attribute, uint32_t value) {
        uint32_t big = htonl(value);

        batch_put(b, attribute, &big, sizeof big);
}

void batch_put_text(Batch *b, uint16_t attribute, const char *text) {
        batch_put(b, attribute, text, strlen(text) + 1);
}

/* --- expressions --- */

typedef struct Expression {
        size_t element, data;
} Expression;

static Expression begin(Batch *b, const char *name) {
        Expression x = { .element = batch_open(b, NFTA_LIST_ELEM | NLA_F_NESTED) };

        batch_put_text(b, NFTA_EXPR_NAME, name);
        x.data = batch_open(b, NFTA_EXPR_DATA | NLA_F_NESTED);
        return x;
}

static void end(Batch *b, Expression x) {
        batch_close(b, x.data);
        batch_close(b, x.element);
}

static void put_value(Batch *b, uint16_t attribute, const void *data, size_t len) {
        size_t nest = batch_open(b, attribute | NLA_F_NESTED);

        batch_put(b, NFTA_DATA_VALUE, data, len);
        batch_close(b, nest);
}

void expr_meta(Batch *b, enum nft_meta_keys key) {
        Expression x = begin(b, "meta");

        batch_put_u32(b, NFTA_META_KEY, key);
        batch_put_u32(b, NFTA_META_DREG, NFT_REG_1);
        end(b, x);
}

void expr_payload(Batch *b, unsigned offset, unsigned len) {
        Expression x = begin(b, "payload");

        batch_put_u32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
        batch_put_u32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
        batch_put_u32(b, NFTA_PAYLOAD_OFFSET, offset);
        batch_put_u32(b, NFTA_PAYLOAD_LEN, len);
        end(b, x);
}

void expr_ct_state(Batch *b) {
        Expression x = begin(b, "ct");

        batch_put_u32(b, NFTA_CT_KEY, NFT_CT_STATE);
        batch_put_u32(b, NFTA_CT_DREG, NFT_REG_1);
        end(b, x);
}

void expr_mask(Batch *b, const void *mask, size_t len) {
        static const uint8_t zeros[16];
        Expression x = begin(b, "bitwise");

        batch_put_u32(b, NFTA_BITWISE_SREG, NFT_REG_1);
        batch_put_u32(b, NFTA_BITWISE_DREG, NFT_REG_1);
        batch_put_u32(b, NFTA_BITWISE_LEN, (uint32_t) len);
        put_value(b, NFTA_BITWISE_MASK, mask, len);
        put_value(b, NFTA_BITWISE_XOR, zeros, len);
        end(b, x);
}

void expr_compare(Batch *b, enum nft_cmp_ops op, const void *data, size_t len) {
        Expression x = begin(b, "cmp");

        batch_put_u32(b, NFTA_CMP_SREG, NFT_REG_1);
        batch_put_u32(b, NFTA_CMP_OP, op);
        put_value(b, NFTA_CMP_DATA, data, len);
        end(b, x);
}

void expr_counter(Batch *b) {
        end(b, begin(b, "counter"));
}

void expr_verdict(Batch *b, int verdict, const char *chain) {
        Expression x = begin(b, "immediate");
        size_t data, nest;

        batch_put_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        data = batch_open(b, NFTA_IMMEDIATE_DATA | NLA_F_NESTED);
        nest = batch_open(b, NFTA_DATA_VERDICT | NLA_F_NESTED);
        batch_put_u32(b, NFTA_VERDICT_CODE, (uint32_t) verdict);
        if (chain)
                batch_put_text(b, NFTA_VERDICT_CHAIN, chain);
        batch_close(b, nest);
        batch_close(b, data);
        end(b, x);
}

/* "port unreachable", which nft(8) says where nothing else is said. */
void expr_reject(Batch *b) {
        const uint8_t code = b->family == NFPROTO_IPV4 ? 3 : 4;
        Expression x = begin(b, "reject");

        batch_put_u32(b, NFTA_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
        batch_put(b, NFTA_REJECT_ICMP_CODE, &code, sizeof code);
        end(b, x);
}

void expr_load(Batch *b, enum nft_registers reg, const void *data, size_t len) {
        Expression x = begin(b, "immediate");

        batch_put_u32(b, NFTA_IMMEDIATE_DREG, reg);
        put_value(b, NFTA_IMMEDIATE_DATA, data, len);
        end(b, x);
}

void expr_nat(Batch *b, const NatTarget *t) {
        Expression x = begin(b, t->addresses > 0 ? "nat" : "masq");

        if (t->addresses > 0) {
                batch_put_u32(b, NFTA_NAT_TYPE, NFT_NAT_SNAT);
                batch_put_u32(b, NFTA_NAT_FAMILY, b->family);
                batch_put_u32(b, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
        }
        if (t->addresses > 1)
                batch_put_u32(b, NFTA_NAT_REG_ADDR_MAX, NFT_REG_2);
        if (t->ports) {
                bool nat = t->addresses > 0;

                batch_put_u32(b, nat ? NFTA_NAT_REG_PROTO_MIN : NFTA_MASQ_REG_PROTO_MIN, NFT_REG_1 + t->addresses);
                batch_put_u32(b, nat ? NFTA_NAT_REG_PROTO_MAX : NFTA_MASQ_REG_PROTO_MAX, NFT_REG_2 + t->addresses);
                batch_put_u32(b, nat ? NFTA_NAT_FLAGS : NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
        }
        end(b, x);
}
