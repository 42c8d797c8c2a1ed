/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program without its drivers, which tests replace. */

#include "server.h"

int daemon_main(int argc, char **argv, const KnownDriver *known, size_t n_known);
