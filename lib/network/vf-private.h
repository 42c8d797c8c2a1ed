/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The messages of network/vf.h, for its test: no card of the machines that tests run on has functions. */

#include "netlink-private.h"
#include "network/vf.h"

Request vf_request_read(const char *card);
Request vf_request_set(const char *card, unsigned index, const VfSettings *s);

/* What stands in an answer about a card; *ret of the function is written where it is there. */
int vf_answer_read(const struct nlmsghdr *answer, unsigned index, VfSettings *ret);

int vf_undo_parse(const char *value, VfPlace *place, VfSettings *s);
