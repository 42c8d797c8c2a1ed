/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a definition means to systemd: the settings of its unit, in order.
 *
 * A plan is a pure function of the definition; the host is never looked at. Two
 * writers turn it into unit text (a drop-in) and into D-Bus properties, so that the
 * generator, the supervisor, vm-prepare and the tests cannot differ. */

#include "base/error.h"
#include "base/macros.h"
#include "model/definition.h"

typedef struct Plan Plan;
typedef struct sd_bus_message sd_bus_message;

typedef enum PlanSection {
        PLAN_UNIT,
        PLAN_SERVICE,
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

/* Builds the plan of a guest's unit from its inactive definition (normalised or as the user wrote
 * it: the same plan comes out). -EINVAL and e for what systemd cannot express (a path with a line feed). */
int plan_build(const Definition *d, Plan **ret, Error *e);

/* The plan of a guest whose definition is broken: its unit fails to start with this message. */
int plan_build_broken(const char *name, const char *message, Plan **ret);

/* Does the definition have the guest's memory dumped, after a panic (on_crash) or by its watchdog? */
bool plan_may_dump(const Definition *d);

Plan *plan_free(Plan *p);
DEFINE_CLEANUP(Plan *, plan_free);
#define _cleanup_plan_ _cleanup_(plan_freep)

/* "vm@ESC.service" */
const char *plan_unit(const Plan *p);

/* The settings in the order of the drop-in. */
const PlanSetting *plan_settings(const Plan *p, size_t *ret_n);

/* A short word that changes whenever a setting does. It is in the drop-in as Environment=UNITVIRT_PLAN=,
 * so that vm-prepare can tell a unit that systemd has not read again yet. */
const char *plan_stamp(const Plan *p);

/* The text of the drop-in, owned by the caller. -ENOMEM. */
int plan_format(const Plan *p, char **ret);

/* Writes UNIT_DIR/vm@ESC.service.d/50-unitvirt.conf (temporary file and rename; a file that has this content
 * already is left alone). Returns 1 when it wrote, 0 when nothing was to do, negative errno otherwise. */
int plan_write_dropin(const Plan *p, const char *unit_dir);

/* Removes it and, when empty, its folder. Nothing there is no error. */
int plan_remove_dropin(const char *name, const char *unit_dir);

/* Appends the settings that SetUnitProperties() and StartTransientUnit() take as "(sv)" structs to an
 * open array of m; those that only unit files have are left out. Negative errno of sd-bus. Link with plan_bus. */
int plan_append_properties(const Plan *p, sd_bus_message *m);
