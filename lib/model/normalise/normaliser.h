/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the steps of normalising share, whatever the kind of document. Each step is a function of one file that is named
 * after the element it looks after. Failures of memory stick in the Normaliser and are asked for between steps, so that
 * a step reads as what it does; the helpers accept NULL nodes for the same reason. */

#include "definition-private.h"

struct Normaliser {
        Definition *d;
        xmlNode *root;
        const HostFacts *facts; /* what the caller gave; only <domain> needs it */
        Error *error;
        bool out_of_memory;

        /* What the steps of one kind tell each other. */
        union {
                struct {                        /* domain */
                        xmlNode *devices;
                        bool q35;               /* set by the os step, as the next two */
                        bool microvm, isapc;    /* machines without PCI: virtio devices on their own, or ISA alone */
                        bool user_pci;          /* the document lists PCI controllers of its own besides the root */
                };
        };
};

/* Steps that several kinds have. The uuid, there and in its usual spelling: one that the document leaves out is made
 * up; for a document on disk from its name, so that every program that reads it comes to the same. */
int normalise_uuid(Normaliser *n);

/* The title, in one line, and the metadata, one element a namespace. */
int normalise_title(Normaliser *n);

/* Fails about node: returns r with the error filled. */
#define fail(n, node, r, code, ...) definition_error((n)->d, (node), (r), (code), (n)->error, __VA_ARGS__)
#define fail_xml(n, node, ...) fail(n, node, -EBADMSG, ERROR_XML_ERROR, __VA_ARGS__)
#define fail_unsupported(n, node, ...) fail(n, node, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, __VA_ARGS__)

/* Changes that remember a failure. */
void norm_set(Normaliser *n, xmlNode *node, const char *name, const char *value);
void norm_setf(Normaliser *n, xmlNode *node, const char *name, const char *format, ...) _printf_(4, 5);
void norm_set_default(Normaliser *n, xmlNode *node, const char *name, const char *value);
xmlNode *norm_add(Normaliser *n, xmlNode *parent, const char *name);
xmlNode *norm_ensure(Normaliser *n, xmlNode *parent, const char *name);
void norm_set_text(Normaliser *n, xmlNode *node, const char *text);

/* The child of the root or of parent called name with this text, added when absent. */
void norm_default_child(Normaliser *n, xmlNode *parent, const char *name, const char *text);

/* The value of an attribute, or otherwise where it is absent. */
const char *attr_or(const xmlNode *node, const char *name, const char *otherwise);

/* Number of an attribute; otherwise where it is absent. Numbers were checked by the schema. */
unsigned number_or(const xmlNode *node, const char *name, unsigned otherwise);

/* Drops an element that carries nothing at all. */
void drop_empty(xmlNode *parent, const char *name);
