/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What outlives a process of the daemon: descriptors that systemd keeps for the unit (FileDescriptorStoreMax=), and
 * that come back with the sockets to listen on. systemd drops them when the unit has stopped for good, so who leaves
 * has to know whether somebody comes after. */

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/strings.h"
#include "server.h"

#define PATIENCE (5U * 1000000U)        /* microseconds, for systemd's answers and clients' packets */

bool server_keeps_fds(const Server *s) {
        for (size_t i = 0; i < s->n_known; i++)
                if (s->drivers[i] && s->drivers[i]->driver->leave)
                        return true;
        return false;
}

int server_add_stored(Server *s, const char *name, int fd) {
        _cleanup_close_ int own = fd;
        StoredFd *l = reallocarray(s->stored, s->n_stored + 1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        s->stored = l;
        l[s->n_stored].name = strdup(name);
        if (!l[s->n_stored].name)
                return -ENOMEM;
        l[s->n_stored++].fd = TAKE_FD(own);
        return 0;
}

void server_drop_stored(Server *s, bool forget) {
        for (size_t i = 0; i < s->n_stored; i++) {
                StoredFd *f = &s->stored[i];

                if (f->fd >= 0 && forget)
                        (void) sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", f->name);
                closep(&f->fd);
                free(f->name);
        }
        free(s->stored);
        s->stored = NULL;
        s->n_stored = 0;
}

int host_stored(DriverHost *host, const char *name) {
        Server *s = container_of(host, Server, host);

        for (size_t i = 0; i < s->n_stored; i++)
                if (s->stored[i].fd >= 0 && streq(s->stored[i].name, name))
                        return TAKE_FD(s->stored[i].fd);
        return -EBADF;
}

/* It has proved who it is to the process before. */
int host_adopt(DriverHost *host, int fd, Connection **ret) {
        Server *s = container_of(host, Server, host);
        _cleanup_close_ int own = fd;
        int r;

        for (size_t i = 0; i < s->n_listeners; i++)
                if (s->listeners[i].kind == SOCKET_MAIN) {
                        r = client_new(s, &s->listeners[i], TAKE_FD(own));
                        if (r < 0)
                                return r;
                        /* the newest is the first */
                        client_authenticated(s->clients);
                        *ret = s->clients->connection;
                        return 0;
                }
        return -ENOTSOCK;
}

/* --- the end --- */

static int ask_systemd(const char *unit, char **ret_job, unsigned *ret_n) {
        static const char *const service = "org.freedesktop.systemd1";
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *path = NULL;
        const char *job;
        uint32_t id;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, PATIENCE);
        if (r >= 0)
                r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, service, path, "org.freedesktop.systemd1.Service",
                                                "NFileDescriptorStore", NULL, 'u', ret_n);
        if (r >= 0)
                r = sd_bus_get_property(bus, service, path, "org.freedesktop.systemd1.Unit", "Job", NULL, &m, "(uo)");
        if (r >= 0)
                r = sd_bus_message_read(m, "(uo)", &id, &job);
        if (r < 0)
                return r;
        if (id == 0)
                return -ENOENT;
        return sd_bus_get_property_string(bus, service, job, "org.freedesktop.systemd1.Job", "JobType", NULL, ret_job);
}

static bool has_loud_clients(const Server *s) {
        for (const Client *c = s->clients; c; c = c->next)
                if (connection_is_alive(c->connection) && !connection_is_quiet(c->connection))
                        return true;
        return false;
}

/* Where systemd cannot be asked, or stops the unit for good, nobody comes after: clients learn it, as those of any
 * daemon that ends. */
void server_leave(Server *s) {
        _cleanup_free_ char *unit = NULL, *job = NULL;
        unsigned n = 0;
        int r;

        if (!server_keeps_fds(s) || !getenv("NOTIFY_SOCKET"))
                return;
        unit = text_format("%s.service", s->host.daemon);
        r = unit ? sd_notify_barrier(0, PATIENCE) : -ENOMEM;
        if (r >= 0)
                r = ask_systemd(unit, &job, &n);
        if (r < 0 || !streq(job, "restart")) {
                log_debug("nobody comes after this process: %s", job ?: strerror(-r));
                return;
        }
        for (unsigned i = 0; has_loud_clients(s) && i < PATIENCE / 100000U; i++)
                (void) loop_run_once(s->loop, 100000U);
        for (size_t i = 0; i < s->n_known; i++)
                if (s->drivers[i] && s->drivers[i]->started && s->drivers[i]->driver->leave)
                        s->drivers[i]->driver->leave(s->drivers[i]->state, n);
}
