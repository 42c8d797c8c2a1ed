/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tables of nftables that are one's own, made in one transaction.
 *
 * libnftables reads what tables, chains, sets and objects the host has before it adds one, and begins again when
 * somebody else changes something meanwhile: the more networks there are, the dearer each is, and a hundred that start
 * at once keep each other from it. What is made here depends on nothing that is there, so the kernel is told without a
 * question. The text is the one of firewall.c, and only its words are known. */

#include "base/error.h"
#include "base/macros.h"

/* The tables of the text as messages to the kernel (nfnetlink, one batch). *ret is the caller's. -EBADMSG and e for a
 * word that is not known or misplaced, -ENODEV for a link (iif, oif) that is not there. */
int ruleset_compile(const char *text, char **ret, size_t *ret_len, Error *e);

/* Makes the tables, all or none. Those with "flags owner" belong to the socket, *ret_fd, which is the caller's: they
 * go with it. Errors as of ruleset_compile(), or the kernel's with e, which names the line. */
int ruleset_load(const char *text, int *ret_fd, Error *e);
