/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events under access control: one goes out when its client may know of the object that it is about. Asking takes time,
 * so the events of such a connection wait in a queue, and keep their order. */

#include "base/strings.h"
#include "rpc/server.h"

#define HELD_MAX 4096U /* events waiting for an answer; then the client is given up, as one that does not read */

struct HeldEvent {
        EventClass class;
        char *name;             /* of the object, or NULL */
        char uuid[37];          /* empty where it has none */
        uint32_t program;
        int32_t procedure;
        Buffer body;
        struct HeldEvent *next;
};

/* How access control knows the objects of each class. */
static const struct {
        const char *object, *name_key, *uuid_key;
} classes[_EVENT_CLASS_MAX] = {
        [EVENT_DOMAIN] = { "domain", "domain_name", "domain_uuid" },
        [EVENT_NETWORK] = { "network", "network_name", "network_uuid" },
        [EVENT_STORAGE_POOL] = { "storage_pool", "pool_name", "pool_uuid" },
        [EVENT_NODE_DEVICE] = { "node_device", "node_device_name", NULL },
        [EVENT_SECRET] = { "secret", NULL, "secret_uuid" },
        [EVENT_QEMU_MONITOR] = { "domain", "domain_name", "domain_uuid" },
};

static struct HeldEvent *held_free(struct HeldEvent *h) {
        if (!h)
                return NULL;
        buffer_done(&h->body);
        free(h->name);
        free(h);
        return NULL;
}
DEFINE_CLEANUP(struct HeldEvent *, held_free);

static int held_new(const EventObject *o, const void *body, size_t len, struct HeldEvent **ret) {
        _cleanup_(held_freep) struct HeldEvent *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;
        h->class = o->class;
        if (o->name && !(h->name = strdup(o->name)))
                return -ENOMEM;
        if (o->uuid)
                uuid_format(o->uuid, h->uuid);
        if (buffer_add(&h->body, body, len) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(h);
        return 0;
}

void connection_drop_held(Connection *c) {
        while (c->held) {
                struct HeldEvent *h = c->held;

                c->held = h->next;
                held_free(h);
        }
        c->n_held = 0;
}

static int may_know(Connection *c, const struct HeldEvent *h) {
        const char *name_key = classes[h->class].name_key, *uuid_key = classes[h->class].uuid_key;
        _cleanup_error_ Error e = ERROR_INIT;
        const char *details[5] = {};
        size_t n = 0;

        if (name_key && h->name)
                details[n++] = name_key, details[n++] = h->name;
        if (uuid_key && h->uuid[0])
                details[n++] = uuid_key, details[n++] = h->uuid;
        return c->ops->access(c, classes[h->class].object, "getattr", details, &e);
}

static void filter_main(void *userdata) {
        Connection *c = userdata;

        while (c->held && c->link) {
                struct HeldEvent *h = c->held;
                int r;

                c->held = h->next;
                c->n_held--;
                r = may_know(c, h);
                if (r > 0)
                        connection_send_event(c, h->program, h->procedure, h->body.data, h->body.len);
                held_free(h);
        }
        connection_drop_held(c);
        c->filtering = false;
        connection_unref(c);
}

int connection_filter_event(Connection *c, const EventObject *object, uint32_t program, int32_t procedure,
                            const void *body, size_t len) {
        struct HeldEvent **last = &c->held, *h;
        int r;

        if (c->n_held >= HELD_MAX)
                return -ENOBUFS;
        r = held_new(object, body, len, &h);
        if (r < 0)
                return r;
        h->program = program;
        h->procedure = procedure;
        while (*last)
                last = &(*last)->next;
        *last = h;
        c->n_held++;
        if (c->filtering)
                return 0;
        r = fiber_spawn(c->loop, filter_main, connection_ref(c), NULL);
        if (r < 0) {
                connection_unref(c);
                return r;
        }
        c->filtering = true;
        return 0;
}
