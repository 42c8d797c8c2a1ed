/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names that one thing has in systemd, and a guest in the user database and in machined.
 * All are functions of its name alone; docs/architecture.md lists the rules. */

#include "base/error.h"
#include "base/macros.h"
#include "plan/kind.h"

/* NAME as part of a unit name, as systemd-escape(1) does it. *ret is the caller's. -ENOMEM. */
int unit_name_escape(const char *name, char **ret);

/* The way back. -EINVAL for what no escaping gives. */
int unit_name_unescape(const char *escaped, char **ret);

/* The instance of a name: escaped, or, where systemd could not start a unit of that length, as much of it as fits, "-"
 * and 16 hex digits of the name's hash ("unitvirt unit NAME" prints it). -EINVAL for an empty name, and for one with a
 * '/'. */
int unit_instance(const UnitKind *kind, const char *name, char **ret);

/* The whole unit: "vm-network@ESC.service". As above. */
int unit_name_for(const UnitKind *kind, const char *name, char **ret);

/* "vm@ESC.service" */
int unit_name_for_guest(const char *name, char **ret);

/* The unit that udev makes for a device, by a path in /dev or /sys: "/dev/vg0/x" is "dev-vg0-x.device". -ENOMEM. */
int unit_name_for_device(const char *path, char **ret);

/* Fills the error for what these returned, r. Returns r. */
int unit_name_refuse(const char *name, int r, Error *e);

/* %I of a unit of this kind, for instance_to_name(). -EINVAL for any other unit. */
int instance_from_unit(const UnitKind *kind, const char *unit, char **ret);

/* The guest behind "vm@ESC.service". -EINVAL for any other unit; for a shortened name the guests' folders are searched:
 * -ENOENT where no guest has it. */
int guest_name_from_unit(const char *unit, char **ret);

/* The user (and group) that the guest's QEMU runs as: "vm-NAME", or "vm-" and 16 hex
 * digits of a hash where that would be no user name or could be taken for such a hash. */
int user_name_for_guest(const char *name, char **ret);

/* The user of a guest's helper, by the unit's name: "swtpm-" and 16 hex digits of a hash. One that is left to the
 * service manager is the same for the helpers of all guests. */
int user_name_for_helper(const UnitKind *kind, const char *unit, char **ret);

/* The name under which machined lists the guest: NAME where machined takes it, else NAME
 * with "-" for each other character, shortened, and "-" with 8 hex digits of the hash. */
int machine_name_for_guest(const char *name, char **ret);

/* The unit of a slice: "/machine" is "machine.slice", "/a/b" is "a-b.slice", "/machine.slice" is itself.
 * -EINVAL for what is no absolute path of names. Source: <resource><partition>, systemd.slice(5). */
int slice_name_for_partition(const char *partition, char **ret);
