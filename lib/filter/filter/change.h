/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Commands for nft, as filter/ruleset.h makes them. */

#include "base/macros.h"

#define FILTER_TABLE "unitvirt_nwfilter"

/* What has to be there before the commands of any tap. */
const char *filter_ruleset_base(void);

/* Behind filter_ruleset_base(), all in one: from the commands that are in force for a tap (NULL: none) to others
 * (NULL: none). -ENOMEM. */
int filter_ruleset_change(const char *old, const char *new, char **ret);
