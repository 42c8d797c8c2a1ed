/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A systemd that does what it is asked at once, and writes down what that was. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan/names.h"
#include "test-host.h"

void test_unit_start(TestHost *h, const char *name, bool running) {
        _cleanup_free_ char *source = NULL, *transient = NULL, *text = NULL, *live = NULL, *folder = NULL,
                            *socket_path = NULL;
        _cleanup_free_ char *user = NULL;
        char path[256], *rest;

        snprintf(path, sizeof(path), "run/qemu/transient/%s.xml", name);
        transient = test_path(h, path);
        snprintf(path, sizeof(path), "etc/qemu/%s.xml", name);
        source = test_path(h, path);
        assert_int_equal(file_read(access(transient, F_OK) == 0 ? transient : source, 1024 * 1024, &text, NULL), 0);
        rest = strstr(text, "<domain");
        assert_non_null(rest);
        assert_true(asprintf(&live, "<domain id='%u'%s", h->next_id++, rest + strlen("<domain")) > 0);
        snprintf(path, sizeof(path), "run/qemu/%s.xml", name);
        test_write(h, path, live);

        snprintf(path, sizeof(path), "run/qemu/%s.launch", name);
        test_write(h, path, "x");

        assert_int_equal(user_name_for_guest(name, &user), 0);
        snprintf(path, sizeof(path), "run/qemu/%s", user);
        folder = test_path(h, path);
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_true(asprintf(&socket_path, "%s/qmp.sock", folder) > 0);
        fake_qemu_new(h, name, socket_path, running);
        snprintf(path, sizeof(path), "run/qemu/%s/run", user);
        test_write(h, path, "pid=1\n");
}

static void clean_up(TestHost *h, const char *name, const char *reason) {
        char path[256], text[128];

        snprintf(path, sizeof(path), "run/qemu/%s.last", name);
        snprintf(text, sizeof(text), "reason=%s\nwhen=1\n", reason);
        test_write(h, path, text);
        snprintf(path, sizeof(path), "run/qemu/%s.state", name);
        test_remove(h, path);
        snprintf(path, sizeof(path), "run/qemu/%s.xml", name);
        test_remove(h, path);
}

void test_unit_cleanup(TestHost *h, const char *name, const char *reason) {
        clean_up(h, name, reason);
        test_pump(h);
}

static int send_job_removed(TestHost *h, const char *job, const char *unit, const char *result) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(h->server, &m, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                      "JobRemoved");
        if (r >= 0)
                r = sd_bus_message_set_sender(m, "org.freedesktop.systemd1");
        if (r >= 0)
                r = sd_bus_message_append(m, "uoss", 1, job, unit, result);
        return r < 0 ? r : sd_bus_send(NULL, m, NULL);
}

static int on_start_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *name = NULL, *job = NULL;
        TestHost *h = userdata;
        char path[256];
        const char *unit;
        bool failing = h->fail_start, skipped = h->unmet;
        int r;

        assert_true(sd_bus_message_read(m, "ss", &unit, NULL) >= 0);
        strbuf_addf(&h->jobs, "StartUnit %s;", unit);
        assert_true(asprintf(&job, "/org/freedesktop/systemd1/job/%u", ++h->n_jobs) > 0);
        if (startswith(unit, "vm-cleanup@")) {
                name = strndup(unit + strlen("vm-cleanup@"), strcspn(unit + strlen("vm-cleanup@"), "."));
                clean_up(h, name, "unknown");
                r = sd_bus_reply_method_return(m, "o", job);
                return r < 0 ? r : send_job_removed(h, job, unit, "done");
        }
        if (!startswith(unit, "vm@")) {
                r = sd_bus_reply_method_return(m, "o", job);
                return r < 0 ? r : send_job_removed(h, job, unit, h->fail_other ? "failed" : "done");
        }
        assert_int_equal(guest_name_from_unit(unit, &name), 0);
        if (failing) {
                snprintf(path, sizeof(path), "run/qemu/%s.error", name);
                test_write(h, path, h->fail_start);
                snprintf(path, sizeof(path), "run/qemu/%s.last", name);
                test_write(h, path, "reason=failed\n");
                h->fail_start = NULL;
        } else if (!skipped) {
                snprintf(path, sizeof(path), "run/qemu/%s.request", name);
                test_unit_start(h, name, !test_file_exists(h, path));
        }
        r = sd_bus_reply_method_return(m, "o", job);
        return r < 0 ? r : send_job_removed(h, job, unit, failing ? "failed" : "done");
}

static int on_kill_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        TestHost *h = userdata;
        const char *unit, *who;
        int32_t signo;

        assert_true(sd_bus_message_read(m, "ssi", &unit, &who, &signo) >= 0);
        strbuf_addf(&h->jobs, "KillUnit %s %i;", unit, signo);
        if (h->stubborn && !streq(who, "all"))
                return sd_bus_reply_method_return(m, NULL);
        assert_int_equal(guest_name_from_unit(unit, &name), 0);
        if (!h->qemus)
                return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "Unit is not loaded.");
        fake_qemu_kill(h, name);
        return sd_bus_reply_method_return(m, NULL);
}

/* Nothing of ours stops a unit that runs in this way. */
static int on_stop_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        TestHost *h = userdata;
        const char *unit;
        int r;

        assert_true(sd_bus_message_read(m, "ss", &unit, NULL) >= 0);
        strbuf_addf(&h->jobs, "StopUnit %s;", unit);
        r = sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/job/1000");
        return r < 0 ? r : send_job_removed(h, "/org/freedesktop/systemd1/job/1000", unit, "done");
}

/* One object stands for all units: the one that was asked for last. */
static const char *state_of(TestHost *h) {
        _cleanup_free_ char *name = NULL;
        char path[256];

        if (h->unit_state)
                return h->unit_state;
        if (h->unmet)
                return h->n_jobs > 0 ? "inactive" : NULL;
        if (guest_name_from_unit(h->asked, &name) < 0)
                return NULL;
        snprintf(path, sizeof(path), "run/qemu/%s.xml", name);
        return test_file_exists(h, path) ? "active" : NULL;
}

static int on_get_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        TestHost *h = userdata;
        const char *unit;

        assert_true(sd_bus_message_read(m, "s", &unit) >= 0);
        snprintf(h->asked, sizeof(h->asked), "%s", unit);
        if (!state_of(h))
                return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "Unit is not loaded.");
        return sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/unit/asked");
}

static int get_active_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", state_of(userdata) ?: "inactive");
}

/* none waits */
static int get_job(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                   void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "(uo)", 0U, "/");
}

static int get_need_reload(sd_bus *bus, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "b", 0);
}

static int get_condition_result(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "b", !((TestHost *) userdata)->unmet);
}

static int get_conditions(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "a(sbbsi)", 2, "ConditionPathExists", 0, 0, "/etc", 1,
                                     "ConditionPathExists", 0, 1, ((TestHost *) userdata)->unmet, -1);
}

static int get_devices(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        TestHost *h = userdata;
        int r = sd_bus_message_open_container(reply, 'a', "(ss)");

        for (char **d = h->devices; r >= 0 && d && *d; d++)
                r = sd_bus_message_append(reply, "(ss)", *d, "rw");
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* An empty list takes all away. */
static void set_devices(TestHost *h, sd_bus_message *m) {
        const char *path, *access;
        bool empty = true;

        assert_true(sd_bus_message_enter_container(m, 'v', "a(ss)") > 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "(ss)") > 0);
        for (; sd_bus_message_read(m, "(ss)", &path, &access) > 0; empty = false)
                assert_int_equal(strv_add(&h->devices, path), 0);
        assert_true(sd_bus_message_exit_container(m) >= 0);
        assert_true(sd_bus_message_exit_container(m) >= 0);
        if (empty) {
                strv_free(h->devices);
                h->devices = NULL;
        }
}

static const sd_bus_vtable service_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("DeviceAllow", "a(ss)", get_devices, 0, 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable unit_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("ConditionResult", "b", get_condition_result, 0, 0),
        SD_BUS_PROPERTY("Conditions", "a(sbbsi)", get_conditions, 0, 0),
        SD_BUS_PROPERTY("ActiveState", "s", get_active_state, 0, 0),
        SD_BUS_PROPERTY("NeedDaemonReload", "b", get_need_reload, 0, 0),
        SD_BUS_PROPERTY("Job", "(uo)", get_job, 0, 0),
        SD_BUS_VTABLE_END,
};

static int on_list_units(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int on_unit_files(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        TestHost *h = userdata;
        _cleanup_free_ char *path = NULL;
        const char *member = sd_bus_message_get_member(m), *unit;
        bool enable = streq(member, "EnableUnitFiles");

        assert_true(sd_bus_message_enter_container(m, 'a', "s") > 0);
        assert_true(sd_bus_message_read(m, "s", &unit) > 0);
        strbuf_addf(&h->jobs, "%s %s;", member, unit);
        assert_true(asprintf(&path, "systemd/machines.target.wants/%s", unit) > 0);
        if (enable)
                test_write(h, path, "");
        else
                test_remove(h, path);
        return enable ? sd_bus_reply_method_return(m, "ba(sss)", 1, 0) : sd_bus_reply_method_return(m, "a(sss)", 0);
}

/* The search path has what the driver needs from its first reload on. */
static int get_unit_path(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        TestHost *h = userdata;
        const char *generated = getenv("UNITVIRT_GENERATED_UNITS"), *transient = getenv("UNITVIRT_TRANSIENT_UNITS");

        return h->reloaded ? sd_bus_message_append(reply, "as", 2, generated, transient)
                           : sd_bus_message_append(reply, "as", 1, transient);
}

static int on_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        TestHost *h = userdata;

        h->reloaded = true;
        strbuf_add(&h->jobs, "Reload;");
        return sd_bus_reply_method_return(m, NULL);
}

static int on_set_properties(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        TestHost *h = userdata;
        const char *unit, *name;
        int runtime;

        assert_true(sd_bus_message_read(m, "sb", &unit, &runtime) > 0);
        assert_true(runtime);
        strbuf_addf(&h->jobs, "SetUnitProperties %s", unit);
        assert_true(sd_bus_message_enter_container(m, 'a', "(sv)") > 0);
        while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
                assert_true(sd_bus_message_read(m, "s", &name) > 0);
                if (streq(name, "DeviceAllow"))
                        set_devices(h, m);
                else
                        assert_true(sd_bus_message_skip(m, "v") >= 0);
                assert_true(sd_bus_message_exit_container(m) >= 0);
                strbuf_addf(&h->jobs, " %s", name);
        }
        strbuf_add(&h->jobs, ";");
        return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable manager[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("UnitPath", "as", get_unit_path, 0, 0),
        SD_BUS_METHOD("Reload", "", "", on_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartUnit", "ss", "o", on_start_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopUnit", "ss", "o", on_stop_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("KillUnit", "ssi", "", on_kill_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetUnitProperties", "sba(sv)", "", on_set_properties, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetUnit", "s", "o", on_get_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListUnitsByPatterns", "asas", "a(ssssssouso)", on_list_units, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("EnableUnitFiles", "asbb", "ba(sss)", on_unit_files, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("DisableUnitFiles", "asb", "a(sss)", on_unit_files, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

void test_connect_buses(TestHost *h) {
        sd_event *event = loop_event(h->loop);
        sd_id128_t id = { .bytes = { 1 } };
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        assert_true(sd_bus_new(&h->server) >= 0);
        assert_true(sd_bus_set_fd(h->server, pair[0], pair[0]) >= 0);
        assert_true(sd_bus_set_server(h->server, 1, id) >= 0);
        assert_true(sd_bus_set_anonymous(h->server, 1) >= 0);
        assert_true(sd_bus_add_object_vtable(h->server, NULL, "/org/freedesktop/systemd1",
                                             "org.freedesktop.systemd1.Manager", manager, h) >= 0);
        assert_true(sd_bus_add_object_vtable(h->server, NULL, "/org/freedesktop/systemd1/unit/asked",
                                             "org.freedesktop.systemd1.Unit", unit_vtable, h) >= 0);
        assert_true(sd_bus_add_object_vtable(h->server, NULL, "/org/freedesktop/systemd1/unit/asked",
                                             "org.freedesktop.systemd1.Service", service_vtable, h) >= 0);
        assert_true(sd_bus_start(h->server) >= 0);
        assert_true(sd_bus_attach_event(h->server, event, 0) >= 0);
        assert_true(sd_bus_new(&h->client) >= 0);
        assert_true(sd_bus_set_fd(h->client, pair[1], pair[1]) >= 0);
        assert_true(sd_bus_set_anonymous(h->client, 1) >= 0);
        assert_true(sd_bus_start(h->client) >= 0);
        assert_true(sd_bus_attach_event(h->client, event, 0) >= 0);
}
