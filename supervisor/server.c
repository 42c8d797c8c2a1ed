/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon as a whole: which drivers it holds, when it is ready, when it ends. */

#include "server.h"

#include <signal.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "dbus/systemd.h"
#include "loop/fiber.h"

#define QUIET_USEC (10U * 1000000U)    /* without calls until memory is given back */
#define STOP_PATIENCE (10U * 1000000U) /* microseconds that calls in work get at the end */

static const ServerConfig config_default = {
        .auth = {
                [SOCKET_MAIN] = AUTH_POLKIT,
                [SOCKET_RO] = AUTH_POLKIT,
                [SOCKET_ADMIN] = AUTH_NONE, /* the socket's mode is what protects it */
                [SOCKET_TCP] = AUTH_SASL,
                [SOCKET_TLS] = AUTH_NONE,
        },
        .limits = {
                [SERVICE_MAIN] = { 5000, 20, 5, 0, 5, 5 },
                [SERVICE_ADMIN] = { 5000, 20, 5, 0, 5, 5 },
        },
};

/* Drivers */

/* Which drivers belong to a daemon by its name: all to libvirtd, none to virtproxyd, NAME to virtNAMEd. */
static bool name_implies(const char *daemon, const char *driver) {
        const char *p = startswith(daemon, "virt");

        if (streq(daemon, "libvirtd"))
                return !streq(driver, "log") && !streq(driver, "lock") && !streq(driver, "xen");
        if (!p)
                return false;
        return startswith(p, driver) && streq(p + strlen(driver), "d");
}

static bool list_contains(const char *list, const char *word) {
        size_t n = strlen(word);

        for (const char *p = list; *p; p += strcspn(p, " ,"), p += strspn(p, " ,"))
                if (strncmp(p, word, n) == 0 && strchr(" ,", p[n]))
                        return true;
        return false;
}

static int check_names(const Server *s, const char *list, Error *e) {
        for (const char *p = list; *p; p += strspn(p, " ,")) {
                size_t n = strcspn(p, " ,");
                bool found = n == 4 && strncmp(p, "none", 4) == 0;

                for (size_t i = 0; i < s->n_known && !found; i++)
                        found = strlen(s->known[i].name) == n && strncmp(s->known[i].name, p, n) == 0;
                if (n > 0 && !found)
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "no driver is called '%.*s'",
                                         (int) n, p);
                p += n;
        }
        return 0;
}

static int load_driver(Server *s, const KnownDriver *k) {
        const Driver *d = k->driver;
        int r;

        s->wanted |= 1U << (k - s->known);
        r = d ? 0 : server_load_driver(k->name, &d);
        if (r < 0 || !d)
                return r;
        return driver_instance_new(d, &s->host, &s->drivers[k - s->known]);
}

static int load_drivers(Server *s, const char *list, Error *e) {
        int r;

        r = check_names(s, list ?: "", e);
        if (r < 0)
                return r;
        s->drivers = calloc(MAX(s->n_known, 1U), sizeof(*s->drivers));
        if (!s->drivers)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_known; i++) {
                const KnownDriver *k = &s->known[i];

                if (list ? list_contains(list, k->name) : name_implies(s->host.daemon, k->name)) {
                        r = load_driver(s, k);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int load_own(Server *s) {
        const struct {
                const Driver *driver;
                DriverInstance **to;
        } own[] = {
                { &driver_admin, &s->admin },
                { &driver_builtin, &s->builtin },
                { &driver_node, &s->node },
                { &driver_registrations, &s->registrations },
        };

        for (size_t i = 0; i < ELEMENTSOF(own); i++) {
                int r;

                r = driver_instance_new(own[i].driver, &s->host, own[i].to);
                if (r < 0)
                        return r;
        }
        return 0;
}

DriverInstance *server_instance_of(const Server *s, DriverClass class) {
        for (size_t i = 0; i < s->n_known; i++)
                if (s->known[i].class == class && s->drivers[i])
                        return s->drivers[i];
        return NULL;
}

/* What drivers get */

static int host_bus(DriverHost *host, sd_bus **ret, Error *e) {
        Server *s = container_of(host, Server, host);
        int r;

        if (s->bus && sd_bus_is_open(s->bus) <= 0)
                s->bus = sd_bus_close_unref(s->bus);
        if (!s->bus) {
                r = sd_bus_open_system(&s->bus);
                if (r >= 0)
                        r = sd_bus_attach_event(s->bus, loop_event(s->loop), SD_EVENT_PRIORITY_NORMAL);
                if (r < 0) {
                        s->bus = sd_bus_unref(s->bus);
                        return error_set_errno(e, r, ORIGIN_DBUS, "cannot reach the system bus");
                }
        }
        *ret = s->bus;
        return 0;
}

static int bus_for_systemd(void *userdata, sd_bus **ret, Error *e) {
        return host_bus(userdata, ret, e);
}

static void host_hold(DriverHost *host, int add) {
        Server *s = container_of(host, Server, host);

        s->n_held += (size_t) add;
        if (s->n_held == 0)
                server_touch(s);
}

/* Idle */

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;
        int n = 0;

        if (s->clients || s->n_held > 0)
                return 0;
        /* A call outlives its client: look again. */
        if (server_n_calls(s) > 0) {
                server_touch(s);
                return 0;
        }
        /* Whoever connected at this moment is served; whoever does after it stays in the backlog, which is systemd's,
         * and starts the next process. */
        for (size_t i = 0; i < s->n_listeners; i++)
                n += listener_accept(&s->listeners[i]);
        if (n > 0 || s->clients)
                return 0;
        log_debug("no client for %d s, ending", s->timeout);
        server_stop(s);
        return 0;
}

void server_touch(Server *s) {
        bool on = s->timeout > 0 && !s->clients && !s->stopping;

        if (!s->idle)
                return;
        loop_touch(s->loop);
        if (on)
                (void) sd_event_source_set_time_relative(s->idle, (uint64_t) s->timeout * 1000000U);
        (void) sd_event_source_set_enabled(s->idle, on ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void arm_quiet(Server *s) {
        if (!s->quiet)
                return;
        loop_touch(s->loop);
        (void) sd_event_source_set_time_relative(s->quiet, QUIET_USEC);
        (void) sd_event_source_set_enabled(s->quiet, SD_EVENT_ONESHOT);
}

/* Clients come in bursts, and stay connected in between. Each call notes that it was there, which costs nothing; the
 * timer looks whether any did since. */
static int on_quiet(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;

        if (!s->used) {
                memory_give_back();
                return 0;
        }
        s->used = false;
        arm_quiet(s);
        return 0;
}

void server_used(Server *s) {
        if (s->used)
                return;
        s->used = true;
        arm_quiet(s);
}

void server_set_timeout(Server *s, int seconds) {
        s->timeout = seconds;
        server_touch(s);
}

/* Life */

int server_new(const char *name, const char *drivers, const KnownDriver *known, size_t n_known, Server **ret,
               Error *e) {
        _cleanup_(server_freep) Server *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->config = config_default;
        s->known = known;
        s->n_known = n_known;
        s->timeout = 120;
        s->services[SERVICE_MAIN].name = name;
        s->services[SERVICE_ADMIN].name = "admin";
        for (ServiceKind k = SERVICE_MAIN; k <= SERVICE_ADMIN; k++) {
                s->services[k].server = s;
                s->services[k].resume = DEFERRED_INIT(service_resume);
        }
        r = loop_new(&s->loop);
        if (r < 0)
                return r;
        r = event_hub_new(&s->events);
        if (r < 0)
                return r;
        s->host = (DriverHost) {
                .loop = s->loop,
                .events = s->events,
                .daemon = name,
                .privileged = geteuid() == 0,
                .bus = host_bus,
                .hold = host_hold,
                .stored = host_stored,
                .adopt = host_adopt,
        };
        r = systemd_new(s->loop, bus_for_systemd, &s->host, &s->host.systemd);
        if (r >= 0)
                r = load_own(s);
        if (r >= 0)
                r = load_drivers(s, drivers, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Server *server_free(Server *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_listeners; i++)
                listener_done(&s->listeners[i]);
        free(s->listeners);
        for (size_t i = 0; s->drivers && i < s->n_known; i++)
                driver_instance_free(s->drivers[i]);
        free(s->drivers);
        server_drop_stored(s, false);
        server_free_tls(s);
        daemon_config_free(s->settings);
        driver_instance_free(s->admin);
        driver_instance_free(s->builtin);
        driver_instance_free(s->node);
        driver_instance_free(s->registrations);
        systemd_free(s->host.systemd);
        sd_bus_flush_close_unref(s->bus);
        sd_event_source_disable_unref(s->idle);
        sd_event_source_disable_unref(s->quiet);
        event_hub_free(s->events);
        loop_free(s->loop);
        server_free_budgets(s);
        free(s);
        return NULL;
}

void server_stop(Server *s) {
        s->stopping = true;
        service_update(s, SERVICE_MAIN);
        service_update(s, SERVICE_ADMIN);
        (void) sd_notify(0, "STOPPING=1");
        loop_exit(s->loop, 0);
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        server_stop(userdata);
        return 0;
}

static void reload_drivers(void *userdata) {
        Server *s = userdata;

        for (size_t i = 0; i < s->n_known; i++) {
                _cleanup_error_ Error e = ERROR_INIT;
                int r;

                r = s->drivers[i] ? driver_instance_reload(s->drivers[i], &e) : 0;
                if (r < 0)
                        log_error("driver %s: cannot reload: %s", s->known[i].name, error_text(&e, r));
        }
        (void) sd_notify(0, "READY=1");
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Server *s = userdata;

        (void) server_load_tls(s);
        if (fiber_spawn(s->loop, reload_drivers, s, NULL) < 0)
                log_oom();
        return 0;
}

/* The sockets are served from here on. Clients wait for the drivers they need, and whoever waits for the unit starts
 * them meanwhile. A driver that cannot start is no reason to be dead: its clients get the cause, and the next call
 * tries again. */
static void start_drivers(void *userdata) {
        Server *s = userdata;
        bool all = true;

        (void) sd_notify(0, "READY=1");
        for (size_t i = 0; i < s->n_known; i++) {
                _cleanup_error_ Error e = ERROR_INIT;
                int r;

                r = s->drivers[i] ? driver_instance_start(s->drivers[i], &e) : 0;
                if (r >= 0)
                        continue;
                all = false;
                log_error("driver %s: cannot start: %s", s->known[i].name, error_text(&e, r));
        }
        if (all)
                server_drop_stored(s, true);
}

static int watch_signals(Server *s) {
        sd_event *event = loop_event(s->loop);
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(event, NULL, SIGTERM, on_stop_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_stop_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_reload_signal, s);
        return r;
}

/* Each client is a descriptor; select() and its limit of 1024 are not used here. */
static void raise_file_limit(void) {
        struct rlimit rl;

        if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur >= rl.rlim_max)
                return;
        rl.rlim_cur = rl.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &rl);
}

/* The last turns: replies that are queued go out, calls in work get a moment, the rest is cancelled. */
static void server_wind_down(Server *s) {
        for (unsigned i = 0; server_n_calls(s) > 0 && i < STOP_PATIENCE / 100000U; i++)
                (void) loop_run_once(s->loop, 100000U);
        server_leave(s);
        for (Client *c = s->clients; c; c = c->next)
                connection_close(c->connection, 0);
        while (s->clients && loop_run_once(s->loop, 0) >= 0)
                ;
        /* What drivers do because their clients have gone. */
        for (unsigned i = 0; s->n_held > 0 && i < STOP_PATIENCE / 100000U; i++)
                (void) loop_run_once(s->loop, 100000U);
        if (loop_stop_fibers(s->loop, STOP_PATIENCE) < 0)
                log_warning("some work did not end in time");
}

int server_run(Server *s) {
        int r, code;

        raise_file_limit();
        (void) server_load_tls(s);
        (void) server_load_sasl(s);
        (void) signal(SIGPIPE, SIG_IGN);
        r = watch_signals(s);
        if (r < 0)
                return log_error_errno(r, "cannot watch for signals: %m");
        for (size_t i = 0; i < s->n_listeners; i++) {
                r = listener_start(&s->listeners[i]);
                if (r < 0)
                        return log_error_errno(r, "cannot watch a socket: %m");
        }
        r = sd_event_add_time_relative(loop_event(s->loop), &s->idle, CLOCK_MONOTONIC, UINT64_MAX / 2, 500000U, on_idle,
                                       s);
        if (r >= 0)
                r = sd_event_add_time_relative(loop_event(s->loop), &s->quiet, CLOCK_MONOTONIC, QUIET_USEC, 500000U,
                                               on_quiet, s);
        if (r < 0)
                return log_error_errno(r, "cannot make a timer: %m");
        server_touch(s);
        r = fiber_spawn(s->loop, start_drivers, s, NULL);
        if (r < 0)
                return log_error_errno(r, "cannot start the drivers: %m");

        code = loop_run(s->loop);
        server_wind_down(s);
        return code;
}
