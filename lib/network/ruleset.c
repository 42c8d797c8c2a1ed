/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/ruleset.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "ruleset-private.h"

#define WORDS_MAX 32U
#define BUFFER_MAX (128U * 1024) /* bytes that every socket sends at once */

typedef struct Compiler {
        Batch batch;
        const char *table, *chain;     /* names, NULL outside of one */
        bool is_new;                   /* the chain is still to be made: its first line says of what kind */
        unsigned line;                 /* its number */
        char *words[WORDS_MAX + 1];    /* of the line, NULL-terminated */
        char **next;
} Compiler;

static const char *take(Compiler *c) {
        return *c->next ? *c->next++ : "";
}

static bool take_if(Compiler *c, const char *word) {
        if (!*c->next || !streq(*c->next, word))
                return false;
        c->next++;
        return true;
}

/* --- conditions --- */

static int match_link(Compiler *c, enum nft_meta_keys key) {
        uint32_t index = if_nametoindex(take(c));

        if (index == 0)
                return -ENODEV;
        expr_meta(&c->batch, key);
        expr_compare(&c->batch, NFT_CMP_EQ, &index, sizeof index);
        return 0;
}

static int match_name(Compiler *c, enum nft_meta_keys key) {
        char name[IFNAMSIZ] = "";
        const char *word = take(c);

        if (!*word || strlen(word) >= sizeof name)
                return -EINVAL;
        memcpy(name, word, strlen(word));
        expr_meta(&c->batch, key);
        expr_compare(&c->batch, NFT_CMP_EQ, name, sizeof name);
        return 0;
}

static int match_protocol(Compiler *c) {
        static const struct { const char *word; uint8_t number; } protocols[] = {
                { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }
        };
        const char *word;

        if (!take_if(c, "l4proto"))
                return -EINVAL;
        word = take(c);
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (streq(protocols[i].word, word)) {
                        expr_meta(&c->batch, NFT_META_L4PROTO);
                        expr_compare(&c->batch, NFT_CMP_EQ, &protocols[i].number, 1);
                        return 0;
                }
        return -EINVAL;
}

static int match_state(Compiler *c) {
        const uint32_t wanted = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), none = 0;

        if (!take_if(c, "state") || !take_if(c, "established,related"))
                return -EINVAL;
        expr_ct_state(&c->batch);
        expr_mask(&c->batch, &wanted, sizeof wanted);
        expr_compare(&c->batch, NFT_CMP_NEQ, &none, sizeof none);
        return 0;
}

/* "192.168.122.0/24": whole bytes are compared as they are, as nft(8) does it. */
static int match_address(Compiler *c, int family) {
        unsigned offset = family == AF_INET ? 12 : 8, prefix, bytes, size = family == AF_INET ? 4 : 16;
        enum nft_cmp_ops op;
        uint8_t mask[16] = {};
        IpAddress a;
        char *slash;

        if (take_if(c, "daddr"))
                offset += size;
        else if (!take_if(c, "saddr"))
                return -EINVAL;
        op = take_if(c, "!=") ? NFT_CMP_NEQ : NFT_CMP_EQ;
        slash = *c->next ? strchr(*c->next, '/') : NULL;
        if (!slash || parse_uint(slash + 1, &prefix) < 0)
                return -EINVAL;
        *slash = 0;
        if (ip_parse(take(c), &a) < 0 || a.family != family || prefix > size * 8)
                return -EINVAL;
        a = ip_network(&a, prefix);
        bytes = prefix % 8 || prefix == 0 ? size : prefix / 8;
        for (unsigned i = 0; i < prefix; i++)
                mask[i / 8] = (uint8_t) (mask[i / 8] | 0x80U >> i % 8);
        expr_payload(&c->batch, offset, bytes);
        if (bytes * 8 != prefix)
                expr_mask(&c->batch, mask, bytes);
        expr_compare(&c->batch, op, a.bytes, bytes);
        return 0;
}

/* --- what is done --- */

/* "first-last"; where there is no last, it is the first. The word is cut. */
static char *last_of(char *range) {
        char *hyphen = strchr(range, '-');

        if (!hyphen)
                return NULL;
        *hyphen = 0;
        return hyphen + 1;
}

static int load_address(Compiler *c, const char *text, unsigned *n) {
        IpAddress a;

        if (ip_parse(text, &a) < 0)
                return -EINVAL;
        expr_load(&c->batch, NFT_REG_1 + (*n)++, a.bytes, ip_bits(&a) / 8);
        return 0;
}

static int load_ports(Compiler *c, char *range, unsigned reg) {
        const char *last = last_of(range);
        unsigned numbers[2];

        if (!last || parse_uint(range, &numbers[0]) < 0 || parse_uint(last, &numbers[1]) < 0)
                return -EINVAL;
        for (unsigned i = 0; i < 2; i++) {
                uint16_t port = htons((uint16_t) numbers[i]);

                if (numbers[i] > UINT16_MAX)
                        return -EINVAL;
                expr_load(&c->batch, reg + i, &port, sizeof port);
        }
        return 0;
}

/* Takes the brackets off that addresses of IPv6 are in where ports follow. */
static void remove_brackets(char *s) {
        char *to = s;

        for (; *s; s++)
                if (*s != '[' && *s != ']')
                        *to++ = *s;
        *to = 0;
}

/* "1.2.3.4-1.2.3.9:1024-65535", "[fd00::1]:1024-65535", "fd00::1-fd00::9", ":1024-65535" */
static int do_nat(Compiler *c, bool to_address) {
        NatTarget t = {};
        char *word, *ports, *last;
        int r = 0;

        if (!take_if(c, "to")) {
                if (to_address)
                        return -EINVAL;
                expr_nat(&c->batch, &t);
                return 0;
        }
        if (!*c->next)
                return -EINVAL;
        word = *c->next++;
        ports = strrchr(word, ']') ? strstr(strrchr(word, ']'), ":") :
                c->batch.family == NFPROTO_IPV4 || *word == ':' ? strchr(word, ':') : NULL;
        t.ports = ports;
        if (ports)
                *ports++ = 0;
        remove_brackets(word);
        last = last_of(word);
        if (to_address)
                r = load_address(c, word, &t.addresses);
        if (r >= 0 && last)
                r = to_address ? load_address(c, last, &t.addresses) : -EINVAL;
        if (r >= 0 && ports)
                r = load_ports(c, ports, NFT_REG_1 + t.addresses);
        if (r >= 0)
                expr_nat(&c->batch, &t);
        return r;
}

static int do_jump(Compiler *c) {
        const char *chain = take(c);

        if (!*chain)
                return -EINVAL;
        expr_verdict(&c->batch, NFT_JUMP, chain);
        return 0;
}

static int on_iif(Compiler *c) { return match_link(c, NFT_META_IIF); }
static int on_oif(Compiler *c) { return match_link(c, NFT_META_OIF); }
static int on_iifname(Compiler *c) { return match_name(c, NFT_META_IIFNAME); }
static int on_oifname(Compiler *c) { return match_name(c, NFT_META_OIFNAME); }
static int on_ip(Compiler *c) { return match_address(c, AF_INET); }
static int on_ip6(Compiler *c) { return match_address(c, AF_INET6); }
static int on_counter(Compiler *c) { expr_counter(&c->batch); return 0; }
static int on_accept(Compiler *c) { expr_verdict(&c->batch, NF_ACCEPT, NULL); return 0; }
static int on_return(Compiler *c) { expr_verdict(&c->batch, NFT_RETURN, NULL); return 0; }
static int on_reject(Compiler *c) { expr_reject(&c->batch); return 0; }
static int on_masquerade(Compiler *c) { return do_nat(c, false); }
static int on_snat(Compiler *c) { return do_nat(c, true); }

static const struct {
        const char *word;
        int (*compile)(Compiler *c);
} statements[] = {
        { "iif", on_iif },         { "oif", on_oif },       { "iifname", on_iifname }, { "oifname", on_oifname },
        { "ip", on_ip },           { "ip6", on_ip6 },       { "meta", match_protocol }, { "ct", match_state },
        { "counter", on_counter }, { "accept", on_accept }, { "return", on_return },   { "reject", on_reject },
        { "jump", do_jump },       { "snat", on_snat },     { "masquerade", on_masquerade },
};

static int compile_statement(Compiler *c) {
        const char *word = take(c);

        for (size_t i = 0; i < ELEMENTSOF(statements); i++)
                if (streq(statements[i].word, word))
                        return statements[i].compile(c);
        return -EINVAL;
}

/* --- tables, chains, rules --- */

static int compile_rule(Compiler *c) {
        size_t nest;
        int r = 0;

        batch_begin(&c->batch, NFT_TYPE(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND, c->batch.family, 0);
        batch_put_text(&c->batch, NFTA_RULE_TABLE, c->table);
        batch_put_text(&c->batch, NFTA_RULE_CHAIN, c->chain);
        nest = batch_open(&c->batch, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
        while (r >= 0 && *c->next)
                r = compile_statement(c);
        batch_close(&c->batch, nest);
        batch_end(&c->batch);
        return r;
}

static void put_chain(Compiler *c, const char *type, unsigned hook, int priority) {
        size_t nest;

        batch_begin(&c->batch, NFT_TYPE(NFT_MSG_NEWCHAIN), NLM_F_CREATE, c->batch.family, 0);
        batch_put_text(&c->batch, NFTA_CHAIN_TABLE, c->table);
        batch_put_text(&c->batch, NFTA_CHAIN_NAME, c->chain);
        if (type) {
                nest = batch_open(&c->batch, NFTA_CHAIN_HOOK | NLA_F_NESTED);
                batch_put_u32(&c->batch, NFTA_HOOK_HOOKNUM, hook);
                batch_put_u32(&c->batch, NFTA_HOOK_PRIORITY, (uint32_t) priority);
                batch_close(&c->batch, nest);
                batch_put_u32(&c->batch, NFTA_CHAIN_POLICY, NF_ACCEPT);
                batch_put_text(&c->batch, NFTA_CHAIN_TYPE, type);
        }
        batch_end(&c->batch);
}

/* "type filter hook forward priority 0; policy accept;", the first line of a chain. */
static int compile_hook(Compiler *c) {
        static const struct { const char *word; unsigned number; } hooks[] = {
                { "forward", NF_INET_FORWARD }, { "postrouting", NF_INET_POST_ROUTING }
        };
        const char *type = take(c), *hook;
        int priority;

        if (!take_if(c, "hook"))
                return -EINVAL;
        hook = take(c);
        if (!take_if(c, "priority") || !*c->next)
                return -EINVAL;
        c->next[0][strcspn(*c->next, ";")] = 0;
        if (parse_int(take(c), &priority) < 0 || !take_if(c, "policy") || !take_if(c, "accept;") || *c->next)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(hooks); i++)
                if (streq(hooks[i].word, hook)) {
                        put_chain(c, type, hooks[i].number, priority);
                        return 0;
                }
        return -EINVAL;
}

static int begin_table(Compiler *c) {
        const char *family = take(c);

        if (c->table || (!streq(family, "ip") && !streq(family, "ip6")))
                return -EINVAL;
        c->batch.family = streq(family, "ip") ? NFPROTO_IPV4 : NFPROTO_IPV6;
        c->table = take(c);
        return take_if(c, "{") && !*c->next ? 0 : -EINVAL;
}

static int put_table(Compiler *c) {
        if (!take_if(c, "owner"))
                return -EINVAL;
        batch_begin(&c->batch, NFT_TYPE(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_EXCL, c->batch.family, 0);
        batch_put_text(&c->batch, NFTA_TABLE_NAME, c->table);
        batch_put_u32(&c->batch, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
        batch_end(&c->batch);
        return 0;
}

static int begin_chain(Compiler *c) {
        c->chain = take(c);
        c->is_new = true;
        return take_if(c, "{") && !*c->next ? 0 : -EINVAL;
}

static int compile_line_of_chain(Compiler *c) {
        bool is_new = c->is_new;

        c->is_new = false;
        if (is_new && take_if(c, "type"))
                return compile_hook(c);
        if (is_new)
                put_chain(c, NULL, 0, 0);
        if (!take_if(c, "}"))
                return compile_rule(c);
        c->chain = NULL;
        return 0;
}

static int compile_line_of_table(Compiler *c) {
        if (take_if(c, "flags"))
                return put_table(c);
        if (take_if(c, "chain"))
                return begin_chain(c);
        if (!take_if(c, "}"))
                return -EINVAL;
        c->table = NULL;
        return 0;
}

static int compile_line(Compiler *c) {
        if (!*c->next)
                return 0;
        if (c->chain)
                return compile_line_of_chain(c);
        if (c->table)
                return compile_line_of_table(c);
        return take_if(c, "table") ? begin_table(c) : -EINVAL;
}

/* At spaces; the quotes around names go. */
static int split(Compiler *c, char *line) {
        size_t n = 0;

        for (char *p = line + strspn(line, " \t"); *p; p += strspn(p, " \t")) {
                char *end = *p == '"' ? strchr(p + 1, '"') : p + strcspn(p, " \t");

                if (!end || n == WORDS_MAX)
                        return -EINVAL;
                c->words[n++] = *p == '"' ? p + 1 : p;
                p = *end ? end + 1 : end;
                *end = 0;
        }
        c->words[n] = NULL;
        c->next = c->words;
        return 0;
}

/* All lines, or those up to the one that makes the message until. */
static int compile(Compiler *c, char *text, uint32_t until) {
        char *rest = text, *line;
        int r = 0;

        batch_begin(&c->batch, NFNL_MSG_BATCH_BEGIN, 0, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES);
        batch_end(&c->batch);
        while (r >= 0 && c->batch.seq < until && (line = strsep(&rest, "\n"))) {
                c->line++;
                r = split(c, line);
                if (r >= 0)
                        r = compile_line(c);
                if (r >= 0 && *c->next)
                        r = -EINVAL;
        }
        if (r >= 0 && c->batch.seq < until && c->table)
                r = -EINVAL;
        batch_begin(&c->batch, NFNL_MSG_BATCH_END, 0, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES);
        batch_end(&c->batch);
        return r < 0 ? r : c->batch.out.failed ? -ENOMEM : 0;
}

/* The line with this number, without the blanks before it. */
static char *line_at(const char *text, unsigned number) {
        for (; number > 1 && *text; text++)
                number -= *text == '\n';
        text += strspn(text, " \t");
        return strndup(text, strcspn(text, "\n"));
}

static int refuse(const char *text, unsigned line, int r, Error *e) {
        _cleanup_free_ char *copy = line_at(text, line);

        if (r == -EINVAL)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_NETWORK, "no rule of ours: '%s'", copy ?: "");
        return error_set_errno(e, r, ORIGIN_NETWORK, "nftables: cannot add '%s'", copy ?: "");
}

int ruleset_compile(const char *text, char **ret, size_t *ret_len, Error *e) {
        _cleanup_free_ char *copy = strdup(text);
        Compiler c = {};
        int r;

        r = copy ? compile(&c, copy, UINT32_MAX) : -ENOMEM;
        if (r < 0) {
                strbuf_done(&c.batch.out);
                return r == -ENOMEM ? r : refuse(text, c.line, r, e);
        }
        *ret_len = c.batch.out.len;
        *ret = strbuf_take(&c.batch.out);
        return *ret ? 0 : -ENOMEM;
}

/* --- the kernel --- */

/* Which line that was: what is compiled anew up to the message ends there. */
static int refuse_message(const char *text, uint32_t seq, int r, Error *e) {
        _cleanup_free_ char *copy = strdup(text);
        Compiler c = {};

        if (copy)
                (void) compile(&c, copy, seq);
        strbuf_done(&c.batch.out);
        return refuse(text, c.line, r, e);
}

static int open_socket(size_t len) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        const int size = (int) len;

        /* it is the address that owns tables */
        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return -errno;
        if (len > BUFFER_MAX && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* The kernel has carried it out, or not, when sending comes back: what it has to say is there then. */
static int read_answer(int fd, uint32_t *ret_seq) {
        char buffer[16384] __attribute__((aligned(8)));
        ssize_t n;

        while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
                size_t left = (size_t) n;

                for (struct nlmsghdr *m = (struct nlmsghdr *) buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
                        const struct nlmsgerr *x = NLMSG_DATA(m);

                        if (m->nlmsg_type != NLMSG_ERROR || x->error >= 0)
                                continue;
                        *ret_seq = m->nlmsg_seq;
                        return x->error;
                }
        }
        return n < 0 && errno != EAGAIN ? -errno : 0;
}

int ruleset_load(const char *text, int *ret_fd, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *messages = NULL;
        uint32_t seq = 0;
        size_t len = 0;
        int r;

        r = ruleset_compile(text, &messages, &len, e);
        if (r < 0)
                return r;
        fd = open_socket(len);
        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_NETWORK, "cannot open a socket of nftables");
        r = send(fd, messages, len, 0) < 0 ? -errno : 0;
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NETWORK, "cannot send rules to the kernel");
        r = read_answer(fd, &seq);
        if (r < 0)
                return refuse_message(text, seq, r, e);
        *ret_fd = TAKE_FD(fd);
        return 0;
}
