/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver for network filters: definitions in /etc/libvirt/nwfilter, and the bindings of taps to them, which are
 * there while the taps are (/run/libvirt/nwfilter-binding). The rules of a guest's taps are made and taken away with
 * them, without this driver (lib/filter); it has them made anew when filters change.
 *
 *   kind.c       the two kinds
 *   define.c     filters
 *   binding.c    bindings
 *   use.c        which filters are in use
 *   job.c        work on rules */

#include "model/filter.h"
#include "model/kind.h"
#include "object/call.h"

typedef struct NwfilterDriver NwfilterDriver;

struct NwfilterDriver {
        ObjectIndex filters, bindings;
        /* job.c: has work done on rules, see vm-filter.c; waits. A test does it otherwise. */
        int (*work)(NwfilterDriver *d, const char *verb, const char *document, Error *e);
        bool ready;             /* all that was there at the start is known */
        bool defining;          /* what changes now is looked after by who changes it */
        bool stale, refreshing; /* a definition was changed by somebody else; a fiber looks after it */
};

typedef struct Filter {
        Object object;
} Filter;

typedef struct Binding {
        Object object;
        char *filter; /* name of its filter */
} Binding;

extern const ObjectKind kind_filter, kind_binding;
extern const Driver driver_nwfilter; /* what the module is loaded for */

static inline Binding *binding_of(const Object *o) {
        return container_of((Object *) o, Binding, object);
}

#define FILTER_CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_filter, Filter, NAME, f, __VA_ARGS__)
#define FILTER_ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_filter, Filter, NAME, f, __VA_ARGS__)
#define BINDING_ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_binding, Binding, NAME, f, __VA_ARGS__)

/* use.c: does a filter reach another by its references? candidate stands for the definition of its own name, which may
 * not be there yet; NULL: those that are there. */
bool filter_reaches(const ObjectIndex *filters, const char *from, const char *to, const Definition *candidate);
/* Is there a binding whose filter is this one, or reaches it? */
bool filter_is_used(const NwfilterDriver *d, const char *name);

int nwfilter_work(NwfilterDriver *d, const char *verb, const char *document, Error *e);
/* Rules follow what is on the disk: soon, in a fiber. */
void nwfilter_refresh(NwfilterDriver *d);

extern const RpcTable nwfilter_table_define, nwfilter_table_binding;
