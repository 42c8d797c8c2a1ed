/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lists of objects, by the rows of kind->filters. */

#include "object/call.h"

/* Does it fit the flags? All bits that no filter has ask nothing. */
bool object_fits(const Object *o, uint32_t flags);
/* All bits that the kind's filters have. */
uint32_t object_filter_flags(const ObjectKind *k);

/* The objects that are visible, fit the flags and may be shown to the caller; parent NULL for all. Released with
 * object_release(). */
int object_select(Call *c, ObjectIndex *i, const Object *parent, uint32_t flags, Object ***ret, size_t *ret_n);
/* The reply of a list_all procedure: an array of objects on the wire and their number. */
int object_reply_list(Object *const *list, size_t n, bool need_results, void *ret);
/* The reply of an old list of names; max as the client asked. */
int object_reply_names(Object *const *list, size_t n, int max, void *ret, Error *e);
