/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/definition.h"

/* The host name that a guest gave when it took a lease of a virtual network; owned by the caller. Code 108 where there
 * is none. */
int lease_hostname(const Definition *d, const char *guest, char **ret, Error *e);
