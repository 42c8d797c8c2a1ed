/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From the daemon's configuration file to what the server goes by. */

#include "base/log-route.h"
#include "base/log.h"
#include "base/strings.h"
#include "server.h"

static void set_auth(ServerConfig *config, SocketKind kind, const char *word) {
        static const char *const words[] = { [AUTH_NONE] = "none", [AUTH_SASL] = "sasl", [AUTH_POLKIT] = "polkit" };

        for (size_t i = 0; word && i < ELEMENTSOF(words); i++)
                if (streq(word, words[i]))
                        config->auth[kind] = (AuthMethod) i;
}

static void set_limits(ServerConfig *config, ServiceKind kind, const DaemonLimits *l) {
        config->limits[kind].max_clients = l->max_clients;
        if (l->max_client_requests == 0)
                return; /* a daemon whose file has no more than max_clients */
        config->limits[kind].max_anonymous_clients = l->max_anonymous_clients;
        config->limits[kind].max_client_requests = l->max_client_requests;
        config->limits[kind].keepalive_interval = l->keepalive_interval;
        config->limits[kind].keepalive_count = l->keepalive_count;
}

/* A log that cannot be written as wished is written as ever. */
static void set_log(const char *program, const DaemonConfig *c) {
        _cleanup_error_ Error e = ERROR_INIT;
        unsigned level = log_max_level() >= LOG_DEBUG ? 1 : c->log_level;
        int r;

        r = log_route(program, level, c->log_filters, c->log_outputs, &e);
        if (r >= 0)
                return;
        log_error_errno(r, "%s: %s", c->path, error_text(&e, r));
        (void) log_route(program, level, c->log_filters, NULL, NULL);
}

void server_configure(Server *s, DaemonConfig *c) {
        set_auth(&s->config, SOCKET_MAIN, c->auth_unix_rw);
        set_auth(&s->config, SOCKET_RO, c->auth_unix_ro);
        set_auth(&s->config, SOCKET_TCP, c->auth_tcp);
        set_auth(&s->config, SOCKET_TLS, c->auth_tls);
        set_limits(&s->config, SERVICE_MAIN, &c->limits);
        set_limits(&s->config, SERVICE_ADMIN, &c->admin);
        s->config.fine_access = strv_contains(c->access_drivers, "polkit");
        if (s->config.fine_access && server_is_proxy(s))
                log_notice("%s: access_drivers is for what %s answers by itself; the daemons behind it go by their own "
                           "files",
                           c->path, s->host.daemon);
        set_log(s->host.daemon, c);
        daemon_config_free(s->settings);
        s->settings = c;
}

int server_load_config(const char *name, const char *path, DaemonConfig **ret) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = daemon_config_load(name, path, ret, &warnings, &e);
        for (char **w = warnings; w && *w; w++)
                log_warning("%s", *w);
        if (r < 0)
                return log_error_errno(r, "%s", error_text(&e, r));
        return 0;
}
