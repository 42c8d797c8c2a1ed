/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events under access control: one goes out when its client may know of the object that it is about. Asking takes time, so the events of
 * such a connection wait in a queue, and keep their order. */

#include "base/strings.h"
#include "rpc/server.h"

#define HELD_MAX 4096U /* events waiting for an answer; then the client is given up, as one that does not read */

struct HeldEvent {
        EventClass class;
        uint32_t program;
        int32_t procedure;
        size_t skip;            /* the old style lacks that much of the body */
        Buffer body;            /* new style: the number of the callback, and then the object */
        struct HeldEvent *next;
};

static const char *const class_objects[_EVENT_CLASS_MAX] = {
        [EVENT_DOMAIN] = "domain",           [EVENT_NETWORK] = "network",         [EVENT_STORAGE_POOL] = "storage_pool",
        [EVENT_NODE_DEVICE] = "node_device", [EVENT_SECRET] = "secret",           [EVENT_QEMU_MONITOR] = "domain",
};

static struct HeldEvent *held_free(struct HeldEvent *h) {
        buffer_done(&h->body);
        free(h);
        return NULL;
}

void connection_drop_held(Connection *c) {
        while (c->held) {
                struct HeldEvent *h = c->held;

                c->held = h->next;
                held_free(h);
        }
        c->n_held = 0;
}

/* The name at the beginning of the object, and what follows it. */
static int read_name(const Buffer *b, char **ret, const uint8_t **ret_rest, size_t *ret_left) {
        size_t len, padded;

        if (b->len < 8)
                return -EBADMSG;
        len = packet_word(b->data + 4);
        padded = (len + 3U) & ~(size_t) 3U;
        if (padded < len || padded > b->len - 8)
                return -EBADMSG;
        *ret = strndup((const char *) b->data + 8, len);
        *ret_rest = b->data + 8 + padded;
        *ret_left = b->len - 8 - padded;
        return *ret ? 0 : -ENOMEM;
}

static int may_know_named(Connection *c, const struct HeldEvent *h, const char *name_key, const char *uuid_key) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *name = NULL;
        const uint8_t *rest;
        char uuid[37];
        size_t left;
        int r;

        r = read_name(&h->body, &name, &rest, &left);
        if (r < 0 || (uuid_key && left < 16))
                return -EBADMSG;
        if (uuid_key)
                uuid_format(rest, uuid);
        return c->ops->access(c, class_objects[h->class], "getattr",
                              (const char *const[]) { name_key, name, uuid_key, uuid_key ? uuid : NULL, NULL }, &e);
}

static int may_know_secret(Connection *c, const struct HeldEvent *h) {
        _cleanup_error_ Error e = ERROR_INIT;
        char uuid[37];

        if (h->body.len < 20)
                return -EBADMSG;
        uuid_format(h->body.data + 4, uuid);
        return c->ops->access(c, "secret", "getattr", (const char *const[]) { "secret_uuid", uuid, NULL }, &e);
}

static int may_know(Connection *c, const struct HeldEvent *h) {
        switch (h->class) {
        case EVENT_SECRET:
                return may_know_secret(c, h);
        case EVENT_NODE_DEVICE:
                return may_know_named(c, h, "node_device_name", NULL);
        case EVENT_NETWORK:
                return may_know_named(c, h, "network_name", "network_uuid");
        case EVENT_STORAGE_POOL:
                return may_know_named(c, h, "pool_name", "pool_uuid");
        default:
                return may_know_named(c, h, "domain_name", "domain_uuid");
        }
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
                        connection_send_event(c, h->program, h->procedure, h->body.data + h->skip, h->body.len - h->skip);
                held_free(h);
        }
        connection_drop_held(c);
        c->filtering = false;
        connection_unref(c);
}

int connection_filter_event(Connection *c, EventClass class, uint32_t program, int32_t procedure, const Buffer *body, size_t skip) {
        struct HeldEvent **last = &c->held, *h;
        int r;

        if (c->n_held >= HELD_MAX)
                return -ENOBUFS;
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        *h = (struct HeldEvent) { .class = class, .program = program, .procedure = procedure, .skip = skip };
        r = buffer_add(&h->body, body->data, body->len);
        if (r < 0) {
                held_free(h);
                return r;
        }
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
