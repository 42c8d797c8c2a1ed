/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events: who registered for what, and the copies that are sent.
 *
 * A message is encoded once, new style, beginning with the callback's number; for each registration that number
 * is written into the copy. The old style has the same body without it (and, for three events, without the reason that
 * was added with the new one). */

#include <regex.h>

#include "base/strings.h"
#include "rpc/server.h"

#define REGISTRATIONS_MAX 1024U /* of one connection */

typedef struct EventRow {
        const RpcCodec *codec;
        uint32_t program;
        int32_t procedure;
        int32_t old_procedure;  /* 0: new style only */
        uint32_t old_skip;      /* bytes of the new body that the old one lacks */
} EventRow;

#define NEW(NAME) { &remote_codec_##NAME, REMOTE_PROGRAM, REMOTE_PROC_##NAME, 0, 0 }
#define BOTH(NAME, OLD, skip) { &remote_codec_##NAME, REMOTE_PROGRAM, REMOTE_PROC_##NAME, REMOTE_PROC_##OLD, skip }
#define DOMAIN(NAME, skip) BOTH(DOMAIN_EVENT_CALLBACK_##NAME, DOMAIN_EVENT_##NAME, skip)

/* By event id. */
static const EventRow domain_events[] = {
        DOMAIN(LIFECYCLE, 4),
        DOMAIN(REBOOT, 4),
        DOMAIN(RTC_CHANGE, 4),
        DOMAIN(WATCHDOG, 4),
        DOMAIN(IO_ERROR, 4),
        DOMAIN(GRAPHICS, 4),
        DOMAIN(IO_ERROR_REASON, 4),
        DOMAIN(CONTROL_ERROR, 4),
        DOMAIN(BLOCK_JOB, 4),
        DOMAIN(DISK_CHANGE, 4),
        DOMAIN(TRAY_CHANGE, 4),
        DOMAIN(PMWAKEUP, 8),
        DOMAIN(PMSUSPEND, 8),
        DOMAIN(BALLOON_CHANGE, 4),
        DOMAIN(PMSUSPEND_DISK, 8),
        DOMAIN(DEVICE_REMOVED, 4),
        NEW(DOMAIN_EVENT_BLOCK_JOB_2),
        NEW(DOMAIN_EVENT_CALLBACK_TUNABLE),
        NEW(DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE),
        NEW(DOMAIN_EVENT_CALLBACK_DEVICE_ADDED),
        NEW(DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION),
        NEW(DOMAIN_EVENT_CALLBACK_JOB_COMPLETED),
        NEW(DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED),
        NEW(DOMAIN_EVENT_CALLBACK_METADATA_CHANGE),
        NEW(DOMAIN_EVENT_BLOCK_THRESHOLD),
        NEW(DOMAIN_EVENT_MEMORY_FAILURE),
        NEW(DOMAIN_EVENT_MEMORY_DEVICE_SIZE_CHANGE),
        NEW(DOMAIN_EVENT_NIC_MAC_CHANGE),
        NEW(DOMAIN_EVENT_VCPU_REMOVED),
        NEW(DOMAIN_EVENT_CALLBACK_CHANNEL_LIFECYCLE),
};
static const EventRow network_events[] = {
        NEW(NETWORK_EVENT_LIFECYCLE),
        NEW(NETWORK_EVENT_CALLBACK_METADATA_CHANGE),
};
static const EventRow storage_pool_events[] = {
        NEW(STORAGE_POOL_EVENT_LIFECYCLE),
        NEW(STORAGE_POOL_EVENT_REFRESH),
};
static const EventRow node_device_events[] = {
        NEW(NODE_DEVICE_EVENT_LIFECYCLE),
        NEW(NODE_DEVICE_EVENT_UPDATE),
};
static const EventRow secret_events[] = {
        NEW(SECRET_EVENT_LIFECYCLE),
        NEW(SECRET_EVENT_VALUE_CHANGED),
};
static const EventRow monitor_events[] = {
        { &qemu_codec_DOMAIN_MONITOR_EVENT, QEMU_PROGRAM, QEMU_PROC_DOMAIN_MONITOR_EVENT, 0, 0 },
};

static const struct {
        const EventRow *rows;
        size_t n;
} classes[_EVENT_CLASS_MAX] = {
        [EVENT_DOMAIN] = { domain_events, ELEMENTSOF(domain_events) },
        [EVENT_NETWORK] = { network_events, ELEMENTSOF(network_events) },
        [EVENT_STORAGE_POOL] = { storage_pool_events, ELEMENTSOF(storage_pool_events) },
        [EVENT_NODE_DEVICE] = { node_device_events, ELEMENTSOF(node_device_events) },
        [EVENT_SECRET] = { secret_events, ELEMENTSOF(secret_events) },
        [EVENT_QEMU_MONITOR] = { monitor_events, ELEMENTSOF(monitor_events) },
};

typedef struct Registration {
        Connection *connection;
        EventClass class;
        EventStyle style;
        int id;
        int callback;
        bool limited;           /* to object */
        char *object_name;      /* node devices */
        uint8_t object_uuid[16];
        char *name;             /* monitor events: which, NULL for all */
        regex_t *regex;
        bool ignore_case;
        struct Registration *next;
} Registration;

typedef struct Watch {
        EventClass class;
        EventWatchFunc func;
        void *userdata;
        struct Watch *next;
} Watch;

struct EventHub {
        Registration *first;
        Registration **last;
        size_t count[_EVENT_CLASS_MAX];
        Watch *watches;
};

int event_hub_new(EventHub **ret) {
        EventHub *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;
        h->last = &h->first;
        *ret = h;
        return 0;
}

static void registration_free(Registration *g) {
        if (g->regex)
                regfree(g->regex);
        free(g->regex);
        free(g->object_name);
        free(g->name);
        free(g);
}

EventHub *event_hub_free(EventHub *h) {
        if (!h)
                return NULL;
        while (h->first) {
                Registration *g = h->first;

                h->first = g->next;
                registration_free(g);
        }
        while (h->watches) {
                Watch *w = h->watches;

                h->watches = w->next;
                free(w);
        }
        free(h);
        return NULL;
}

int event_watch(EventHub *h, EventClass class, EventWatchFunc func, void *userdata) {
        Watch *w = malloc(sizeof(*w));

        if (!w)
                return -ENOMEM;
        *w = (Watch) { .class = class, .func = func, .userdata = userdata, .next = h->watches };
        h->watches = w;
        if (h->count[class] > 0)
                func(class, true, userdata);
        return 0;
}

static void count_changed(EventHub *h, EventClass class, bool wanted) {
        for (Watch *w = h->watches; w; w = w->next)
                if (w->class == class)
                        w->func(class, wanted, w->userdata);
}

static void hub_remove(EventHub *h, Registration **at) {
        Registration *g = *at;

        *at = g->next;
        if (!g->next)
                h->last = at;
        if (--h->count[g->class] == 0)
                count_changed(h, g->class, false);
        registration_free(g);
}

static int set_object(Registration *g, const void *object) {
        if (!object)
                return 0;
        g->limited = true;
        if (g->class != EVENT_NODE_DEVICE) {
                memcpy(g->object_uuid, object, sizeof(g->object_uuid));
                return 0;
        }
        g->object_name = strdup(object);
        return g->object_name ? 0 : -ENOMEM;
}

int event_register(EventHub *h, Connection *c, EventClass class, EventStyle style, int id, const void *object,
                   const char *name) {
        unsigned n = 0;
        Registration *g;

        if (id < 0 || (size_t) id >= classes[class].n)
                return -EINVAL;
        if (style == EVENT_OLD_STYLE && classes[class].rows[id].old_procedure == 0)
                return -EINVAL;
        for (g = h->first; g; g = g->next)
                n += g->connection == c;
        if (n >= REGISTRATIONS_MAX)
                return -E2BIG;

        g = malloc(sizeof(*g));
        if (!g)
                return -ENOMEM;
        *g = (Registration) { .connection = c, .class = class, .style = style, .id = id, .callback = c->next_callback };
        g->name = name ? strdup(name) : NULL;
        if ((name && !g->name) || set_object(g, object) < 0) {
                registration_free(g);
                return -ENOMEM;
        }
        c->next_callback++;
        *h->last = g;
        h->last = &g->next;
        if (h->count[class]++ == 0)
                count_changed(h, class, true);
        return g->callback;
}

int event_register_monitor(EventHub *h, Connection *c, const void *object, const char *name, unsigned flags) {
        regex_t *regex = NULL;
        Registration *g;
        int r;

        if (name && flags & 1U) {
                regex = malloc(sizeof(*regex));
                if (!regex)
                        return -ENOMEM;
                if (regcomp(regex, name, REG_EXTENDED | REG_NOSUB | (flags & 2U ? REG_ICASE : 0)) != 0) {
                        free(regex);
                        return -EINVAL;
                }
        }
        r = event_register(h, c, EVENT_QEMU_MONITOR, EVENT_NEW_STYLE, 0, object, name);
        if (r < 0) {
                if (regex)
                        regfree(regex);
                free(regex);
                return r;
        }
        g = container_of(h->last, Registration, next);
        g->regex = regex;
        g->ignore_case = flags & 2U;
        return r;
}

int event_unregister(EventHub *h, Connection *c, EventClass class, int callback) {
        for (Registration **g = &h->first; *g; g = &(*g)->next)
                if ((*g)->connection == c && (*g)->class == class && (*g)->callback == callback) {
                        hub_remove(h, g);
                        return 0;
                }
        return -ENOENT;
}

int event_unregister_old(EventHub *h, Connection *c, int id) {
        for (Registration **g = &h->first; *g; g = &(*g)->next)
                if ((*g)->connection == c && (*g)->class == EVENT_DOMAIN && (*g)->style == EVENT_OLD_STYLE &&
                    (*g)->id == id) {
                        hub_remove(h, g);
                        return 0;
                }
        return -ENOENT;
}

void event_unregister_all(EventHub *h, Connection *c) {
        for (Registration **g = &h->first; *g;)
                if ((*g)->connection == c)
                        hub_remove(h, g);
                else
                        g = &(*g)->next;
}

bool event_is_wanted(const EventHub *h, EventClass class, int id) {
        if (h->count[class] == 0)
                return false;
        for (const Registration *g = h->first; g; g = g->next)
                if (g->class == class && g->id == id)
                        return true;
        return false;
}

static bool name_matches(const Registration *g, const char *name) {
        if (!g->name || !name)
                return true;
        if (g->regex)
                return regexec(g->regex, name, 0, NULL, 0) == 0;
        return g->ignore_case ? strcasecmp(g->name, name) == 0 : streq(g->name, name);
}

static bool registration_matches(const Registration *g, const EventObject *o, int id, const char *name) {
        if (g->class != o->class || g->id != id || !name_matches(g, name))
                return false;
        if (!g->limited)
                return true;
        if (o->class == EVENT_NODE_DEVICE)
                return streq_ptr(g->object_name, o->name);
        return o->uuid && memcmp(g->object_uuid, o->uuid, sizeof(g->object_uuid)) == 0;
}

static void send_to(const Registration *g, const EventRow *row, const EventObject *o, const Buffer *b) {
        bool old = g->style == EVENT_OLD_STYLE;
        int32_t procedure = old ? row->old_procedure : row->procedure;
        size_t skip = old ? row->old_skip : 0;
        int r;

        for (int i = 0; i < 4; i++)
                b->data[i] = (uint8_t) ((uint32_t) g->callback >> (24 - 8 * i));
        if (!g->connection->controlled) {
                connection_send_event(g->connection, row->program, procedure, b->data + skip, b->len - skip);
                return;
        }
        r = connection_filter_event(g->connection, o, row->program, procedure, b->data + skip, b->len - skip);
        if (r < 0)
                connection_close(g->connection, r);
}

int event_emit(EventHub *h, const EventObject *object, int id, const char *name, const void *msg) {
        _cleanup_buffer_ Buffer b = {};
        EventClass class = object->class;
        const EventRow *row;
        int r;

        if (id < 0 || (size_t) id >= classes[class].n)
                return -EINVAL;
        if (!event_is_wanted(h, class, id))
                return 0;
        row = &classes[class].rows[id];
        r = rpc_encode(&b, PACKET_PAYLOAD_MAX, row->codec->ret, msg);
        if (r < 0)
                return r;
        /* Sending ends no connection at once, so the list stays as it is. */
        for (const Registration *g = h->first; g; g = g->next)
                if (registration_matches(g, object, id, name))
                        send_to(g, row, object, &b);
        return 0;
}
