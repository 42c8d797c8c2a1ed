/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Volumes by what clients call them. */

#include "storage.h"

#include "base/strings.h"

int volume_none(const char *what, const char *value, Error *e) {
        return error_set(e, -ENOENT, ERROR_NO_STORAGE_VOL, ORIGIN_STORAGE, "no storage vol with matching %s '%s'", what,
                         value);
}

static void acl_details(const Pool *p, const char *key, char uuid[37], const char *details[7]) {
        size_t n = 0;

        uuid_format(p->object.uuid, uuid);
        details[n++] = "pool_name";
        details[n++] = p->object.name;
        details[n++] = "pool_uuid";
        details[n++] = uuid;
        if (key) {
                details[n++] = "vol_key";
                details[n++] = key;
        }
        details[n] = NULL;
}

int volume_check_access(Call *c, const Pool *p, const char *key, uint32_t flags, Error *e) {
        const char *details[7];
        char uuid[37];

        acl_details(p, key, uuid, details);
        return call_check_access_to(c, flags, details, e);
}

static bool may_show(Call *c, const Pool *p, const char *key) {
        const char *details[7];
        char uuid[37];

        acl_details(p, key, uuid, details);
        return call_filter_access_to(c, details) > 0;
}

static int names_to_wire(const Pool *p, const char *name, const char *key, remote_nonnull_storage_vol *ret) {
        ret->pool = strdup(p->object.name);
        ret->name = strdup(name);
        ret->key = strdup(key);
        return ret->pool && ret->name && ret->key ? 0 : -ENOMEM;
}

int volume_to_wire(const Pool *p, const Volume *v, remote_nonnull_storage_vol *ret) {
        return names_to_wire(p, v->name, volume_key(v), ret);
}

static int find_in(Pool *p, const char *name, Volume **ret, Error *e) {
        VolumeTable *t;
        ssize_t at;
        int r;

        r = pool_volumes(p, &t, e);
        if (r < 0)
                return r;
        at = volume_table_find(t, name);
        return at < 0 ? volume_none("name", name, e) : volume_table_get(t, (size_t) at, ret);
}

int volume_find(Call *c, const remote_nonnull_storage_vol *v, uint32_t flags, Pool **ret_pool, Volume **ret, Error *e) {
        Object *o = object_by_name(call_index(c), NULL, v->pool);
        _cleanup_volume_ Volume *found = NULL;
        _cleanup_object_ Object *hold = NULL;
        int r;

        if (!o)
                return object_none_name(&kind_pool, v->pool, e);
        hold = object_ref(o);
        r = find_in(pool_of(o), v->name, &found, e);
        if (r >= 0)
                r = volume_check_access(c, pool_of(o), volume_key(found), flags, e);
        if (r < 0)
                return r;
        *ret_pool = pool_of(TAKE_PTR(hold));
        *ret = TAKE_PTR(found);
        return 0;
}

static int lookup_by_name(Call *c, Pool *p, const remote_storage_vol_lookup_by_name_args *args,
                          remote_storage_vol_lookup_by_name_ret *ret, Error *e) {
        _cleanup_volume_ Volume *v = NULL;
        int r;

        r = find_in(p, args->name, &v, e);
        if (r >= 0)
                r = volume_check_access(c, p, volume_key(v), 0, e);
        return r < 0 ? r : volume_to_wire(p, v, &ret->vol);
}

/* The pool, with a reference, and the volume that has the path or key in any active pool. */
static int find_anywhere(Call *c, const char *path, bool by_key, Pool **ret_pool, Volume **ret, Error *e) {
        Object **list;
        size_t n;
        int r = -ENOENT;

        if (object_snapshot(call_index(c), NULL, &list, &n) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n && r == -ENOENT; i++) {
                VolumeTable *t;
                ssize_t at;

                if (!list[i]->live || pool_volumes(pool_of(list[i]), &t, NULL) < 0)
                        continue;
                at = volume_table_find_path(t, path, by_key);
                if (at < 0)
                        continue;
                r = volume_table_get(t, (size_t) at, ret);
                *ret_pool = pool_of(object_ref(list[i]));
        }
        object_release(list, n);
        return r == -ENOENT ? volume_none(by_key ? "key" : "path", path, e) : r;
}

static int lookup(Call *c, const char *text, bool by_key, remote_nonnull_storage_vol *ret, Error *e) {
        _cleanup_volume_ Volume *v = NULL;
        _cleanup_object_ Object *hold = NULL;
        Pool *p = NULL;
        int r;

        r = find_anywhere(c, text, by_key, &p, &v, e);
        hold = p ? &p->object : NULL;
        if (r >= 0)
                r = volume_check_access(c, p, volume_key(v), 0, e);
        return r < 0 ? r : volume_to_wire(p, v, ret);
}

static int lookup_by_key(Call *c, const remote_storage_vol_lookup_by_key_args *args,
                         remote_storage_vol_lookup_by_key_ret *ret, Error *e) {
        return lookup(c, args->key, true, &ret->vol, e);
}

/* Slashes in a row say nothing. */
static char *plain_path(const char *path) {
        StrBuf b = {};

        for (const char *p = path; *p; p++)
                if (*p != '/' || p[1] != '/')
                        strbuf_addc(&b, *p);
        while (b.len > 1 && b.data[b.len - 1] == '/')
                b.data[--b.len] = '\0';
        return strbuf_take(&b);
}

/* The folder of a path, and those of all active pools; none where it is one of theirs by its words. */
static int folders_to_compare(ObjectIndex *i, const char *path, char ***ret) {
        const char *name = strrchr(path, '/');
        _cleanup_free_ char *folder = name ? strndup(path, (size_t) (name - path)) : NULL;
        Object **list;
        int r = 0;
        size_t n;

        if (!folder || *path != '/' || strv_add(ret, folder) < 0 || object_snapshot(i, NULL, &list, &n) < 0)
                return -ENOENT;
        for (size_t k = 0; k < n && r >= 0; k++) {
                const PoolSpec *s;

                if (!list[k]->live || pool_spec(pool_of(list[k]), &s, NULL) < 0 || s->type > POOL_NETFS || !s->target)
                        continue;
                r = streq(s->target, folder) ? -ENOENT : strv_add(ret, s->target);
        }
        object_release(list, n);
        return r;
}

/* A link may lead to a pool's folder: the path by which the pool knows what is there. */
static int path_by_links(ObjectIndex *i, const char *path, char **ret) {
        _cleanup_strv_ char **folders = NULL, **places = NULL;
        int r = folders_to_compare(i, path, &folders);

        if (r >= 0)
                r = folders[1] ? pool_places(i, folders, &places) : -ENOENT;
        for (size_t k = 1; r >= 0 && places[k]; k++)
                if (streq(places[0], places[k])) {
                        *ret = text_format("%s%s", folders[k], strrchr(path, '/'));
                        return *ret ? 0 : -ENOMEM;
                }
        return r < 0 ? r : -ENOENT;
}

/* The active one, with a reference; NULL: there is none. */
static Object *pool_of_folder(ObjectIndex *i, const char *folder) {
        Object **list, *found = NULL;
        size_t n;

        if (object_snapshot(i, NULL, &list, &n) < 0)
                return NULL;
        for (size_t k = 0; k < n && !found; k++) {
                const PoolSpec *s;

                if (list[k]->live && pool_spec(pool_of(list[k]), &s, NULL) >= 0 && streq_ptr(s->target, folder))
                        found = object_ref(list[k]);
        }
        object_release(list, n);
        return found;
}

/* Who comes by a link cannot find the pool that is to be refreshed, so a file that is new there is looked at. */
static void look_by_links(Call *c, const char *path) {
        const char *name = strrchr(path, '/');
        _cleanup_free_ char *folder = strndup(path, (size_t) (name - path));
        _cleanup_object_ Object *o = folder ? pool_of_folder(call_index(c), folder) : NULL;
        _cleanup_error_ Error ignored = ERROR_INIT;
        VolumeTable *t;

        if (o && name[1] != '.' && pool_volumes(pool_of(o), &t, NULL) >= 0 && volume_table_find(t, name + 1) < 0)
                (void) pool_look(pool_of(o), name + 1, path, &ignored);
}

static int lookup_by_path(Call *c, const remote_storage_vol_lookup_by_path_args *args,
                          remote_storage_vol_lookup_by_path_ret *ret, Error *e) {
        _cleanup_error_ Error first = ERROR_INIT;
        _cleanup_free_ char *path = plain_path(args->path), *by_links = NULL;
        int r = path ? lookup(c, path, false, &ret->vol, &first) : -ENOMEM;

        /* which error it is then is said of the path that was asked for */
        if (r == -ENOENT && path_by_links(call_index(c), path, &by_links) >= 0) {
                look_by_links(c, by_links);
                r = lookup(c, by_links, false, &ret->vol, NULL);
        }
        if (r < 0)
                error_move(e, &first);
        return r;
}

/* --- pools --- */

static int pool_by_volume(Call *c, const remote_storage_pool_lookup_by_volume_args *args,
                          remote_storage_pool_lookup_by_volume_ret *ret, Error *e) {
        Object *o = object_by_name(call_index(c), NULL, args->vol.pool);

        return o ? object_reply_found(c, o, &ret->pool, e) : object_none_name(&kind_pool, args->vol.pool, e);
}

static int pool_by_target(Call *c, const remote_storage_pool_lookup_by_target_path_args *args,
                          remote_storage_pool_lookup_by_target_path_ret *ret, Error *e) {
        _cleanup_free_ char *path = plain_path(args->path);
        _cleanup_object_ Object *found = NULL;

        if (!path)
                return -ENOMEM;
        found = pool_of_folder(call_index(c), path);
        if (!found)
                return error_set(e, -ENOENT, ERROR_NO_STORAGE_POOL, ORIGIN_STORAGE,
                                 "no storage pool with matching target path '%s'", path);
        return object_reply_found(c, found, &ret->pool, e);
}

/* --- lists --- */

static int num_of_volumes(Call *c, Pool *p, const remote_storage_pool_num_of_volumes_args *args,
                          remote_storage_pool_num_of_volumes_ret *ret, Error *e) {
        VolumeTable *t;
        int r = pool_volumes(p, &t, e);

        if (r < 0)
                return r;
        for (size_t i = 0; i < t->n; i++) {
                _cleanup_free_ char *name = NULL, *path = NULL, *key = NULL;

                if (volume_line_names(t->rows[i].line, &name, &path, &key) >= 0 && may_show(c, p, key))
                        ret->num++;
        }
        return 0;
}

static int list_volumes(Call *c, Pool *p, const remote_storage_pool_list_volumes_args *args,
                        remote_storage_pool_list_volumes_ret *ret, Error *e) {
        VolumeTable *t;
        int r = pool_volumes(p, &t, e);

        if (r < 0)
                return r;
        if (args->maxnames < 0 || args->maxnames > REMOTE_STORAGE_VOL_LIST_MAX)
                return error_set(e, -E2BIG, ERROR_RPC, ORIGIN_RPC, "too many storage volumes '%d' for limit '%d'",
                                 args->maxnames, REMOTE_STORAGE_VOL_LIST_MAX);
        ret->names.names_val = calloc(MIN((size_t) args->maxnames, t->n) + 1, sizeof *ret->names.names_val);
        if (!ret->names.names_val)
                return -ENOMEM;
        for (size_t i = 0; i < t->n && ret->names.names_len < (unsigned) args->maxnames; i++) {
                _cleanup_free_ char *name = NULL, *path = NULL, *key = NULL;

                r = volume_line_names(t->rows[i].line, &name, &path, &key);
                if (r < 0)
                        return r;
                if (may_show(c, p, key))
                        ret->names.names_val[ret->names.names_len++] = TAKE_PTR(name);
        }
        return 0;
}

/* A list that clients could not take is an error to them, not a short list. */
static int list_all_volumes(Call *c, Pool *p, const remote_storage_pool_list_all_volumes_args *args,
                            remote_storage_pool_list_all_volumes_ret *ret, Error *e) {
        VolumeTable *t;
        int r = pool_volumes(p, &t, e);

        if (r < 0)
                return r;
        if (args->need_results && !(ret->vols.vols_val = calloc(t->n + 1, sizeof *ret->vols.vols_val)))
                return -ENOMEM;
        for (size_t i = 0; i < t->n; i++) {
                _cleanup_free_ char *name = NULL, *path = NULL, *key = NULL;

                r = volume_line_names(t->rows[i].line, &name, &path, &key);
                if (r < 0)
                        return r;
                if (!may_show(c, p, key))
                        continue;
                ret->ret++;
                if (args->need_results)
                        r = names_to_wire(p, name, key, &ret->vols.vols_val[ret->vols.vols_len++]);
                if (r < 0)
                        return r;
        }
        if (ret->ret > REMOTE_STORAGE_VOL_LIST_MAX && args->need_results)
                return error_set(e, -E2BIG, ERROR_RPC, ORIGIN_RPC, "too many storage volumes '%u' for limit '%d'",
                                 ret->ret, REMOTE_STORAGE_VOL_LIST_MAX);
        return 0;
}

static const RpcHandler rows[] = {
        CALL(STORAGE_VOL_LOOKUP_BY_NAME, lookup_by_name),
        PLAIN(STORAGE_VOL_LOOKUP_BY_KEY, lookup_by_key),
        PLAIN(STORAGE_VOL_LOOKUP_BY_PATH, lookup_by_path),
        PLAIN(STORAGE_POOL_LOOKUP_BY_VOLUME, pool_by_volume),
        PLAIN(STORAGE_POOL_LOOKUP_BY_TARGET_PATH, pool_by_target),
        CALL(STORAGE_POOL_NUM_OF_VOLUMES, num_of_volumes),
        CALL(STORAGE_POOL_LIST_VOLUMES, list_volumes),
        CALL(STORAGE_POOL_LIST_ALL_VOLUMES, list_all_volumes),
};
const RpcTable storage_table_find = RPC_TABLE(rows);
