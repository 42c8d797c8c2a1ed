/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What vm-volume does, a file or two for each verb. */

#include <sys/stat.h>

#include "base/error.h"
#include "storage/job.h"
#include "storage/pool.h"

int volume_create(const VolumeJob *j, const char *id, Error *e);
int volume_clone(const VolumeJob *j, const char *id, Error *e);
int volume_resize(const VolumeJob *j, const char *id, Error *e);
int volume_wipe(const VolumeJob *j, const char *id, Error *e);
int volume_delete(const VolumeJob *j, const char *id, Error *e);
int volume_upload(const VolumeJob *j, const char *id, Error *e);
int volume_download(const VolumeJob *j, const char *id, Error *e);

/* Does the job by its verb. -EACCES and -EPERM: nothing was done yet, nor said to anybody. */
int volume_do(const VolumeJob *j, const char *id, Error *e);
/* Takes away what a job that was cut off has left. Errno. */
int volume_undo(const VolumeJob *j);

/* --- serve.c --- */

/* The worker of a pool: takes jobs, one after the other, until none has come for some seconds. Its exit status. */
int volume_serve(const char *instance);
/* After its end, whatever that was: undoes what it was at. */
int volume_clean_worker(const char *instance);

/* --- the verbs --- */

/* Gives back what a resize that was killed had allocated beyond the volume's end. */
void volume_resize_undo(const VolumeJob *j);

/* Shows in "systemctl status" how far it is; total 0: not known. At most some times a second. */
void volume_progress(const VolumeJob *j, uint64_t done, uint64_t total);
/* Shows nothing of work that is over before one would look. */
void volume_progress_later(void);

/* --- made.c: files that get their name when they are whole --- */

/* A new hidden file for the volume; refuses a volume that is there (code 90). */
int part_create(const VolumeJob *j, const char *id, char **ret_path, int *ret_fd, Error *e);
/* Only the file, in the place of one that nobody is at work on any more. Code 55 where somebody is. */
int part_open(const VolumeJob *j, const char *id, char **ret_path, int *ret_fd, Error *e);
/* A file without copy on write has to be so before there is anything in it. Only btrfs knows this. _as: where the other
 * one is without. */
void part_set_nocow(int fd);
void part_set_nocow_as(int fd, int old);
/* Gives it mode, owner and the name: never over another one. Syncs. */
int part_publish(const VolumeJob *j, const char *part, int fd, Error *e);
/* Before and after a tool makes the file anew. Samba hides files whose names begin with a dot, and what is hidden it
 * lets nobody truncate as it is opened; so on SMB, where modes are the mount's anyway, none is there meanwhile. */
int part_vacate(const char *part, int *fd, Error *e);
int part_return(const char *part, int *fd, Error *e);
/* Is it a file of a SMB server's (CIFS)? */
bool is_of_smb(int fd);
/* Mode and owner as the job says, or the defaults. */
int part_own(const VolumeJob *j, int fd, Error *e);

/* Copies len bytes from one file to another, keeping holes; with progress. total: of progress. */
int copy_range_sparse(const VolumeJob *j, int from, int to, uint64_t offset, uint64_t len, Error *e);

/* --- tools that read images of others --- */

/* What qemu-img may open of all images. */
typedef struct Reach {
        char *const *read;      /* what image_chain_check() found; NULL: none */
        const char *write;
} Reach;

/* Takes all other files but programs away from this process, which is about to become qemu-img: by Landlock, where the
 * kernel has it. */
int reach_only(const Reach *reach);

/* Runs qemu-img (or another tool) without the network, with all file systems read-only but for the folder, with few
 * rights and nothing but these images, until it ends; its "(12.34/100%)" becomes progress. */
int confined_run(const VolumeJob *j, char *const *argv, const char *folder, const Reach *reach, Error *e);
/* This process: all file systems but the folder's read-only, rights over files and no others, for good. */
int confine_to(const char *folder);
/* The view alone, in which the folder of the jobs' results can be written to as well. */
int confine_view(const char *folder);

/* The passphrase in a file that has no name, as a descriptor that tools inherit, and the path that they find it by. */
int volume_open_secret(const char *uuid, int *ret_fd, char **ret_path, Error *e);

/* The target folders of all active pools: NULL-terminated, owned by the caller. */
int active_folders(char ***ret, Error *e);
