/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the layer must know about a kind of objects: one constant for each driver.
 *
 *     const ObjectKind kind_network = {
 *             .word = "network", .acl_name = "network_name", .acl_uuid = "network_uuid",
 *             .none = ERROR_NO_NETWORK, .origin = ORIGIN_NETWORK, .subject = ORIGIN_NETWORK,
 *             .inactive_text = "network is not active",
 *             .size = sizeof(Network), .wire = OBJECT_WIRE(remote_nonnull_network, name, uuid),
 *             .events = EVENT_NETWORK, .has_events = true,
 *             .index = index_of, .is_active = is_active, .done = network_done,
 *             .filters = filters, .store = &store_network, .unit = &unit_network,
 *     };
 *
 * All hooks may be missing unless it says otherwise. */

#include "model/definition.h"
#include "object/object.h"
#include "plan/kind.h"
#include "rpc/event.h"

/* Where the struct that stands for an object on the wire (remote_nonnull_network) has its name and uuid. */
typedef struct ObjectWire {
        size_t size;
        size_t name_at;         /* of a char *; OBJECT_NO_MEMBER */
        size_t uuid_at;         /* of 16 bytes; OBJECT_NO_MEMBER */
} ObjectWire;

#define OBJECT_NO_MEMBER SIZE_MAX
#define OBJECT_WIRE(type, name, uuid) { sizeof(type), offsetof(type, name), offsetof(type, uuid) }
#define OBJECT_WIRE_NAMED(type, name) { sizeof(type), offsetof(type, name), OBJECT_NO_MEMBER }
#define OBJECT_WIRE_UUID(type, uuid) { sizeof(type), OBJECT_NO_MEMBER, offsetof(type, uuid) }

/* What access control is asked with: pairs of key and value, NULL-terminated. */
typedef struct ObjectAcl {
        const char *details[9];
        char uuid[37];
} ObjectAcl;

/* One condition of list_all(): bits of the flags and what they ask. Of a pair of opposites none or both is no
 * condition. */
typedef struct ObjectFilter {
        uint32_t yes, no;
        bool (*is)(const Object *o);            /* of a pair */
        uint32_t (*which)(const Object *o);     /* or of a group (yes: all its bits): the bit that fits the object */
} ObjectFilter;

/* --- definition files: object/store.h --- */

typedef enum StorePlace {
        STORE_PERSISTENT,       /* below /etc/libvirt */
        STORE_TRANSIENT,        /* below /run/libvirt */
        STORE_LIVE,             /* below /run/libvirt: what is in force now */
        _STORE_PLACE_MAX,
} StorePlace;

/* What the beginning of a definition file says. */
typedef struct StoreHead {
        bool there;
        FileStamp stamp;
        uint8_t uuid[16];
        int id;                 /* of a live definition; -1 none */
} StoreHead;

typedef struct ObjectStoreKind {
        const char *folders[_STORE_PLACE_MAX]; /* "qemu/networks", "network/transient", "network"; NULL where there are
                                                  none */
        const DocumentKind *document;           /* what is in the files (model/kind.h) */
        const char *header;                     /* comment at the head of persistent files, NULL none */
        bool uuid_files;                        /* files are called by uuid, not by name */
        int updated_detail;                     /* of the DEFINED event, where a definition replaced another */

        /* An object came from a file, before anything else is told about it; not at the start for those that have
         * nothing in /run. */
        void (*added)(Object *o);
        /* Its persistent definition is another one now, or is gone. */
        void (*changed)(Object *o);
        /* Its live definition appeared, changed or went (o->live, o->live_stamp have what was before). at_start: it was
         * there when this program came. */
        void (*live)(Object *o, const StoreHead *head, bool at_start);
        /* It is another object of the same name now: end what was. Before it is removed from the index. */
        void (*replaced)(Object *o);
        /* Any other file of a folder, at the start (after all definitions) and when it was moved there. */
        void (*other)(ObjectIndex *i, StorePlace place, const char *file, bool at_start);
} ObjectStoreKind;

/* --- units: object/unit.h --- */

typedef struct ObjectUnitKind {
        const UnitKind *kind;   /* of lib/plan: its template, names and target */
        const char *autostart;  /* libvirt's folder of links, below /etc/libvirt: "qemu/autostart"; NULL none */
        const char *errors;     /* where a failed start leaves NAME.error, below /run/libvirt: "qemu"; NULL nowhere */
        /* A start has failed, perhaps because a unit beside this one has: waits until those have ended, and what they
         * have to say is in NAME.error. Missing: there are none. */
        void (*wait_for_others)(Object *o);
} ObjectUnitKind;

/* --- all --- */

struct ObjectKind {
        const char *word;               /* in texts: "domain", "storage pool" */
        const char *acl_name;           /* "network_name"; NULL for kinds without names */
        const char *acl_uuid;
        ErrorCode none;                 /* "there is no such one" */
        const char *none_name;          /* instead of "no WORD with matching name" */
        ErrorOrigin origin;             /* the driver's: of failures */
        ErrorOrigin subject; /* of what is refused because of the object's state (libvirt's QEMU driver has two) */
        const char *inactive_text;      /* "network is not active" */
        size_t size;                    /* of the struct that begins with an Object */
        ObjectWire wire;
        bool has_events;
        EventClass events;

        /* The index in the driver's state. Required. */
        ObjectIndex *(*index)(void *driver);
        /* The driver's own members of a new object, all zero before. */
        void (*init)(Object *o);
        /* It has left the index: whatever it watches or is connected to ends now, though references may remain. */
        void (*gone)(Object *o);
        /* Before the memory is freed: the driver's own members. */
        void (*done)(Object *o);
        /* Missing: always. */
        bool (*is_active)(const Object *o);
        /* Whether clients are shown it at all. Missing: always. */
        bool (*is_visible)(const Object *o);
        /* Waits until its state is as good as it will get, before a call is told of it. */
        void (*settle)(Object *o);
        /* The object that a client means, borrowed. Missing: by uuid, or by name for kinds without. */
        Object *(*find)(ObjectIndex *i, const void *wire);
        /* Fills what the wire has beside name and uuid. -ENOMEM. */
        int (*to_wire)(const Object *o, void *wire);
        /* Frees what to_wire() made. */
        void (*free_wire)(void *wire);
        /* Adds what access control wants beside name and uuid, or instead. */
        void (*acl)(const Object *o, ObjectAcl *acl);

        const ObjectFilter *filters;    /* ended by one without bits */
        const ObjectStoreKind *store;
        const ObjectUnitKind *unit;
};
