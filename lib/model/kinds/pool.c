/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kind of storage pools. After normalising (paths below /pool):
 *
 *   @type                             there
 *   name, uuid                        there; the name is one that a file can have
 *   capacity, allocation, available   there, 0 bytes: what they are is not the definition's to say
 *   source                            there; has what the type needs (see needs below); format/@type where the type
 *                                     has formats; dir/@path without needless slashes; no freeExtent
 *   target/path                       there where the type has one, without needless slashes; of type logical /dev/NAME
 *                                     where not said
 *   target/permissions                mode with one 0 in front; owner and group are numbers, where they are said */

#include "base/strings.h"
#include "model/kinds-storage.h"
#include "normalise/normaliser.h"
#include "schema.h"

enum {
        NEEDS_HOST = 1 << 0,
        NEEDS_DEVICE = 1 << 1,
        NEEDS_DIR = 1 << 2,
        NEEDS_ADAPTER = 1 << 3,
        HAS_NAME = 1 << 4,      /* the source's name is the pool's where it is not said */
        HAS_TARGET = 1 << 5,
        NEEDS_INITIATOR = 1 << 6,
};

/* mkfs's and mount's words; libvirt knows all but the last */
static const char *const file_systems[] = { "auto", "ext2", "ext3", "ext4", "ufs",   "iso9660", "udf",   "gfs",
                                            "gfs2", "vfat", "hfs+", "xfs",  "ocfs2", "vmfs",    "btrfs", NULL };
static const char *const network_file_systems[] = { "auto", "nfs", "glusterfs", "cifs", NULL };
static const char *const labels[] = { "unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2", NULL };
static const char *const groups[] = { "unknown", "lvm2", NULL };

static const struct {
        const char *type;
        unsigned needs;
        const char *format;     /* where not said; NULL: has no formats */
        const char *const *formats;
} types[] = {
        { "dir", HAS_TARGET, NULL },
        { "fs", NEEDS_DEVICE | HAS_TARGET, "auto", file_systems },
        { "netfs", NEEDS_HOST | NEEDS_DIR | HAS_TARGET, "auto", network_file_systems },
        { "logical", HAS_NAME | HAS_TARGET, "lvm2", groups },
        { "disk", NEEDS_DEVICE | HAS_TARGET, "unknown", labels },
        { "iscsi", NEEDS_HOST | NEEDS_DEVICE | HAS_TARGET, NULL },
        { "iscsi-direct", NEEDS_HOST | NEEDS_DEVICE | NEEDS_INITIATOR, NULL },
        { "scsi", NEEDS_ADAPTER | HAS_TARGET, NULL },
        { "mpath", HAS_TARGET, NULL },
        { "rbd", NEEDS_HOST | HAS_NAME, NULL },
        { "sheepdog", NEEDS_HOST | HAS_NAME, NULL },
        { "gluster", NEEDS_HOST | HAS_NAME, NULL },
        { "zfs", HAS_NAME | HAS_TARGET, NULL },
        { "vstorage", HAS_NAME | HAS_TARGET, NULL },
};

static size_t type_row(const Normaliser *n) {
        const char *type = xml_attr(n->root, "type");

        for (size_t i = 0; type && i < ELEMENTSOF(types); i++)
                if (streq(types[i].type, type))
                        return i;
        return ELEMENTSOF(types);
}

static int normalise_type(Normaliser *n) {
        if (type_row(n) == ELEMENTSOF(types))
                return fail_xml(n, n->root, "missing the pool's type");
        return 0;
}

/* A name that is a file's: with a slash it would be another's, and a line end would be another setting of its unit. */
static int normalise_name(Normaliser *n) {
        const char *name = xml_get(n->root, "name");

        if ((!name || !*name) && types[type_row(n)].needs & HAS_NAME) {
                name = xml_get(n->root, "source/name");
                if (name && *name)
                        norm_set_text(n, norm_ensure(n, n->root, "name"), name);
        }
        name = xml_get(n->root, "name");
        if (!name || !*name)
                return fail_xml(n, n->root, "missing pool source name element");
        if (strchr(name, '/') || streq(name, ".") || streq(name, ".."))
                return fail_xml(n, xml_child(n->root, "name"), "name %s cannot contain '/'", name);
        for (const char *p = name; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return fail_xml(n, xml_child(n->root, "name"), "name cannot contain control characters");
        return 0;
}

static bool has_controls(const char *text) {
        /* an empty element over several lines */
        if (!text || !text[strspn(text, " \t\r\n")])
                return false;
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || *text == 0x7f)
                        return true;
        return false;
}

/* Paths, hosts and options become settings of units and words of programs, where a line end would be the next one. */
static int refuse_controls(Normaliser *n, xmlNode *parent) {
        XML_FOREACH(child, parent, NULL) {
                int r;

                for (const xmlAttr *a = child->properties; a; a = a->next)
                        if (has_controls(xml_attr(child, (const char *) a->name)))
                                return fail_xml(n, child, "control characters in the attribute '%s'", a->name);
                if (!xml_child(child, NULL) && has_controls(xml_text(child)))
                        return fail_xml(n, child, "control characters in %s", xml_name(child));
                r = refuse_controls(n, child);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int normalise_words(Normaliser *n) {
        static const char *const parts[] = { "source", "target", "fs:mount_opts", "rbd:config_opts" };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                xmlNode *part = xml_child(n->root, parts[i]);
                int r = part ? refuse_controls(n, part) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

static int normalise_sizes(Normaliser *n) {
        static const char *const names[] = { "capacity", "allocation", "available" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                xmlNode *size = norm_ensure(n, n->root, names[i]);

                norm_set_text(n, size, "0");
                norm_set(n, size, "unit", "bytes");
        }
        return 0;
}

static int require(Normaliser *n, const char *path, const char *what) {
        const char *value = xml_get(n->root, path);

        if (!value || !*value)
                return fail_xml(n, xml_child(n->root, "source") ?: n->root, "missing %s", what);
        return 0;
}

static int normalise_adapter(Normaliser *n) {
        xmlNode *adapter = xml_find(n->root, "source/adapter");

        if (!adapter)
                return fail_xml(n, xml_child(n->root, "source") ?: n->root, "missing storage pool source adapter");
        if (xml_attr_is(adapter, "type", "fc_host"))
                return fail_unsupported(n, adapter, "adapters of type 'fc_host' are not supported yet");
        norm_set_default(n, adapter, "type", "scsi_host");
        if (!xml_attr(adapter, "name") && !xml_find(adapter, "parentaddr/address"))
                return fail_xml(n, adapter, "either 'name' or 'parentaddr' must be there for a 'scsi_host' adapter");
        if (xml_attr(adapter, "name") && xml_child(adapter, "parentaddr"))
                return fail_xml(n, adapter, "a 'scsi_host' adapter has a 'name' or a 'parentaddr', not both");
        return 0;
}

/* What is free is for us to say. */
static void drop_extents(Normaliser *n) {
        XML_FOREACH(device, xml_child(n->root, "source"), "device")
                xml_remove_children(device, "freeExtent");
}

static int normalise_source(Normaliser *n) {
        static const struct {
                unsigned need;
                const char *path, *what;
        } rows[] = {
                { NEEDS_HOST, "source/host/@name", "storage pool source host name" },
                { NEEDS_DEVICE, "source/device/@path", "storage pool source device path" },
                { NEEDS_DIR, "source/dir/@path", "storage pool source path" },
                { NEEDS_INITIATOR, "source/initiator/iqn/@name", "initiator iqn" },
        };
        unsigned needs = types[type_row(n)].needs;

        (void) norm_ensure(n, n->root, "source");
        drop_extents(n);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                int r = needs & rows[i].need ? require(n, rows[i].path, rows[i].what) : 0;

                if (r < 0)
                        return r;
        }
        if (needs & HAS_NAME && !xml_get(n->root, "source/name"))
                norm_set_text(n, norm_ensure(n, norm_ensure(n, n->root, "source"), "name"), xml_get(n->root, "name"));
        return needs & NEEDS_ADAPTER ? normalise_adapter(n) : 0;
}

/* Slashes in a row and at the end say nothing; two at the beginning stay, as libvirt and POSIX have it. */
static char *plain_path(const char *path) {
        StrBuf b = {};

        for (const char *p = path; *p; p++)
                if (*p != '/' || p == path || p[-1] != '/' || (p == path + 1 && p[1] != '/'))
                        strbuf_addc(&b, *p);
        while (b.len > 1 && b.data[b.len - 1] == '/')
                b.data[--b.len] = '\0';
        return strbuf_take(&b);
}

/* As mount options have it: a comma would begin another one. */
static int normalise_protocol(Normaliser *n) {
        xmlNode *protocol = xml_find(n->root, "source/protocol");
        const char *version = protocol ? xml_attr(protocol, "ver") : NULL, *format;

        if (!version)
                return 0;
        format = xml_get(n->root, "source/format/@type");
        if (!streq(types[type_row(n)].type, "netfs") || (!streq_ptr(format, "nfs") && !streq_ptr(format, "auto")))
                return fail_xml(n, protocol, "storage pool protocol ver unsupported for pool type '%s'",
                                format ?: types[type_row(n)].type);
        if (strchr(version, ','))
                return fail_xml(n, protocol, "storage pool protocol ver '%s' must not contain ','", version);
        return 0;
}

/* A place on another host; without needless slashes as the target's. */
static int normalise_dir(Normaliser *n) {
        xmlNode *dir = xml_find(n->root, "source/dir");
        _cleanup_free_ char *path = NULL;

        if (streq(types[type_row(n)].type, "gluster"))
                norm_set_default(n, norm_ensure(n, norm_ensure(n, n->root, "source"), "dir"), "path", "/");
        if (!dir || !xml_attr(dir, "path"))
                return 0;
        path = plain_path(xml_attr(dir, "path"));
        norm_set(n, dir, "path", path ?: "");
        return path ? 0 : -ENOMEM;
}

static int normalise_format(Normaliser *n) {
        const char *format = types[type_row(n)].format, *said;
        xmlNode *node;

        if (!format)
                return 0;
        node = norm_ensure(n, norm_ensure(n, n->root, "source"), "format");
        norm_set_default(n, node, "type", format);
        said = xml_attr(node, "type") ?: "";
        for (const char *const *f = types[type_row(n)].formats; *f; f++)
                if (streq(*f, said))
                        return 0;
        return fail_unsupported(n, node, "unknown pool format type %s", said);
}

static int normalise_target(Normaliser *n) {
        const char *type = types[type_row(n)].type, *said = xml_get(n->root, "target/path");
        _cleanup_free_ char *path = NULL;

        if (!(types[type_row(n)].needs & HAS_TARGET))
                return 0;
        if (streq(type, "logical") || streq(type, "zfs"))
                path = text_format("%s/%s", streq(type, "zfs") ? "/dev/zvol" : "/dev",
                                   xml_get(n->root, "source/name") ?: "");
        else if (!said || !*said)
                return fail_xml(n, n->root, "missing storage pool target path");
        else
                path = plain_path(said);
        if (!path)
                return -ENOMEM;
        if (*path != '/')
                return fail_xml(n, xml_find(n->root, "target/path"), "the target path '%s' is not absolute", path);
        norm_set_text(n, norm_ensure(n, norm_ensure(n, n->root, "target"), "path"), path);
        return 0;
}

static int normalise_mode(Normaliser *n, xmlNode *mode) {
        _cleanup_free_ char *text = NULL;
        uint64_t v;

        if (!mode || parse_u64(xml_text(mode), 8, &v) < 0)
                return 0;
        if (v > 07777)
                return fail_xml(n, mode, "malformed octal mode");
        text = text_format("0%o", (unsigned) v);
        norm_set_text(n, mode, text ?: "");
        return text ? 0 : -ENOMEM;
}

/* -1, which is 4294967295 too, says nothing. */
static int normalise_id(Normaliser *n, xmlNode *id) {
        _cleanup_free_ char *text = NULL;
        uint64_t v = UINT32_MAX;

        if (!id)
                return 0;
        if (!streq(xml_text(id), "-1") && (parse_u64(xml_text(id), 10, &v) < 0 || v > UINT32_MAX))
                return fail_xml(n, id, "malformed %s element: '%s'", xml_name(id), xml_text(id));
        if (v == UINT32_MAX) {
                xml_remove(id);
                return 0;
        }
        text = text_format("%u", (unsigned) v);
        norm_set_text(n, id, text ?: "");
        return text ? 0 : -ENOMEM;
}

int normalise_storage_permissions(Normaliser *n, xmlNode *parent) {
        const xmlNode *permissions = xml_child(parent, "permissions");
        int r;

        r = normalise_mode(n, xml_child(permissions, "mode"));
        if (r >= 0)
                r = normalise_id(n, xml_child(permissions, "owner"));
        if (r >= 0)
                r = normalise_id(n, xml_child(permissions, "group"));
        if (r >= 0 && parent)
                drop_empty(parent, "permissions");
        return r;
}

static int normalise_permissions(Normaliser *n) {
        return normalise_storage_permissions(n, xml_child(n->root, "target"));
}

static const NormaliseStep steps[] = { normalise_type,        normalise_name,   normalise_words,    normalise_uuid,
                                       normalise_sizes,       normalise_source, normalise_format,   normalise_dir,
                                       normalise_permissions, normalise_target, normalise_protocol, NULL };

static const DocumentNamespace namespaces[] = {
        { "fs", "http://libvirt.org/schemas/storagepool/fs/1.0" },
        { "rbd", "http://libvirt.org/schemas/storagepool/rbd/1.0" },
        {},
};

const DocumentKind document_pool = {
        .root = "pool",
        .word = "storage pool",
        .origin = ORIGIN_STORAGE,
        .key = "name",
        .key_made_up = true,
        .schema = &schema_pool,
        .namespaces = namespaces,
        .steps = steps,
};
