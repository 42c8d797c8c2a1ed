/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which device of a guest a client's document means. */

#include "model/definition.h"

/* Everything that wanted says, have says too: its attributes, its texts (numbers and sizes by their value), and what is
 * below it, in any order. What it does not say may be anything. */
bool device_says(const xmlNode *have, const xmlNode *wanted);

/* Finders: 0 and *ret, -ENODEV with code 99 where there is none, -EEXIST with code 9 where several are meant. Each
 * knows by what its class of devices is told apart. */
int device_find_disk(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
int device_find_interface(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
int device_find_controller(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
int device_find_hostdev(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
int device_find_filesystem(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
int device_find_lease(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
/* Screens of one type are told apart by what the document says of listening, where there are several. */
int device_find_graphics(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
/* Of whom there is one at most. */
int device_find_memory(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
int device_find_only(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
/* By everything that the document says. */
int device_find_alike(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);

/* By its name in a running guest, or one that the user gave it. */
int device_find_alias(const Definition *d, const char *alias, xmlNode **ret, Error *e);
