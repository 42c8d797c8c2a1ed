/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The format of libvirt's configuration files:
 *
 *     # comment
 *     key = 5
 *     key = "text"            also 'text', and """text over lines"""
 *     key = [ "a", "b", ]     over as many lines as one likes
 *
 * A string has no escapes: it ends at the next quote of its kind, which must
 * be on the same line unless there are three. Later settings of a key win. */

#include "base/error.h"
#include "base/macros.h"

#define CONF_FILE_MAX (1024U * 1024U)
#define CONF_LIST_MAX 4096U /* elements of one list */
#define CONF_KEYS_MAX 4096U /* settings in one file */

typedef enum ConfValueType {
        CONF_VALUE_INT,
        CONF_VALUE_STRING,
        CONF_VALUE_LIST,
} ConfValueType;

typedef struct ConfEntry {
        char *key;
        unsigned line;       /* where the key stands, from 1 */
        ConfValueType type;
        int64_t number;      /* CONF_VALUE_INT */
        char *text;          /* CONF_VALUE_STRING */
        char **list;         /* CONF_VALUE_LIST, NULL when empty */
} ConfEntry;

typedef struct Conf {
        char *origin;        /* the file's name, for messages */
        ConfEntry *entries;  /* in the order of the file */
        size_t n_entries;
} Conf;

/* Parses text of len bytes. On failure -EBADMSG and e says "origin:line: what" (code 33, configuration file syntax). */
int conf_parse(const char *text, size_t len, const char *origin, Conf **ret, Error *e);

/* Reads and parses a file. -ENOENT without filling e where there is none. */
int conf_load(const char *path, Conf **ret, Error *e);

Conf *conf_free(Conf *c);
DEFINE_CLEANUP(Conf *, conf_free);

/* The setting of key that counts (the last one), or NULL. */
const ConfEntry *conf_find(const Conf *c, const char *key);
