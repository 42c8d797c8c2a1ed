/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of the daemons' configuration files. Names, types and defaults are
 * those that libvirt documents, since these files are the users'. */

#include "base/fs.h"
#include "base/log-route.h"
#include "base/strings.h"
#include "config/daemon.h"
#include "config/table.h"

enum {
        COMMON = 1U << 0,  /* every daemon */
        DRIVER = 1U << 1,  /* all but virtlogd and virtlockd */
        NETWORK = 1U << 2, /* libvirtd and virtproxyd */
        LOGD = 1U << 3,
};

#define AT(member) offsetof(DaemonConfig, member)
#define LIMITS(prefix, member, where, least, most, queue)                                                     \
        { prefix "min_workers", CONF_UINT, AT(member.min_workers), least, .groups = where },                  \
        { prefix "max_workers", CONF_UINT, AT(member.max_workers), most, .groups = where },                  \
        { prefix "max_queued_clients", CONF_UINT, AT(member.max_queued_clients), queue, .groups = where }, \
        { prefix "max_client_requests", CONF_UINT, AT(member.max_client_requests), "5", NULL, 1, 65536, where }, \
        { prefix "keepalive_interval", CONF_INT, AT(member.keepalive_interval), "5", .groups = where },     \
        { prefix "keepalive_count", CONF_UINT, AT(member.keepalive_count), "5", .groups = where },          \
        { prefix "keepalive_required", CONF_BOOL, CONF_NOWHERE, .groups = where }

static const ConfKey keys[] = {
        { "listen_tls", CONF_BOOL, AT(listen_tls), .groups = NETWORK },
        { "listen_tcp", CONF_BOOL, AT(listen_tcp), .groups = NETWORK },
        { "tls_port", CONF_PORT, AT(tls_port), "16514", .groups = NETWORK },
        { "tcp_port", CONF_PORT, AT(tcp_port), "16509", .groups = NETWORK },
        { "listen_addr", CONF_STRING, AT(listen_addr), .groups = NETWORK },
        { "auth_tcp", CONF_STRING, AT(auth_tcp), "sasl", "none sasl", .groups = NETWORK },
        { "auth_tls", CONF_STRING, AT(auth_tls), "none", "none sasl", .groups = NETWORK },
        { "tcp_min_ssf", CONF_UINT, AT(tcp_min_ssf), "56", NULL, 0, 65536, NETWORK },
        { "key_file", CONF_STRING, AT(key_file), .groups = NETWORK },
        { "cert_file", CONF_STRING, AT(cert_file), .groups = NETWORK },
        { "key_files", CONF_LIST, AT(key_files), .groups = NETWORK },
        { "cert_files", CONF_LIST, AT(cert_files), .groups = NETWORK },
        { "ca_file", CONF_STRING, AT(ca_file), .groups = NETWORK },
        { "crl_file", CONF_STRING, AT(crl_file), .groups = NETWORK },
        { "tls_no_verify_certificate", CONF_BOOL, AT(tls_no_verify_certificate), .groups = NETWORK },
        { "tls_no_sanity_certificate", CONF_BOOL, AT(tls_no_sanity_certificate), .groups = NETWORK },
        { "tls_allowed_dn_list", CONF_LIST, AT(tls_allowed_dn_list), .groups = NETWORK },
        { "tls_priority", CONF_STRING, AT(tls_priority), .groups = NETWORK },

        { "unix_sock_group", CONF_STRING, AT(unix_sock_group), .groups = DRIVER },
        { "unix_sock_ro_perms", CONF_MODE, AT(unix_sock_ro_perms), "0777", .groups = DRIVER },
        { "unix_sock_rw_perms", CONF_MODE, AT(unix_sock_rw_perms), "0777", .groups = DRIVER },
        { "unix_sock_admin_perms", CONF_MODE, AT(unix_sock_admin_perms), "0700", .groups = DRIVER },
        { "unix_sock_dir", CONF_STRING, AT(unix_sock_dir), "/run/libvirt", .groups = DRIVER },
        { "auth_unix_ro", CONF_STRING, AT(auth_unix_ro), "polkit", "none sasl polkit", .groups = DRIVER },
        { "auth_unix_rw", CONF_STRING, AT(auth_unix_rw), "polkit", "none sasl polkit", .groups = DRIVER },
        { "access_drivers", CONF_LIST, AT(access_drivers), .groups = DRIVER },
        { "sasl_allowed_username_list", CONF_LIST, AT(sasl_allowed_username_list), .groups = DRIVER },

        LIMITS("", limits, DRIVER, "5", "20", "1000"),
        LIMITS("admin_", admin, DRIVER, "5", "20", "20"),
        { "prio_workers", CONF_UINT, AT(limits.prio_workers), "5", .groups = DRIVER },
        { "max_clients", CONF_UINT, AT(limits.max_clients), "5000", NULL, 1, 1000000, COMMON },
        { "max_anonymous_clients", CONF_UINT, AT(limits.max_anonymous_clients), "20", NULL, 1, 1000000, DRIVER },
        { "admin_max_clients", CONF_UINT, AT(admin.max_clients), "5000", NULL, 1, 1000000, COMMON },

        { "log_level", CONF_UINT, AT(log_level), "3", NULL, 1, 4, COMMON },
        { "log_filters", CONF_STRING, AT(log_filters), .groups = COMMON },
        { "log_outputs", CONF_STRING, AT(log_outputs), .groups = COMMON },
        { "log_buffer_size", CONF_UINT, CONF_NOWHERE, .groups = COMMON },
        { "audit_level", CONF_UINT, AT(audit_level), "1", NULL, 0, 2, DRIVER },
        { "audit_logging", CONF_BOOL, AT(audit_logging), .groups = DRIVER },
        { "host_uuid", CONF_STRING, AT(host_uuid), .groups = DRIVER },
        { "host_uuid_source", CONF_STRING, AT(host_uuid_source), "smbios", "smbios machine-id", .groups = DRIVER },
        { "ovs_timeout", CONF_UINT, AT(ovs_timeout), "5", .groups = DRIVER },

        { "max_size", CONF_SIZE, AT(max_size), "2097152", .groups = LOGD },
        { "max_backups", CONF_UINT, AT(max_backups), "3", .groups = LOGD },
        { "max_age_days", CONF_UINT, AT(max_age_days), .groups = LOGD },
        { "log_root", CONF_STRING, AT(log_root), "/var/log/libvirt", .groups = LOGD },
};

static unsigned daemon_groups(const char *daemon) {
        if (streq(daemon, "libvirtd") || streq(daemon, "virtproxyd"))
                return COMMON | DRIVER | NETWORK;
        if (streq(daemon, "virtlogd"))
                return COMMON | LOGD;
        if (streq(daemon, "virtlockd"))
                return COMMON;
        return COMMON | DRIVER;
}

/* What one key alone cannot tell. */
static int check_together(const DaemonConfig *c, Error *e) {
        const char *wrong = NULL;

        if (c->limits.min_workers > c->limits.max_workers)
                wrong = "min_workers is larger than max_workers";
        else if (c->admin.min_workers > c->admin.max_workers)
                wrong = "admin_min_workers is larger than admin_max_workers";
        else if ((c->cert_files && c->cert_file) || (c->key_files && c->key_file))
                wrong = "cert_file and key_file are not set together with cert_files and key_files";
        else if (strv_length(c->cert_files) != strv_length(c->key_files))
                wrong = "each of cert_files needs its own of key_files";
        else if (c->unix_sock_dir && c->unix_sock_dir[0] != '/')
                wrong = "unix_sock_dir is not an absolute path";
        for (char **l = c->access_drivers; l && *l && !wrong; l++)
                if (!streq(*l, "polkit") && !streq(*l, "none"))
                        wrong = "access_drivers knows \"polkit\" and \"none\"";
        return wrong ? error_set(e, -EINVAL, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s: %s", c->path, wrong) : 0;
}

/* Words that have a syntax of their own. */
static int check_log(const DaemonConfig *c, const Conf *conf, Error *e) {
        static const struct {
                const char *key;
                int (*parse)(const char *text, LogRules *ret, const char **ret_why);
        } checks[] = { { "log_filters", log_filters_parse }, { "log_outputs", log_outputs_parse } };

        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                const ConfEntry *entry = conf_find(conf, checks[i].key);
                _cleanup_(log_rules_done) LogRules rules = {};
                const char *why;
                int r;

                r = entry && entry->type == CONF_VALUE_STRING ? checks[i].parse(entry->text, &rules, &why) : 0;
                if (r == -EINVAL)
                        return error_set(e, r, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s:%u: %s: %s", c->path, entry->line,
                                         entry->key, why);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int config_new(const char *daemon, const char *path, DaemonConfig **ret) {
        _cleanup_(daemon_config_freep) DaemonConfig *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->path = strdup(path);
        if (!c->path)
                return -ENOMEM;
        r = conf_table_init(keys, ELEMENTSOF(keys), c);
        if (r < 0)
                return r;
        /* Guests' logs and locks: few clients, each a long-lived one. */
        if (!(daemon_groups(daemon) & DRIVER))
                c->limits.max_clients = 1024;
        c->admin.max_anonymous_clients = c->admin.max_clients;
        *ret = TAKE_PTR(c);
        return 0;
}

static int config_from(const char *daemon, const Conf *conf, const char *origin, DaemonConfig **ret,
                       char ***warnings, Error *e) {
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
        int r;

        r = config_new(daemon, origin, &c);
        if (r < 0)
                return r;
        if (conf) {
                r = conf_table_apply(keys, ELEMENTSOF(keys), daemon_groups(daemon), conf, c, warnings, e);
                if (r < 0)
                        return r;
                r = check_together(c, e);
                if (r >= 0)
                        r = check_log(c, conf, e);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

int daemon_config_parse(const char *daemon, const char *text, size_t len, const char *origin, DaemonConfig **ret,
                        char ***warnings, Error *e) {
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r;

        r = conf_parse(text, len, origin, &conf, e);
        if (r < 0)
                return r;
        return config_from(daemon, conf, origin, ret, warnings, e);
}

int daemon_config_load(const char *daemon, const char *path, DaemonConfig **ret, char ***warnings, Error *e) {
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_free_ char *own = NULL;
        int r;

        if (!path) {
                own = text_format("%s/%s.conf", path_etc(), daemon);
                if (!own)
                        return -ENOMEM;
                r = conf_load(own, &conf, e);
                if (r < 0 && r != -ENOENT)
                        return r;
        } else {
                r = conf_load(path, &conf, e);
                if (r == -ENOENT)
                        return error_set_errno(e, r, ORIGIN_CONF, "cannot read %s", path);
                if (r < 0)
                        return r;
        }
        return config_from(daemon, conf, path ?: own, ret, warnings, e);
}

DaemonConfig *daemon_config_free(DaemonConfig *c) {
        if (!c)
                return NULL;
        conf_table_done(keys, ELEMENTSOF(keys), c);
        free(c->path);
        free(c);
        return NULL;
}
