/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What QEMU sends, in two pieces, to a client with two commands waiting. */

#include <sys/socket.h>

#include "run/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(QmpClient *c, const char *name, json_t *data, uint64_t usec, void *userdata) {
        if (!name || !json_is_object(data))
                __builtin_trap();
}

static void on_closed(QmpClient *c, int r, void *userdata) {
}

static void on_reply(QmpClient *c, const QmpResult *result, void *userdata) {
        if (result->r == 0 && !result->ret)
                __builtin_trap();
        if (result->r == -EREMOTEIO && (!result->class || !result->desc))
                __builtin_trap();
        (*(unsigned *) userdata)++;
}

static const QmpHandler handler = { NULL, on_event, on_closed };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        sd_event *event = NULL;
        QmpClient *c = NULL;
        unsigned replies = 0;
        int pair[2];
        size_t half;

        if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return 0;
        if (sd_event_new(&event) < 0 || qmp_client_new(event, pair[0], &handler, NULL, &c) < 0)
                __builtin_trap();
        (void) qmp_execute(c, "query-status", NULL, NULL, 0, on_reply, &replies, NULL);
        (void) qmp_execute(c, "query-cpus-fast", NULL, NULL, 0, on_reply, &replies, NULL);

        half = data[0] % size;
        if (qmp_client_feed(c, (const char *) data + 1, half > 0 ? half - 1 : 0) >= 0)
                (void) qmp_client_feed(c, (const char *) data + (half > 0 ? half : 1), size - (half > 0 ? half : 1));
        qmp_client_free(c);
        if (replies != 2)
                __builtin_trap();
        sd_event_unref(event);
        close(pair[1]);
        return 0;
}
