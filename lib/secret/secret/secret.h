/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A secret's value for those who need it on the host: programs that prepare a guest's disk, a pool or a TPM, as root.
 * No daemon is asked, and private secrets are given too: that is what they are for. */

#include "base/error.h"
#include "model/secret.h"
#include "secret/value.h"

/* The uuid (36 characters and a NUL) of the secret that is for this. Code 66 where there is none; e filled. */
int secret_find(SecretUsageType type, const char *id, char ret_uuid[37], Error *e);

/* The value. Waits for a child process where it is sealed (at most 30 s): not for event loops. Code 66 where there is
 * no such secret or it has no value; e filled. */
int secret_read(const char *uuid, SecretValue *ret, Error *e);
