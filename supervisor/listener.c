/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sockets that clients arrive on. What a socket is (read-write, read-only, admin) is known by its name. */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "server.h"

void listener_done(Listener *l) {
        sd_event_source_disable_unref(l->source);
        sd_event_source_disable_unref(l->retry);
        closep(&l->fd);
        if (l->path)
                (void) unlink(l->path);
        free(l->path);
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        (void) listener_accept(userdata);
        return 0;
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        const Listener *l = userdata;

        service_update(l->server, socket_service(l->kind));
        return 0;
}

/* Looks again in a moment, or as soon as any client has logged in or gone. */
static void wait_for_others(Listener *l) {
        uint64_t moment = 250000; /* microseconds */

        (void) sd_event_source_set_enabled(l->source, SD_EVENT_OFF);
        if (l->retry && sd_event_source_set_time_relative(l->retry, moment) >= 0)
                (void) sd_event_source_set_enabled(l->retry, SD_EVENT_ONESHOT);
        else if (!l->retry)
                (void) sd_event_add_time_relative(loop_event(l->server->loop), &l->retry, CLOCK_MONOTONIC, moment,
                                                  50000, on_retry, l);
}

/* Without a free descriptor the connection stays in the backlog, and would wake us for ever: nothing more is accepted
 * for a moment, or until a client has gone. */
int listener_accept(Listener *l) {
        Service *service = &l->server->services[socket_service(l->kind)];
        int n = 0;

        while (!service->paused) {
                int fd;

                if (client_must_wait(l)) {
                        wait_for_others(l);
                        break;
                }
                fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE) {
                                if (!l->starved)
                                        log_warning_errno(-errno,
                                                          "cannot accept a client, waiting for another one to go: %m");
                                l->starved = true;
                                wait_for_others(l);
                        }
                        break;
                }
                l->starved = false;
                if (client_new(l->server, l, fd) >= 0)
                        n++;
                service_update(l->server, socket_service(l->kind));
        }
        return n;
}

/* Stops and starts accepting where the number of clients has reached its limit or fallen below it. */
void service_update(Server *s, ServiceKind kind) {
        Service *service = &s->services[kind];
        bool pause = s->stopping || service->n_clients >= s->config.limits[kind].max_clients;

        if (pause != service->paused && pause)
                log_debug("%s: no more clients are accepted", service->name);
        service->paused = pause;
        for (size_t i = 0; i < s->n_listeners; i++)
                if (socket_service(s->listeners[i].kind) == kind)
                        (void) sd_event_source_set_enabled(s->listeners[i].source, pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

int listener_start(Listener *l) {
        int flags = fcntl(l->fd, F_GETFL);

        if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        return sd_event_add_io(loop_event(l->server->loop), &l->source, l->fd, EPOLLIN, on_connection, l);
}

/* root, and whoever this daemon runs as, need no proof beyond the socket. */
AuthMethod listener_auth(const Listener *l, const Identity *peer) {
        AuthMethod auth = l->server->config.auth[l->kind];

        if (auth != AUTH_NONE && (peer->uid == 0 || peer->uid == geteuid()))
                return AUTH_NONE;
        return auth;
}

static int add_listener(Server *s, SocketKind kind, int fd, char *path) {
        Listener *l;

        l = reallocarray(s->listeners, s->n_listeners + 1, sizeof(*l));
        if (!l) {
                close(fd);
                free(path);
                return -ENOMEM;
        }
        s->listeners = l;
        l[s->n_listeners++] = (Listener) { .server = s, .kind = kind, .fd = fd, .path = path };
        return 0;
}

/* The end of the socket unit's name, the longer ones first. */
static const struct {
        const char *suffix;
        SocketKind kind;
} unit_suffixes[] = {
        { "-ro.socket", SOCKET_RO },   { "-admin.socket", SOCKET_ADMIN }, { "-tcp.socket", SOCKET_TCP },
        { "-tls.socket", SOCKET_TLS }, { ".socket", SOCKET_MAIN },
};

static int socket_kind_from_unit(const char *unit) {
        for (size_t i = 0; i < ELEMENTSOF(unit_suffixes); i++)
                if (endswith(unit, unit_suffixes[i].suffix))
                        return (int) unit_suffixes[i].kind;
        return -EINVAL;
}

/* Of all that systemd passes the one socket that nobody connects to. */
static bool take_links(Server *s, const char *name, int fd) {
        if (!streq(name, "links") || sd_is_socket(fd, AF_NETLINK, SOCK_RAW, -1) <= 0)
                return false;
        s->host.links_fd = fd;
        return true;
}

int server_listen_systemd(Server *s) {
        _cleanup_strv_ char **names = NULL;
        int n, r;

        n = sd_listen_fds_with_names(true, &names);
        if (n < 0)
                return log_error_errno(n, "cannot take the sockets from systemd: %m");
        for (int i = 0; i < n; i++) {
                int kind = socket_kind_from_unit(names[i]), fd = SD_LISTEN_FDS_START + i;

                if (take_links(s, names[i], fd))
                        continue;
                if (kind < 0 && server_keeps_fds(s)) {
                        if (server_add_stored(s, names[i], fd) < 0)
                                return log_oom();
                        continue;
                }
                if (kind < 0 || sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
                        log_warning("socket %s is none that %s listens on, ignoring", names[i], s->host.daemon);
                        close(fd);
                        continue;
                }
                r = add_listener(s, (SocketKind) kind, fd, NULL);
                if (r < 0)
                        return log_oom();
        }
        return n;
}

static int listen_path(Server *s, SocketKind kind, const char *folder, const char *name, mode_t mode) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, name);
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un a;
        int r = path ? unix_address(path, &a) : -ENOMEM;

        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        (void) unlink(path);
        if (bind(fd, (const struct sockaddr *) &a, sizeof(a)) < 0 || chmod(path, mode) < 0 ||
            listen(fd, SOMAXCONN) < 0)
                return -errno;
        return add_listener(s, kind, TAKE_FD(fd), TAKE_PTR(path));
}

int server_listen_folder(Server *s, const char *folder) {
        const char *daemon = s->host.daemon;
        bool classic = streq(daemon, "libvirtd") || streq(daemon, "virtproxyd");
        const char *stem = classic ? "libvirt" : daemon;
        char name[128];
        int r;

        r = mkdir_p(folder, 0755);
        if (r < 0)
                return log_error_errno(r, "cannot make %s: %m", folder);
        snprintf(name, sizeof(name), "%s-sock", stem);
        r = listen_path(s, SOCKET_MAIN, folder, name, s->host.privileged ? 0666 : 0600);
        if (r >= 0) {
                snprintf(name, sizeof(name), "%s-admin-sock", stem);
                r = listen_path(s, SOCKET_ADMIN, folder, name, 0600);
        }
        /* virtlogd and virtlockd have none for reading only. */
        if (r >= 0 && !server_instance_of(s, DRIVER_LOG) && !server_instance_of(s, DRIVER_LOCK)) {
                snprintf(name, sizeof(name), "%s-sock-ro", stem);
                r = listen_path(s, SOCKET_RO, folder, name, s->host.privileged ? 0666 : 0600);
        }
        return r < 0 ? log_error_errno(r, "cannot listen in %s: %m", folder) : 0;
}
