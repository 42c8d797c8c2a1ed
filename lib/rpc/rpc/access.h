/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Fine-grained access, for call.c; handlers use call_check_access() and call_filter_access() of rpc/call.h. */

#include "rpc/server.h"

/* Whether one rule of an acl (of len bytes) counts in a call with these flags: 1, 0, or -EINVAL where it speaks of a
 * flag that is not known. */
int access_rule_applies(const char *rule, size_t len, uint32_t flags);

/* What the acl says about the connection itself, before the handler. 0, or -EACCES and code 88. */
int call_check_connect(Call *c, Error *e);
/* Does the acl speak of an object, so that the handler must ask? */
bool call_needs_check(const Call *c);
void call_set_checked(Call *c);

/* Would anybody look at the pairs of call_check_access_to() and call_filter_access_to()? For who would make them up for
 * thousands of objects. */
bool call_has_access_rules(const Call *c);
