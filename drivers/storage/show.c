/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pools and volumes as documents and in figures. */

#include "storage.h"

#include <inttypes.h>

#include "base/strings.h"
#include "model/writer.h"

#define XML_INACTIVE 1U
#define GET_PHYSICAL 1U
/* virStoragePoolState */
enum { STATE_INACTIVE, STATE_BUILDING, STATE_RUNNING, STATE_DEGRADED, STATE_INACCESSIBLE };

/* --- pools --- */

/* What has changed since the last look is the file system's to say; a pool that does not answer keeps what was
 * known. */
static int sizes_of(Pool *p, PoolSizes *ret, bool *stale, Error *e) {
        VolumeTable *t;
        int r = pool_volumes(p, &t, e);

        if (r < 0)
                return r;
        *stale = t->stale;
        if (!t->stale)
                *stale = pool_look_at_sizes(p) < 0;
        *ret = p->table.sizes;
        return 0;
}

static int get_info(Call *c, Pool *p, const remote_storage_pool_get_info_args *args,
                    remote_storage_pool_get_info_ret *ret, Error *e) {
        PoolSizes s = {};
        bool stale = false;
        int r = p->object.live ? sizes_of(p, &s, &stale, e) : 0;

        if (r < 0)
                return r;
        ret->state = !p->object.live ? STATE_INACTIVE : stale ? STATE_INACCESSIBLE : STATE_RUNNING;
        ret->capacity = s.capacity;
        ret->allocation = s.allocation;
        ret->available = s.available;
        return 0;
}

static int set_size(xmlNode *root, const char *name, uint64_t bytes) {
        char text[32];
        xmlNode *n = xml_ensure(root, name);

        (void) snprintf(text, sizeof text, "%" PRIu64, bytes);
        return n && xml_set_text(n, text) >= 0 && xml_set_attr(n, "unit", "bytes") >= 0 ? 0 : -ENOMEM;
}

static int set_sizes(Pool *p, xmlNode *root, Error *e) {
        PoolSizes s = {};
        bool stale;
        int r = sizes_of(p, &s, &stale, e);

        if (r >= 0)
                r = set_size(root, "capacity", s.capacity);
        if (r >= 0)
                r = set_size(root, "allocation", s.allocation);
        return r < 0 ? r : set_size(root, "available", s.available);
}

static int set_number(xmlNode *permissions, const char *name, bool octal, unsigned value) {
        char text[16];
        xmlNode *n = xml_ensure(permissions, name);

        if (octal)
                (void) snprintf(text, sizeof text, "0%o", value);
        else
                (void) snprintf(text, sizeof text, "%u", value);
        return n ? xml_set_text(n, text) : -ENOMEM;
}

/* Of the folder as it is, whatever was asked for. */
static int set_permissions(const Pool *p, xmlNode *root) {
        const PoolFolder *f = &p->table.folder;
        xmlNode *target = xml_child(root, "target"), *permissions;
        int r;

        if (!p->has_table || !f->known || !target)
                return 0;
        permissions = xml_ensure(target, "permissions");
        r = set_number(permissions, "mode", true, f->mode);
        if (r >= 0)
                r = set_number(permissions, "owner", false, f->uid);
        return r < 0 ? r : set_number(permissions, "group", false, f->gid);
}

static int get_xml(Call *c, Pool *p, const remote_storage_pool_get_xml_desc_args *args,
                   remote_storage_pool_get_xml_desc_ret *ret, Error *e) {
        bool live = p->object.live && !(args->flags & XML_INACTIVE && p->object.persistent);
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = object_load(&p->object, live ? OBJECT_LIVE : OBJECT_INACTIVE, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0 && live)
                r = set_sizes(p, definition_root(d), e);
        if (r >= 0 && live)
                r = set_permissions(p, definition_root(d));
        return r < 0 ? r : definition_format(d, 0, &ret->xml);
}

/* --- volumes --- */

/* Looked at anew; what does not answer is as it was known, and what has gone is gone. */
static int fresh(Call *c, const remote_nonnull_storage_vol *v, uint32_t flags, Pool **ret_pool, Volume **ret,
                 Error *e) {
        _cleanup_error_ Error ignored = ERROR_INIT;
        _cleanup_volume_ Volume *known = NULL;
        _cleanup_object_ Object *hold = NULL;
        Pool *p;
        ssize_t at;
        int r;

        r = volume_find(c, v, flags, &p, &known, e);
        if (r < 0)
                return r;
        hold = &p->object;
        if (pool_is_making(p, known->name)) {
                (void) making_look(p, known, &ignored);
                *ret = TAKE_PTR(known);
                *ret_pool = pool_of(TAKE_PTR(hold));
                return 0;
        }
        if (!p->table.stale)
                r = pool_look(p, known->name, known->path, &ignored);
        if (r == -ENOENT)
                return volume_none("name", known->name, e);
        at = p->has_table ? volume_table_find(&p->table, known->name) : -ENOENT;
        if (at >= 0)
                r = volume_table_get(&p->table, (size_t) at, ret);
        else
                *ret = TAKE_PTR(known);
        *ret_pool = pool_of(TAKE_PTR(hold));
        return MIN(r, 0) == -ENOMEM ? -ENOMEM : 0;
}

static int info(Call *c, const remote_nonnull_storage_vol *vol, uint32_t flags, char *type, uint64_t *capacity,
                uint64_t *allocation, Error *e) {
        _cleanup_volume_ Volume *v = NULL;
        _cleanup_object_ Object *hold = NULL;
        Pool *p = NULL;
        int r;

        r = fresh(c, vol, flags, &p, &v, e);
        hold = p ? &p->object : NULL;
        if (r < 0)
                return r;
        *type = (char) v->type;
        *capacity = v->capacity;
        *allocation = flags & GET_PHYSICAL ? v->physical : v->allocation;
        return 0;
}

static int vol_get_info(Call *c, const remote_storage_vol_get_info_args *args, remote_storage_vol_get_info_ret *ret,
                        Error *e) {
        uint64_t capacity = 0, allocation = 0;
        char type = 0;
        int r = info(c, &args->vol, 0, &type, &capacity, &allocation, e);

        ret->type = type;
        ret->capacity = capacity;
        ret->allocation = allocation;
        return r;
}

static int vol_get_info_flags(Call *c, const remote_storage_vol_get_info_flags_args *args,
                              remote_storage_vol_get_info_flags_ret *ret, Error *e) {
        uint64_t capacity = 0, allocation = 0;
        char type = 0;
        int r = info(c, &args->vol, args->flags, &type, &capacity, &allocation, e);

        ret->type = type;
        ret->capacity = capacity;
        ret->allocation = allocation;
        return r;
}

static int vol_get_path(Call *c, const remote_storage_vol_get_path_args *args, remote_storage_vol_get_path_ret *ret,
                        Error *e) {
        _cleanup_volume_ Volume *v = NULL;
        _cleanup_object_ Object *hold = NULL;
        Pool *p = NULL;
        int r;

        r = volume_find(c, &args->vol, 0, &p, &v, e);
        hold = p ? &p->object : NULL;
        return r < 0 ? r : reply_string(&ret->name, v->path);
}

static void add_bytes(DocumentWriter *w, DocumentElement *parent, const char *name, const char *unit, uint64_t bytes) {
        document_attr(w, document_addf(w, parent, name, "%" PRIu64, bytes), "unit", unit);
}

static void add_time(DocumentWriter *w, DocumentElement *parent, const char *name, const struct timespec *t) {
        (void) document_addf(w, parent, name, "%lld.%09ld", (long long) t->tv_sec, t->tv_nsec);
}

static void add_stat(DocumentWriter *w, DocumentElement *target, const Volume *v) {
        DocumentElement *permissions, *times;

        if (!v->has_stat)
                return;
        permissions = document_add(w, target, "permissions", NULL);
        (void) document_addf(w, permissions, "mode", "0%o", v->mode);
        (void) document_addf(w, permissions, "owner", "%d", (int) v->uid);
        (void) document_addf(w, permissions, "group", "%d", (int) v->gid);
        times = document_add(w, target, "timestamps", NULL);
        add_time(w, times, "atime", &v->atime);
        add_time(w, times, "mtime", &v->mtime);
        add_time(w, times, "ctime", &v->ctime);
}

static void add_qcow2(DocumentWriter *w, DocumentElement *target, const Volume *v) {
        DocumentElement *features;

        (void) document_add(w, target, "compat", v->version == 2 ? "0.10" : "1.1");
        if (v->cluster_size > 0)
                add_bytes(w, target, "clusterSize", "B", v->cluster_size);
        if (v->version == 2)
                return;
        features = document_add(w, target, "features", NULL);
        if (v->features & IMAGE_LAZY_REFCOUNTS)
                (void) document_add(w, features, "lazy_refcounts", NULL);
        if (v->features & IMAGE_EXTENDED_L2)
                (void) document_add(w, features, "extended_l2", NULL);
}

static void add_target(DocumentWriter *w, DocumentElement *root, const Volume *v) {
        DocumentElement *target = document_add(w, root, "target", NULL);

        (void) document_add(w, target, "path", v->path);
        if (v->format)
                document_attr(w, document_add(w, target, "format", NULL), "type", v->format);
        add_stat(w, target, v);
        if (v->encryption != IMAGE_PLAIN)
                document_attr(w, document_add(w, target, "encryption", NULL), "format",
                              v->encryption == IMAGE_LUKS ? "luks" : "qcow");
        if (streq_ptr(v->format, "qcow2"))
                add_qcow2(w, target, v);
}

static int volume_xml(const Volume *v, char **ret) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root, *backing;
        int r = document_begin("volume", &w, &root);

        if (r < 0)
                return r;
        document_attr(w, root, "type", volume_type_name(v->type));
        (void) document_add(w, root, "name", v->name);
        (void) document_add(w, root, "key", volume_key(v));
        add_bytes(w, root, "capacity", "bytes", v->capacity);
        add_bytes(w, root, "allocation", "bytes", v->allocation);
        if (v->physical > 0)
                add_bytes(w, root, "physical", "bytes", v->physical);
        add_target(w, root, v);
        if (v->backing) {
                backing = document_add(w, root, "backingStore", NULL);
                (void) document_add(w, backing, "path", v->backing);
                if (v->backing_format)
                        document_attr(w, document_add(w, backing, "format", NULL), "type", v->backing_format);
        }
        return document_finish(w, ret);
}

static int vol_get_xml(Call *c, const remote_storage_vol_get_xml_desc_args *args,
                       remote_storage_vol_get_xml_desc_ret *ret, Error *e) {
        _cleanup_volume_ Volume *v = NULL;
        _cleanup_object_ Object *hold = NULL;
        Pool *p = NULL;
        int r;

        r = fresh(c, &args->vol, 0, &p, &v, e);
        hold = p ? &p->object : NULL;
        return r < 0 ? r : volume_xml(v, &ret->xml);
}

static const RpcHandler rows[] = {
        CALL(STORAGE_POOL_GET_INFO, get_info),
        CALL(STORAGE_POOL_GET_XML_DESC, get_xml, .flags = XML_INACTIVE),
        PLAIN(STORAGE_VOL_GET_INFO, vol_get_info),
        PLAIN(STORAGE_VOL_GET_INFO_FLAGS, vol_get_info_flags, .flags = GET_PHYSICAL),
        PLAIN(STORAGE_VOL_GET_PATH, vol_get_path),
        PLAIN(STORAGE_VOL_GET_XML_DESC, vol_get_xml),
};
const RpcTable storage_table_show = RPC_TABLE(rows);
