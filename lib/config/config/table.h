/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tables of keys: what a file may set, of which type, and where in a struct
 * the value goes. One row a key; the table is also what frees the struct and
 * what the man page lists. */

#include "config/conf.h"

typedef enum ConfKeyType {
        CONF_BOOL,   /* bool; 0 or 1 */
        CONF_INT,    /* int */
        CONF_UINT,   /* unsigned */
        CONF_STRING, /* char *, owned */
        CONF_LIST,   /* char **, owned; a single string is a list of one */
        CONF_SIZE,   /* uint64_t; bytes, or "2MiB" */
        CONF_LIMIT,  /* uint64_t; a number or "unlimited" (CONF_UNLIMITED) */
        CONF_MODE,   /* mode_t; octal digits in a string */
        CONF_PORT,   /* char *, owned; a number from 1 to 65535, or a service name */
} ConfKeyType;

#define CONF_UNLIMITED UINT64_MAX
#define CONF_NOWHERE SIZE_MAX

typedef struct ConfKey {
        const char *name;
        ConfKeyType type;
        size_t offset;        /* in the struct; CONF_NOWHERE: known and checked, and of no effect here */
        const char *fallback; /* the value unless set, as text; NULL: 0, false, NULL */
        const char *allowed;  /* of strings: the words that are, separated by a space */
        int64_t min, max;     /* of numbers, where max > min */
        unsigned groups;      /* which files have the key; the caller's bits */
        const char *note;     /* of keys that lead nowhere: why, or what the refusal of their setting says */
        unsigned refused;     /* not 0: a setting is no warning but the caller's to refuse, whose number this is ... */
        const char *harmless; /* ... unless it is 0, empty, or one of these words */
} ConfKey;

/* Fills the struct with the fallbacks of all rows. -ENOMEM or 0. */
int conf_table_init(const ConfKey *table, size_t n, void *object);

/* Puts the settings of c into the struct. Only rows with one of groups are known.
 *
 * A value of the wrong type or out of range: -EINVAL, e says "file:line: key: what" (code 33); what came before
 * it stays applied. A key that no row knows, or knows without effect, is a line in *warnings (appended). */
int conf_table_apply(const ConfKey *table, size_t n, unsigned groups, const Conf *c, void *object,
                     char ***warnings, Error *e);

/* Does the setting of a row with "refused" ask for something? */
bool conf_key_asks(const ConfKey *key, const ConfEntry *entry);

/* Frees what the rows own. */
void conf_table_done(const ConfKey *table, size_t n, void *object);
