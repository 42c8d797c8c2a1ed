/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The server's side of connections, for the program that holds the drivers.
 *
 * A Connection cuts its packets by a Link, answers keepalive and streams itself
 * and asks its ops about each call; the program decides who answers and says so
 * with call_start() or connection_reply_error(). */

#include "rpc/driver.h"
#include "loop/fiber.h"
#include "rpc/link.h"
#include "rpc/stream.h"

/* A driver in this process. */
typedef struct DriverInstance {
        const Driver *driver;
        DriverHost *host;
        void *state;
        bool started;
        FiberLock lock;         /* held while it starts or reloads */
        const RpcHandler **remote;      /* by procedure number of the remote program */
} DriverInstance;

int driver_instance_new(const Driver *d, DriverHost *host, DriverInstance **ret);
/* Stops the driver. */
DriverInstance *driver_instance_free(DriverInstance *i);
DEFINE_CLEANUP(DriverInstance *, driver_instance_free);
/* Starts it unless that is done; within a fiber. After a failure the next call tries again. */
int driver_instance_start(DriverInstance *i, Error *e);
int driver_instance_reload(DriverInstance *i, Error *e);
const RpcHandler *driver_instance_handler(const DriverInstance *i, uint32_t program, int32_t number);

typedef struct ConnectionOps {
        /* A call (type call or call with fds). As LinkOps.packet; connection_count_call() says whether it may start
         * now. */
        int (*call)(Connection *c, Packet *p);
        /* Access control, for connections that are "controlled": may the caller do "object:permission" to the object
         * described by details (pairs)? 1 yes, 0 no, negative errno with e. Within a fiber. */
        int (*access)(Connection *c, const char *object, const char *permission, const char *const *details, Error *e);
        /* One call less is in work; n_calls_total is the connection's. May be NULL. */
        void (*call_ended)(size_t *n_calls_total);
        /* A packet that is for nobody here, such as a stream's of a forwarded call. May be NULL. */
        int (*other)(Connection *c, Packet *p);
        /* The same of a payload that could pass, or has passed, unread: see LinkOps. May be NULL. */
        PipeEnd *(*other_pipe)(Connection *c, const PacketHeader *h, size_t len);
        void (*other_moved)(Connection *c, const PacketHeader *h, size_t len);
        /* See LinkOps; drained() and part() may be NULL. */
        int (*ready)(Connection *c);
        void (*part)(Connection *c, bool waiting);
        void (*drained)(Connection *c);
        void (*closed)(Connection *c, int r);
} ConnectionOps;

struct Connection {
        unsigned n_ref;
        uint64_t id;
        uint64_t since;         /* seconds since the epoch */
        Loop *loop;
        Link *link;             /* NULL once closed */
        const ConnectionOps *ops;
        void *userdata;
        EventHub *events;
        Identity identity;      /* of the socket's peer */
        Identity *real;         /* of the caller behind a forwarding daemon, or NULL */
        bool readonly;
        bool controlled;        /* ops->access() is asked */
        bool filtering;         /* a fiber works on the next */
        struct HeldEvent *held;
        size_t n_held;
        unsigned n_calls;       /* in work */
        size_t *n_calls_total;  /* of all connections, or NULL */
        unsigned max_calls;     /* then no more packets are taken */
        unsigned n_streams;
        bool moves_other;       /* the payload that passes unread is not of one of these */
        struct Stream *streams;
        struct {
                const Driver *driver;
                void *data;
        } data[_DRIVER_CLASS_MAX];
        int next_callback;
        int keepalive_interval; /* seconds; 0: off */
        unsigned keepalive_count;
        unsigned keepalive_missed;
        bool heard;             /* a packet came since the last tick */
        sd_event_source *keepalive;
};

/* Takes the transport, also on failure. id and since are given; one reference is the caller's. */
int connection_new(Loop *loop, Transport *t, const ConnectionOps *ops, void *userdata, EventHub *events,
                   Connection **ret);
Connection *connection_ref(Connection *c);
Connection *connection_unref(Connection *c);
DEFINE_CLEANUP(Connection *, connection_unref);
/* Pings from the next interval on. */
int connection_start_keepalive(Connection *c, int interval, unsigned count);
/* Who calls: on connections of a forwarding daemon the client behind it. */
static inline const Identity *connection_caller(const Connection *c) {
        return c->real ?: &c->identity;
}
/* Counts a call that is in work, and no longer is: then the packets that waited are offered again. */
void connection_call_began(Connection *c);
void connection_call_ended(Connection *c);
static inline bool connection_is_full(const Connection *c) {
        return c->n_calls >= c->max_calls;
}

/* Answers a call without a handler. */
void connection_reply_error(Connection *c, const PacketHeader *call, int r, const Error *e);
/* Answers a call with results; codec's failure becomes an error reply. */
void connection_reply(Connection *c, const PacketHeader *call, xdrproc_t codec, const void *ret);
/* Sends a message (type 2) of len bytes, unless the peer has far too much waiting already: then it is given up. */
void connection_send_event(Connection *c, uint32_t program, int32_t procedure, const void *body, size_t len);

/* Decodes the arguments and runs the handler in a fiber. Always answers. */
void call_start(Connection *c, Packet *p, const RpcProcedure *procedure, const RpcHandler *handler,
                DriverInstance *driver);
/* For a handler that succeeds: what to do when its reply has been appended, unless the client has gone. */
void call_after_reply(Call *c, void (*func)(Connection *c));
/* The header of the call, for handlers that pass it on. */
const PacketHeader *call_header(const Call *c);

/* Streams, for connection.c and call.c. */
int call_set_stream(Call *c, Stream *s);
void stream_begin(Stream *s);
void stream_drop(Stream *s);
int connection_stream_packet(Connection *c, Packet *p);
/* See StreamOps. */
PipeEnd *connection_stream_pipe(Connection *c, const PacketHeader *h, size_t len);
void connection_stream_unpiped(Connection *c, const PacketHeader *h, size_t left);
void connection_streams_drained(Connection *c);
void connection_streams_drop(Connection *c);

/* Events. */
/* Sends an event about an object once the access control has let it through. */
int connection_filter_event(Connection *c, const EventObject *object, uint32_t program, int32_t procedure,
                            const void *body, size_t len);
void connection_drop_held(Connection *c);
int event_hub_new(EventHub **ret);
EventHub *event_hub_free(EventHub *h);
DEFINE_CLEANUP(EventHub *, event_hub_free);

typedef enum EventStyle {
        EVENT_NEW_STYLE,
        EVENT_OLD_STYLE,
} EventStyle;

/* Registers a connection for an event, for one object (NULL: for all). -EINVAL for an id that the class does
 * not have in that style. Returns the callback's number. */
int event_register(EventHub *h, Connection *c, EventClass class, EventStyle style, int id, const void *object,
                   const char *name);
/* For events of the monitor, flags of virConnectDomainQemuMonitorEventRegister: 1 name is a regular expression, 2
 * ignore case. */
int event_register_monitor(EventHub *h, Connection *c, const void *object, const char *name, unsigned flags);
/* -ENOENT where there is none. */
int event_unregister(EventHub *h, Connection *c, EventClass class, int callback);
int event_unregister_old(EventHub *h, Connection *c, int id);
void event_unregister_all(EventHub *h, Connection *c);
