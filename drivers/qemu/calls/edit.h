/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Settings that a call changes in the live definition, in the persistent one, or in both (NEED_IMPACTS). */

#include "calls/calls.h"

typedef struct Edit {
        /* Changes a tree, or says why not. */
        int (*edit)(Definition *d, const void *what, Error *e);
        /* Does to the running guest what the live definition says now. NULL: it cannot be done while it runs. May
         * wait. */
        int (*apply)(Guest *g, const Definition *live, const void *what, Error *e);
        const void *what;
        const char *word;       /* for the refusal: "the NUMA policy" */
} Edit;

/* The persistent definition is known to be good before anything is done to the guest, and written once that is done. */
int edit_definitions(Call *c, Guest *g, const Edit *edit, Error *e);

/* apply of what is settings of the guest's unit: what differs from what it has goes to systemd, and is gone with the
 * guest's run. */
int edit_apply_unit(Guest *g, const Definition *live, const void *what, Error *e);

/* Makes d the persistent definition: its drop-in, its file, the index. */
int edit_write_config(Guest *g, const Definition *d, Error *e);
