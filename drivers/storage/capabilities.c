/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What types of pools there are, and their formats. */

#include "storage.h"

#include "base/strings.h"
#include "image/probe.h"
#include "model/writer.h"

static const char *const files[] = { "none", "raw", "dir",  "bochs", "cloop", "dmg",  "iso",
                                     "vpc",  "vdi", "qcow", "qcow2", "qed",   "vmdk", NULL };
static const char *const partitions[] = { "none",      "linux",      "fat16",    "fat32", "linux-swap",
                                          "linux-lvm", "linux-raid", "extended", NULL };
static const char *const file_systems[] = { "auto", "ext2", "ext3", "ext4", "ufs",   "iso9660", "udf",   "gfs",
                                            "gfs2", "vfat", "hfs+", "xfs",  "ocfs2", "vmfs",    "btrfs", NULL };
static const char *const network_file_systems[] = { "auto", "nfs", "glusterfs", "cifs", NULL };
static const char *const labels[] = { "unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2", NULL };
static const char *const groups[] = { "unknown", "lvm2", NULL };
static const char *const raw[] = { "raw", NULL };

static const struct {
        PoolType type;
        const char *const *sources, *source_default, *const *targets, *target_default;
} formats[] = {
        { POOL_DIR, NULL, NULL, files, "raw" },
        { POOL_FS, file_systems, "auto", files, "raw" },
        { POOL_NETFS, network_file_systems, "auto", files, "raw" },
        { POOL_LOGICAL, groups, "lvm2", NULL, NULL },
        { POOL_DISK, labels, "unknown", partitions, "none" },
        { POOL_ISCSI, NULL, NULL, NULL, NULL },
        { POOL_ISCSI_DIRECT, NULL, NULL, NULL, NULL },
        { POOL_SCSI, NULL, NULL, NULL, NULL },
        { POOL_MPATH, NULL, NULL, NULL, NULL },
        { POOL_RBD, NULL, NULL, raw, "raw" },
        { POOL_SHEEPDOG, NULL, NULL, raw, "raw" },
        { POOL_GLUSTER, NULL, NULL, files, "raw" },
        { POOL_ZFS, NULL, NULL, NULL, NULL },
        { POOL_VSTORAGE, NULL, NULL, files, "raw" },
};

static void add_options(DocumentWriter *w, DocumentElement *pool, const char *element, const char *name,
                        const char *const *values, const char *otherwise) {
        DocumentElement *options, *list;

        if (!values)
                return;
        options = document_add(w, pool, element, NULL);
        document_attr(w, document_add(w, options, "defaultFormat", NULL), "type", otherwise);
        list = document_add(w, options, "enum", NULL);
        document_attr(w, list, "name", name);
        for (; *values; values++)
                (void) document_add(w, list, "value", *values);
}

static int get_capabilities(Call *c, const remote_connect_get_storage_pool_capabilities_args *args,
                            remote_connect_get_storage_pool_capabilities_ret *ret, Error *e) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root;
        int r;

        r = call_check_access_to(c, 0, (const char *const[]) { NULL }, e);
        if (r >= 0)
                r = document_begin("storagepoolCapabilities", &w, &root);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                DocumentElement *pool = document_add(w, root, "pool", NULL);

                document_attr(w, pool, "type", pool_type_name(formats[i].type));
                document_attr(w, pool, "supported", pool_type_missing(formats[i].type) ? "no" : "yes");
                add_options(w, pool, "poolOptions", "sourceFormatType", formats[i].sources, formats[i].source_default);
                add_options(w, pool, "volOptions", "targetFormatType", formats[i].targets, formats[i].target_default);
        }
        return document_finish(w, &ret->capabilities);
}

/* Of a connection to storage:///system: the types that there are, and nothing of them. */
static int get_types(Call *c, const rpc_void *args, remote_connect_get_capabilities_ret *ret, Error *e) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root, *list;
        int r;

        r = call_check_access_to(c, 0, (const char *const[]) { NULL }, e);
        if (r >= 0)
                r = document_begin("capabilities", &w, &root);
        if (r < 0)
                return r;
        list = document_add(w, document_add(w, root, "pool", NULL), "enum", NULL);
        document_attr(w, list, "name", "type");
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (!pool_type_missing(formats[i].type))
                        (void) document_add(w, list, "value", pool_type_name(formats[i].type));
        return document_finish(w, &ret->capabilities);
}

static const RpcHandler rows[] = {
        PLAIN(CONNECT_GET_CAPABILITIES, get_types),
        PLAIN(CONNECT_GET_STORAGE_POOL_CAPABILITIES, get_capabilities),
};
const RpcTable storage_table_capabilities = RPC_TABLE(rows);
