/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program that looks at volumes, because a disk may never answer. */

#include "storage.h"

/* Runs vm-look with these arguments, and waits for its end. After it one more is begun, which waits for the next ten
 * seconds: what the start of a program takes is over then when the next look is wanted. timeout: microseconds;
 * output_max as in ProcessSpec. Errors of process_run(). */
int looker_run(StorageDriver *d, const char *const args[], uint64_t timeout, size_t output_max, ProcessResult *ret,
               Error *e);
/* At the driver's end. */
void looker_done(StorageDriver *d);
