/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/daemon.h"
#include "config/names.h"
#include "dropin.h"
#include "sockets.h"

/* One daemon's file: what it sets, and the values. */
typedef struct SocketKeys {
        const DaemonName *daemon;
        Conf *conf;
        DaemonConfig *values;
} SocketKeys;

static void socket_keys_done(SocketKeys *k) {
        conf_free(k->conf);
        daemon_config_free(k->values);
}

static bool is_set(const SocketKeys *k, const char *key) {
        return conf_find(k->conf, key);
}

/* 1: there is a file, and it is right. */
static int socket_keys_load(const DaemonName *daemon, SocketKeys *ret) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *path = NULL;
        SocketKeys k = { .daemon = daemon };
        int r;

        path = text_format("%s/%s.conf", path_etc(), daemon->name);
        if (!path)
                return log_oom();
        r = conf_load(path, &k.conf, &e);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = daemon_config_load(daemon->name, path, &k.values, NULL, &e);
        if (r < 0) {
                log_warning("%s: the sockets of %s stay as they are", error_text(&e, r), daemon->name);
                socket_keys_done(&k);
                return 0;
        }
        *ret = k;
        return 1;
}

/* A value for a unit file: "%" is doubled. What no unit file can hold is refused with the key's line. */
static int unit_value(const SocketKeys *k, const char *key, const char *value, const char *chars, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        if (!*value || value[strspn(value, chars)]) {
                log_warning("%s:%u: %s: '%s' cannot be used for a socket unit, ignoring", k->conf->origin,
                            conf_find(k->conf, key)->line, key, value);
                return 0;
        }
        for (const char *c = value; *c; c++)
                strbuf_add(&b, *c == '%' ? "%%" : (char[2]) { *c });
        *ret = strbuf_take(&b);
        return *ret ? 1 : log_oom();
}

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
#define PATH_CHARS NAME_CHARS "/%+@:,="

static int add_group(const SocketKeys *k, StrBuf *b) {
        _cleanup_free_ char *group = NULL;
        int r;

        if (!is_set(k, "unix_sock_group"))
                return 0;
        r = unit_value(k, "unix_sock_group", k->values->unix_sock_group, NAME_CHARS, &group);
        if (r > 0)
                strbuf_addf(b, "SocketGroup=%s\n", group);
        return r;
}

/* With auth_unix_rw = "none" the permissions are all that protects the socket: the shipped mode, made for polkit, would
 * let everybody in. */
static void add_mode(const SocketKeys *k, SocketSuffix s, StrBuf *b) {
        static const char *const keys[] = {
                [SUFFIX_MAIN] = "unix_sock_rw_perms",
                [SUFFIX_RO] = "unix_sock_ro_perms",
                [SUFFIX_ADMIN] = "unix_sock_admin_perms",
        };
        const mode_t modes[] = {
                [SUFFIX_MAIN] = k->values->unix_sock_rw_perms,
                [SUFFIX_RO] = k->values->unix_sock_ro_perms,
                [SUFFIX_ADMIN] = k->values->unix_sock_admin_perms,
        };

        if (is_set(k, keys[s]))
                strbuf_addf(b, "SocketMode=%04o\n", modes[s]);
        else if (s == SUFFIX_MAIN && streq(k->values->auth_unix_rw, "none"))
                strbuf_addf(b, "SocketMode=%04o\n", is_set(k, "unix_sock_group") ? 0660U : 0600U);
}

static int add_folder(const SocketKeys *k, SocketSuffix s, StrBuf *b) {
        _cleanup_free_ char *folder = NULL, *path = NULL;
        int r;

        if (!is_set(k, "unix_sock_dir"))
                return 0;
        r = unit_value(k, "unix_sock_dir", k->values->unix_sock_dir, PATH_CHARS, &folder);
        if (r <= 0)
                return r;
        path = daemon_socket_path(k->daemon, s, folder);
        if (!path)
                return log_oom();
        strbuf_addf(b, "ListenStream=\nListenStream=%s\n", path);
        return 0;
}

static int add_unix(const SocketKeys *k, SocketSuffix s, StrBuf *b) {
        int r;

        r = add_folder(k, s, b);
        if (r >= 0 && s != SUFFIX_ADMIN)
                r = add_group(k, b);
        if (r >= 0)
                add_mode(k, s, b);
        return r;
}

/* systemd takes numbers only, and a generator asks no name server. */
static int add_network(const SocketKeys *k, SocketSuffix s, StrBuf *b) {
        const char *key = s == SUFFIX_TCP ? "tcp_port" : "tls_port";
        const char *port = s == SUFFIX_TCP ? k->values->tcp_port : k->values->tls_port;
        const char *address = is_set(k, "listen_addr") ? k->values->listen_addr : NULL;
        struct in6_addr a;
        unsigned number;

        if (!address && !is_set(k, key))
                return 0;
        if (parse_uint(port, &number) < 0) {
                log_warning("%s:%u: %s: '%s' is not a number, ignoring", k->conf->origin, conf_find(k->conf, key)->line,
                            key, port);
                return 0;
        }
        if (!address)
                strbuf_addf(b, "ListenStream=\nListenStream=%u\n", number);
        else if (inet_pton(AF_INET6, address, &a) == 1)
                strbuf_addf(b, "ListenStream=\nListenStream=[%s]:%u\nFreeBind=yes\n", address, number);
        else if (inet_pton(AF_INET, address, &a) == 1)
                strbuf_addf(b, "ListenStream=\nListenStream=%s:%u\nFreeBind=yes\n", address, number);
        else
                log_warning("%s:%u: listen_addr: '%s' is not an IP address, ignoring", k->conf->origin,
                            conf_find(k->conf, "listen_addr")->line, address);
        return 0;
}

/* listen_tcp and listen_tls: the listener comes with the daemon's main socket. */
static void add_wants(const SocketKeys *k, SocketSuffix s, StrBuf *b) {
        if (s != SUFFIX_MAIN || !daemon_has_socket(k->daemon, SUFFIX_TCP))
                return;
        if (k->values->listen_tcp)
                strbuf_addf(b, "Wants=%s-tcp.socket\n", k->daemon->name);
        if (k->values->listen_tls)
                strbuf_addf(b, "Wants=%s-tls.socket\n", k->daemon->name);
}

static int write_dropin(const SocketKeys *k, SocketSuffix s, const char *unit_dir, const char *unit,
                        const char *socket) {
        _cleanup_free_ char *name = NULL;
        _cleanup_strbuf_ StrBuf b = {};

        name = daemon_socket_unit(k->daemon, s);
        if (!name)
                return log_oom();
        strbuf_addf(&b, "# Made from %s by unitvirt-generator.\n", k->conf->origin);
        if (unit)
                strbuf_addf(&b, "\n[Unit]\n%s", unit);
        if (socket)
                strbuf_addf(&b, "\n[Socket]\n%s", socket);
        return dropin_write(unit_dir, name, "10-unitvirt.conf", &b);
}

static int generate_socket(const SocketKeys *k, SocketSuffix s, const char *unit_dir) {
        _cleanup_strbuf_ StrBuf unit = {}, socket = {};
        int r;

        add_wants(k, s, &unit);
        r = s == SUFFIX_TCP || s == SUFFIX_TLS ? add_network(k, s, &socket) : add_unix(k, s, &socket);
        if (r < 0)
                return r;
        if (unit.failed || socket.failed)
                return log_oom();
        if (!unit.len && !socket.len)
                return 0;
        return write_dropin(k, s, unit_dir, unit.data, socket.data);
}

int sockets_generate(const char *unit_dir) {
        int r, first = 0;

        for (size_t i = 0; i < n_daemon_names; i++) {
                _cleanup_(socket_keys_done) SocketKeys k = {};

                r = socket_keys_load(&daemon_names[i], &k);
                if (r < 0)
                        first = first ?: r;
                if (r <= 0)
                        continue;
                for (SocketSuffix s = 0; s < _SUFFIX_MAX; s++)
                        if (daemon_has_socket(k.daemon, s)) {
                                r = generate_socket(&k, s, unit_dir);
                                first = first ?: r;
                        }
        }
        return first;
}
