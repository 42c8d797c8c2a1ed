/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kinds of documents: guests, secrets, networks, ... One machinery (model/definition.h) parses, checks, fills in
 * and prints them all; what is particular to one kind is its DocumentKind and its schema file. CONTRIBUTING.md has the
 * recipe for another one. */

#include "base/error.h"
#include "base/macros.h"

typedef struct DocumentKind DocumentKind;
typedef struct Normaliser Normaliser;

/* One transformation of a tree: 0, or negative errno with the error filled. See normalise/normaliser.h. */
typedef int (*NormaliseStep)(Normaliser *n);

/* A namespace of libvirt's own. Its elements are called "PREFIX:NAME" in the tree and in the schema, and belong to no
 * namespace there; documents may write any prefix, or none. */
typedef struct DocumentNamespace {
        const char *prefix, *uri;
} DocumentNamespace;

struct DocumentKind {
        const char *root;                       /* name of the root element */
        const char *word;                       /* what messages call it: "guest", "secret" */
        ErrorOrigin origin;                     /* of errors about such documents */
        const char *key; /* what tells them apart: "name", "uuid", "@name", "portdev/@name"; NULL: nothing */
        bool key_made_up;                       /* a document without it gets one from a step; else it is refused */
        const struct SchemaElement *const *schema; /* the root's row; which are live and which secret is said there */
        const DocumentNamespace *namespaces;    /* ends with {}; NULL: none */
        const NormaliseStep *steps;             /* ends with NULL; NULL: none */
};

extern const DocumentKind document_domain, document_network, document_networkport, document_secret, document_pool,
        document_volume, document_filter, document_filterbinding, document_interface;

/* The kind whose root has this name, NULL where nobody knows it. */
const DocumentKind *document_kind_find(const char *root);

/* The kinds one after the other; NULL behind the last. */
const DocumentKind *document_kind_at(size_t i);
