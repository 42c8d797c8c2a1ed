/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The value of a secret in memory: in pages of its own that are not swapped, not dumped, and wiped before they go back.
 */

#include "base/macros.h"

#define SECRET_VALUE_MAX 65536U /* bytes; REMOTE_SECRET_VALUE_MAX of the protocol */

typedef struct SecretValue {
        uint8_t *data; /* NULL: none. One byte more than len is there, and is 0 */
        size_t len;
} SecretValue;

/* A value of len bytes, all 0. -E2BIG, -ENOMEM; where pages cannot be locked (RLIMIT_MEMLOCK) they are not. */
int secret_value_new(size_t len, SecretValue *ret);
int secret_value_copy(const void *data, size_t len, SecretValue *ret);
void secret_value_done(SecretValue *v);
#define _cleanup_secret_value_ _cleanup_(secret_value_done)

/* The value in a file without a name, which can neither be written to nor grow nor shrink: for programs that want a
 * file, by /proc/self/fd/N. flags as for memfd_create(). Negative errno. */
int secret_value_to_fd(const SecretValue *v, unsigned flags, int *ret);

/* The value as libvirt keeps it in a file: base64 with or without line ends. -EBADMSG. */
int secret_value_from_base64(const char *text, size_t len, SecretValue *ret);
/* The text of it, a value too since it tells as much. */
int secret_value_to_base64(const SecretValue *v, SecretValue *ret);
