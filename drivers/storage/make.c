/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Volumes are made, copied, changed and removed. */

#include "storage.h"

#include "base/strings.h"

#define CREATE_FLAGS (VOLUME_PREALLOC_METADATA | VOLUME_VALIDATE)

/* Where a new volume comes to be, and what it is there. */
static int place(Pool *p, VolumeJob *j, Error *e) {
        const PoolSpec *s;
        int r = pool_spec(p, &s, e);

        if (r < 0)
                return r;
        if (!s->target || (s->type > POOL_NETFS && s->type != POOL_LOGICAL && s->type != POOL_DISK))
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "storage pool type '%s' does not support volume creation", pool_type_name(s->type));
        j->type = s->type > POOL_NETFS ? VOLUME_BLOCK : streq_ptr(j->format, "dir") ? VOLUME_DIR : VOLUME_FILE;
        j->path = text_format("%s/%s", s->target, j->name);
        j->pool = strdup(s->name);
        return j->path && j->pool ? 0 : -ENOMEM;
}

static int refuse_formats(const VolumeJob *j, Error *e) {
        static const char *const made[] = { "raw", "qcow", "qcow2", "qed", "vdi", "vmdk", "vpc", "dir", "iso" };

        if (j->type == VOLUME_BLOCK || !j->format)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(made); i++)
                if (streq(made[i], j->format))
                        return 0;
        if (streq(j->format, "none"))
                return 0;
        return error_set(e, -EINVAL, image_format_from_name(j->format) < 0 ? ERROR_XML_ERROR : ERROR_CONFIG_UNSUPPORTED,
                         ORIGIN_STORAGE,
                         image_format_from_name(j->format) < 0 ? "unknown volume format type %s"
                                                               : "volumes of format %s cannot be made",
                         j->format);
}

/* qemu-img writes little more than headers, unless it is told to. */
static uint64_t weight_of(const VolumeJob *j) {
        if (!volume_format_is_raw(j->format) && !(j->flags & VOLUME_PREALLOC_METADATA))
                return 0;
        return j->has_allocation ? MIN(j->allocation, j->capacity) : j->capacity;
}

static int read_document(Pool *p, const char *xml, uint32_t flags, VolumeJob *j, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_parse_as(&document_volume, xml, strlen(xml), NULL,
                                flags & VOLUME_VALIDATE ? DEFINITION_VALIDATE : 0, &d, e);
        if (r >= 0)
                r = volume_job_from_xml(definition_root(d), j, e);
        if (r >= 0 && flags & VOLUME_PREALLOC_METADATA && volume_format_is_raw(j->format))
                return error_set(e, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "metadata preallocation is not supported for raw volumes");
        if (r >= 0)
                r = place(p, j, e);
        if (r >= 0)
                r = refuse_formats(j, e);
        if (r < 0)
                return r;
        if (j->encryption && j->verb == VOLUME_CREATE && (!j->secret || j->type != VOLUME_FILE))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE, "%s",
                                 !j->secret ? "an encrypted volume needs a secret, by its uuid"
                                            : "encryption is for volumes that are files");
        j->flags = flags & ~VOLUME_VALIDATE;
        j->weight = weight_of(j);
        return 0;
}

/* What the pool is known to have already; what it really has is the unit's to see. */
static int refuse_name(Pool *p, const VolumeJob *j, Error *e) {
        VolumeTable *t;
        int r = pool_volumes(p, &t, e);

        if (r >= 0)
                r = pool_refuse_busy(p, j->name, false, e);
        if (r >= 0 && volume_table_find(t, j->name) >= 0)
                r = error_set(e, -EEXIST, ERROR_STORAGE_VOL_EXIST, ORIGIN_STORAGE, "storage volume '%s' exists already",
                              j->name);
        return r;
}

/* In a volume group the capacity is of whole extents, and a partition has the name that its number gives: so what came
 * out is looked up. */
static int reply(Pool *p, const VolumeJob *j, remote_nonnull_storage_vol *ret, Error *e) {
        _cleanup_volume_ Volume *v = NULL;
        VolumeTable *t;
        ssize_t at;
        int r = pool_volumes(p, &t, e);

        if (r < 0)
                return r;
        at = volume_table_find(t, j->name);
        if (at < 0)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_STORAGE,
                                 "the volume '%s' was made, and cannot be looked at", j->path);
        r = volume_table_get(t, (size_t) at, &v);
        return r < 0 ? r : volume_to_wire(p, v, ret);
}

static int run(Call *c, Pool *p, VolumeJob *j, remote_nonnull_storage_vol *ret, Error *e) {
        int r = refuse_name(p, j, e);

        if (r >= 0)
                r = pool_job(call_driver(c), p, j, NULL, e);
        return r < 0 ? r : reply(p, j, ret, e);
}

static int create_xml(Call *c, Pool *p, const remote_storage_vol_create_xml_args *args,
                      remote_storage_vol_create_xml_ret *ret, Error *e) {
        _cleanup_volume_job_ VolumeJob *j = volume_job_new(VOLUME_CREATE);
        int r;

        if (!j)
                return -ENOMEM;
        r = read_document(p, args->xml, args->flags, j, e);
        if (r >= 0)
                r = volume_check_access(c, p, j->path, args->flags, e);
        return r < 0 ? r : run(c, p, j, &ret->vol, e);
}

static uint64_t header_of(const Volume *v) {
        bool raw = v->encryption == IMAGE_LUKS && volume_format_is_raw(v->format);

        return raw && v->physical > v->capacity ? v->physical - v->capacity : 0;
}

/* The source is borrowed by name from a pool that may be another one; it may not be changed meanwhile. */
static int find_source(Call *c, const remote_nonnull_storage_vol *v, Pool **ret_pool, VolumeJob *j, char **ret_name,
                       Error *e) {
        Object *o = object_by_name(call_index(c), NULL, v->pool);
        _cleanup_volume_ Volume *source = NULL;
        VolumeTable *t;
        ssize_t at;
        int r;

        if (!o)
                return object_none_name(&kind_pool, v->pool, e);
        r = pool_volumes(pool_of(o), &t, e);
        if (r < 0)
                return r;
        at = volume_table_find(t, v->name);
        if (at < 0)
                return volume_none("name", v->name, e);
        r = pool_refuse_busy(pool_of(o), v->name, false, e);
        if (r >= 0)
                r = volume_table_get(t, (size_t) at, &source);
        if (r < 0)
                return r;
        if ((source->type != VOLUME_FILE && source->type != VOLUME_BLOCK) || j->type == VOLUME_DIR)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "volume '%s' cannot be copied: only files and devices are", v->name);
        j->source_capacity = source->capacity;
        j->header = header_of(source);
        j->weight = MAX(source->allocation, j->has_allocation ? j->allocation : 0);
        j->source = strdup(source->path);
        j->source_format = source->format ? strdup(source->format) : NULL;
        *ret_name = TAKE_PTR(source->name);
        *ret_pool = pool_of(object_ref(o));
        return j->source ? 0 : -ENOMEM;
}

/* The header of a raw volume that is encrypted is copied with all else, so its secret stays what it is. */
static int take_encryption(VolumeJob *j, Error *e) {
        if (!j->encryption)
                return 0;
        if (j->header == 0 || j->secret || j->type != VOLUME_FILE || !volume_format_is_raw(j->format))
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                 "encryption is for new volumes that are files, and for their copies as they are");
        free(j->encryption);
        j->encryption = NULL;
        return 0;
}

static int create_from(Call *c, Pool *p, const remote_storage_vol_create_xml_from_args *args,
                       remote_storage_vol_create_xml_from_ret *ret, Error *e) {
        _cleanup_volume_job_ VolumeJob *j = volume_job_new(VOLUME_CLONE);
        _cleanup_object_ Object *hold = NULL;
        _cleanup_free_ char *source = NULL;
        Pool *from = NULL;
        int r;

        if (!j)
                return -ENOMEM;
        r = read_document(p, args->xml, args->flags, j, e);
        if (r >= 0)
                r = volume_check_access(c, p, j->path, args->flags, e);
        if (r >= 0)
                r = find_source(c, &args->clonevol, &from, j, &source, e);
        hold = from ? &from->object : NULL;
        if (r >= 0)
                r = take_encryption(j, e);
        if (r >= 0)
                r = pool_busy_begin(&from->reading, source);
        if (r < 0)
                return r;
        j->capacity = MAX(j->capacity, j->source_capacity);
        r = run(c, p, j, &ret->vol, e);
        pool_busy_end(from->reading, source);
        return r;
}

/* --- work on a volume that is there --- */

static int begin(Call *c, const remote_nonnull_storage_vol *vol, uint32_t flags, JobVerb verb, Work *w, Error *e) {
        int r = work_begin(c, vol, flags, verb, w, e);

        if (r >= 0 && w->volume->type == VOLUME_NETWORK)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "volume '%s' is of the network: it is changed, wiped and deleted where it is",
                                 w->volume->name);
        return r;
}

static int finish(Call *c, Work *w, Error *e) {
        return pool_job(call_driver(c), w->pool, w->job, NULL, e);
}

static int delete(Call *c, const remote_storage_vol_delete_args *args, rpc_void *ret, Error *e) {
        _cleanup_work_ Work w = {};
        int r;

        r = begin(c, &args->vol, args->flags, VOLUME_DELETE, &w, e);
        if (r < 0)
                return r;
        w.job->weight = 0;
        return finish(c, &w, e);
}

static int wipe(Call *c, const remote_nonnull_storage_vol *vol, unsigned algorithm, uint32_t flags, Error *e) {
        _cleanup_work_ Work w = {};
        int r;

        if (algorithm > 9)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "wiping algorithm %u not supported",
                                 algorithm);
        r = begin(c, vol, flags, VOLUME_WIPE, &w, e);
        if (r < 0)
                return r;
        if (w.volume->type == VOLUME_DIR)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "wiping of directories is not supported");
        w.job->algorithm = algorithm;
        w.job->weight = w.volume->allocation;
        return finish(c, &w, e);
}

static int vol_wipe(Call *c, const remote_storage_vol_wipe_args *args, rpc_void *ret, Error *e) {
        return wipe(c, &args->vol, 0, args->flags, e);
}

static int vol_wipe_pattern(Call *c, const remote_storage_vol_wipe_pattern_args *args, rpc_void *ret, Error *e) {
        return wipe(c, &args->vol, args->algorithm, args->flags, e);
}

/* DELTA counts from what there is: with SHRINK down, else up. */
static int new_capacity(const Volume *v, const Pool *p, uint64_t asked, uint32_t flags, uint64_t *ret, Error *e) {
        if (!(flags & RESIZE_DELTA))
                *ret = asked;
        else if (flags & RESIZE_SHRINK)
                *ret = v->capacity - MIN(asked, v->capacity);
        else if (__builtin_add_overflow(v->capacity, asked, ret))
                *ret = UINT64_MAX;
        if (*ret > INT64_MAX)
                return error_set(e, -ERANGE, ERROR_INVALID_ARG, ORIGIN_STORAGE, "capacity is too large");
        if (*ret < v->capacity && !(flags & RESIZE_SHRINK))
                return error_set(
                        e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE,
                        "can't shrink capacity below current capacity unless shrink flag explicitly specified");
        if (flags & RESIZE_ALLOCATE && *ret > v->capacity && *ret - v->capacity > p->table.sizes.available)
                return error_set(e, -ENOSPC, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                                 "Not enough space left in storage pool");
        return 0;
}

static int resize(Call *c, const remote_storage_vol_resize_args *args, rpc_void *ret, Error *e) {
        _cleanup_work_ Work w = {};
        uint64_t old, *new;
        int r;

        r = begin(c, &args->vol, args->flags, VOLUME_RESIZE, &w, e);
        if (r < 0)
                return r;
        if (w.volume->type == VOLUME_DIR)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE, "a directory has no capacity");
        old = w.volume->capacity;
        new = &w.job->capacity;
        r = new_capacity(w.volume, w.pool, args->capacity, args->flags, new, e);
        if (r < 0)
                return r;
        w.job->weight = args->flags & RESIZE_ALLOCATE && *new > old ? *new - old : 0;
        w.job->header = header_of(w.volume);
        if (w.volume->encryption == IMAGE_LUKS && !(w.job->encryption = strdup("luks")))
                return -ENOMEM;
        return finish(c, &w, e);
}

static const RpcHandler rows[] = {
        CALL(STORAGE_VOL_CREATE_XML, create_xml, .flags = CREATE_FLAGS, .needs = NEED_ACTIVE),
        CALL(STORAGE_VOL_CREATE_XML_FROM, create_from, .flags = CREATE_FLAGS | VOLUME_REFLINK, .needs = NEED_ACTIVE),
        PLAIN(STORAGE_VOL_DELETE, delete),
        PLAIN(STORAGE_VOL_WIPE, vol_wipe),
        PLAIN(STORAGE_VOL_WIPE_PATTERN, vol_wipe_pattern),
        PLAIN(STORAGE_VOL_RESIZE, resize, .flags = RESIZE_ALLOCATE | RESIZE_DELTA | RESIZE_SHRINK),
};
const RpcTable storage_table_make = RPC_TABLE(rows);
