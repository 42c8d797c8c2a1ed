/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where storage pools have their volumes, as their definitions say it, so that a guest whose disk is given by its path
 * comes after the pool that this lies in. It is no part of a plan's stamp: a guest may start whatever pools there are,
 * and one that is defined later must not make its unit too old. By words alone: no folder is looked at, since it may
 * never answer; a path that leads to a pool by a link is none of the pool's here. */

#include "plan/plan.h"

typedef struct PoolPlaces PoolPlaces;

/* Of all pools that are defined for good; those of a broken definition are left out. -ENOMEM. */
int pool_places_load(PoolPlaces **ret);
PoolPlaces *pool_places_free(PoolPlaces *p);
DEFINE_CLEANUP(PoolPlaces *, pool_places_free);
#define _cleanup_pool_places_ _cleanup_(pool_places_freep)

/* What is to be known of pools that lie in one another, or on one folder, as definitions from elsewhere may: they are
 * taken as they are. say: a line for each such pool. */
void pool_places_tell(const PoolPlaces *p, void (*say)(const char *name, const char *text));

/* All places for a program that stays and keeps them in *known, NULL at first: read again only where a file has changed
 * since. Returns them; NULL without memory. */
const PoolPlaces *pool_places_now(PoolPlaces **known);

/* Adds the order to the plan of d, which has its stamp by now. Nothing for what is no guest, and with NULL. */
int plan_after_pools(Plan *p, const Definition *d, const PoolPlaces *places);

/* Does a guest's document, the text of its file, perhaps have a disk in the place of this pool? False is certain. */
bool pool_place_may_be_in(const Definition *pool, const char *guest);

/* Have both (either may be NULL) their volumes in the same place? */
bool pool_places_equal(const Definition *a, const Definition *b);
