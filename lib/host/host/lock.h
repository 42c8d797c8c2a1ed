/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Locks on images and leases between hosts: an advisory lock on the first byte of a file, where libvirt's virtlockd has
 * it too, so that on shared storage the two respect each other. (QEMU's own locks are on other bytes.)
 *
 * They belong to the open file (F_OFD_SETLK): whoever has the descriptor has the lock, and with the last descriptor it
 * is gone, whatever was killed. */

#include "base/error.h"

/* Takes the lock; does not wait. fd has to be open for writing, or, for a shared lock, for reading. -EBUSY where
 * somebody has it. */
int file_lock(int fd, bool shared);
/* Gives it back, whoever has a copy of the descriptor. */
void file_unlock(int fd);

/* Who has it is written beside it, as "guest 'web' on host 'alpha'", for the one who comes second: into an extended
 * attribute, or, where the file is there for nothing but its lock, as its content. File systems without the former
 * leave the second one without a name, so failures are nobody's concern. */
void lock_note(int fd, bool content, const char *guest);
/* What was noted, owned by the caller; NULL for nothing. It is another host's word: printable, and short. */
char *lock_noted(int fd, bool content);

typedef enum LockFlags {
        LOCK_SHARED = 1U << 0,
        LOCK_CREATE = 1U << 1,          /* makes the file; not its folder, which may be what is not mounted */
} LockFlags;

/* The lock of an image, on the image itself. guest: its name, for the note. *ret is a descriptor. Code 87 where it is
 * taken, naming the holder. */
int lock_image(const char *path, unsigned flags, const char *guest, int *ret, Error *e);
/* The lock of a resource: the file NAME in a folder. Names with a "/", "." and ".." are refused (code 8). */
int lock_resource(const char *folder, const char *name, unsigned flags, const char *guest, int *ret, Error *e);

/* What stands for an image in a folder of locks, as virtlockd has it, owned by the caller: for any path the SHA-256 of
 * the path; for a logical volume its uuid, for a SCSI disk its identifier. -ENODEV where it is no such thing. */
int lock_key_of_path(const char *path, char **ret);
int lock_key_of_volume(const char *path, char **ret);
int lock_key_of_disk(const char *path, char **ret);
