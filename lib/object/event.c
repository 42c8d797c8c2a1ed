/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events. Each is built on the stack: the hub encodes it at once. */

#include "base/strings.h"
#include "object/call.h"
#include "object/event.h"

#define WIRE_MAX 64U

/* All lifecycle messages are the callback's number, the object, the event and its detail, whatever the object. The test
 * holds the types of all classes against this. */
typedef union LifecycleMessage {
        struct {
                int callback;
                uint64_t object[(WIRE_MAX + 8U) / 8U];  /* event and detail follow the object */
        } parts;
        char bytes[sizeof(int) + WIRE_MAX + 16U];
} LifecycleMessage;

bool object_event_is_wanted(const Object *o, int id) {
        return object_kind(o)->has_events && event_is_wanted(o->index->host->events, object_kind(o)->events, id);
}

/* A message that does not go out is lost to one client only; there is nobody to tell. */
void object_emit(const Object *o, int id, const void *msg) {
        const ObjectKind *k = object_kind(o);
        const EventObject about = {
                .class = k->events, .name = o->name, .uuid = k->wire.uuid_at == OBJECT_NO_MEMBER ? NULL : o->uuid };

        if (k->has_events)
                (void) event_emit(o->index->host->events, &about, id, NULL, msg);
}

static void free_wire(const ObjectKind *k, void *wire) {
        if (k->free_wire)
                k->free_wire(wire);
        if (k->wire.name_at != OBJECT_NO_MEMBER)
                free(*(char **) ((char *) wire + k->wire.name_at));
}

void object_emit_lifecycle(const Object *o, int event, int detail) {
        const ObjectKind *k = object_kind(o);
        LifecycleMessage m = {};
        char *wire = (char *) m.parts.object;

        if (!object_event_is_wanted(o, 0) || k->wire.size > WIRE_MAX)
                return;
        if (object_to_wire(o, wire) >= 0) {
                memcpy(wire + k->wire.size, &event, sizeof(event));
                memcpy(wire + k->wire.size + sizeof(event), &detail, sizeof(detail));
                object_emit(o, 0, &m);
        }
        free_wire(k, wire);
}
