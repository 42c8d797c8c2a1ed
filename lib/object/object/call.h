/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls as rows: what is needed before a handler runs stands in its row, and is done here, so that it cannot be
 * forgotten.
 *
 * For a row about an object, in this order: flags that are not supported are refused (code 8); the object is looked up,
 * by what the arguments begin with (the kind's none code); the caller's access is checked; its state has settled; it is
 * locked; it is looked at again, since locking takes time: gone, active, persistent; the definition is loaded.
 * Afterwards all that is undone, also on failure.
 *
 * A driver names its kind and type once, in a header of its own:
 *
 *     #define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_network, Network, NAME, f, __VA_ARGS__)
 *     #define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_network, Network, NAME, f, __VA_ARGS__)
 *
 * and ends each file with the table of what is in it:
 *
 *     static int undefine(Call *c, Network *n, uint32_t flags, Error *e) { ... }
 *     static int get_bridge_name(Call *c, Network *n, const remote_network_get_bridge_name_args *args,
 *                                remote_network_get_bridge_name_ret *ret, Error *e) { ... }
 *
 *     static const RpcHandler rows[] = {
 *             CALL(NETWORK_GET_BRIDGE_NAME, get_bridge_name, .needs = NEED_CURRENT),
 *             ACTION(NETWORK_UNDEFINE, undefine, .needs = NEED_LOCK | NEED_PERSISTENT),
 *             OBJECT_LOOKUP_BY_NAME(remote, REMOTE, &kind_network, NETWORK_LOOKUP_BY_NAME),
 *     };
 *     const RpcTable network_define_table = RPC_TABLE(rows);
 *
 * Flags that are not named are not supported; a procedure without a word of flags has none to check. */

#include "object/kind.h"
#include "object/store.h"

typedef enum CallNeeds {
        NEED_ACTIVE = 1U << 0,          /* code 55 otherwise, kind->inactive_text */
        NEED_PERSISTENT = 1U << 1,      /* code 55 otherwise, with the row's transient text */
        NEED_QUERY = 1U << 2,           /* a query job: object/job.h */
        NEED_LOCK = 1U << 3,            /* a modify job */
        NEED_DESTROY = 1U << 4,         /* a destroy job */
        NEED_LIVE = 1U << 5,            /* active, and call_definition() is the live definition */
        NEED_CURRENT = 1U << 6,         /* call_definition() is the live one when active, else the inactive */
        NEED_IMPACT = 1U << 7,          /* AFFECT_LIVE or _CONFIG (or what is current): call_affects_live() */
        NEED_IMPACTS = 1U << 8,         /* the same, or both: call_affects_live() and call_affects_config() */
        NEED_DEFINITION = 1U << 9,      /* with NEED_IMPACT: call_definition() is that one */
        NEED_REPLY = 1U << 10,          /* the results are the object: filled in after the handler */
        NEED_UNSETTLED = 1U << 11,      /* does not wait until the object's state has settled */
} CallNeeds;

/* virDomainModificationImpact, and virNetworkUpdateFlags' bits of these names in another order: see kind rows there. */
#define IMPACT_LIVE 1U
#define IMPACT_CONFIG 2U

typedef struct CallRow CallRow;

/* Handlers by shape. T is the driver's struct; the macros below check the types. */
typedef int (*ObjectCallFunc)(Call *c, Object *o, const void *args, void *ret, Error *e);
typedef int (*ObjectActionFunc)(Call *c, Object *o, uint32_t flags, Error *e);

struct CallRow {
        const ObjectKind *kind;         /* NULL: the call is about no object of a kind */
        bool has_object;                /* the arguments begin with one */
        ObjectCallFunc call;            /* one of the three, or none with NEED_REPLY */
        ObjectActionFunc action;
        RpcHandlerFunc plain;
        uint16_t flags_at;              /* see rpc/driver.h */
        uint16_t value_at;              /* of the argument that a generic handler takes */

        /* What a row may say. */
        uint32_t flags;                 /* supported */
        uint32_t writable;              /* those that need a writable connection (RPC_RO_COND procedures) */
        unsigned needs;                 /* CallNeeds */
        const char *transient;          /* instead of "cannot do this to a transient WORD" */
        const void *data;               /* for handlers that serve several rows: call_row(c)->data */
        uint32_t inactive_flag;         /* of OBJECT_GET_XML rows */
};

/* The prologue; in rows by the macros only. */
int object_call_run(Call *c, const RpcHandler *h, const void *args, void *ret, Error *e);

/* What the prologue found, for the handler. */
const CallRow *call_row(const Call *c);
uint32_t call_flags(const Call *c);
/* Of rows that need one; belongs to the call, and may be changed. */
Definition *call_definition(const Call *c);
bool call_affects_live(const Call *c);
bool call_affects_config(const Call *c);
/* The index of the row's kind. */
ObjectIndex *call_index(const Call *c);

/* --- rows --- */

#define CALL_ROW_(prefix, PREFIX, NAME, ...)                                                                 \
        {                                                                                                    \
                .program = PREFIX##_PROGRAM, .number = PREFIX##_PROC_##NAME, .codec = &prefix##_codec_##NAME, \
                .prologue = object_call_run,                                                                 \
                .detail = &(const CallRow) { .flags_at = prefix##_flags_at_##NAME, __VA_ARGS__ },            \
        }
#define CALL_FUNC_(type, f, want) ((type) (void (*)(void))(1 ? (f) : (want) NULL))

/* int f(Call *, T *, const args *, ret *, Error *) */
#define OBJECT_CALL(prefix, PREFIX, kind_, T, NAME, f, ...)                                                    \
        CALL_ROW_(prefix, PREFIX, NAME, .kind = (kind_), .has_object = true,                                   \
                  .call = CALL_FUNC_(                                                                          \
                          ObjectCallFunc, f,                                                                   \
                          int (*)(Call *, T *, const prefix##_args_##NAME *, prefix##_ret_##NAME *, Error *)), \
                  __VA_ARGS__)
/* int f(Call *, T *, uint32_t flags, Error *): for old and new forms of a procedure alike, since it sees neither's
 * structs. */
#define OBJECT_ACTION(prefix, PREFIX, kind_, T, NAME, f, ...)                                                \
        CALL_ROW_(prefix, PREFIX, NAME, .kind = (kind_), .has_object = true,                                 \
                  .action = CALL_FUNC_(ObjectActionFunc, f, int (*)(Call *, T *, uint32_t, Error *)), __VA_ARGS__)
/* int f(Call *, const args *, ret *, Error *): of a call that begins with no object of the kind (list, define, host). A
 * handler whose procedure has rules about an object asks object_check_access() itself, before it does anything. */
#define PLAIN_CALL(prefix, PREFIX, kind_, NAME, f, ...)                                                      \
        CALL_ROW_(prefix, PREFIX, NAME, .kind = (kind_),                                                     \
                  .plain = CALL_FUNC_(RpcHandlerFunc, f, prefix##_handler_##NAME *), __VA_ARGS__)

#define GENERIC_CALL_(prefix, PREFIX, kind_, NAME, f, ...)                                                   \
        CALL_ROW_(prefix, PREFIX, NAME, .kind = (kind_), .has_object = true, .call = (f), __VA_ARGS__)
#define GENERIC_PLAIN_(prefix, PREFIX, kind_, NAME, f, member, ...)                                          \
        CALL_ROW_(prefix, PREFIX, NAME, .kind = (kind_), .plain = (f),                                       \
                  .value_at = offsetof(prefix##_args_##NAME, member), __VA_ARGS__)

/* For both forms of a procedure that takes a document: int f(Call *, const void *args, void *ret, Error *), where args
 * begins with the document (checked here), and ret is the object on the wire. */
#define OBJECT_DEFINE(prefix, PREFIX, kind_, NAME, f, member, ...)                                           \
        CALL_ROW_(prefix, PREFIX, NAME, .kind = (kind_), .plain = (f),                                       \
                  .value_at = offsetof(prefix##_args_##NAME, member)                                         \
                              + 0 * sizeof(char[offsetof(prefix##_args_##NAME, member) == 0 ? 1 : -1]), __VA_ARGS__)

/* Whole procedures that are the same for every kind. The kind's hooks say the rest. */
#define OBJECT_LOOKUP_BY_NAME(prefix, PREFIX, kind, NAME, ...) \
        GENERIC_PLAIN_(prefix, PREFIX, kind, NAME, object_lookup_by_name, name, __VA_ARGS__)
#define OBJECT_LOOKUP_BY_UUID(prefix, PREFIX, kind, NAME, ...) \
        GENERIC_PLAIN_(prefix, PREFIX, kind, NAME, object_lookup_by_uuid, uuid, __VA_ARGS__)
/* Flags by kind->filters; beside them .flags, which ask nothing. */
#define OBJECT_LIST_ALL(prefix, PREFIX, kind, NAME, ...) \
        GENERIC_PLAIN_(prefix, PREFIX, kind, NAME, object_list_all, need_results, __VA_ARGS__)
/* Old style: number, and names, of those that list_flags (of kind->filters) ask for. */
#define OBJECT_NUM_OF(prefix, PREFIX, kind_, NAME, list_flags) \
        CALL_ROW_(prefix, PREFIX, NAME, .kind = (kind_), .plain = object_num_of, .inactive_flag = (list_flags))
#define OBJECT_LIST_NAMES(prefix, PREFIX, kind_, NAME, member, list_flags) \
        GENERIC_PLAIN_(prefix, PREFIX, kind_, NAME, object_list_names, member, .inactive_flag = (list_flags))
#define OBJECT_IS_ACTIVE(prefix, PREFIX, kind, NAME) GENERIC_CALL_(prefix, PREFIX, kind, NAME, object_get_active, )
#define OBJECT_IS_PERSISTENT(prefix, PREFIX, kind, NAME) \
        GENERIC_CALL_(prefix, PREFIX, kind, NAME, object_get_persistent, )
#define OBJECT_GET_AUTOSTART(prefix, PREFIX, kind, NAME) \
        GENERIC_CALL_(prefix, PREFIX, kind, NAME, object_get_autostart, )
#define OBJECT_SET_AUTOSTART(prefix, PREFIX, kind, NAME, ...)                                                \
        GENERIC_CALL_(prefix, PREFIX, kind, NAME, object_set_autostart, .needs = NEED_PERSISTENT | NEED_LOCK, \
                      .value_at = offsetof(prefix##_args_##NAME, autostart), __VA_ARGS__)
/* The current definition, or with inactive the inactive one. */
#define OBJECT_GET_XML(prefix, PREFIX, kind, NAME, inactive)                                                 \
        GENERIC_CALL_(prefix, PREFIX, kind, NAME, object_get_xml, .flags = (inactive), .inactive_flag = (inactive))

/* What these rows run. */
int object_lookup_by_name(Call *c, const void *args, void *ret, Error *e);
int object_lookup_by_uuid(Call *c, const void *args, void *ret, Error *e);
int object_list_all(Call *c, const void *args, void *ret, Error *e);
int object_num_of(Call *c, const void *args, void *ret, Error *e);
int object_list_names(Call *c, const void *args, void *ret, Error *e);
int object_get_active(Call *c, Object *o, const void *args, void *ret, Error *e);
int object_get_persistent(Call *c, Object *o, const void *args, void *ret, Error *e);
int object_get_autostart(Call *c, Object *o, const void *args, void *ret, Error *e);
int object_set_autostart(Call *c, Object *o, const void *args, void *ret, Error *e);
int object_get_xml(Call *c, Object *o, const void *args, void *ret, Error *e);

/* --- for handlers --- */

/* May the caller do to the object what the procedure does? For plain rows. -EACCES and code 88. */
int object_check_access(Call *c, const Object *o, uint32_t flags, Error *e);
/* The same for an object that is not there yet. */
int object_check_access_to(Call *c, const ObjectKind *k, const char *name, const uint8_t uuid[16], uint32_t flags,
                           Error *e);
/* A client's document of the kind that the row's objects have: parsed, normalised, and whose name and uuid it has; asks
 * for the right before anything is made. *ret_object is borrowed, NULL for a new one. */
int object_read_definition(Call *c, const char *xml, bool validate, Definition **ret, Object **ret_object, Error *e);
/* May the caller be shown it in a list? */
bool object_may_show(Call *c, const Object *o);
/* For plain rows that have found an object: visible, access, settled; then fills the results' object. */
int object_reply_found(Call *c, Object *o, void *wire, Error *e);
/* Fills an object on the wire: malloc()ed texts. */
int object_to_wire(const Object *o, void *wire);
/* Copies a text into a reply; -ENOMEM. */
int reply_string(char **ret, const char *s);
