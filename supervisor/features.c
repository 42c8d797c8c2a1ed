/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Features: numbers that clients ask about before they use something. Those of the protocol are rows here; the others
 * are the driver's to answer, wherever it is. */

#include "server.h"
#include "upstream.h"

static int always(Connection *conn, const Client *c) {
        return 1;
}

static int passes_fds(Connection *conn, const Client *c) {
        return link_can_pass_fds(conn->link);
}

/* Whoever asks answers pings too. */
static int has_keepalive(Connection *conn, const Client *c) {
        int r;

        r = connection_start_keepalive(conn, c->server->config.limits[c->service].keepalive_interval,
                                       c->server->config.limits[c->service].keepalive_count);
        return r < 0 ? r : 1;
}

/* As libvirt numbers them. Whether it is there, or negative errno. */
static const struct {
        int number;
        bool opened;    /* only once the connection is */
        int (*answer)(Connection *conn, const Client *c);
} features[] = {
        { 8, false, passes_fds },       /* descriptors over UNIX sockets */
        { 9, true, always },            /* strings among typed parameters */
        { 10, false, has_keepalive },
        { 14, false, always },          /* events are registered by number and object */
        { 15, false, always },          /* a callback when the connection ends */
        { 16, true, always },           /* virNetworkUpdate() has its arguments in the right order */
};

static int driver_feature(Call *call, const remote_connect_supports_feature_args *args,
                          remote_connect_supports_feature_ret *ret, Error *e) {
        const Client *c = call_client(call);
        const Target *t = &c->target[c->primary->class];

        if (!t->here)
                return upstream_ask(call, c->primary->class, REMOTE_PROC_CONNECT_SUPPORTS_FEATURE,
                                    &remote_codec_CONNECT_SUPPORTS_FEATURE, args, ret, e);
        if (t->here->driver->supports_feature)
                ret->supported = t->here->driver->supports_feature(t->here->state, args->feature);
        return 0;
}

int connect_supports_feature(Call *call, const remote_connect_supports_feature_args *args,
                             remote_connect_supports_feature_ret *ret, Error *e) {
        Client *c;
        int r;

        r = call_need_client(call, &c);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(features); i++)
                if (features[i].number == args->feature && (c->opened || !features[i].opened)) {
                        r = features[i].answer(call_connection(call), c);
                        ret->supported = r > 0;
                        return MIN(r, 0);
                }
        if (!c->opened)
                return error_set(e, -ENOTCONN, ERROR_INTERNAL, ORIGIN_RPC, "connection not open");
        return driver_feature(call, args, ret, e);
}
