/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* libnftables, loaded when it is needed: most guests have no filter, and their start shall not pay for it. */

#include "base/error.h"

typedef struct Nft Nft;

int nft_open(Nft **ret, Error *e);
Nft *nft_close(Nft *n);
DEFINE_CLEANUP(Nft *, nft_close);
#define _cleanup_nft_ _cleanup_(nft_closep)

/* Carries out commands, all or none; check: looks whether the kernel would take them. */
int nft_run(Nft *n, const char *commands, bool check, Error *e);

/* What a listing says; "" where there is no such thing. -ENOMEM. */
int nft_list(Nft *n, const char *what, char **ret);
