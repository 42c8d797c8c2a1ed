/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A pool as its definition says it, and what can be done with pools of each type. */

#include <sys/types.h>

#include "base/error.h"
#include "base/macros.h"
#include "base/strings.h"
#include "model/xml.h"
#include "storage/sandbox.h"
#include "storage/table.h"

typedef enum PoolType {
        POOL_DIR,
        POOL_FS,
        POOL_NETFS,
        POOL_LOGICAL,
        POOL_DISK,
        POOL_ISCSI,
        POOL_ISCSI_DIRECT,
        POOL_SCSI,
        POOL_MPATH,
        POOL_RBD,
        POOL_SHEEPDOG,
        POOL_GLUSTER,
        POOL_ZFS,
        POOL_VSTORAGE,
        _POOL_TYPE_MAX,
        _POOL_TYPE_INVALID = -EINVAL,
} PoolType;

/* "dir", ...; the values of <pool type=...>, and the order of the bits of VIR_CONNECT_LIST_STORAGE_POOLS_x from DIR on
 * but for the last ones (pool_type_list_bit()). */
const char *pool_type_name(PoolType type);
PoolType pool_type_from_name(const char *name);
uint32_t pool_type_list_bit(PoolType type);
/* Why pools of this type are refused: what this was built without; NULL: they are not. */
const char *pool_type_missing(PoolType type);

/* Modes and owners that a definition leaves out: libvirt's defaults. */
#define POOL_MODE_DEFAULT 0711U
#define VOLUME_MODE_DEFAULT 0600U

typedef struct PoolSpec {
        PoolType type;
        char *name;
        char *target;           /* where volumes are found: a folder; NULL for types without */
        unsigned mode;          /* (unsigned) -1: not said; the same below */
        uid_t uid;
        gid_t gid;
        unsigned cow;           /* 1: files made in the folder are copied on write, 0: they are not */
        char *source_name;      /* of a volume group, ... */
        char **devices;         /* NULL-terminated; may be NULL */
        char *dir;              /* on the host of a network file system */
        char *host;             /* the first */
        char *format;           /* of the source: "ext4", "nfs", "gpt", "lvm2"; "auto" where not said */
        char *protocol;         /* version of NFS */
        char **mount_options;
        char *adapter;          /* "host5" or "scsi_host5"; NULL where it is said by its parent */
        char *parent;           /* of the adapter, a PCI address: "0000:00:1f.2"; NULL: not said */
        unsigned unique_id;     /* of the adapter among its parent's; (unsigned) -1: any */
        char *initiator;        /* IQN */
        char *port;             /* of the host; NULL: the usual one */
        char *auth_user;        /* NULL: none is asked for */
        char *secret_uuid, *secret_usage;
        char *password;         /* what that secret is, for whoever put it there; wiped with the rest */
} PoolSpec;

/* Nothing is said; NULL without memory. */
PoolSpec *pool_spec_new(void);
PoolSpec *pool_spec_free(PoolSpec *s);
DEFINE_CLEANUP(PoolSpec *, pool_spec_free);
#define _cleanup_pool_spec_ _cleanup_(pool_spec_freep)

/* From the root of a definition in canonical form. -EBADMSG with e, -ENOMEM. */
int pool_spec_from_xml(const xmlNode *root, PoolSpec **ret, Error *e);

/* As lines KEY=VALUE (base/keyfile.h), but for the password, and from one. -EBADMSG, -ENOMEM. */
void pool_spec_to_lines(const PoolSpec *s, StrBuf *b);
int pool_spec_set_line(PoolSpec *s, const char *key, const char *value);

/* --- known.c: what a daemon that starts a pool has read of its definition already --- */

/* To read XML costs a unit more than a hundred images do. So the daemon leaves the pool's spec and its definition in
 * canonical form in /run/libvirt/storage/NAME.known. It counts at the start where the definition's file is still the
 * one that it was read from, and from then on until the pool ends. */

/* Which file the next start's definition is, to be asked before it is read; the caller's. NULL: none, or no memory. */
char *pool_definition_stamp(const char *name);
int pool_known_save(const char *stamp, const PoolSpec *s, const char *xml);
/* stamp NULL: of a pool that has started. ret_xml may be NULL. -ENOENT, -ESTALE where it is of another file, -EBADMSG,
 * -ENOMEM, errno. */
int pool_known_load(const char *name, const char *stamp, PoolSpec **ret, char **ret_xml);
void pool_known_forget(const char *name);

/* Flags of build and of remove: VIR_STORAGE_POOL_BUILD_x, VIR_STORAGE_POOL_DELETE_x of libvirt-storage.h. */
#define POOL_BUILD_NO_OVERWRITE 4U
#define POOL_BUILD_OVERWRITE 8U
#define POOL_DELETE_ZEROED 1U

/* What a type can do. A hook that is missing: there is nothing to do, but for build, remove and scan, which are refused
 * then. All but scan run as root, in a unit. */
typedef struct PoolBackend {
        PoolType type;
        bool volumes_are_files; /* in the folder target */
        bool mounts;            /* target is a file system of its own, which a mount unit brings */
        bool waits_for_devices; /* a start that fails while the machine boots may be too early for udev */
        bool names_are_places;  /* of volumes: which device that is only a scan can tell */
        SandboxMode scan_mode;  /* SANDBOX_TOOLS: its tools need root; it reads no image itself */
        int (*start)(const PoolSpec *s, Error *e);
        int (*stop)(const PoolSpec *s, Error *e);
        int (*rescan)(const PoolSpec *s, Error *e);     /* before each scan: what devices are there */
        int (*build)(const PoolSpec *s, uint32_t flags, Error *e);
        uint32_t build_flags;
        int (*remove)(const PoolSpec *s, uint32_t flags, Error *e);
        int (*scan)(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e);
        /* What can become a source: text of elements <source> for find-storage-pool-sources. host: as the client says
         * it, may be NULL. */
        int (*find_sources)(const char *host, char **ret, Error *e);
} PoolBackend;

/* Never NULL for a type that is not missing. */
const PoolBackend *pool_backend(PoolType type);

extern const PoolBackend backend_dir, backend_fs, backend_netfs, backend_logical, backend_iscsi, backend_scsi,
        backend_mpath;

/* Makes a folder as the definition says: parents 0755, itself with mode and owner; those of a folder that is there
 * change only where the definition names them. */
int pool_make_target(const PoolSpec *s, Error *e);

/* On btrfs an open folder is told whether files that are made in it are copied on write: where the definition does not
 * say, they are not, as libvirt has it, since images become slow by it. Elsewhere only what it says is refused. */
int pool_set_cow(const PoolSpec *s, int fd, Error *e);

/* Is something there that build should not destroy? The answer of libblkid for a device, in words ("ext4 file system",
 * "dos partition table"); *ret is NULL where there is nothing. Errno of open. */
int pool_device_content(const char *device, char **ret);
