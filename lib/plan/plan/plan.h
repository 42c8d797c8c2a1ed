/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a definition means to systemd: the settings of its unit, in order, and the units that it has beside it.
 *
 * A plan is a pure function of the definition, and of those that this one names; the host is never looked at. One
 * writer turns it into unit files, for the generator, the supervisor, vm-prepare and the tests, so that these cannot
 * differ. The plan of a definition is of one unit, an instance of its kind's template, as a drop-in. Beside it may be
 * sidecars (drop-ins of instances of their own templates, bound to it) and whole units (a pool's .mount). */

#include "base/error.h"
#include "base/macros.h"
#include "model/definition.h"
#include "plan/kind.h"

typedef enum PlanSection {
        PLAN_UNIT,
        PLAN_SERVICE,
        PLAN_MOUNT,
        PLAN_INSTALL,
        _PLAN_SECTION_MAX,
} PlanSection;

/* One line of the unit. value is plain, without any quoting or escaping; options is what
 * follows it on the line outside the quotes ("rw" of DeviceAllow=), NULL mostly. */
typedef struct PlanSetting {
        PlanSection section;
        const char *key;
        const char *value;
        const char *options;
} PlanSetting;

/* What a plan may ask about other definitions: a guest on a network of host devices needs these devices. */
struct PlanFacts {
        /* The definition of this kind and name, in *ret, which stays the callee's; NULL where there is none, or a
         * broken one. Negative errno. */
        int (*definition)(void *context, const DocumentKind *kind, const char *name, const Definition **ret);
        /* Is one of the words in its text? So most need not be read. NULL: it may be. */
        bool (*mentions)(void *context, const DocumentKind *kind, const char *name, const char *const *words);
        void *context;
};

/* Builds the plan of a definition from its inactive form (normalised or as the user wrote it: the same plan comes out).
 * What it refers to is read from the folders of plan_kind_of(), so that all programs on one host come to the same.
 * -EINVAL and e for what systemd cannot express (a path with a line feed); -EOPNOTSUPP for a kind without units. */
int plan_build(const Definition *d, Plan **ret, Error *e);

/* The same with facts of the caller's (NULL: nothing else is defined), for tests. */
int plan_build_with(const Definition *d, const PlanFacts *facts, Plan **ret, Error *e);

/* For a card with passt, a folder with virtiofsd, a disk that a helper serves, or one with reservations that are the
 * host's affair, that is plugged into a guest that runs: a plan whose only other unit is that of its helper. It is
 * called after the device's alias, since its place among the others may be that of one that has gone; that of
 * reservations is one for all. */
int plan_build_late(const Definition *d, const xmlNode *device, Plan **ret, Error *e);

/* What tells the helpers of a guest's cards, folders and disks apart, in the names of their units and folders. */
#define PLAN_PART_MAX 24U
void plan_device_part(const xmlNode *device, bool late, char ret[PLAN_PART_MAX]);

/* The plan of a guest whose definition is broken: its unit fails to start with this message. */
int plan_build_broken(const char *name, const char *message, Plan **ret);

/* The same for another kind. */
int plan_build_broken_as(const UnitKind *kind, const char *name, const char *message, Plan **ret);

/* Does the definition have the guest's memory dumped, after a panic (on_crash) or by its watchdog? */
bool plan_may_dump(const Definition *d);

Plan *plan_free(Plan *p);
DEFINE_CLEANUP(Plan *, plan_free);
#define _cleanup_plan_ _cleanup_(plan_freep)

/* "vm@ESC.service" */
const char *plan_unit(const Plan *p);

/* The settings in the order of the drop-in. */
const PlanSetting *plan_settings(const Plan *p, size_t *ret_n);

/* The units beside it, each a plan of one unit; they belong to p. */
const Plan *plan_other(const Plan *p, size_t i);  /* NULL behind the last */

/* A short word that changes whenever a setting does, of this unit or of one beside it, or a definition that it refers
 * to. It is in the drop-in as Environment=UNITVIRT_PLAN=, so that vm-prepare can tell a unit that systemd has not read
 * again yet. */
const char *plan_stamp(const Plan *p);

/* The text of the unit's own file, owned by the caller. -ENOMEM. */
int plan_format(const Plan *p, char **ret);

/* The unit's own file below a folder of units: "vm@ESC.service.d/10-unitvirt.conf", or the unit. Owned by the caller;
 * NULL on OOM. */
char *plan_file(const Plan *p);

/* Writes the files of all its units (temporary file and rename; a file that has this content already is left alone) and
 * removes those of sidecars that it has no more. Returns 1 when it wrote, 0 when nothing was to do, negative errno
 * otherwise. */
int plan_write_dropin(const Plan *p, const char *unit_dir);

/* Removes the drop-in of a guest's unit and those of its sidecars, whoever wrote them there, and their folders when
 * empty. Nothing there is no error. */
int plan_remove_dropin(const char *name, const char *unit_dir);

/* Removes the files of all units of the plan, whole ones too. */
int plan_remove(const Plan *p, const char *unit_dir);

/* Removes the drop-in of one unit, by the unit's name. */
int plan_remove_dropin_of(const char *unit, const char *unit_dir);

/* Removes what was written by plan_write_dropin(), for any kind. */
int plan_remove_dropin_as(const UnitKind *kind, const char *name, const char *unit_dir);
