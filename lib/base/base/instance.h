/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From the instance of a unit (%I) back to the name of what it is the unit of.
 *
 * An instance is the name, escaped. One that would be too long for systemd is shortened, and has "-" and 16 hex digits
 * of the name's hash at its end. A name cannot hold a '/', which is what systemd makes of the "-" in %I: so nothing
 * else looks like it. plan/names.h goes the other way. */

#include "base/macros.h"

/* FNV-1a of 64 bits: it need not resist an attacker, since whoever may define guests may give them any disk. It must
 * never change, or running guests lose their unit's and their user's name. */
uint64_t name_hash(const char *name);

/* The name behind an instance, in *ret, owned by the caller. For a shortened one the folders (NULL-terminated; those
 * that are not there are empty) are searched for a file NAME.SUFFIX, whatever the suffix. -ENOENT where there is
 * none. */
int instance_to_name(const char *instance, const char *const *folders, char **ret);
