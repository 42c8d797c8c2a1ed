/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A folder is one active pool's, by whatever path. Which it has is in /run/libvirt/storage/folders/NAME. */

#include "storage/pool.h"

/* Code 9 where an active pool of another name has the folder that the target leads to. While one that begins may be
 * that, its end is waited for. Nothing where the folder cannot be looked at. For this process, until it ends. */
int claim_folder(const PoolSpec *s, Error *e);
void claim_forget(const char *name);
