/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "object/event.h"
#include "rpc/access.h"
#include "rpc/stream.h"
#include "test-daemon.h"

/* --- files --- */

char *test_daemon_path(TestDaemon *d, const char *path) {
        char *p = text_format("%s/%s", d->folder, path);

        assert_non_null(p);
        return p;
}

void test_daemon_write(TestDaemon *d, const char *path, const char *text) {
        _cleanup_free_ char *p = test_daemon_path(d, path), *folder = strdup(p);

        *strrchr(folder, '/') = 0;
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_int_equal(file_write_atomic(p, text, strlen(text), 0644, FILE_WRITE_NOSYNC), 0);
}

void test_daemon_remove(TestDaemon *d, const char *path) {
        _cleanup_free_ char *p = test_daemon_path(d, path);

        (void) unlink(p);
}

bool test_daemon_has(TestDaemon *d, const char *path) {
        _cleanup_free_ char *p = test_daemon_path(d, path);

        return access(p, F_OK) == 0;
}

void test_daemon_set_folder(TestDaemon *d, const char *variable, const char *folder) {
        _cleanup_free_ char *p = test_daemon_path(d, folder);

        assert_int_equal(mkdir_p(p, 0755), 0);
        assert_int_equal(setenv(variable, p, 1), 0);
}

/* --- what lib/rpc is for a driver --- */

struct Call {
        TestDaemon *daemon;
        const RpcHandler *handler;
        const RpcProcedure *procedure;
        const void *args;
        void *ret;
        void *scope;
        int r;
        bool done;
};

static TestDaemon *current; /* the hub has no owner in its calls */

void *call_driver(const Call *c) {
        return c->daemon->state;
}

Loop *call_loop(const Call *c) {
        return c->daemon->loop;
}

const RpcProcedure *call_procedure(const Call *c) {
        return c->procedure;
}

Connection *call_connection(const Call *c) {
        return NULL;
}

void call_set_scope(Call *c, void *scope) {
        c->scope = scope;
}

void *call_scope(const Call *c) {
        return c->scope;
}

bool call_is_readonly(const Call *c) {
        return c->daemon->readonly;
}

int call_check_writable(const Call *c, Error *e) {
        return c->daemon->readonly ? error_set(e, -EPERM, ERROR_OPERATION_DENIED, ORIGIN_NONE,
                                               "read only access prevents %s", c->procedure->api)
                                   : 0;
}

int call_check_flags(const Call *c, uint32_t flags, uint32_t supported, Error *e) {
        return flags & ~supported
                       ? error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE,
                                   "unsupported flags (0x%x) in function %s", flags & ~supported, c->procedure->api)
                       : 0;
}

static bool is_denied(const Call *c, const char *const *details) {
        for (size_t i = 0; details[i]; i += 2)
                if (c->daemon->deny && streq(details[i + 1], c->daemon->deny))
                        return true;
        return false;
}

int call_check_access_to(Call *c, uint32_t flags, const char *const *details, Error *e) {
        return is_denied(c, details) ? error_set(e, -EACCES, ERROR_ACCESS_DENIED, ORIGIN_ACCESS, "denied") : 0;
}

bool call_has_access_rules(const Call *c) {
        return c->daemon->deny;
}

int call_filter_access_to(Call *c, const char *const *details) {
        return !is_denied(c, details);
}

size_t call_n_fds(const Call *c) {
        return 0;
}

int call_fd(const Call *c, size_t i) {
        return -EBADF;
}

int call_take_fd(Call *c, size_t i) {
        return -EBADF;
}

int call_add_fd(Call *c, int fd, Error *e) {
        close(fd);
        return -EOPNOTSUPP;
}

uint64_t connection_id(const Connection *c) {
        return 7;
}

const Identity *connection_identity(const Connection *c) {
        static const Identity ours = { .uid = 0, .gid = 0 };

        return &ours;
}

bool connection_is_readonly(const Connection *c) {
        return current->readonly;
}

bool connection_is_alive(const Connection *c) {
        return true;
}

void connection_close(Connection *c, int r) {
}

int connection_fd(const Connection *c) {
        return -EBADF;
}

bool connection_is_quiet(const Connection *c) {
        return true;
}

void *connection_data(const Connection *c, const Driver *d) {
        return NULL;
}

void connection_set_data(Connection *c, const Driver *d, void *data) {
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

bool event_is_wanted(const EventHub *hub, EventClass class, int id) {
        return class != EVENT_QEMU_MONITOR;
}

/* All lifecycle messages end with the event and its detail, right behind the object. */
static size_t numbers_at(EventClass class) {
        static const size_t sizes[_EVENT_CLASS_MAX] = {
                [EVENT_DOMAIN] = sizeof(remote_nonnull_domain),
                [EVENT_NETWORK] = sizeof(remote_nonnull_network),
                [EVENT_STORAGE_POOL] = sizeof(remote_nonnull_storage_pool),
                [EVENT_NODE_DEVICE] = sizeof(remote_nonnull_node_device),
                [EVENT_SECRET] = sizeof(remote_nonnull_secret),
        };

        return 8 + sizes[class];
}

int event_emit(EventHub *hub, const EventObject *object, int id, const char *name, const void *msg) {
        char uuid[37] = "";
        int numbers[2];

        if (id != 0 || object->class == EVENT_QEMU_MONITOR)
                return 0;
        if (object->uuid)
                uuid_format(object->uuid, uuid);
        memcpy(numbers, (const char *) msg + numbers_at(object->class), sizeof(numbers));
        strbuf_addf(&current->events, "%s %i %i;", object->name ? object->name : uuid, numbers[0], numbers[1]);
        return 0;
}

static void host_hold(DriverHost *host, int add) {
        container_of(host, TestDaemon, host)->held += add;
}

/* --- calls --- */

static const RpcHandler *find_in(const RpcHandler *rows, size_t n, uint32_t program, int32_t number) {
        for (size_t i = 0; i < n; i++)
                if (rows[i].program == program && rows[i].number == number)
                        return &rows[i];
        return NULL;
}

static const RpcHandler *find_row(const Driver *d, uint32_t program, int32_t number) {
        const RpcHandler *h = find_in(d->handlers, d->n_handlers, program, number);

        for (const RpcTable *const *t = d->tables; t && *t && !h; t++)
                h = find_in((*t)->rows, (*t)->n, program, number);
        return h;
}

static void call_fiber(void *userdata) {
        Call *c = userdata;

        c->r = c->handler->prologue ? c->handler->prologue(c, c->handler, c->args, c->ret, &c->daemon->error)
                                    : c->handler->func(c, c->args, c->ret, &c->daemon->error);
        c->done = true;
}

int test_daemon_call(TestDaemon *d, uint32_t program, int32_t number, const void *args, void *ret) {
        Call c = { .daemon = d,
                   .handler = find_row(d->driver, program, number),
                   .procedure = rpc_procedure(program, number),
                   .args = args,
                   .ret = ret };

        assert_non_null(c.handler);
        error_done(&d->error);
        assert_int_equal(fiber_spawn(d->loop, call_fiber, &c, NULL), 0);
        for (unsigned i = 0; !c.done && i < 1000; i++)
                assert_true(loop_run_once(d->loop, 5U * 1000000U) >= 0);
        assert_true(c.done);
        return c.r;
}

typedef struct Run {
        FiberFunc f;
        void *userdata;
        bool done;
} Run;

static void run_fiber(void *userdata) {
        Run *r = userdata;

        r->f(r->userdata);
        r->done = true;
}

void test_daemon_fiber(TestDaemon *d, FiberFunc f, void *userdata) {
        Run r = { .f = f, .userdata = userdata };

        assert_int_equal(fiber_spawn(d->loop, run_fiber, &r, NULL), 0);
        for (unsigned i = 0; !r.done && i < 1000; i++)
                assert_true(loop_run_once(d->loop, 5U * 1000000U) >= 0);
        assert_true(r.done);
}

void test_daemon_pump(TestDaemon *d) {
        for (unsigned i = 0; i < 50; i++)
                assert_true(loop_run_once(d->loop, d->hasty ? 0 : 1000) >= 0);
}

const char *test_daemon_events(TestDaemon *d) {
        static char text[4096];

        snprintf(text, sizeof(text), "%s", d->events.data ? d->events.data : "");
        strbuf_done(&d->events);
        d->events = (StrBuf) {};
        return text;
}

/* --- life --- */

void test_daemon_init(TestDaemon *d, const Driver *driver) {
        *d = (TestDaemon) { .driver = driver };
        d->folder = text_format("%s/test-driver-XXXXXX", getenv("TMPDIR") ?: "/tmp");
        assert_non_null(mkdtemp(d->folder));
        test_daemon_set_folder(d, "UNITVIRT_ETC", "etc");
        test_daemon_set_folder(d, "UNITVIRT_RUN", "run");
        test_daemon_set_folder(d, "UNITVIRT_LIB", "lib");
        test_daemon_set_folder(d, "UNITVIRT_GENERATED_UNITS", "units");
        test_daemon_set_folder(d, "UNITVIRT_TRANSIENT_UNITS", "transient-units");
        test_daemon_set_folder(d, "UNITVIRT_SYSTEMD_ETC", "systemd");
        assert_int_equal(loop_new(&d->loop), 0);
        d->host = (DriverHost) { .loop = d->loop, .daemon = "virttestd", .privileged = true, .hold = host_hold };
        current = d;
}

void test_daemon_done(TestDaemon *d) {
        _cleanup_free_ char *command = text_format("rm -rf '%s'", d->folder);

        loop_free(d->loop);
        assert_int_equal(system(command), 0);
        strbuf_done(&d->events);
        error_done(&d->error);
        free(d->folder);
}

typedef struct Start {
        TestDaemon *daemon;
        int r;
} Start;

static void start_fiber(void *userdata) {
        Start *s = userdata;

        s->r = s->daemon->driver->start(&s->daemon->host, &s->daemon->state, &s->daemon->error);
}

void test_daemon_start(TestDaemon *d) {
        Start s = { .daemon = d };

        test_daemon_fiber(d, start_fiber, &s);
        assert_int_equal(s.r, 0);
}

void test_daemon_stop(TestDaemon *d) {
        assert_int_equal(loop_stop_fibers(d->loop, 1000000), 0);
        d->driver->stop(d->state);
        d->state = NULL;
}
