/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Logins by SASL (auth_* = "sasl"): the three procedures, and what a login must fulfil beyond the right password.
 *
 * A login that fails is told to the administrator once, with the address and the cause; the client learns no more than
 * that it failed, and the connection ends. */

#include <fnmatch.h>

#include "base/log.h"
#include "base/strings.h"
#include "server.h"

static bool needs_sasl(const Server *s) {
        for (size_t i = 0; i < s->n_listeners; i++)
                if (s->config.auth[s->listeners[i].kind] == AUTH_SASL)
                        return true;
        return false;
}

int server_load_sasl(Server *s) {
        _cleanup_error_ Error e = ERROR_INIT;
        const SaslModule *module;
        const void *symbol;
        int r;

        if (s->sasl || !needs_sasl(s))
                return 0;
        r = server_load_module(SASL_MODULE_FILE, SASL_MODULE_SYMBOL, &symbol);
        if (r < 0)
                return r;
        module = symbol;
        r = module->init(&e);
        if (r < 0)
                return log_error_errno(r, "%s", error_text(&e, r));
        s->sasl = module;
        return 0;
}

/* Ends the login and the connection; e is what the log gets, if it is filled, and then what the client gets. */
static int refuse(Client *c, Error *e, int r) {
        char peer[CLIENT_PEER_MAX];

        log_notice("client %s is refused: %s", client_peer(c, peer),
                   error_is_set(e) ? e->detail ?: e->message : strerror(-r));
        error_done(e);
        client_drop_login(c);
        link_close_when_drained(c->connection->link);
        return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_AUTH, "see the server's log for the cause");
}

void client_drop_login(Client *c) {
        if (c->login)
                c->login = c->server->sasl->session_free(c->login);
}

static int need_client(Call *call, bool in_login, Client **ret, Error *e) {
        Client *c = call_client(call);

        if (!c || !c->connection->link)
                return -ENOTCONN;
        *ret = c;
        if (c->authenticated || c->auth != AUTH_SASL || !in_login != !c->login)
                return error_set(e, -EINVAL, ERROR_AUTH_FAILED, ORIGIN_AUTH,
                                 "this step of a SASL login is not expected now");
        return 0;
}

static int new_login(Client *c, Error *e) {
        _cleanup_(identity_done) Identity local = IDENTITY_INIT;
        const Transport *t = link_transport(c->connection->link);
        const DaemonConfig *settings = c->server->settings;
        SaslSettings s = {
                .protected = t->kind != TRANSPORT_TCP,
                .min_ssf = settings ? settings->tcp_min_ssf : SASL_MIN_SSF,
        };

        if (!c->server->sasl)
                return error_set(e, -ENOENT, ERROR_AUTH_FAILED, ORIGIN_AUTH, "SASL could not be loaded");
        if (t->kind != TRANSPORT_UNIX) {
                (void) identity_from_local_address(&local, t->fd);
                s.local = local.address;
                s.remote = c->connection->identity.address;
        }
        return c->server->sasl->session_new(&s, &c->login, e);
}

int auth_sasl_init(Call *call, const rpc_void *args, remote_auth_sasl_init_ret *ret, Error *e) {
        const char *mechanisms;
        Client *c;
        int r;

        r = need_client(call, false, &c, e);
        if (r < 0)
                return r;
        r = new_login(c, e);
        if (r >= 0)
                r = c->server->sasl->mechanisms(c->login, &mechanisms, e);
        if (r < 0)
                return refuse(c, e, r);
        ret->mechlist = strdup(mechanisms);
        return ret->mechlist ? 0 : -ENOMEM;
}

static bool is_allowed(char *const *allowed, const char *user) {
        if (!allowed)
                return true;
        for (; *allowed; allowed++)
                if (fnmatch(*allowed, user, 0) == 0)
                        return true;
        return false;
}

/* From the packet after the completing reply on, the mechanism's layer protects the connection. */
static void put_layer(Connection *conn) {
        Client *c = connection_client(conn);
        Transport *t;

        if (c->server->sasl->transport_new(c->login, link_transport(conn->link), &t) < 0) {
                connection_close(conn, -ENOMEM);
                return;
        }
        c->login = NULL;
        link_set_transport(conn->link, t);
}

static int complete(Call *call, Client *c, Error *e) {
        const SaslModule *sasl = c->server->sasl;
        const DaemonConfig *settings = c->server->settings;
        const char *user = sasl->user(c->login);
        bool plain = link_transport(c->connection->link)->kind == TRANSPORT_TCP;
        unsigned strength = sasl->strength(c->login), least = settings ? settings->tcp_min_ssf : SASL_MIN_SSF;
        char *name;

        if (!user)
                return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_AUTH, "the SASL mechanism gives no user's name");
        if (plain && strength < least)
                return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_AUTH,
                                 "encryption of %u bits is less than %u, tcp_min_ssf", strength, least);
        if (settings && !is_allowed(settings->sasl_allowed_username_list, user))
                return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_AUTH,
                                 "user '%s' is not in sasl_allowed_username_list", user);
        name = strdup(user);
        if (!name)
                return -ENOMEM;
        c->connection->identity.sasl_user = name;
        client_authenticated(c);
        if (strength > 0)
                call_after_reply(call, put_layer);
        return 0;
}

/* Both steps have the same answer. */
static int answer(const char *out, unsigned len, int *ret_nil, char **ret_data, unsigned *ret_len) {
        *ret_nil = !out;
        if (!out || len == 0)
                return 0;
        if (len > SASL_DATA_MAX)
                return -EMSGSIZE;
        *ret_data = malloc(len);
        if (!*ret_data)
                return -ENOMEM;
        memcpy(*ret_data, out, len);
        *ret_len = len;
        return 0;
}

static int step(Call *call, Client *c, const char *mech, const char *data, unsigned len, remote_auth_sasl_step_ret *ret,
                Error *e) {
        const char *out;
        unsigned out_len;
        int r;

        r = c->server->sasl->step(c->login, mech, data, len, &out, &out_len, e);
        if (r >= 0) {
                ret->complete = r;
                r = answer(out, out_len, &ret->nil, &ret->data.data_val, &ret->data.data_len);
        }
        if (r >= 0 && ret->complete)
                r = complete(call, c, e);
        return r < 0 ? refuse(c, e, r) : 0;
}

/* "No data" and "empty data" are two things. */
static const char *data_of(int nil, const char *data) {
        return nil ? NULL : data ?: "";
}

int auth_sasl_start(Call *call, const remote_auth_sasl_start_args *args, remote_auth_sasl_start_ret *ret, Error *e) {
        remote_auth_sasl_step_ret same = {};
        Client *c;
        int r;

        r = need_client(call, true, &c, e);
        if (r < 0)
                return r;
        if (c->login_started)
                return refuse(c, e, -EALREADY);
        c->login_started = true;
        r = step(call, c, args->mech, data_of(args->nil, args->data.data_val), args->data.data_len, &same, e);
        *ret = (remote_auth_sasl_start_ret) {
                .complete = same.complete,
                .nil = same.nil,
                .data = { .data_len = same.data.data_len, .data_val = same.data.data_val },
        };
        return r;
}

int auth_sasl_step(Call *call, const remote_auth_sasl_step_args *args, remote_auth_sasl_step_ret *ret, Error *e) {
        Client *c;
        int r;

        r = need_client(call, true, &c, e);
        if (r < 0)
                return r;
        if (!c->login_started)
                return refuse(c, e, -EPROTO);
        return step(call, c, NULL, data_of(args->nil, args->data.data_val), args->data.data_len, ret, e);
}
