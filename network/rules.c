/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* nftables, by libnftables.
 *
 * Our own tables belong to the socket that made them, and go with it. The socket goes into the service manager's store:
 * so the tables last exactly as long as the unit is active, no process has to live for them, and nobody else can take
 * them away. */

#include <dirent.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/log.h"
#include "network/chains.h"
#include "network/firewall.h"
#include "notify.h"
#include "rules.h"
#include "start.h"

#define RULES_MAX (16U << 20)
#define NOTIFY_TIMEOUT_MS 10000
#define OWNER_TRIES 200U
#define OWNER_WAIT_USEC 10000U

static void nft_freep(struct nft_ctx **c) {
        if (*c)
                nft_ctx_free(*c);
}
#define _cleanup_nft_ _cleanup_(nft_freep)

static struct nft_ctx *nft_open(void) {
        struct nft_ctx *c = nft_ctx_new(NFT_CTX_DEFAULT);

        if (c && (nft_ctx_buffer_output(c) != 0 || nft_ctx_buffer_error(c) != 0)) {
                nft_ctx_free(c);
                return NULL;
        }
        return c;
}

/* The first line of what the library complains of. */
static int nft_refuse(struct nft_ctx *c, Error *e) {
        const char *text = nft_ctx_get_error_buffer(c) ?: "";

        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_NETWORK, "nftables: %.*s", (int) strcspn(text, "\n"), text);
}

/* The library does not tell its socket: it is the one of this protocol. */
static int find_socket(void) {
        DIR *d = opendir("/proc/self/fd");
        const struct dirent *de;
        int found = -ENOENT;

        while (d && found < 0 && (de = readdir(d))) {
                int fd, protocol = -1, domain = -1;

                if (parse_int(de->d_name, &fd) < 0 ||
                    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof domain }) < 0 ||
                    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &(socklen_t){ sizeof protocol }) < 0)
                        continue;
                if (domain == AF_NETLINK && protocol == NETLINK_NETFILTER)
                        found = fd;
        }
        if (d)
                closedir(d);
        return found;
}

static int put_into_store(NetworkStart *s, int fd) {
        int r = fd < 0 ? fd : notify_store_fd(s->notify_fd, "nftables", fd);

        if (r >= 0)
                r = notify_wait(s->notify_fd, NOTIFY_TIMEOUT_MS);
        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_SYSTEMD,
                                       "the service manager did not take the socket that owns the rules")
                     : 0;
}

/* Also what lets the network pass Docker's chain, where that is given: libnftables asks for the objects of each table
 * before each run (1.0.6), so one run for both is half the work on a host with many networks. */
static int run_both(NetworkStart *s, struct nft_ctx *c, const char *text, const char *docker) {
        _cleanup_free_ char *both = *docker ? text_format("%s%s", text, docker) : NULL;

        s->docker_passed = both && nft_run_cmd_from_buffer(c, both) == 0;
        /* somebody may have taken that chain away meanwhile */
        return s->docker_passed || nft_run_cmd_from_buffer(c, text) == 0 ? 0 : nft_refuse(c, &s->error);
}

/* The service manager closes what is taken out of its store beside its other work, systemd 257 in another process:
 * until then the tables are that socket's, of a network that has just ended or is loaded anew. */
static int run_when_free(NetworkStart *s, struct nft_ctx *c, const char *text, const char *docker) {
        int r = run_both(s, c, text, docker);

        for (unsigned i = 0; i < OWNER_TRIES; i++) {
                if (r != -EIO || !strstr(error_text(&s->error, r), strerror(EPERM)))
                        break;
                error_done(&s->error);
                (void) usleep(OWNER_WAIT_USEC);
                r = run_both(s, c, text, docker);
        }
        return r;
}

static int load(NetworkStart *s, const char *text, const char *docker) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_RULES, s->name);
        _cleanup_nft_ struct nft_ctx *c = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        if (!*text)
                return file_remove(path);
        r = undo_add(&s->undo, UNDO_RULES, "");
        if (r < 0)
                return r;
        c = nft_open();
        if (!c)
                return -ENOMEM;
        r = run_when_free(s, c, text, docker);
        if (r >= 0)
                r = put_into_store(s, find_socket());
        if (r < 0)
                return r;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot write %s", path) : 0;
}

int rules_drop(int notify_fd) {
        int r = notify_send(notify_fd, "FDSTOREREMOVE=1\nFDNAME=nftables");

        return r < 0 ? r : notify_wait(notify_fd, NOTIFY_TIMEOUT_MS);
}

/* For a moment there are none: the tables have the same names, and none but their socket can change them. */
int rules_reload(NetworkStart *s) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_RULES, s->name), *text = NULL, *before = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, RULES_MAX, &before, NULL);
        if (r < 0 && r != -ENOENT)
                return error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot read %s", path);
        r = firewall_rules(s->network, s->bridge, &text, &s->error);
        if (r < 0 || streq(text, before ?: ""))
                return r;
        /* without the file they may be an older version's */
        r = rules_drop(s->notify_fd);
        if (r >= 0)
                r = load(s, text, "");
        if (r < 0 && before)
                (void) load(s, before, "");
        return r;
}

/* --- chains of others --- */

/* The text of a listing; NULL where there is nothing of that name. */
static char *list(struct nft_ctx *c, const char *what) {
        _cleanup_free_ char *command = text_format("list %s", what);

        if (!command || nft_run_cmd_from_buffer(c, command) != 0)
                return NULL;
        return strdup(nft_ctx_get_output_buffer(c) ?: "");
}

/* The comment of our rules for a bridge, in quotes as it is listed. */
static char *comment_of(const char *bridge) {
        return text_format("\"" FIREWALL_COMMENT "%s\"", bridge);
}

bool rules_have_docker(void) {
        _cleanup_netlink_ Netlink *n = NULL;

        /* where that cannot be told, the listing of the chain will */
        return netlink_open_netfilter(&n) < 0 || chain_exists(n, "filter", "DOCKER-USER") != 0;
}

struct DockerChain {
        struct nft_ctx *c;
        char *listing;
        StrBuf commands;
};

DockerChain *docker_chain_free(DockerChain *d) {
        if (!d)
                return NULL;
        if (d->c)
                nft_ctx_free(d->c);
        free(d->listing);
        strbuf_done(&d->commands);
        free(d);
        return NULL;
}

int docker_chain_open(DockerChain **ret) {
        _cleanup_docker_chain_ DockerChain *d = NULL;

        *ret = NULL;
        if (!rules_have_docker())
                return 0;
        d = calloc(1, sizeof *d);
        if (!d)
                return -ENOMEM;
        d->c = nft_open();
        if (!d->c)
                return -ENOMEM;
        d->listing = list(d->c, "chain ip filter DOCKER-USER");
        if (d->listing)
                *ret = TAKE_PTR(d);
        return 0;
}

int docker_chain_let_pass(DockerChain *d, const xmlNode *network, const char *bridge) {
        _cleanup_free_ char *text = NULL, *comment = comment_of(bridge);
        int r;

        if (!comment)
                return -ENOMEM;
        if (strstr(d->listing, comment))
                return 0;
        r = firewall_docker_rules(network, bridge, &text);
        if (r < 0 || !*text)
                return r;
        strbuf_add(&d->commands, text);
        return 1;
}

int docker_chain_commit(DockerChain *d, Error *e) {
        if (d->commands.len == 0)
                return 0;
        return nft_run_cmd_from_buffer(d->c, d->commands.data) != 0 ? nft_refuse(d->c, e) : 1;
}

int rules_pass_docker(const xmlNode *network, const char *bridge, Error *e) {
        _cleanup_docker_chain_ DockerChain *d = NULL;
        int r = docker_chain_open(&d);

        if (r >= 0 && d)
                r = docker_chain_let_pass(d, network, bridge);
        return r > 0 ? docker_chain_commit(d, e) : r;
}

/* Noted before it is made, as everything. */
static int docker_rules_of(NetworkStart *s, char **ret) {
        _cleanup_docker_chain_ DockerChain *d = NULL;
        int r = 0;

        if (*s->bridge && s->mode != FORWARD_NONE)
                r = docker_chain_open(&d);
        if (r >= 0 && d)
                r = docker_chain_let_pass(d, s->network, s->bridge);
        if (r > 0)
                r = undo_add(&s->undo, UNDO_DOCKER, s->bridge);
        if (r >= 0) {
                *ret = strdup(d && d->commands.len > 0 ? d->commands.data : "");
                r = *ret ? 0 : -ENOMEM;
        }
        return r;
}

int rules_load(NetworkStart *s) {
        _cleanup_free_ char *text = NULL, *docker = NULL;
        int r = firewall_rules(s->network, s->bridge, &text, &s->error);

        if (r >= 0)
                r = docker_rules_of(s, &docker);
        return r < 0 ? r : load(s, text, docker);
}

static bool has_any(const char *line, const char *const *marks) {
        for (; *marks; marks++)
                if (strstr(line, *marks))
                        return true;
        return false;
}

/* Deletes the rules of a chain that have one of the marks in their listing. */
static int remove_rules(struct nft_ctx *c, const char *family, const char *table, const char *name,
                        const char *const *marks) {
        _cleanup_free_ char *what = text_format("chain %s %s %s", family, table, name), *chain = NULL;
        _cleanup_strbuf_ StrBuf commands = {};
        char *line, *rest;

        if (!what)
                return -ENOMEM;
        nft_ctx_output_set_flags(c, NFT_CTX_OUTPUT_HANDLE);
        chain = list(c, what);
        for (line = chain ? strtok_r(chain, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
                const char *handle = strstr(line, "# handle ");

                if (has_any(line, marks) && handle)
                        strbuf_addf(&commands, "delete rule %s %s %s handle %s\n", family, table, name,
                                    handle + strlen("# handle "));
        }
        if (commands.len == 0)
                return 0;
        return nft_run_cmd_from_buffer(c, commands.data) != 0 ? -EIO : 0;
}

int rules_leave_docker(const char *bridge) {
        _cleanup_free_ char *comment = comment_of(bridge);
        _cleanup_nft_ struct nft_ctx *c = NULL;

        if (!rules_have_docker())
                return 0;
        c = nft_open();
        if (!c || !comment)
                return -ENOMEM;
        return remove_rules(c, "ip", "filter", "DOCKER-USER", (const char *const[]) { comment, NULL });
}

/* --- what libvirt made --- */

/* With nftables in a table for all its networks, with iptables in chains of its own. */
static const struct { const char *table, *chain; } libvirts[] = {
        { "libvirt_network", "guest_output" }, { "libvirt_network", "guest_input" },
        { "libvirt_network", "guest_cross" },  { "libvirt_network", "guest_nat" },
        { "filter", "LIBVIRT_INP" },           { "filter", "LIBVIRT_OUT" },
        { "filter", "LIBVIRT_FWI" },           { "filter", "LIBVIRT_FWO" },
        { "filter", "LIBVIRT_FWX" },           { "nat", "LIBVIRT_PRT" },
        { "mangle", "LIBVIRT_PRT" },
};

int rules_remove_libvirts(const char *const *marks) {
        static const char *const families[] = { "ip", "ip6" };
        _cleanup_nft_ struct nft_ctx *c = nft_open();
        int r = c ? 0 : -ENOMEM;

        for (size_t f = 0; c && f < ELEMENTSOF(families); f++) {
                _cleanup_free_ char *what = text_format("table %s libvirt_network", families[f]), *table = NULL;

                for (size_t i = 0; r >= 0 && what && i < ELEMENTSOF(libvirts); i++)
                        r = remove_rules(c, families[f], libvirts[i].table, libvirts[i].chain, marks);
                /* the last network takes the table with it */
                table = what ? list(c, what) : NULL;
                if (table && !strstr(table, "iif ") && !strstr(table, "oif ") && !strstr(table, "saddr ")) {
                        _cleanup_free_ char *command = text_format("delete %s\n", what);

                        r = command && nft_run_cmd_from_buffer(c, command) != 0 ? -EIO : r;
                }
        }
        return r;
}

/* --- chains that drop what dnsmasq shall get --- */

/* Does a chain's text speak of the bridge, by name or by pattern, or of the port on any link? A guess: it decides over
 * nothing but a notice. */
static bool lets_pass(const char *text, const char *bridge, const char *port, const char *service) {
        _cleanup_free_ char *name = text_format("\"%s\"", bridge);
        char *copy = strdup(text), *line, *rest;
        bool found = false;

        for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line && !found; line = strtok_r(NULL, "\n", &rest)) {
                bool about_link = (name && strstr(line, name)) || strstr(line, "\"virbr*\"");
                bool about_port = strstr(line, port) || strstr(line, service);

                found = strstr(line, "accept") &&
                        (about_link ? about_port || !strstr(line, "dport") : about_port && !strstr(line, "ifname"));
        }
        free(copy);
        return found;
}

static void name_blocker(NetworkStart *s, struct nft_ctx *c, const char *family, const char *table, const char *chain) {
        static const struct {
                const char *port, *service, *text;
        } ports[] = { { "53", "domain", "53 (DNS)" }, { "67", "bootps", "67 (DHCP)" } };
        _cleanup_free_ char *what = text_format("chain %s %s %s", family, table, chain),
                            *text = what ? list(c, what) : NULL;

        for (size_t i = 0; text && i < ELEMENTSOF(ports); i++)
                if (!lets_pass(text, s->bridge, ports[i].port, ports[i].service))
                        strbuf_addf(&s->notices,
                                    "port %s on %s is blocked by the chain '%s' of the table '%s %s', whose policy is "
                                    "drop\n",
                                    ports[i].text, s->bridge, chain, family, table);
}

typedef struct Blockers {
        NetworkStart *start;
        struct nft_ctx *c;      /* NULL before the first */
} Blockers;

static void look_at_blocker(const char *family, const char *table, const char *chain, void *userdata) {
        Blockers *b = userdata;

        b->c = b->c ?: nft_open();
        if (b->c)
                name_blocker(b->start, b->c, family, table, chain);
}

int rules_name_blockers(NetworkStart *s) {
        _cleanup_netlink_ Netlink *n = NULL;
        Blockers b = { .start = s };

        if (!network_needs_dnsmasq(s->network))
                return 0;
        if (netlink_open_netfilter(&n) >= 0)
                (void) chains_dropping_input(n, look_at_blocker, &b);
        nft_freep(&b.c);
        return 0;
}
