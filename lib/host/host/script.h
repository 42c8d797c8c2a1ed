/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* <script> and <downscript> of a card: programs of the administrator's, run as root with the tap's name as their one
 * argument, the one when the tap is there, the other when the card is gone. */

#include "base/error.h"

/* Runs it and waits. An empty path is no script. Code 38 where it cannot be started, code 1 where it fails. */
int script_run(const char *path, const char *link, Error *e);

/* "TAP PATH", the value of UNDO_SCRIPT. */
int script_undo(const char *value);
