/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls to others.
 *
 * systemd is asked over the system bus, and on its own socket only where that does not reach it. On that socket it
 * tells everybody of every change of every unit: a hundred networks that start at once would each be told of all the
 * others. Over the bus it tells those who ask for a job of that job, and the bus takes out what is another's. */

#include <arpa/inet.h>
#include <net/if.h>
#include <systemd/sd-bus.h>

#include "base/log.h"
#include "plan/names.h"
#include "start.h"

#define JOB_TIMEOUT_USEC (100U * 1000000U)
#define CALL_TIMEOUT_USEC (5U * 1000000U)

static void bus_freep(sd_bus **bus) {
        sd_bus_unref(*bus);
}
#define _cleanup_bus_ _cleanup_(bus_freep)

static void message_freep(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_freep)
#define _cleanup_bus_error_ _cleanup_(sd_bus_error_free)

/* The process's one connection, as long as somebody has it: each new one is told of to everybody on the bus. */
static int open_system(uint64_t timeout_usec, sd_bus **ret) {
        int r = sd_bus_default_system(ret);

        return r < 0 ? r : sd_bus_set_method_call_timeout(*ret, timeout_usec);
}

sd_bus *bus_hold(void) {
        sd_bus *bus = NULL;

        return sd_bus_default_system(&bus) < 0 ? NULL : bus;
}

void bus_release(sd_bus *bus) {
        sd_bus_unref(bus);
}

static int open_private(sd_bus **ret) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, "unix:path=/run/systemd/private");
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                *ret = TAKE_PTR(bus);
        return r;
}

typedef struct Job {
        const char *path;   /* once it is known */
        char *ended[16];    /* pairs of job and result that ended before */
        size_t n;
        char *result;
        sd_bus_slot *filter;
} Job;

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *e) {
        const char *path, *unit, *result;
        Job *job = userdata;

        if (sd_bus_message_is_signal(m, "org.freedesktop.systemd1.Manager", "JobRemoved") <= 0 ||
            sd_bus_message_read(m, "uoss", NULL, &path, &unit, &result) < 0)
                return 0;
        if (job->path && streq(job->path, path) && !job->result)
                job->result = strdup(result);
        else if (!job->path && job->n + 2 <= ELEMENTSOF(job->ended)) {
                job->ended[job->n++] = strdup(path);
                job->ended[job->n++] = strdup(result);
        }
        return 0;
}

static void job_done(Job *job) {
        for (size_t i = 0; i < job->n; i++)
                free(job->ended[i]);
        free(job->result);
        sd_bus_slot_unref(job->filter);
}

static int wait_for_job(sd_bus *bus, Job *job) {
        for (size_t i = 0; i + 1 < job->n; i += 2)
                if (streq_ptr(job->ended[i], job->path))
                        job->result = TAKE_PTR(job->ended[i + 1]);
        while (!job->result) {
                int r = sd_bus_process(bus, NULL);

                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                r = sd_bus_wait(bus, JOB_TIMEOUT_USEC);
                if (r < 0)
                        return r;
                if (r == 0)
                        return -ETIMEDOUT;
        }
        return 0;
}

/* The rule as the bus reads it: what sd-bus makes of one takes the backslashes of a unit's name away. */
static int follow_jobs(sd_bus *bus, const char *unit, Job *job) {
        _cleanup_free_ char *rule = text_format("type='signal',sender='org.freedesktop.systemd1',"
                                                "interface='org.freedesktop.systemd1.Manager',member='JobRemoved',"
                                                "arg2='%s'",
                                                unit);
        int r;

        if (!rule)
                return -ENOMEM;
        job->filter = sd_bus_slot_unref(job->filter);
        r = sd_bus_add_filter(bus, &job->filter, on_message, job);
        if (r < 0 || sd_bus_is_bus_client(bus) <= 0)
                return r;
        return sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "AddMatch", NULL, NULL, "s", rule);
}

static int ask_for_job(sd_bus *bus, const char *method, const char *unit, const char *mode, Job *job,
                       sd_bus_message **ret_reply, sd_bus_error *error) {
        int r = follow_jobs(bus, unit, job);

        return r < 0 ? r : sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                              "org.freedesktop.systemd1.Manager", method, error, ret_reply, "ss", unit,
                                              mode);
}

/* Said by the bus, not by systemd: at boot the bus may be there before systemd is on it. */
static bool is_of_bus(const sd_bus_error *error) {
        return !sd_bus_error_is_set(error) || startswith(error->name, "org.freedesktop.DBus.Error.");
}

static int unit_job(const char *method, const char *unit, const char *mode, char **ret_result, Error *e) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(job_done) Job job = {};
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = open_system(0, &bus);
        if (r >= 0)
                r = ask_for_job(bus, method, unit, mode, &job, &reply, &error);
        if (r < 0 && is_of_bus(&error)) {
                sd_bus_error_free(&error);
                bus_freep(&bus);
                bus = NULL;
                r = open_private(&bus);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_SYSTEMD, "cannot connect to systemd");
                r = ask_for_job(bus, method, unit, mode, &job, &reply, &error);
        }
        if (r < 0)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_SYSTEMD, "%s(%s): %s", method, unit,
                                 error.message ?: strerror(-r));
        r = sd_bus_message_read(reply, "o", &job.path);
        if (r >= 0)
                r = wait_for_job(bus, &job);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_SYSTEMD, "waiting for %s failed", unit);
        *ret_result = TAKE_PTR(job.result);
        return 0;
}

int bus_unit_job(const char *method, const char *unit, char **ret_result, Error *e) {
        return unit_job(method, unit, "replace", ret_result, e);
}

int bus_start_now(const char *unit, char **ret_result, Error *e) {
        return unit_job("StartUnit", unit, "ignore-dependencies", ret_result, e);
}

static int set_description(const char *unit, const char *description) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = open_system(CALL_TIMEOUT_USEC, &bus);

        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                               "org.freedesktop.systemd1.Manager", "SetUnitProperties", &error, NULL, "sba(sv)", unit,
                               true, 1, "Description", "s", description);
        if (r < 0)
                log_debug("SetUnitProperties(%s): %s", unit, error.message ?: strerror(-r));
        return r < 0 ? r : 0;
}

int bus_describe_network(const char *name, const char *description) {
        _cleanup_free_ char *unit = NULL;
        int r = unit_name_for(&unit_network, name, &unit);

        return r < 0 ? r : set_description(unit, description);
}

/* The file that systemd keeps it in stays, with what the template says: systemd would want to be told that it is
 * gone. */
void bus_undescribe_network(const char *name) {
        _cleanup_free_ char *unit = NULL, *file = NULL, *description = text_format("Virtual Network %s", name);

        if (!description || unit_name_for(&unit_network, name, &unit) < 0)
                return;
        file = text_format("/run/systemd/system.control/%s.d/50-Description.conf", unit);
        if (file && access(file, F_OK) >= 0)
                (void) set_description(unit, description);
}

/* What came of a network is systemd's to say; its own socket is there without a bus. */
bool bus_network_has_ended(const char *name) {
        _cleanup_free_ char *unit = NULL, *path = NULL, *state = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = unit_name_for(&unit_network, name, &unit);

        if (r >= 0)
                r = open_private(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_USEC);
        if (r >= 0)
                r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, "org.freedesktop.systemd1", path, "org.freedesktop.systemd1.Unit",
                                               "ActiveState", NULL, &state);
        if (r < 0)
                log_warning_errno(r, "cannot ask systemd for the state of %s: %s", unit ?: name, strerror(-r));
        return r >= 0 && (streq(state, "failed") || streq(state, "inactive"));
}

/* --- firewalld --- */

#define FIREWALLD "org.fedoraproject.FirewallD1"

/* Not by its pid file, which Debian and Fedora tell it not to write. Hosts that do not have it need no bus. */
bool bus_has_firewalld(void) {
        _cleanup_bus_ sd_bus *bus = NULL;

        if (access("/etc/firewalld", F_OK) < 0 || open_system(CALL_TIMEOUT_USEC, &bus) < 0)
                return false;
        return sd_bus_get_name_creds(bus, FIREWALLD, 0, NULL) >= 0;
}

static int call_firewalld(const char *method, const char *zone, const char *bridge) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = open_system(CALL_TIMEOUT_USEC, &bus);
        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, FIREWALLD, "/org/fedoraproject/FirewallD1", FIREWALLD ".zone", method, &error, NULL,
                               "ss", zone, bridge);
        if (r < 0)
                log_debug("%s(%s, %s): %s", method, zone, bridge, error.message ?: strerror(-r));
        return r < 0 ? r : 0;
}

int bus_add_to_zone(const char *bridge, const char *zone) {
        return bus_has_firewalld() ? call_firewalld("changeZoneOfInterface", zone, bridge) : 0;
}

int bus_remove_from_zone(const char *bridge) {
        if (bus_has_firewalld())
                (void) call_firewalld("removeInterface", "", bridge);
        return 0;
}

/* --- systemd-networkd --- */

int bus_reload_networkd(void) {
        static const char name[] = "org.freedesktop.network1", path[] = "/org/freedesktop/network1";
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = open_system(CALL_TIMEOUT_USEC, &bus);

        if (r < 0)
                return r;
        return sd_bus_call_method(bus, name, path, "org.freedesktop.network1.Manager", "Reload", &error, NULL, NULL);
}

/* --- systemd-resolved --- */

static int append_server(sd_bus_message *m, int index, const IpAddress *server) {
        int r;

        r = sd_bus_message_append(m, "i", index);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(iay)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "iay");
        if (r >= 0)
                r = sd_bus_message_append(m, "i", server->family);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', server->bytes, ip_bits(server) / 8);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r >= 0 ? sd_bus_message_close_container(m) : r;
}

int bus_register_domain(const char *bridge, const IpAddress *server, const char *domain, Error *e) {
        static const char name[] = "org.freedesktop.resolve1", path[] = "/org/freedesktop/resolve1",
                          interface[] = "org.freedesktop.resolve1.Manager";
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int index = (int) if_nametoindex(bridge), r;

        r = open_system(CALL_TIMEOUT_USEC, &bus);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NETWORK, "cannot connect to the system bus");
        r = sd_bus_message_new_method_call(bus, &m, name, path, interface, "SetLinkDNS");
        if (r >= 0)
                r = append_server(m, index, server);
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, &error, NULL);
        /* true: names of the domain, and none else, are asked for there */
        if (r >= 0)
                r = sd_bus_call_method(bus, name, path, interface, "SetLinkDomains", &error, NULL, "ia(sb)", index, 1,
                                       domain, true);
        if (sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NETWORK,
                                 "failed to register name server: systemd-resolved is not available");
        if (r < 0)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_NETWORK,
                                 "failed to set DNS server for domain '%s' on interface '%s': %s", domain, bridge,
                                 error.message ?: strerror(-r));
        return 0;
}
