/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Work on a volume, as it is handed to vm-volume@ID.service, or to the worker of its pool:
 * /run/libvirt/storage/jobs/ID.job. */

#include <sys/types.h>

#include "base/error.h"
#include "base/macros.h"
#include "model/xml.h"
#include "storage/volume.h"

typedef enum JobVerb {
        VOLUME_CREATE,
        VOLUME_CLONE,
        VOLUME_RESIZE,
        VOLUME_WIPE,
        VOLUME_DELETE,
        VOLUME_UPLOAD,
        VOLUME_DOWNLOAD,
        _JOB_VERB_MAX,
} JobVerb;

/* "create"; what it is doing: "creating". */
const char *job_verb_name(JobVerb verb);
const char *job_verb_doing(JobVerb verb);

/* Flags of calls: VIR_STORAGE_VOL_x of libvirt-storage.h. */
#define VOLUME_PREALLOC_METADATA 1U
#define VOLUME_REFLINK 2U
#define VOLUME_VALIDATE 4U
#define RESIZE_ALLOCATE 1U
#define RESIZE_DELTA 2U
#define RESIZE_SHRINK 4U
#define STREAM_SPARSE 1U

typedef struct VolumeJob {
        JobVerb verb;
        char *pool;             /* name */
        char *name;             /* of the volume */
        char *path;
        VolumeType type;
        char *format;           /* "raw", "qcow2", ...; NULL: raw */
        uint64_t capacity;      /* bytes */
        uint64_t allocation;    /* bytes; only with has_allocation */
        bool has_allocation;
        unsigned mode;          /* (unsigned) -1: not said; the same below */
        uid_t uid;
        gid_t gid;
        char *backing, *backing_format;
        char *compat;           /* "0.10", "1.1" */
        bool lazy_refcounts, extended_l2, nocow;
        uint64_t cluster_size;
        char *encryption;       /* "luks" */
        char *cipher, *cipher_size, *cipher_mode, *cipher_hash, *ivgen, *ivgen_hash;
        char *secret; /* uuid of the secret with the passphrase; for qemu_img_create() the path of a file with it */
        char *source, *source_format;   /* of a clone */
        uint64_t source_capacity;
        uint64_t header;        /* bytes before the content of an encrypted raw volume: no capacity counts them */
        uint64_t offset, length;        /* of a stream */
        char *stream;           /* ... the daemon listens at volume_job_path(stream, "sock") */
        uint64_t algorithm;     /* of a wipe: VIR_STORAGE_VOL_WIPE_ALG_x */
        uint64_t flags;         /* of the call */
        uint64_t weight;        /* bytes that it writes, UINT64_MAX: not known; not in the file */
        char *worker;           /* the instance of the worker that has it; NULL: it has a unit of its own */
} VolumeJob;

VolumeJob *volume_job_new(JobVerb verb);
VolumeJob *volume_job_free(VolumeJob *j);
DEFINE_CLEANUP(VolumeJob *, volume_job_free);
#define _cleanup_volume_job_ _cleanup_(volume_job_freep)

/* Text of the file, and back. -EBADMSG, -ENOMEM. */
char *volume_job_to_text(const VolumeJob *j);
int volume_job_from_text(const char *text, VolumeJob **ret);

/* What a <volume> document asks for (in canonical form: sizes are bytes). -EINVAL, -EBADMSG with e. */
int volume_job_from_xml(const xmlNode *root, VolumeJob *j, Error *e);

/* The arguments of "qemu-img create" and "qemu-img convert" that make the volume at path: pure functions. Lists are the
 * caller's. -EINVAL with e for what qemu-img cannot do (an option that the format has not). exists: the
 * image is there already, of a size of its own. */
int qemu_img_create(const VolumeJob *j, const char *path, char ***ret, Error *e);
int qemu_img_convert(const VolumeJob *j, const char *path, bool exists, char ***ret, Error *e);
/* One that is encrypted is opened with the secret. */
int qemu_img_resize(const VolumeJob *j, char ***ret, Error *e);

/* Folder of job files, below path_run(); the file of one: suffix "job", "result", "sock". NULL without memory. */
#define JOBS_FOLDER "storage/jobs"
char *volume_job_path(const char *id, const char *suffix);
/* Reads ID.job. Errno of that, -EBADMSG, -ENOMEM. */
int volume_job_load(const char *id, VolumeJob **ret);
/* Writes it. Errno of that, -ENOMEM. */
int volume_job_save(const VolumeJob *j, const char *id);
/* Is there an ID.result? */
bool volume_job_is_over(const char *id);
/* The IDs of all jobs that have a file: NULL-terminated, may be NULL for none. Errno of reading the folder, -ENOMEM. */
int volume_job_list(char ***ret);

/* Raw, as a job's format says it: what can be made and copied without qemu-img. */
bool volume_format_is_raw(const char *format);

/* --- part.c: volumes in the making --- */

/* Where the volume is while it is being made; NULL without memory. */
char *volume_job_part(const VolumeJob *j);
/* The parts of all jobs of this host that are not over, but for the job `except` (may be NULL): NULL-terminated, may be
 * NULL for none. Errno of reading the folder, -ENOMEM. */
int volume_parts_at_work(const char *except, char ***ret);
/* Removes from a folder what this host has left behind. Errno of opening it, -ENOMEM. */
int volume_parts_remove(const char *folder);

/* Is a path, which is without links, below one of the folders of a list that ends with NULL? */
bool path_is_below(const char *path, char *const *folders);

/* Which layers may lie below an image that root's qemu-img is to read: only files in folders of the list
 * (NULL-terminated), each of a known format, no loops, none that names further files. format NULL: as the header says.
 * -EINVAL with ERROR_OPERATION_INVALID, naming both images. The image and those below it, without links, are added to
 * *layers: a guest may write another header at any moment, so qemu-img may open these and no others. */
int image_chain_check(const char *path, const char *format, char *const *folders, char ***layers, Error *e);

/* --- between daemon and worker --- */

/* Where the worker of a pool listens, by the instance of its unit. A connection is for messages one after the other,
 * each of which has an answer before the next comes. A message is the ID of a job, a line feed, and the text of its
 * file. The answer: WORKER_OK and, behind a line feed, what is known of the volume and the pool now (lines of
 * storage/table.h); an error as text; or WORKER_ELSEWHERE: it was not begun, and is for a unit of its own. A worker
 * that is killed in the middle of a job hangs up; where it ends before it has begun, the kernel resets the connection.
 * WORKER_WAIT in place of a job is answered when all is done that came before. */
char *volume_worker_path(const char *instance);
#define WORKERS_FOLDER "storage/workers"
#define WORKER_OK "ok"
#define WORKER_ELSEWHERE "elsewhere"
#define WORKER_WAIT "wait"
#define WORKER_MESSAGE_MAX (64U * 1024)

/* --- frames between daemon and unit, for streams --- */

/* First the daemon sends a byte, with which the end of a pipe goes, to read from (upload) or write to (download). Then
 * go, from the daemon or to it: 'D' LENGTH (so much is next in the pipe: of an upload it may still be on its way), 'H'
 * LENGTH (a hole), 'E' 0 (all was said). The type is one byte, the length eight, little endian. */
typedef struct __attribute__((packed)) JobFrame {
        char type;
        uint64_t length;
} JobFrame;
/* Of a download's data: what a packet of a stream holds. */
#define FRAME_DATA_MAX 262120U
