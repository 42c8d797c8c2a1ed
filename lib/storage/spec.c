/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pools' types, and their definitions in few words. */

#include "base/keyfile.h"
#include "base/strings.h"
#include "storage/pool.h"

#ifdef HAVE_LIBISCSI
#define WITHOUT_LIBISCSI NULL
#else
#define WITHOUT_LIBISCSI "libiscsi"
#endif

/* list_bit: VIR_CONNECT_LIST_STORAGE_POOLS_x */
static const struct {
        const char *name;
        uint32_t list_bit;
        const char *missing;
} types[_POOL_TYPE_MAX] = {
        [POOL_DIR] = { "dir", 1U << 6 },
        [POOL_FS] = { "fs", 1U << 7 },
        [POOL_NETFS] = { "netfs", 1U << 8 },
        [POOL_LOGICAL] = { "logical", 1U << 9 },
        [POOL_DISK] = { "disk", 1U << 10 },
        [POOL_ISCSI] = { "iscsi", 1U << 11 },
        [POOL_SCSI] = { "scsi", 1U << 12 },
        [POOL_MPATH] = { "mpath", 1U << 13 },
        [POOL_RBD] = { "rbd", 1U << 14, "librbd" },
        [POOL_SHEEPDOG] = { "sheepdog", 1U << 15, "sheepdog, which Debian has no more" },
        [POOL_GLUSTER] = { "gluster", 1U << 16, "libgfapi" },
        [POOL_ZFS] = { "zfs", 1U << 17, "ZFS, which Debian's kernel has not" },
        [POOL_VSTORAGE] = { "vstorage", 1U << 18, "Virtuozzo's storage" },
        [POOL_ISCSI_DIRECT] = { "iscsi-direct", 1U << 19, WITHOUT_LIBISCSI },
};

const char *pool_type_name(PoolType type) {
        return type >= 0 && type < _POOL_TYPE_MAX ? types[type].name : NULL;
}

PoolType pool_type_from_name(const char *name) {
        for (PoolType t = 0; name && t < _POOL_TYPE_MAX; t++)
                if (streq(types[t].name, name))
                        return t;
        return _POOL_TYPE_INVALID;
}

uint32_t pool_type_list_bit(PoolType type) {
        return types[type].list_bit;
}

const char *pool_type_missing(PoolType type) {
        return types[type].missing;
}

PoolSpec *pool_spec_new(void) {
        PoolSpec *s = calloc(1, sizeof *s);

        if (s) {
                s->type = _POOL_TYPE_INVALID;
                s->mode = s->uid = s->gid = s->cow = s->unique_id = (unsigned) -1;
        }
        return s;
}

PoolSpec *pool_spec_free(PoolSpec *s) {
        if (!s)
                return NULL;
        free(s->name);
        free(s->target);
        free(s->source_name);
        strv_free(s->devices);
        free(s->dir);
        free(s->host);
        free(s->format);
        free(s->protocol);
        strv_free(s->mount_options);
        free(s->adapter);
        free(s->parent);
        free(s->initiator);
        free(s->port);
        free(s->auth_user);
        free(s->secret_uuid);
        free(s->secret_usage);
        if (s->password)
                explicit_bzero(s->password, strlen(s->password));
        free(s->password);
        free(s);
        return NULL;
}

/* path: of xml_get(). */
static const struct {
        const char *path;
        size_t at;
} texts[] = {
        { "name", offsetof(PoolSpec, name) },
        { "target/path", offsetof(PoolSpec, target) },
        { "source/name", offsetof(PoolSpec, source_name) },
        { "source/dir/@path", offsetof(PoolSpec, dir) },
        { "source/host/@name", offsetof(PoolSpec, host) },
        { "source/format/@type", offsetof(PoolSpec, format) },
        { "source/protocol/@ver", offsetof(PoolSpec, protocol) },
        { "source/adapter/@name", offsetof(PoolSpec, adapter) },
        { "source/initiator/iqn/@name", offsetof(PoolSpec, initiator) },
        { "source/host/@port", offsetof(PoolSpec, port) },
        { "source/auth/@username", offsetof(PoolSpec, auth_user) },
        { "source/auth/secret/@uuid", offsetof(PoolSpec, secret_uuid) },
        { "source/auth/secret/@usage", offsetof(PoolSpec, secret_usage) },
        /* of lines alone: see read_parent() */
        { "parent", offsetof(PoolSpec, parent) },
};

static int read_texts(const xmlNode *root, PoolSpec *s) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                const char *value = xml_get(root, texts[i].path);
                char **place = (char **) ((char *) s + texts[i].at);

                if (value && *value && !(*place = strdup(value)))
                        return -ENOMEM;
        }
        return 0;
}

static int read_number(const xmlNode *root, const char *path, int base, unsigned *ret, Error *e) {
        const char *text = xml_get(root, path);
        uint64_t v;

        if (!text || streq(text, "-1"))
                return 0;
        if (parse_u64(text, base, &v) < 0 || v > UINT32_MAX)
                return error_set(e, -EBADMSG, ERROR_XML_ERROR, ORIGIN_STORAGE, "malformed number in /pool/%s: '%s'",
                                 path, text);
        *ret = (unsigned) v;
        return 0;
}

static int read_lists(const xmlNode *root, PoolSpec *s) {
        int r;

        XML_FOREACH(device, xml_child(root, "source"), "device") {
                r = strv_add(&s->devices, xml_attr(device, "path") ?: "");
                if (r < 0)
                        return r;
        }
        XML_FOREACH(option, xml_child(root, "fs:mount_opts"), "fs:option") {
                r = strv_add(&s->mount_options, xml_attr(option, "name") ?: "");
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_parent(const xmlNode *root, PoolSpec *s, Error *e) {
        static const char *const paths[] = { "source/adapter/parentaddr/address/@domain",
                                             "source/adapter/parentaddr/address/@bus",
                                             "source/adapter/parentaddr/address/@slot",
                                             "source/adapter/parentaddr/address/@function" };
        unsigned v[ELEMENTSOF(paths)] = {};
        int r = 0;

        if (!xml_find(root, "source/adapter/parentaddr"))
                return 0;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(paths); i++)
                r = read_number(root, paths[i], 16, &v[i], e);
        if (r < 0)
                return r;
        s->parent = text_format("%04x:%02x:%02x.%x", v[0], v[1], v[2], v[3]);
        return s->parent ? read_number(root, "source/adapter/parentaddr/@unique_id", 10, &s->unique_id, e) : -ENOMEM;
}

int pool_spec_from_xml(const xmlNode *root, PoolSpec **ret, Error *e) {
        _cleanup_pool_spec_ PoolSpec *s = pool_spec_new();
        int r;

        if (!s)
                return -ENOMEM;
        s->type = pool_type_from_name(xml_attr(root, "type"));
        if (xml_get(root, "features/cow/@state"))
                s->cow = streq(xml_get(root, "features/cow/@state"), "yes");
        if (s->type < 0)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_STORAGE, "unknown storage pool type %s",
                                 xml_attr(root, "type") ?: "");
        r = read_texts(root, s);
        if (r >= 0)
                r = read_lists(root, s);
        if (r >= 0)
                r = read_parent(root, s, e);
        if (r >= 0)
                r = read_number(root, "target/permissions/mode", 8, &s->mode, e);
        if (r >= 0)
                r = read_number(root, "target/permissions/owner", 10, &s->uid, e);
        if (r >= 0)
                r = read_number(root, "target/permissions/group", 10, &s->gid, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* --- as lines --- */

static const struct {
        const char *key;
        size_t at;
} lists[] = {
        { "device", offsetof(PoolSpec, devices) },
        { "mount-option", offsetof(PoolSpec, mount_options) },
};

static const struct {
        const char *key;
        size_t at;
} numbers[] = {
        { "mode", offsetof(PoolSpec, mode) },
        { "uid", offsetof(PoolSpec, uid) },
        { "gid", offsetof(PoolSpec, gid) },
        { "cow", offsetof(PoolSpec, cow) },
        { "unique-id", offsetof(PoolSpec, unique_id) },
};

#define MEMBER(s, type, at) (*(type *) ((char *) (s) + (at)))

void pool_spec_to_lines(const PoolSpec *s, StrBuf *b) {
        keyfile_add(b, "type", pool_type_name(s->type));
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (MEMBER(s, char *, texts[i].at))
                        keyfile_add(b, texts[i].path, MEMBER(s, char *, texts[i].at));
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (char **v = MEMBER(s, char **, lists[i].at); v && *v; v++)
                        keyfile_add(b, lists[i].key, *v);
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                strbuf_addf(b, "%s=%u\n", numbers[i].key, MEMBER(s, unsigned, numbers[i].at));
}

int pool_spec_set_line(PoolSpec *s, const char *key, const char *value) {
        uint64_t n;

        if (streq(key, "type")) {
                s->type = pool_type_from_name(value);
                return s->type < 0 ? -EBADMSG : 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (streq(key, texts[i].path)) {
                        free(MEMBER(s, char *, texts[i].at));
                        MEMBER(s, char *, texts[i].at) = strdup(value);
                        return MEMBER(s, char *, texts[i].at) ? 0 : -ENOMEM;
                }
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                if (streq(key, lists[i].key))
                        return strv_add(&MEMBER(s, char **, lists[i].at), value);
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                if (streq(key, numbers[i].key)) {
                        if (parse_u64(value, 10, &n) < 0 || n > UINT32_MAX)
                                return -EBADMSG;
                        MEMBER(s, unsigned, numbers[i].at) = (unsigned) n;
                        return 0;
                }
        return -EBADMSG;
}
