/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Events, from drivers to the clients that registered for them.
 *
 * A driver emits each event once, as the new-style message of its procedure
 * with any callbackID; the hub knows who wants it, in which style and for which
 * object, and numbers the copies. */

#include "base/macros.h"

typedef struct EventHub EventHub;

typedef enum EventClass {
        EVENT_DOMAIN,
        EVENT_NETWORK,
        EVENT_STORAGE_POOL,
        EVENT_NODE_DEVICE,
        EVENT_SECRET,
        EVENT_QEMU_MONITOR,
        _EVENT_CLASS_MAX,
} EventClass;

/* What an event is about. A registration may be limited to one object (by uuid; node devices by name), and access
 * control asks with both. What the class does not have is NULL: a secret has no name, a node device no uuid. */
typedef struct EventObject {
        EventClass class;
        const char *name;
        const uint8_t *uuid;    /* 16 bytes */
} EventObject;

/* Sends event id (VIR_DOMAIN_EVENT_ID_LIFECYCLE ...) about an object. name is the monitor event's name, else
 * NULL. msg is the struct that the event's table names, e.g. remote_domain_event_callback_lifecycle_msg for
 * (EVENT_DOMAIN, 0); the caller keeps it. Events that nobody wants cost a look-up only. Negative errno where msg cannot
 * be encoded. */
int event_emit(EventHub *hub, const EventObject *object, int id, const char *name, const void *msg);

/* Would anybody get it? To spare building the message. */
bool event_is_wanted(const EventHub *hub, EventClass class, int id);

/* Tells a driver when the first client registers for any event of the class and when the last one is gone, so
 * that it watches only when somebody wants to know. */
typedef void (*EventWatchFunc)(EventClass class, bool wanted, void *userdata);
int event_watch(EventHub *hub, EventClass class, EventWatchFunc func, void *userdata);
