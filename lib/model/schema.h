/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The tables that compile.py makes of the schema files. Each list ends with a row whose name is NULL; the order
 * of rows is the order in which they are printed. */

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
        SCHEMA_UUID,
        SCHEMA_MAC,
        SCHEMA_PATH,     /* begins with / */
        SCHEMA_OPAQUE,   /* everything below belongs to others */
        SCHEMA_ENUM,
} SchemaType;

typedef struct SchemaValue {
        const char *text;
        bool refused;
} SchemaValue;

typedef struct SchemaAttribute {
        const char *name;
        SchemaType type;
        bool refused;
        const SchemaValue *values;
} SchemaAttribute;

typedef struct SchemaElement {
        const char *name;
        SchemaType type;
        bool many;
        bool refused;
        const SchemaValue *values;
        const SchemaAttribute *attributes;
        const struct SchemaElement *children;
} SchemaElement;

extern const SchemaElement schema_domain;

/* The row of a device, NULL for what is none. */
const SchemaElement *schema_device(const char *name);

/* Checks node and all below against its row, drops what no row knows (with a warning in d) and puts the rest in
 * order. */
int schema_check(Definition *d, xmlNode *node, const SchemaElement *row, unsigned flags, Error *e);

/* Puts attributes and elements in order, without a check: after normalising added some. */
void schema_sort(xmlNode *node, const SchemaElement *row);
