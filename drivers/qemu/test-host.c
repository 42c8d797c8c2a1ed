/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan/names.h"
#include "rpc/stream.h"
#include "test-host.h"

struct FakeQemu {
        FakeQemu *next;
        TestHost *host;
        char *name;
        int listener, fd;
        sd_event_source *accept_source, *read_source;
        bool running;
        char line[4096];
        size_t n;
};

/* --- files --- */

static char *path_of(TestHost *h, const char *path) {
        char *p;

        assert_true(asprintf(&p, "%s/%s", h->folder, path) > 0);
        return p;
}

void test_write(TestHost *h, const char *path, const char *text) {
        _cleanup_free_ char *p = path_of(h, path), *folder = strdup(p);

        *strrchr(folder, '/') = 0;
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_int_equal(file_write_atomic(p, text, strlen(text), 0644, FILE_WRITE_NOSYNC), 0);
}

void test_remove(TestHost *h, const char *path) {
        _cleanup_free_ char *p = path_of(h, path);

        (void) unlink(p);
}

bool test_file_exists(TestHost *h, const char *path) {
        _cleanup_free_ char *p = path_of(h, path);

        return access(p, F_OK) == 0;
}

/* --- the fake QEMU --- */

static void qemu_write(FakeQemu *q, const char *text) {
        assert_int_equal(write(q->fd, text, strlen(text)), strlen(text));
}

static void qemu_event(FakeQemu *q, const char *name) {
        char text[128];

        snprintf(text, sizeof(text), "{\"event\": \"%s\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\r\n", name);
        qemu_write(q, text);
}

static void qemu_reply(FakeQemu *q, json_t *id, const char *value) {
        char text[256];

        snprintf(text, sizeof(text), "{\"return\": %s, \"id\": %i}\r\n", value, (int) json_integer_value(id));
        qemu_write(q, text);
}

static void qemu_command(FakeQemu *q, const char *line) {
        _cleanup_(json_decrefp) json_t *m = json_loads(line, 0, NULL);
        const char *command = json_string_value(json_object_get(m, "execute"));
        json_t *id = json_object_get(m, "id");

        assert_non_null(command);
        if (streq(command, "query-status")) {
                qemu_reply(q, id, q->running ? "{\"status\": \"running\"}" : "{\"status\": \"paused\"}");
                return;
        }
        if (streq(command, "query-chardev")) {
                qemu_reply(q, id, q->host->chardevs ? q->host->chardevs : "[]");
                return;
        }
        if (streq(command, "stop") || streq(command, "cont")) {
                q->running = streq(command, "cont");
                qemu_event(q, q->running ? "RESUME" : "STOP");
        }
        qemu_reply(q, id, "{}");
}

static int on_qemu_read(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        FakeQemu *q = userdata;
        ssize_t n = read(fd, q->line + q->n, sizeof(q->line) - q->n - 1);
        char *end;

        if (n <= 0) {
                q->read_source = sd_event_source_disable_unref(q->read_source);
                close(TAKE_FD(q->fd));
                return 0;
        }
        q->n += (size_t) n;
        q->line[q->n] = 0;
        while ((end = strchr(q->line, '\n'))) {
                *end = 0;
                qemu_command(q, q->line);
                q->n -= (size_t) (end + 1 - q->line);
                memmove(q->line, end + 1, q->n + 1);
        }
        return 0;
}

static int on_qemu_accept(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        FakeQemu *q = userdata;

        q->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(q->fd >= 0);
        q->n = 0;
        assert_true(sd_event_add_io(loop_event(q->host->loop), &q->read_source, q->fd, EPOLLIN, on_qemu_read, q) >= 0);
        qemu_write(q, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
        return 0;
}

static FakeQemu *qemu_find(TestHost *h, const char *name) {
        for (FakeQemu *q = h->qemus; q; q = q->next)
                if (streq(q->name, name))
                        return q;
        fail_msg("no QEMU of %s", name);
        return NULL;
}

static void qemu_free(FakeQemu *q) {
        FakeQemu **p = &q->host->qemus;

        while (*p != q)
                p = &(*p)->next;
        *p = q->next;
        sd_event_source_disable_unref(q->accept_source);
        sd_event_source_disable_unref(q->read_source);
        close(q->listener);
        if (q->fd >= 0)
                close(q->fd);
        free(q->name);
        free(q);
}

void test_qemu_say(TestHost *h, const char *name, const char *message) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text, "%s\r\n", message) > 0);
        for (char *p = text; *p; p++)
                *p = *p == '\'' ? '"' : *p;
        qemu_write(qemu_find(h, name), text);
        test_pump(h);
}

void test_qemu_close(TestHost *h, const char *name) {
        qemu_free(qemu_find(h, name));
        test_pump(h);
}

static void qemu_new(TestHost *h, const char *name, const char *socket_path, bool running) {
        FakeQemu *q = calloc(1, sizeof(*q));
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        assert_non_null(q);
        q->host = h;
        q->name = strdup(name);
        q->fd = -EBADF;
        q->running = running;
        q->next = h->qemus;
        h->qemus = q;
        strcpy(address.sun_path, socket_path);
        (void) unlink(socket_path);
        q->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(q->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(q->listener, 5), 0);
        assert_true(sd_event_add_io(loop_event(h->loop), &q->accept_source, q->listener, EPOLLIN, on_qemu_accept, q) >= 0);
}

/* --- the fake systemd --- */

void test_unit_start(TestHost *h, const char *name, bool running) {
        _cleanup_free_ char *source = NULL, *transient = NULL, *text = NULL, *live = NULL, *folder = NULL, *socket_path = NULL;
        _cleanup_free_ char *user = NULL;
        char path[256], *rest;

        snprintf(path, sizeof(path), "run/qemu/transient/%s.xml", name);
        transient = path_of(h, path);
        snprintf(path, sizeof(path), "etc/qemu/%s.xml", name);
        source = path_of(h, path);
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
        folder = path_of(h, path);
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_true(asprintf(&socket_path, "%s/qmp.sock", folder) > 0);
        qemu_new(h, name, socket_path, running);
        snprintf(path, sizeof(path), "run/qemu/%s/run", user);
        test_write(h, path, "pid=1\n");
}

void test_unit_cleanup(TestHost *h, const char *name, const char *reason) {
        char path[256], text[128];

        snprintf(path, sizeof(path), "run/qemu/%s.last", name);
        snprintf(text, sizeof(text), "reason=%s\nwhen=1\n", reason);
        test_write(h, path, text);
        snprintf(path, sizeof(path), "run/qemu/%s.state", name);
        test_remove(h, path);
        snprintf(path, sizeof(path), "run/qemu/%s.xml", name);
        test_remove(h, path);
        test_pump(h);
}

static int send_job_removed(TestHost *h, const char *job, const char *unit, const char *result) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(h->server, &m, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved");
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
        bool failing = h->fail_start;
        int r;

        assert_true(sd_bus_message_read(m, "ss", &unit, NULL) >= 0);
        strbuf_addf(&h->jobs, "StartUnit %s;", unit);
        assert_int_equal(guest_name_from_unit(unit, &name), 0);
        assert_true(asprintf(&job, "/org/freedesktop/systemd1/job/%u", ++h->n_jobs) > 0);
        if (failing) {
                snprintf(path, sizeof(path), "run/qemu/%s.error", name);
                test_write(h, path, h->fail_start);
                snprintf(path, sizeof(path), "run/qemu/%s.last", name);
                test_write(h, path, "reason=failed\n");
                h->fail_start = NULL;
        } else {
                snprintf(path, sizeof(path), "run/qemu/%s.request", name);
                test_unit_start(h, name, !test_file_exists(h, path));
        }
        r = sd_bus_reply_method_return(m, "o", job);
        return r < 0 ? r : send_job_removed(h, job, unit, failing ? "failed" : "done");
}

static int on_kill_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        TestHost *h = userdata;
        const char *unit;
        int32_t signo;

        assert_true(sd_bus_message_read(m, "ssi", &unit, NULL, &signo) >= 0);
        strbuf_addf(&h->jobs, "KillUnit %s %i;", unit, signo);
        assert_int_equal(guest_name_from_unit(unit, &name), 0);
        if (!h->qemus)
                return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "Unit is not loaded.");
        qemu_free(qemu_find(h, name));
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

static int on_get_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "Unit is not loaded.");
}

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
static int get_unit_path(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                         void *userdata, sd_bus_error *error) {
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

static const sd_bus_vtable manager[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("UnitPath", "as", get_unit_path, 0, 0),
        SD_BUS_METHOD("Reload", "", "", on_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartUnit", "ss", "o", on_start_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopUnit", "ss", "o", on_stop_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("KillUnit", "ssi", "", on_kill_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetUnit", "s", "o", on_get_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListUnitsByPatterns", "asas", "a(ssssssouso)", on_list_units, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("EnableUnitFiles", "asbb", "ba(sss)", on_unit_files, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("DisableUnitFiles", "asb", "a(sss)", on_unit_files, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void connect_buses(TestHost *h) {
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
        assert_true(sd_bus_start(h->server) >= 0);
        assert_true(sd_bus_attach_event(h->server, event, 0) >= 0);
        assert_true(sd_bus_new(&h->client) >= 0);
        assert_true(sd_bus_set_fd(h->client, pair[1], pair[1]) >= 0);
        assert_true(sd_bus_set_anonymous(h->client, 1) >= 0);
        assert_true(sd_bus_start(h->client) >= 0);
        assert_true(sd_bus_attach_event(h->client, event, 0) >= 0);
}

/* --- the supervisor's side --- */

struct Call {
        TestHost *host;
        RpcHandlerFunc func;
        const void *args;
        void *ret;
        int r;
        bool done;
};

void *call_driver(const Call *c) {
        return c->host->driver;
}

Loop *call_loop(const Call *c) {
        return c->host->loop;
}

Connection *call_connection(const Call *c) {
        return NULL;
}

uint64_t connection_id(const Connection *c) {
        return 7;
}

bool connection_is_alive(const Connection *c) {
        return true;
}

void *connection_data(const Connection *c, const Driver *d) {
        return NULL;
}

void connection_set_data(Connection *c, const Driver *d, void *data) {
}

size_t call_n_fds(const Call *c) {
        return 0;
}

int call_fd(const Call *c, size_t i) {
        return -EBADF;
}

int call_add_fd(Call *c, int fd, Error *e) {
        close(fd);
        return -EOPNOTSUPP;
}

int call_check_writable(const Call *c, Error *e) {
        return 0;
}

int call_check_flags(const Call *c, uint32_t flags, uint32_t supported, Error *e) {
        return flags & ~supported ? error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unsupported flags (0x%x)", flags & ~supported) : 0;
}

int call_check_access(Call *c, uint32_t flags, Error *e, ...) {
        return 0;
}

int call_filter_access(Call *c, ...) {
        return 1;
}

/* Streams are the supervisor's, and tested there. */
int stream_open(Call *c, const StreamOps *ops, void *userdata, Stream **ret) {
        return -EOPNOTSUPP;
}

int stream_open_fd(Call *c, int fd, Error *e) {
        close(fd);
        return -EOPNOTSUPP;
}

void *stream_userdata(const Stream *s) {
        return NULL;
}

ssize_t stream_send(Stream *s, const void *data, size_t len) {
        return -EPIPE;
}

int stream_send_eof(Stream *s) {
        return -EPIPE;
}

void stream_fail(Stream *s, int r, const Error *e) {
}

void stream_resume(Stream *s) {
}

static TestHost *current; /* the hub has no owner in its calls */

bool event_is_wanted(const EventHub *hub, EventClass class, int id) {
        return class == EVENT_DOMAIN;
}

int event_emit(EventHub *hub, EventClass class, int id, const void *object, const char *name, const void *msg) {
        static const char *const words[] = { "defined", "undefined", "started", "suspended", "resumed", "stopped", "shutdown",
                                             "pmsuspended", "crashed" };
        const remote_domain_event_callback_lifecycle_msg *m = msg;

        if (class == EVENT_DOMAIN && id == EVENT_LIFECYCLE)
                strbuf_addf(&current->events, "%s %s %i;", m->msg.dom.name, words[m->msg.event], m->msg.detail);
        return 0;
}

static int host_bus(DriverHost *host, sd_bus **ret, Error *e) {
        *ret = container_of(host, TestHost, host)->client;
        return 0;
}

static void host_hold(DriverHost *host, int add) {
        container_of(host, TestHost, host)->held += add;
}

static void call_fiber(void *userdata) {
        Call *c = userdata;

        c->r = c->func(c, c->args, c->ret, &c->host->error);
        c->done = true;
}

int test_call(TestHost *h, RpcHandlerFunc f, const void *args, void *ret) {
        Call c = { .host = h, .func = f, .args = args, .ret = ret };

        error_done(&h->error);
        assert_int_equal(fiber_spawn(h->loop, call_fiber, &c, NULL), 0);
        for (unsigned i = 0; !c.done && i < 1000; i++)
                assert_true(loop_run_once(h->loop, 5U * 1000000U) >= 0);
        assert_true(c.done);
        return c.r;
}

void test_pump(TestHost *h) {
        for (unsigned i = 0; i < 50; i++)
                assert_true(loop_run_once(h->loop, 1000) >= 0);
}

static const char *take_text(StrBuf *from) {
        static char text[4096];

        snprintf(text, sizeof(text), "%s", from->data ? from->data : "");
        strbuf_done(from);
        *from = (StrBuf) {};
        return text;
}

const char *test_events(TestHost *h) {
        return take_text(&h->events);
}

const char *test_jobs(TestHost *h) {
        return take_text(&h->jobs);
}

/* --- life --- */

static void start_driver(TestHost *h) {
        void *driver = NULL;

        assert_int_equal(driver_qemu.start(&h->host, &driver, &h->error), 0);
        h->driver = driver;
}

void test_restart_driver(TestHost *h) {
        assert_int_equal(loop_stop_fibers(h->loop, 1000000), 0);
        driver_qemu.stop(h->driver);
        test_pump(h);
        start_driver(h);
}

static void set_folder(TestHost *h, const char *variable, const char *folder) {
        _cleanup_free_ char *p = path_of(h, folder);

        assert_int_equal(mkdir_p(p, 0755), 0);
        assert_int_equal(setenv(variable, p, 1), 0);
}

int test_host_setup(void **state) {
        TestHost *h = calloc(1, sizeof(*h));

        assert_non_null(h);
        h->folder = strdup("/tmp/test-driver-XXXXXX");
        assert_non_null(mkdtemp(h->folder));
        set_folder(h, "UNITVIRT_ETC", "etc");
        set_folder(h, "UNITVIRT_RUN", "run");
        set_folder(h, "UNITVIRT_LIB", "lib");
        set_folder(h, "UNITVIRT_GENERATED_UNITS", "units");
        set_folder(h, "UNITVIRT_TRANSIENT_UNITS", "transient-units");
        set_folder(h, "UNITVIRT_SYSTEMD_ETC", "systemd");
        assert_int_equal(loop_new(&h->loop), 0);
        connect_buses(h);
        h->next_id = 1;
        h->reloaded = true;
        h->host = (DriverHost) { .loop = h->loop, .daemon = "virtqemud", .privileged = true, .bus = host_bus, .hold = host_hold };
        current = h;
        start_driver(h);
        *state = h;
        return 0;
}

int test_host_teardown(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *command = NULL;

        assert_int_equal(loop_stop_fibers(h->loop, 1000000), 0);
        assert_int_equal(h->held, 0);
        driver_qemu.stop(h->driver);
        while (h->qemus)
                qemu_free(h->qemus);
        sd_bus_close_unref(h->client);
        sd_bus_close_unref(h->server);
        loop_free(h->loop);
        assert_true(asprintf(&command, "rm -rf '%s'", h->folder) > 0);
        assert_int_equal(system(command), 0);
        strbuf_done(&h->events);
        strbuf_done(&h->jobs);
        error_done(&h->error);
        free(h->folder);
        free(h);
        return 0;
}
