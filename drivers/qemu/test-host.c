/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "rpc/stream.h"
#include "test-host.h"

/* --- files --- */

char *test_path(TestHost *h, const char *path) {
        char *p;

        assert_true(asprintf(&p, "%s/%s", h->folder, path) > 0);
        return p;
}

void test_write(TestHost *h, const char *path, const char *text) {
        _cleanup_free_ char *p = test_path(h, path), *folder = strdup(p);

        *strrchr(folder, '/') = 0;
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_int_equal(file_write_atomic(p, text, strlen(text), 0644, FILE_WRITE_NOSYNC), 0);
}

void test_remove(TestHost *h, const char *path) {
        _cleanup_free_ char *p = test_path(h, path);

        (void) unlink(p);
}

bool test_file_exists(TestHost *h, const char *path) {
        _cleanup_free_ char *p = test_path(h, path);

        return access(p, F_OK) == 0;
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
        _cleanup_free_ char *p = test_path(h, folder);

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
        test_connect_buses(h);
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
                fake_qemu_free(h->qemus);
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
