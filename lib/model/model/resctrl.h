/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* <cachetune> and <memorytune> of a normalised definition: what is about the same vCPUs is one group of the
 * kernel's. */

#include "model/xml.h"

/* The vCPUs that the element is about ("0-1") where it, or the other kind's about the same ones, gives them a part
 * for themselves; NULL where their work is only counted. */
const char *resctrl_part(const xmlNode *tune);
