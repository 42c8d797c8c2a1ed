/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The unit of an object: its drop-in, its jobs, its autostart. All that waits says so. */

#include "dbus/systemd.h"
#include "object/kind.h"
#include "plan/plan.h"

/* The unit's name, the caller's. Fills e where the name of the object cannot be a unit's. */
int object_unit(const Object *o, char **ret, Error *e);

/* Writes the drop-in of the unit where it differs, transient ones below /run/systemd/system, and shows it to
 * systemd. */
int object_write_dropin(Object *o, const Definition *d, bool transient, Error *e);
/* The same for a guest, of no index here, whose place among the pools has changed: where it has a drop-in, and of a
 * definition that stays. 1 where that was changed, 0, or negative errno. */
int object_correct_dropin(ObjectIndex *i, const Definition *d);
void object_remove_dropin(ObjectIndex *i, const char *name, bool transient);
/* The same, and units of its own that a definition, in canonical form, has beside it (a mount); d may be NULL. */
void object_remove_units(ObjectIndex *i, const char *name, const Definition *d, bool transient);

/* Starts the unit with what is in force now (older files in systemd's memory are reloaded, an earlier failure is
 * forgotten) and waits for its job as long as the unit's own limits allow. Where it did not come up: -EIO (-ETIMEDOUT)
 * and an error in its words, from NAME.error or from what systemd knows, such as a condition that is not met. began (or
 * NULL) is called when the job is about to be queued. Waits. */
int object_unit_start(Object *o, bool transient, void (*began)(Object *o), Error *e);
/* StopUnit, and waits for its job. Code 9 where it failed. */
int object_unit_stop(Object *o, uint64_t timeout, Error *e);

/* A unit beside that of an object that runs: its drop-in, below /run/systemd/system, and its start, which is waited
 * for. Stopping removes the drop-in as well; nothing there is no error. */
int object_helper_start(Object *o, const Plan *helper, Error *e);
void object_helper_stop(Object *o, const Plan *helper);

/* What a unit that works for a daemon has left in the file at path: "ok", or an error, of this code where it has none.
 * Without the file the work, on what it is called here, did not begin. */
int unit_work_result(const char *path, const char *on, const char *unit, ErrorOrigin origin, ErrorCode code, Error *e);

/* Autostart is systemd's: EnableUnitFiles() makes a link in kind->unit->wants. libvirt's own link counts as well (the
 * generator reads it), and goes when autostart is switched. One truth: on where either is there. */
bool object_autostart(const Object *o);
/* The same by a name, which need not be any object's now. */
bool object_autostart_of(const ObjectIndex *i, const char *name);
/* On enables the unit, off removes systemd's link; libvirt's goes either way. Waits. */
int object_autostart_switch(Object *o, bool on, Error *e);
/* The same by a name, which need not be any object's now: for renames. */
int object_autostart_switch_name(ObjectIndex *i, const char *name, bool on, Error *e);
/* For a name whose definition goes: removes all links, "once" too (nothing there is no error), and what systemd
 * remembers of a failure, so that "systemctl --failed" names nothing that is no longer there. Waits. */
int object_unit_forget(ObjectIndex *i, const char *name, Error *e);

/* "Once" is a link in libvirt's folder named NAME.xml.once, which is used up by the next boot. */
bool object_autostart_once(const Object *o);
int object_set_autostart_once(Object *o, bool on, Error *e);
