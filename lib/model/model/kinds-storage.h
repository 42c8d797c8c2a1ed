/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kinds of pools and volumes share. */

#include "model/kind.h"
#include "model/xml.h"

/* <mode> of permissions in four octal digits; NULL is fine. */
int normalise_storage_mode(Normaliser *n, xmlNode *mode);
