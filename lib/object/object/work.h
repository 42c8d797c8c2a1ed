/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Work that a daemon's sandbox has no power for, or that may be kept waiting: a unit of a template does it, started for
 * a job that is left in a file, and leaves "ok" or an error's text behind.
 *
 *     /run/libvirt/FOLDER/jobs/ID.job, ID.result      UNIT@ID.service */

#include "base/error.h"
#include "dbus/systemd.h"

typedef struct WorkKind {
        const char *folder;             /* "nodedev" */
        const char *unit;               /* "vm-nodedev" */
        const char *late;               /* the error's text when the unit did not end in time */
        uint64_t timeout;               /* the unit's own limits, and what systemd needs beside them */
        ErrorOrigin origin;
} WorkKind;

/* pairs: keys and values, NULL at the end; values may be NULL, and are left out then. Waits; the error is the one that
 * the unit left. */
int object_work(Systemd *s, const WorkKind *k, const char *const *pairs, Error *e);

/* For a driver that starts: nobody reads any more what was asked for by a daemon that was killed. What is still being
 * worked on stays. */
void object_work_tidy(const char *folder);
