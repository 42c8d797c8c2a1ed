/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small calls that are one QMP command each. */

#include <sys/socket.h>

#include "base/strings.h"
#include "calls/calls.h"
#include "run/fd-groups.h"
#include "run/monitor.h"

/* --- virsh qemu-monitor-command --- */

#define MONITOR_HMP 1U

static json_t *hmp_request(const char *line) {
        return json_pack("{s:s,s:{s:s}}", "execute", "human-monitor-command", "arguments", "command-line", line);
}

static int qmp_request(const char *text, json_t **ret, Error *e) {
        json_error_t error;
        json_t *request = json_loads(text, 0, &error);

        if (!json_is_object(request) || !json_is_string(json_object_get(request, "execute"))) {
                json_decref(request);
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "not a QMP command: %s",
                                 request ? "an object with \"execute\" is needed" : error.text);
        }
        *ret = request;
        return 0;
}

static int monitor_command(Call *c, Guest *g, const qemu_domain_monitor_command_args *args,
                           qemu_domain_monitor_command_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *reply = NULL;
        bool hmp = args->flags & MONITOR_HMP;
        json_t *request = NULL;
        int r;

        if (hmp) {
                request = hmp_request(args->cmd);
                r = request ? 0 : -ENOMEM;
        } else
                r = qmp_request(args->cmd, &request, e);
        if (r >= 0)
                r = guest_command_fds(g, request, NULL, 0, &reply, !hmp, e);
        if (r < 0)
                return r;
        if (hmp)
                return reply_string(&ret->result, json_string_value(reply) ?: "");
        ret->result = json_dumps(reply, JSON_COMPACT);
        return ret->result ? 0 : -ENOMEM;
}

/* One command, without arguments and results. */
static int command(Call *c, Guest *g, uint32_t flags, Error *e) {
        return guest_command(g, call_row(c)->data, NULL, NULL, e);
}

/* --- the screen for a client that brings a socket --- */

static const char *graphics_kind(const Definition *d, unsigned index) {
        static const char *const kinds[][2] = { { "vnc", "vnc" }, { "spice", "spice" }, { "dbus", "@dbus-display" } };
        unsigned i = 0;

        XML_FOREACH(n, definition_devices(d), "graphics")
                if (i++ == index)
                        for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                                if (xml_attr_is(n, "type", kinds[k][0]))
                                        return kinds[k][1];
        return NULL;
}

static int add_client(Guest *g, const Definition *d, unsigned index, uint32_t flags, int fd, Error *e) {
        const char *kind = graphics_kind(d, index);
        json_t *request;
        int r;

        if (!kind)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "No graphics backend with index %u that takes a socket", index);
        request = json_pack("{s:s,s:{s:s}}", "execute", "getfd", "arguments", "fdname", "graphics");
        if (!request)
                return -ENOMEM;
        r = guest_command_fds(g, request, &fd, 1, NULL, false, e);
        if (r < 0)
                return r;
        return guest_command(g, "add_client", json_pack("{s:s,s:s,s:b}", "protocol", kind, "fdname", "graphics",
                                                        "skipauth", (int) (flags & OPEN_GRAPHICS_SKIPAUTH)), NULL, e);
}

static int open_graphics(Call *c, Guest *g, const remote_domain_open_graphics_args *args, rpc_void *ret, Error *e) {
        if (call_n_fds(c) != 1)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "a socket is missing");
        return add_client(g, call_definition(c), args->idx, args->flags, call_fd(c, 0), e);
}

static int open_graphics_fd(Call *c, Guest *g, const remote_domain_open_graphics_fd_args *args, rpc_void *ret,
                            Error *e) {
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot make a pair of sockets");
        r = add_client(g, call_definition(c), args->idx, args->flags, pair[1], e);
        close(pair[1]);
        if (r < 0) {
                close(pair[0]);
                return r;
        }
        return call_add_fd(c, pair[0], e);
}

/* Labels of security drivers, which the flags are about, are not touched: what is open is used as it is. */
static int fd_associate(Call *c, Guest *g, const remote_domain_fd_associate_args *args, rpc_void *ret, Error *e) {
        int fds[GROUP_FDS_MAX], r;
        size_t n = call_n_fds(c);

        if (n == 0 || n > ELEMENTSOF(fds))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "1 to %u descriptors are needed",
                                 GROUP_FDS_MAX);
        if (!*args->name)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the group of descriptors needs a name");
        for (size_t i = 0; i < n; i++)
                fds[i] = call_fd(c, i);
        r = fd_groups_add(g, guest_mark(call_connection(c)), args->name, fds, n);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot keep the descriptors of group '%s'", args->name) : 0;
}

static const RpcHandler rows[] = {
        OBJECT_CALL(qemu, QEMU, &kind_domain, Guest, DOMAIN_MONITOR_COMMAND, monitor_command, .flags = MONITOR_HMP,
                    .needs = NEED_ACTIVE),
        CALL(DOMAIN_FD_ASSOCIATE, fd_associate, .flags = FD_ASSOCIATE_RESTORE | FD_ASSOCIATE_WRITABLE),
        ACTION(DOMAIN_RESET, command, .data = "system_reset", .needs = NEED_ACTIVE),
        ACTION(DOMAIN_INJECT_NMI, command, .data = "inject-nmi", .needs = NEED_ACTIVE),
        ACTION(DOMAIN_PM_WAKEUP, command, .data = "system_wakeup", .needs = NEED_ACTIVE),
        CALL(DOMAIN_OPEN_GRAPHICS, open_graphics, .flags = OPEN_GRAPHICS_SKIPAUTH, .needs = NEED_LIVE),
        CALL(DOMAIN_OPEN_GRAPHICS_FD, open_graphics_fd, .flags = OPEN_GRAPHICS_SKIPAUTH, .needs = NEED_LIVE),
};
const RpcTable qemu_qmp_table = RPC_TABLE(rows);
