/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages of nf_tables, one after the other in a buffer; numbers of theirs are big-endian. */

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/strings.h"

typedef struct Batch {
        StrBuf out;
        uint32_t seq;        /* of the last message */
        size_t message;      /* where that begins */
        uint8_t family;      /* of the table that is being made */
} Batch;

/* The type of a message of nf_tables. */
#define NFT_TYPE(message) (NFNL_SUBSYS_NFTABLES << 8 | (message))

/* Begins a message, and ends it: its length is known then. */
void batch_begin(Batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource);
void batch_end(Batch *b);

/* Appends an attribute to the message. */
void batch_put(Batch *b, uint16_t attribute, const void *data, size_t len);
void batch_put_u32(Batch *b, uint16_t attribute, uint32_t value);
void batch_put_text(Batch *b, uint16_t attribute, const char *text);

/* An attribute that holds others: returns where it begins, for batch_close(). */
size_t batch_open(Batch *b, uint16_t attribute);
void batch_close(Batch *b, size_t nest);

/* --- the expressions of a rule, within NFTA_RULE_EXPRESSIONS --- */

void expr_meta(Batch *b, enum nft_meta_keys key);
void expr_payload(Batch *b, unsigned offset, unsigned len);
void expr_ct_state(Batch *b);
void expr_mask(Batch *b, const void *mask, size_t len);
void expr_compare(Batch *b, enum nft_cmp_ops op, const void *data, size_t len);
void expr_counter(Batch *b);
void expr_verdict(Batch *b, int verdict, const char *chain);
void expr_reject(Batch *b);
void expr_load(Batch *b, enum nft_registers reg, const void *data, size_t len);

/* Registers hold what expr_load() put there: addresses in 1 and 2, ports in the two after those that are used. */
typedef struct NatTarget {
        unsigned addresses;  /* 0, 1 or 2 */
        bool ports;
} NatTarget;
void expr_nat(Batch *b, const NatTarget *t);
