/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "build.h"

/* A piece of the guest's memory. */
typedef struct MemoryBackend {
        const char *id;          /* "pc.ram", "ram-node0", "memdimm0" */
        uint64_t bytes;
        int node;                /* the guest's node that it belongs to; -1: the guest has none */
        const xmlNode *device;   /* <memory> of a module; NULL: the memory that the guest begins with */
} MemoryBackend;

/* Adds the object. */
void add_memory_backend(Build *b, const MemoryBackend *m);

/* The size of its pages in bytes where they are huge, 0 for the usual ones. */
uint64_t memory_backend_page(Build *b, const MemoryBackend *m);

/* -numa of all cells, and their memory (numa.c). */
void build_numa(Build *b);
