/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the values of secrets are kept.
 *
 *   /var/lib/libvirt/secrets/UUID.cred   sealed by systemd-creds with the host's key, under the name UUID
 *   /etc/libvirt/secrets/UUID.base64     plain, as libvirt keeps it: of a host without such a key, or not adopted yet
 *   /run/libvirt/secrets/UUID.cred, .base64   of ephemeral secrets: gone with the next boot
 *
 * Where both are there the plain one counts: it is removed last when a value is sealed, and comes last when one can no
 * longer be. So the one moment at which the value changes is a rename or an unlink, and nobody ever sees half of one.
 *
 * Not with the host's TPM: values are opened within the units of guests and pools, whose control groups let nobody at
 * such a device, root's own steps included. Where the key is on an encrypted disk that the TPM opens, both count.
 *
 * A value is passed on by standard input and output, never by an argument or the environment. */

#include "base/error.h"
#include "secret/value.h"

typedef enum SecretForm {
        SECRET_SEALED,
        SECRET_PLAIN,
        _SECRET_FORM_MAX,
} SecretForm;

/* The caller's; NULL without memory. uuid: 36 characters. */
char *secret_file(const char *uuid, bool ephemeral, SecretForm form);

/* Is there the host's key to seal with (systemd-creds setup makes it), and systemd-creds? */
bool secret_can_seal(void);

/* The commands, from standard input to standard output: put into argv, which borrows name, of at least
 * SECRET_COMMAND_MAX places. */
#define SECRET_COMMAND_MAX 8
#define SECRET_NAME_MAX 64
void secret_seal_command(const char *uuid, char name[SECRET_NAME_MAX], const char *argv[SECRET_COMMAND_MAX]);
void secret_open_command(const char *uuid, char name[SECRET_NAME_MAX], const char *argv[SECRET_COMMAND_MAX]);

/* The file that holds the value now, and its form: -ENOENT where there is none. */
int secret_file_find(const char *uuid, char **ret_path, SecretForm *ret_form);

/* Writes one form, synced (not below /run), mode 0600; then removes the other one. */
int secret_file_write(const char *uuid, bool ephemeral, SecretForm form, const void *data, size_t len);
/* The value itself, as base64. -EBADMSG for what is none. */
int secret_plain_write(const char *uuid, bool ephemeral, const void *data, size_t len);
int secret_plain_read(const char *path, SecretValue *ret);
/* Removes all there is; of one place or the other. */
int secret_file_remove(const char *uuid, bool ephemeral);

/* Makes the folders, and removes what a writer that was killed has left half written. For the one writer, before it
 * writes. */
int secret_files_prepare(void);
