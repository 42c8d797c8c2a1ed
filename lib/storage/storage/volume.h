/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A volume as a look at it found it, and the line of a file that says so. */

#include <sys/stat.h>

#include "base/error.h"
#include "base/macros.h"
#include "image/probe.h"

/* virStorageVolType of libvirt-storage.h. */
typedef enum VolumeType {
        VOLUME_FILE,
        VOLUME_BLOCK,
        VOLUME_DIR,
        VOLUME_NETWORK,
        VOLUME_NETDIR,
        VOLUME_PLOOP,
        _VOLUME_TYPE_MAX,
} VolumeType;

/* "file", "block", ... as in <volume type=...>. */
const char *volume_type_name(VolumeType type);

typedef struct Volume {
        char *name;
        char *path;
        char *key;                      /* NULL: the path */
        VolumeType type;
        char *format;                   /* "qcow2"; of a partition its type; NULL: none is shown */
        uint64_t capacity;              /* bytes, as the guest sees it */
        uint64_t allocation;            /* bytes, taken from the pool */
        uint64_t physical;              /* bytes, length of the file or device; 0: not known */
        unsigned mode;                  /* 07777 */
        uid_t uid;
        gid_t gid;
        struct timespec atime, mtime, ctime;
        bool has_stat;                  /* mode to ctime are known */
        uint64_t device, inode;         /* which file it is; 0: not known */
        unsigned features;              /* IMAGE_x, VOLUME_x */
        unsigned version;               /* 2 or 3 of qcow2 */
        uint64_t cluster_size;
        ImageEncryption encryption;
        char *backing;                  /* path of the backing file, or what the image says where that is no path */
        char *backing_format;
        char *extents;                  /* "/dev/sda 17408 1048576,...": device, begin, end in bytes; NULL none */
} Volume;

/* In features: the backing file's format is not in the header, but what that file looked like. */
#define VOLUME_BASE_GUESSED (1U << 31)
/* In features: the file had changed so shortly before it was looked at that its times need not tell of one more
 * change. */
#define VOLUME_JUST_CHANGED (1U << 30)

Volume *volume_free(Volume *v);
DEFINE_CLEANUP(Volume *, volume_free);
#define _cleanup_volume_ _cleanup_(volume_freep)

static inline const char *volume_key(const Volume *v) {
        return v->key ?: v->path;
}

/* One line without its end: fields between tabs, escaped. NULL without memory. */
char *volume_to_line(const Volume *v);
/* The other way. -EBADMSG for what this program would not have written, -ENOMEM. */
int volume_from_line(const char *line, Volume **ret);
/* Only what is no text, without taking memory. -EBADMSG. */
int volume_line_figures(const char *line, Volume *ret);
/* Does a line begin with the name as it is? */
bool volume_name_is_plain(const char *name);
/* A name as a line begins with it. NULL without memory. */
char *volume_name_to_line(const char *name);
/* Only name and path of a line, without taking it apart; 0, -EBADMSG, -ENOMEM. Owned by the caller. */
int volume_line_names(const char *line, char **ret_name, char **ret_path, char **ret_key);

/* May a volume be called so? Not empty, ".", "..", no slash, control characters or wrong UTF-8, at most 255 bytes.
 * -EINVAL with ERROR_XML_ERROR. */
int volume_name_check(const char *name, Error *e);
