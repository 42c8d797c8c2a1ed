/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks of an iSCSI target, to which the kernel logs in by way of iscsid; what it sees there is in sysfs. */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "backend.h"
#include "base/fs.h"
#include "base/strings.h"
#include "storage/tool.h"

#define SESSIONS "/sys/class/iscsi_session"

static const char *target_name(const PoolSpec *s) {
        return s->devices ? s->devices[0] : "";
}

static char *portal_of(const char *host, const char *port) {
        return text_format(strchr(host, ':') && *host != '[' ? "[%s]:%s" : "%s:%s", host, port ?: "3260");
}

/* --- sessions --- */

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

/* "session3" is of the target: its host, and what it is known by. Negative: it is not. */
static int session_look(const char *name, const char *target, unsigned *ret_host, unsigned *ret_sid) {
        _cleanup_free_ char *path = text_format(SESSIONS "/%s/targetname", name), *text = NULL, *link = NULL,
                            *real = NULL;
        const char *number = startswith(name, "session"), *host;

        if (!path || !number || parse_uint(number, ret_sid) < 0 || file_read(path, 4096, &text, NULL) < 0)
                return -ENOENT;
        text[strcspn(text, "\n")] = '\0';
        if (!streq(text, target))
                return -ENOENT;
        link = text_format(SESSIONS "/%s/device", name);
        real = link ? realpath(link, NULL) : NULL;
        host = real ? strstr(real, "/host") : NULL;
        return host && sscanf(host, "/host%u/", ret_host) == 1 ? 0 : -ENOENT;
}

/* Calls func for each session that this machine has with the target, until one fails. The number of them. */
static int each_session(const char *target, int (*func)(unsigned host, unsigned sid, void *userdata), void *userdata) {
        _cleanup_(closedirp) DIR *d = opendir(SESSIONS);
        int n = 0;

        for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d)) {
                unsigned host, sid;
                int r = session_look(entry->d_name, target, &host, &sid);

                if (r < 0)
                        continue;
                r = func ? func(host, sid, userdata) : 0;
                if (r < 0)
                        return r;
                n++;
        }
        return n;
}

/* --- records of nodes, which iscsid reads --- */

typedef struct Node {
        const char *target;
        char *portal;
        char *interface;        /* NULL: the default one */
} Node;

static void node_done(Node *n) {
        free(n->portal);
        free(n->interface);
}

/* An initiator's name is a setting of an interface, so each name has one: the same on every start. */
static char *interface_of(const char *initiator) {
        uint64_t hash = 0xcbf29ce484222325;

        for (const char *p = initiator; *p; p++)
                hash = (hash ^ (unsigned char) *p) * 0x100000001b3;
        return text_format("unitvirt-%016" PRIx64, hash);
}

static int node_init(const PoolSpec *s, Node *ret) {
        *ret = (Node) { .target = target_name(s), .portal = portal_of(s->host ?: "", s->port) };
        if (s->initiator)
                ret->interface = interface_of(s->initiator);
        return ret->portal && (ret->interface || !s->initiator) ? 0 : -ENOMEM;
}

static int node_run(const Node *n, char *const *words, Error *e) {
        _cleanup_strv_ char **argv = NULL;
        const char *const front[] = { "iscsiadm", "--mode", "node", "--portal", n->portal, "--targetname", n->target,
                                      n->interface ? "--interface" : NULL, n->interface, NULL };

        for (const char *const *w = front; *w; w++)
                if (strv_add(&argv, *w) < 0)
                        return -ENOMEM;
        for (; *words; words++)
                if (strv_add(&argv, *words) < 0)
                        return -ENOMEM;
        return tool_run(argv, TOOL_TIMEOUT, NULL, e);
}
#define NODE(n, e, ...) node_run(n, (char *const *) (const char *const[]){ __VA_ARGS__, NULL }, e)

static int node_set(const Node *n, const char *name, const char *value, Error *e) {
        return NODE(n, e, "--op", "update", "--name", name, "--value", value);
}

static int make_interface(const Node *n, const char *initiator, Error *e) {
        int r = 0;

        if (TOOL(TOOL_TIMEOUT, NULL, NULL, "iscsiadm", "--mode", "iface", "--interface", n->interface) < 0)
                r = TOOL(TOOL_TIMEOUT, NULL, e, "iscsiadm", "--mode", "iface", "--interface", n->interface, "--op",
                         "new");
        return r < 0 ? r : TOOL(TOOL_TIMEOUT, NULL, e, "iscsiadm", "--mode", "iface", "--interface", n->interface,
                                "--op", "update", "--name", "iface.initiatorname", "--value", initiator);
}

/* Replaces a word in whatever file below a folder has it. 1 if one had. */
static int replace_below(const char *folder, const char *word, const char *by, unsigned depth) {
        _cleanup_(closedirp) DIR *d = opendir(folder);
        int r = 0;

        for (struct dirent *entry = d ? readdir(d) : NULL; entry && r == 0; entry = readdir(d)) {
                _cleanup_free_ char *path = text_format("%s/%s", folder, entry->d_name), *text = NULL, *new = NULL;
                char *at;

                if (!path || *entry->d_name == '.')
                        continue;
                if (depth > 0)
                        r = replace_below(path, word, by, depth - 1);
                if (r != 0 || file_read(path, 1 << 20, &text, NULL) < 0 || !(at = strstr(text, word)))
                        continue;
                new = text_format("%.*s%s%s", (int) (at - text), text, by, at + strlen(word));
                r = new ? file_write_atomic(path, new, strlen(new), 0600, 0) : -ENOMEM;
                if (new)
                        explicit_bzero(new, strlen(new));
                r = r < 0 ? r : 1;
        }
        return r;
}

/* iscsiadm would have it as an argument, for all to see: it gets a word in its place, and the record is edited. */
static int set_password(const PoolSpec *s, const Node *n, Error *e) {
        static const char *const folders[] = { "/etc/iscsi/nodes", "/var/lib/iscsi/nodes" };
        _cleanup_free_ char *word = NULL;
        uint64_t number;
        int r;

        if (strpbrk(s->password, "\r\n") || strlen(s->password) > 250)
                return error_set(e, -EINVAL, ERROR_INVALID_SECRET, ORIGIN_STORAGE,
                                 "the secret of pool '%s' cannot be a password of iSCSI", s->name);
        if (getrandom(&number, sizeof number, 0) != sizeof number)
                return -EIO;
        word = text_format("unitvirt-%016" PRIx64, number);
        r = word ? node_set(n, "node.session.auth.password", word, e) : -ENOMEM;
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *folder = text_format("%s/%s", folders[i], n->target);

                r = folder ? replace_below(folder, word, s->password, 2) : -ENOMEM;
        }
        if (r == 0)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_STORAGE,
                                 "the record of target '%s' was not found in /etc/iscsi/nodes", n->target);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot write the record of target '%s'", n->target) : 0;
}

static int set_chap(const PoolSpec *s, const Node *n, Error *e) {
        int r = node_set(n, "node.session.auth.authmethod", "CHAP", e);

        if (r >= 0)
                r = node_set(n, "node.session.auth.username", s->auth_user, e);
        return r < 0 ? r : set_password(s, n, e);
}

/* iscsid tries a login again and again, also when nobody waits for it any more: it has to give up before iscsiadm, or
 * there is a session some time after the start has failed. */
static int limit_login(const Node *n, Error *e) {
        int r = node_set(n, "node.session.initial_login_retry_max", "2", e);

        return r < 0 ? r : node_set(n, "node.conn[0].timeo.login_timeout", "15", e);
}

/* What the administrator's record says stays, but for what the definition says. */
static int make_record(const PoolSpec *s, const Node *n, Error *e) {
        int r = n->interface ? make_interface(n, s->initiator, e) : 0;

        if (r >= 0 && NODE(n, NULL, "--op", "show") < 0) {
                r = NODE(n, e, "--op", "new");
                if (r >= 0)
                        r = node_set(n, "node.startup", "manual", e);
                if (r >= 0)
                        r = limit_login(n, e);
        }
        return r >= 0 && s->auth_user ? set_chap(s, n, e) : r;
}

/* --- the pool --- */

#define LOGOUT_TRIES 20

/* A session that is being made cannot be ended ("in invalid state for logout"), until it has been made or not. */
static void give_up(const Node *n) {
        for (unsigned i = 0; i < LOGOUT_TRIES; i++) {
                if (NODE(n, NULL, "--logout") >= 0 || each_session(n->target, NULL, NULL) == 0)
                        return;
                sleep(1);
        }
}

/* A session that is there is used as it is. */
static int start(const PoolSpec *s, Error *e) {
        _cleanup_(node_done) Node n = {};
        int r = node_init(s, &n);

        if (r < 0 || each_session(n.target, NULL, NULL) > 0)
                return r;
        r = make_record(s, &n, e);
        if (r >= 0)
                r = NODE(&n, e, "--login");
        if (r < 0)
                give_up(&n);
        return r;
}

static int stop(const PoolSpec *s, Error *e) {
        _cleanup_(node_done) Node n = {};
        int r = node_init(s, &n);

        return r < 0 || each_session(n.target, NULL, NULL) == 0 ? r : NODE(&n, e, "--logout");
}

static int rescan_session(unsigned host, unsigned sid, void *userdata) {
        _cleanup_free_ char *number = text_format("%u", sid);

        return number ? TOOL(TOOL_TIMEOUT, NULL, userdata, "iscsiadm", "--mode", "session", "--sid", number,
                             "--rescan")
                      : -ENOMEM;
}

static int rescan(const PoolSpec *s, Error *e) {
        int r = each_session(target_name(s), rescan_session, e);

        return MIN(r, 0);
}

typedef struct Found {
        const PoolSpec *spec;
        VolumeTable *table;
        char ***notes;
        Error *error;
} Found;

static int scan_session(unsigned host, unsigned sid, void *userdata) {
        const Found *f = userdata;

        return backend_scan_host(f->spec, host, f->table, f->notes, f->error);
}

static int scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        Found f = { s, t, notes, e };
        int r = each_session(target_name(s), scan_session, &f);

        if (r == 0)
                return error_set(e, -ENOTCONN, ERROR_INTERNAL, ORIGIN_STORAGE,
                                 "there is no session with the iSCSI target '%s'", target_name(s));
        return MIN(r, 0);
}

/* "PORTAL,GROUP IQN" a line. */
static int find_sources(const char *host, char **ret, Error *e) {
        _cleanup_free_ char *output = NULL, *portal = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char *state = NULL, *blank;
        int r;

        if (!host || !*host)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "%s",
                                 "missing <host> in the source of the search");
        portal = portal_of(host, NULL);
        if (!portal)
                return -ENOMEM;
        r = TOOL(TOOL_TIMEOUT, &output, e, "iscsiadm", "--mode", "discovery", "--type", "sendtargets", "--portal",
                 portal, "--op", "nonpersistent");
        if (r < 0)
                return r;
        for (char *line = strtok_r(output, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
                if ((blank = strchr(line, ' ')))
                        strbuf_addf(&b, "host=%s\ndevice=%s\n\n", host, blank + 1);
        *ret = strbuf_take(&b) ?: strdup("");
        return *ret ? 0 : -ENOMEM;
}

const PoolBackend backend_iscsi = {
        .type = POOL_ISCSI,
        .names_are_places = true,
        .start = start,
        .stop = stop,
        .rescan = rescan,
        .scan = scan,
        .find_sources = find_sources,
};
