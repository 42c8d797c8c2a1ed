/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a TPM keeps, as files of the user that it runs as. All return 0 or a negative errno. */

#include <sys/types.h>

#include "base/macros.h"

/* Where a TPM keeps what it knows: files in a folder of its own, or one file that somebody has named. */
typedef struct TpmState {
        const char *path;
        bool is_file;
} TpmState;

/* Was it born already? old: a TPM 1.2. */
bool tpm_state_exists(const TpmState *s, bool old);
/* Gives all of it to a user. */
int tpm_state_own(const TpmState *s, uid_t uid, gid_t gid);
/* Makes a file where there is none, and gives it to a user. Links are not followed; -EINVAL for what is no file. */
int tpm_file_own(const char *path, uid_t uid, gid_t gid);
/* Fills a file that is there with what another holds, and waits until it is on the disk. */
int tpm_state_copy(const char *from, const char *to);
