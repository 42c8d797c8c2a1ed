/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "calls/calls.h"

/* Refuses what cannot be the name of a file and of a unit. */
int client_check_name(const char *name, Error *e);

/* Parses and normalises what a client sends, giving it a uuid where it has none. May wait. */
int client_definition(QemuDriver *d, const char *xml, bool validate, Definition **ret, Error *e);

/* Normalises a definition, and refuses what would fail at every start. May wait. */
int client_complete(QemuDriver *d, Definition *def, Error *e);

/* The guest (a new reference) that the definition is for, once the caller may do to it what the procedure does: the one
 * that it replaces, or a new one, added to the index (*ret_new). Code 9 where its name or uuid belongs to another
 * guest. Waits for the cleanup behind a transient guest of that name that has ended. */
int client_guest(Call *c, const Definition *def, uint32_t flags, bool *ret_new, Guest **ret, Error *e);
