/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon: listeners, clients, drivers, and what keeps it alive.
 *
 * Every daemon of libvirt's (virtqemud, libvirtd, virtproxyd ...) is this one
 * with another name and other drivers. The socket that a client arrived on
 * decides what it may do. */

#include "base/error.h"
#include "config/daemon.h"
#include "rpc/sasl.h"
#include "rpc/server.h"
#include "rpc/tls.h"

/* A driver by the name that --drivers takes, which is the scheme of its URIs too. */
typedef struct KnownDriver {
        const char *name;
        DriverClass class;
        const char *title;      /* as it calls itself to clients and to polkit; NULL: as its name */
        const Driver *driver;   /* linked in; NULL: in a module. Where there is none, it is not installed, and its
                                 * procedures are refused by name */
} KnownDriver;

static inline const char *known_driver_title(const KnownDriver *k) {
        return k->title ?: k->name;
}

/* Who answers the calls of a class on a connection. */
typedef struct Target {
        const KnownDriver *driver;      /* NULL: nobody, or what every daemon has (administration) */
        DriverInstance *here;           /* this process; NULL: the daemon that is called after the driver */
} Target;

/* Clients compare this with what they need: every procedure of libvirt 12.8.0 has its place in the protocol's table,
 * and what is not implemented says so. */
#define LIB_VERSION (12U * 1000000U + 8U * 1000U)

typedef enum SocketKind {
        SOCKET_MAIN,    /* read-write, UNIX */
        SOCKET_RO,
        SOCKET_ADMIN,
        SOCKET_TCP,
        SOCKET_TLS,
        _SOCKET_KIND_MAX,
} SocketKind;

/* As auth_list numbers them. */
typedef enum AuthMethod {
        AUTH_NONE = 0,
        AUTH_SASL = 1,
        AUTH_POLKIT = 2,
} AuthMethod;

/* Defaults are libvirt's; configuration files change them before the first client. */
typedef struct ServerConfig {
        bool fine_access;       /* access_drivers = [ "polkit" ] */
        AuthMethod auth[_SOCKET_KIND_MAX];
        struct {
                unsigned max_clients;
                unsigned max_anonymous_clients;
                unsigned max_client_requests;
                unsigned max_calls;     /* of all clients at once; 0: as many as there are fibers */
                int keepalive_interval;
                unsigned keepalive_count;
        } limits[2]; /* by ServiceKind */
} ServerConfig;

/* What virt-admin calls a server: the clients of the main sockets, and those of the admin socket. */
typedef enum ServiceKind {
        SERVICE_MAIN,
        SERVICE_ADMIN,
} ServiceKind;

typedef struct Service {
        const char *name;
        size_t n_clients;
        size_t n_anonymous[2];  /* not authenticated yet: local ones, and those from afar */
        bool paused;            /* no more clients are accepted */
        size_t n_calls;         /* in work, of clients that have gone too */
        unsigned n_waiting;     /* clients whose next call waits until there are fewer */
        struct Server *server;
        Deferred resume;        /* lets them try again */
        uint64_t full_told;     /* when it was last told that a client's calls wait; microseconds, 0: never */
} Service;

typedef struct Server Server;
typedef struct Client Client;

typedef struct Listener {
        Server *server;
        SocketKind kind;
        int fd;
        sd_event_source *source;
        sd_event_source *retry; /* accepts again, while too many are not authenticated */
        bool starved;           /* of descriptors, and that was told */
        char *path;             /* to remove at the end, where we made it */
} Listener;

/* What clients of one user may have waiting in memory of packets that are not whole yet. */
typedef struct UserBudget {
        uid_t uid;
        LinkBudget budget;      /* within the server's */
        struct UserBudget *next;
} UserBudget;

/* A descriptor that an earlier process left with systemd. */
typedef struct StoredFd {
        char *name;
        int fd;                 /* -EBADF: taken */
} StoredFd;

struct Server {
        Loop *loop;
        EventHub *events;
        DriverHost host;
        ServerConfig config;
        DaemonConfig *settings;         /* the file behind config; NULL: none was read */
        const TlsModule *tls;           /* loaded where there is a TLS listener */
        TlsCredentials *tls_credentials; /* NULL: TLS clients are refused */
        bool tls_expired;               /* and that was told */
        const SaslModule *sasl;         /* loaded where a listener demands it; NULL: such clients are refused */
        const KnownDriver *known;
        size_t n_known;
        DriverInstance **drivers;       /* those this process holds, each at its place in known; NULL for the others */
        unsigned wanted;                /* bits of places in known that are this daemon's, installed or not */
        DriverInstance *admin;
        DriverInstance *builtin;        /* what the RPC layer answers itself */
        DriverInstance *node;           /* the host's facts, on connections to a hypervisor */
        DriverInstance *registrations;  /* for events */
        Service services[2];
        Listener *listeners;
        size_t n_listeners;
        Client *clients;
        uint64_t next_client;
        LinkBudget parts;               /* of all clients */
        UserBudget *budgets;            /* of each user that ever came */
        size_t n_held;                  /* DriverHost.hold() */
        StoredFd *stored;
        size_t n_stored;
        int timeout;                    /* seconds without clients until the end; 0: never */
        sd_event_source *idle;
        sd_event_source *quiet;         /* gives memory back after calls */
        bool used;                      /* there was a call since quiet was armed */
        sd_bus *bus;
        bool stopping;
};

/* name is kept. drivers: names separated by spaces or commas; NULL: what belongs to the daemon's name; "" or "none":
 * none. */
int server_new(const char *name, const char *drivers, const KnownDriver *known, size_t n_known, Server **ret, Error *e);
Server *server_free(Server *s);
DEFINE_CLEANUP(Server *, server_free);

/* Reads the daemon's configuration file (NULL: the one in /etc/libvirt; no file: defaults) and logs what is wrong in
 * it. */
int server_load_config(const char *name, const char *path, DaemonConfig **ret);
/* Takes the settings; for clients that come from now on. */
void server_configure(Server *s, DaemonConfig *c);

/* Takes the sockets that systemd passed (by their names NAME.socket, NAME-ro.socket ...); 0 where there are none. */
int server_listen_systemd(Server *s);
/* Makes NAME-sock, NAME-sock-ro and NAME-admin-sock in a folder (libvirtd and virtproxyd: libvirt-sock ...). */
int server_listen_folder(Server *s, const char *folder);
/* Runs until a signal or until it is idle; the exit status, or negative errno. */
int server_run(Server *s);

/* Asks for a check whether the program is idle, after the timeout from now on. */
void server_touch(Server *s);
void server_set_timeout(Server *s, int seconds);
/* For each call: memory is given back once there was none for a while. */
void server_used(Server *s);
/* Ends the program in an orderly way. */
void server_stop(Server *s);

/* Loads libexecdir/FILE for good; logs. */
int server_load_module(const char *file, const char *symbol, const void **ret);
bool server_driver_is_installed(const char *name);
/* The driver of that name, from its module. NULL where that is not installed; logs what else is wrong. */
int server_load_driver(const char *name, const Driver **ret);
bool server_has_listener(const Server *s, SocketKind kind);

/* Loads SASL, where a listener demands it. Logs. */
int server_load_sasl(Server *s);

/* Reads the certificates, where there is a TLS listener; anew, too: the old ones stay where that fails. Logs. */
int server_load_tls(Server *s);
/* Puts TLS over *t, which stays as it was on failure: -ENOKEY where there are no certificates, -ENOMEM. */
int server_wrap_tls(Server *s, Transport **t);
void server_free_tls(Server *s);

/* What is left with systemd from one process to the next (stored.c). */
bool server_keeps_fds(const Server *s);
/* Takes fd, also on failure. */
int server_add_stored(Server *s, const char *name, int fd);
/* What nobody took is closed; systemd may forget it, too, once all drivers have looked. */
void server_drop_stored(Server *s, bool forget);
int host_stored(DriverHost *host, const char *name);
int host_adopt(DriverHost *host, int fd, Connection **ret);
/* Where the program is being restarted, its drivers leave what they keep, once their clients are quiet. */
void server_leave(Server *s);

/* Listeners. */
void listener_done(Listener *l);
int listener_start(Listener *l);
/* Accepts what waits at this moment; how many clients there were. */
int listener_accept(Listener *l);
void service_update(Server *s, ServiceKind kind);
static inline bool listener_is_remote(const Listener *l) {
        return l->kind == SOCKET_TCP || l->kind == SOCKET_TLS;
}
/* Too many clients of this kind are not authenticated, and none of them has had the time for it: no more now. */
bool client_must_wait(const Listener *l);
AuthMethod listener_auth(const Listener *l, const Identity *peer);

static inline ServiceKind socket_service(SocketKind k) {
        return k == SOCKET_ADMIN ? SERVICE_ADMIN : SERVICE_MAIN;
}

/* Clients. */
struct Client {
        Server *server;
        Connection *connection;
        Listener *listener;
        ServiceKind service;
        AuthMethod auth;                /* what it must do; AUTH_NONE: nothing */
        bool ready;                     /* the transport's handshake is done */
        bool authenticated;
        bool opened;
        uint64_t since;                 /* it came, or its handshake went on; CLOCK_MONOTONIC, microseconds */
        unsigned handshake_steps;
        bool waiting;                   /* counted in its service's n_waiting */
        bool full_told;                 /* that its calls wait for each other */
        bool close_callback;
        const KnownDriver *primary;     /* of the URI it opened */
        char *uri;                      /* that URI */
        Target target[_DRIVER_CLASS_MAX]; /* filled when it is opened; of administration, logs and locks at once */
        unsigned used;                  /* bits of DriverClass whose open() was called */
        unsigned old_registrations;     /* bits of event ids registered in the old style */
        sd_event_source *deadline;      /* of the handshake, then of the login */
        SaslSession *login;             /* by SASL, not complete yet */
        bool login_started;
        struct Upstream *upstreams;     /* its connections to other daemons */
        Client *next;
        Client **prev;
};

/* Takes fd, also on failure. */
int client_new(Server *s, Listener *l, int fd);
/* Once there is no client any more. */
void server_free_budgets(Server *s);
void client_authenticated(Client *c);
void client_drop_login(Client *c);
/* How messages call the peer: its address, or its user and process; in buf, which it returns. */
#define CLIENT_PEER_MAX 96U
const char *client_peer(const Client *c, char buf[CLIENT_PEER_MAX]);
static inline Client *call_client(const Call *c) {
        return call_connection(c)->userdata;
}
/* The client may go while a handler waits; one that goes on then has nobody to talk to. */
static inline int call_need_client(const Call *call, Client **ret) {
        *ret = call_client(call);
        return *ret ? 0 : -ENOTCONN;
}
static inline Client *connection_client(const Connection *c) {
        return c->userdata;
}

/* Of all that a server's clients have in work. */
static inline size_t server_n_calls(const Server *s) {
        return s->services[SERVICE_MAIN].n_calls + s->services[SERVICE_ADMIN].n_calls;
}
/* Calls that wait because the limit of the service is reached are tried again. */
void service_resume(Deferred *d);

/* Which class of drivers a procedure belongs to. */
DriverClass router_class(const RpcProcedure *p, uint32_t program);
/* Starts the call where its driver is, or refuses it. */
int router_call(Client *c, Packet *p, const RpcProcedure *procedure);
/* Virtproxyd: a daemon without drivers passes everything on. */
static inline bool server_is_proxy(const Server *s) {
        return s->wanted == 0;
}
const KnownDriver *server_driver_by_name(const Server *s, const char *name);
/* The driver in this process, or NULL. */
static inline DriverInstance *server_instance(const Server *s, const KnownDriver *k) {
        return s->drivers[k - s->known];
}
static inline bool server_wants(const Server *s, const KnownDriver *k) {
        return s->wanted & 1U << (k - s->known);
}
/* The one of that class, or NULL; of two hypervisors the first. */
DriverInstance *server_instance_of(const Server *s, DriverClass class);

extern remote_handler_CONNECT_OPEN connect_open;
extern remote_handler_CONNECT_SUPPORTS_FEATURE connect_supports_feature;

/* What libvirt demands on plain TCP unless tcp_min_ssf is set. */
#define SASL_MIN_SSF 56U
extern remote_handler_AUTH_SASL_INIT auth_sasl_init;
extern remote_handler_AUTH_SASL_START auth_sasl_start;
extern remote_handler_AUTH_SASL_STEP auth_sasl_step;

extern const Driver driver_admin;
extern const Driver driver_builtin;
extern const Driver driver_node;
extern const RpcTable node_stats_table;
extern const Driver driver_registrations;

/* Is this peer allowed by polkit to do action? details: pairs, NULL at the end, for polkit's rules; may be NULL. Within
 * a fiber; 0, or negative errno and e (45, 79, 94). */
int polkit_check(Server *s, const Identity *peer, const char *action, const char *const *details, bool interactive,
                 Error *e);
/* ConnectionOps.access: libvirt's actions for each permission, org.libvirt.api.OBJECT.PERMISSION. */
int client_access(Connection *conn, const char *object, const char *permission, const char *const *details, Error *e);
