/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The tables that compile.py makes of the schema files. Each list ends with a row without a name; the order of rows is
 * the order in which they are printed.
 *
 * A row says what belongs to it by offsets from itself, 0 for nothing: with pointers the tables would be relocated, and
 * so be memory of their own in every process (120 KiB). */

#include "definition-private.h"

typedef enum SchemaType {
        SCHEMA_NONE,     /* no text */
        SCHEMA_TEXT,     /* any text */
        SCHEMA_YESNO,
        SCHEMA_ONOFF,
        SCHEMA_UINT,     /* 32 bits */
        SCHEMA_INT,      /* 32 bits, signed */
        SCHEMA_U64,
        SCHEMA_HEX,      /* 32 bits, decimal or 0x... */
        SCHEMA_HEX64,    /* 64 bits, the same */
        SCHEMA_OCTAL,    /* a file's mode, "0711": up to four digits */
        SCHEMA_PORT,     /* 0 to 65535 */
        SCHEMA_UUID,
        SCHEMA_MAC,
        SCHEMA_IP,       /* of either family, without a prefix */
        SCHEMA_PREFIX,   /* 0 to 128 */
        SCHEMA_MASK,     /* a prefix, or an address whose bits are ones and then zeros */
        SCHEMA_PATH,     /* begins with / */
        SCHEMA_OPAQUE,   /* everything below belongs to others */
        SCHEMA_ENUM,
} SchemaType;

/* What else a row says. */
enum {
        SCHEMA_MANY = 1U << 0, /* may stand several times */
        SCHEMA_REFUSED = 1U << 1, /* known to libvirt, not to us */
        SCHEMA_JOINED = 1U << 2, /* may stand several times, as one: what the later ones hold belongs to the first */
        SCHEMA_LIVE = 1U << 3, /* only what runs has it */
        SCHEMA_LIVE_ALIAS = 1U << 4, /* the same, unless its @name is of the user's choice ("ua-...") */
        SCHEMA_SECRET = 1U << 5, /* shown only to those who ask for secrets and may have them */
        SCHEMA_MARKED = 1U << 6, /* an element with one of these three, itself or in something below */
        SCHEMA_VARIABLE = 1U << 7, /* a value that begins with '$' is looked at when it is known */
        SCHEMA_AS_WRITTEN = 1U << 8, /* elements below stay in the order of the document */
        SCHEMA_HOSTDEV_FIRST = 1U << 9, /* before <source>, where the @type of the element around is "hostdev" */
};

typedef struct SchemaValue {
        int32_t text;
        bool refused;
} SchemaValue;

typedef struct SchemaAttribute {
        int32_t name, values;
        uint16_t flags;
        uint8_t type;
} SchemaAttribute;

typedef struct SchemaElement {
        int32_t name, values, attributes, children;
        uint16_t flags;
        uint8_t type;
} SchemaElement;

static inline const void *schema_at(const void *row, int32_t offset) {
        return offset != 0 ? (const char *) row + offset : NULL;
}

/* What a row has: its name (or the text of a value), NULL at the end of a list; the first row of a list, NULL where
 * there is none. */
#define SCHEMA_NAME(row) ((const char *) schema_at((row), (row)->name))
#define SCHEMA_TEXT_OF(value) ((const char *) schema_at((value), (value)->text))
#define SCHEMA_VALUES(row) ((const SchemaValue *) schema_at((row), (row)->values))
#define SCHEMA_ATTRIBUTES(row) ((const SchemaAttribute *) schema_at((row), (row)->attributes))
#define SCHEMA_CHILDREN(row) ((const SchemaElement *) schema_at((row), (row)->children))

#define SCHEMA_FOREACH(it, first) for (typeof(first) it = (first); it && it->name; it++)

/* One for each root of the schema files. */
extern const SchemaElement *const schema_domain, *const schema_network, *const schema_networkport,
        *const schema_secret, *const schema_pool, *const schema_volume, *const schema_filter,
        *const schema_filterbinding, *const schema_interface;

/* The row of a device, NULL for what is none. */
const SchemaElement *schema_device(const char *name);

/* The row of an element or attribute among rows (NULL: none), NULL for what they do not know. */
const SchemaElement *schema_find_element(const SchemaElement *rows, const xmlNode *n);
const SchemaAttribute *schema_find_attribute(const SchemaAttribute *rows, const char *name);

/* Checks node and all below against its row, drops what no row knows (with a warning in d) and puts the rest in
 * order. */
int schema_check(Definition *d, xmlNode *node, const SchemaElement *row, unsigned flags, Error *e);

/* Puts attributes and elements in order, without a check: after normalising added some. */
void schema_sort(xmlNode *node, const SchemaElement *row);
