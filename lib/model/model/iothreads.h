/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* I/O threads of a guest: those that <iothreadids> lists, and as many more as <iothreads> counts, with the lowest free
 * numbers (libvirt's formatdomain, "IOThreads Allocation"). A document that only counts them is printed as it is. */

#include "model/definition.h"

/* Whether <iothreadids> (NULL: none) lists the number. */
bool iothread_is_listed(const xmlNode *ids, unsigned id);

/* Their numbers, counted ones included, in the order in which QEMU gets them. Returns how many there are; those that
 * have room in ret are written to it. */
size_t definition_iothreads(const Definition *d, unsigned *ret, size_t room);

/* Whether the guest has a thread of this number, listed or counted. */
bool definition_has_iothread(const Definition *d, unsigned id);

/* Lists the counted ones too, before one is added or taken away. 0 or -ENOMEM. */
int definition_list_iothreads(Definition *d);
