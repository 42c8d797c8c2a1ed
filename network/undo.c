/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "undo.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "network/shape.h"
#include "notify.h"
#include "start.h"

#define LIST_MAX 65536U

static const char *const words[_UNDO_KIND_MAX] = {
        [UNDO_BRIDGE] = "bridge", [UNDO_DNSMASQ] = "dnsmasq", [UNDO_DOCKER] = "docker",
        [UNDO_ZONE] = "zone",     [UNDO_RULES] = "rules",     [UNDO_LIMIT] = "limit",
        [UNDO_MANAGERS] = "managers",
};

int undo_open(const char *network, bool again, UndoList *ret) {
        UndoList u = { .path = network_file(NETWORK_FILE_UNDO, network), .fd = -EBADF };

        if (!u.path)
                return -ENOMEM;
        u.fd = open(u.path, O_WRONLY | O_CREAT | (again ? 0 : O_TRUNC) | O_APPEND | O_CLOEXEC, 0600);
        if (u.fd < 0) {
                PROTECT_ERRNO;
                free(u.path);
                return -errno;
        }
        *ret = u;
        return 0;
}

void undo_close(UndoList *u) {
        if (u->path && u->fd >= 0)
                close(u->fd);
        free(u->path);
        *u = (UndoList) { .fd = -EBADF };
}

int undo_add(UndoList *u, UndoKind kind, const char *what) {
        _cleanup_free_ char *line = text_format("%s %s\n", words[kind], what);

        return line ? write_all(u->fd, line, strlen(line)) : -ENOMEM;
}

/* --- the end --- */

typedef struct Undo {
        const char *network;
        int notify_fd;
} Undo;

/* A bridge that somebody else has made since, under this name, is not ours. */
static int undo_bridge(const Undo *u, const char *what) {
        _cleanup_netlink_ Netlink *links = NULL;
        _cleanup_free_ char *name = strndup(what, strcspn(what, " "));
        const char *mac = strchr(what, ' ');
        uint8_t bytes[6];
        LinkFacts facts;
        int r;

        if (!name)
                return -ENOMEM;
        if (!mac || mac_parse(mac + 1, bytes) < 0)
                return -EBADMSG;
        r = netlink_open(&links);
        if (r >= 0)
                r = link_read(links, name, &facts);
        if (r >= 0 && streq(facts.kind, "bridge") && memcmp(facts.mac, bytes, sizeof bytes) == 0)
                r = link_delete(links, name);
        return r == -ENODEV ? 0 : r;
}

static int undo_dnsmasq(const Undo *u, const char *what) {
        return dhcp_stop(u->network);
}

static int undo_docker(const Undo *u, const char *what) {
        return rules_leave_docker(what);
}

static int undo_zone(const Undo *u, const char *what) {
        return bus_remove_from_zone(what);
}

static int undo_limit(const Undo *u, const char *what) {
        const char *inbound = startswith(what, "inbound "), *outbound = startswith(what, "outbound ");
        _cleanup_netlink_ Netlink *links = NULL;
        int r = netlink_open(&links);

        if (r < 0)
                return r;
        r = inbound ? shape_egress(links, inbound, NULL) : outbound ? shape_ingress(links, outbound, NULL) : -EBADMSG;
        return r == -ENODEV || r == -EOPNOTSUPP ? 0 : r;
}

static int undo_managers(const Undo *u, const char *what) {
        return managers_let_go(what);
}

static int undo_rules(const Undo *u, const char *what) {
        return rules_drop(u->notify_fd);
}

static int (*const functions[_UNDO_KIND_MAX])(const Undo *u, const char *what) = {
        [UNDO_BRIDGE] = undo_bridge, [UNDO_DNSMASQ] = undo_dnsmasq, [UNDO_DOCKER] = undo_docker,
        [UNDO_ZONE] = undo_zone,     [UNDO_RULES] = undo_rules,     [UNDO_LIMIT] = undo_limit,
        [UNDO_MANAGERS] = undo_managers,
};

static int undo_line(const Undo *u, const char *line) {
        size_t n = strcspn(line, " ");

        for (UndoKind k = 0; k < _UNDO_KIND_MAX; k++)
                if (strlen(words[k]) == n && strncmp(line, words[k], n) == 0) {
                        int r = functions[k](u, line[n] ? line + n + 1 : "");

                        return r < 0 ? log_error_errno(r, "cannot undo \"%s\" of the network '%s': %s", line,
                                                       u->network, strerror(-r))
                                     : 0;
                }
        log_warning("do not know how to undo \"%s\" of the network '%s', ignoring", line, u->network);
        return 0;
}

int undo_run(const char *network, int notify_fd) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_UNDO, network), *text = NULL;
        Undo u = { .network = network, .notify_fd = notify_fd };
        size_t len = 0;
        int r, first = 0;

        if (!path)
                return -ENOMEM;
        r = file_read(path, LIST_MAX, &text, &len);
        if (r < 0)
                return r == -ENOENT ? 0 : log_error_errno(r, "cannot read %s: %s", path, strerror(-r));
        /* from the end: each line loses its line feed, and a last one without it was not written whole */
        while (len > 0) {
                char *line;

                if (text[len - 1] == '\n')
                        text[--len] = 0;
                line = memrchr(text, '\n', len);
                line = line ? line + 1 : text;
                r = *line ? undo_line(&u, line) : 0;
                first = first < 0 ? first : r;
                len = (size_t) (line - text);
        }
        /* what could not be undone may be so when it is tried once more: by the clean-up, or by the next start */
        if (first >= 0)
                (void) unlink(path);
        return first;
}
