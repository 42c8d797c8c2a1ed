/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"
#include "load.h"
#include "model/kind.h"
#include "storage/owner.h"
#include "storage/table.h"

char *pool_file(PoolFile file, const char *name) {
        static const struct {
                const char *folder, *suffix;
        } places[] = {
                [POOL_PERSISTENT] = { "storage", "xml" },
                [POOL_TRANSIENT] = { "storage/transient", "xml" },
                [POOL_LIVE] = { "storage", "xml" },
                [POOL_VOLUMES] = { "storage", "volumes" },
                [POOL_ERROR] = { "storage", "error" },
                [POOL_REQUEST] = { "storage", "request" },
                [POOL_FOUND] = { "storage", "found" },
        };

        return text_format("%s/%s/%s.%s", file == POOL_PERSISTENT ? path_etc() : path_run(), places[file].folder, name,
                           places[file].suffix);
}

static int load_one(PoolFile file, const char *name, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *path = pool_file(file, name);
        int r;

        if (!path)
                return -ENOMEM;
        if (file != POOL_PERSISTENT && access(path, F_OK) < 0)
                return -ENOENT;
        r = definition_load_as(&document_pool, path, 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

static int load(const char *name, bool live, Definition **ret, Error *e) {
        int r = live ? load_one(POOL_LIVE, name, ret, e) : -ENOENT;

        if (r == -ENOENT)
                r = load_one(POOL_TRANSIENT, name, ret, e);
        return r == -ENOENT ? load_one(POOL_PERSISTENT, name, ret, e) : r;
}

int pool_load(const char *name, bool live, Definition **ret, PoolSpec **ret_spec, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        int r;

        if (volume_name_check(name, e) < 0)
                return -EINVAL;
        r = load(name, live, &d, e);
        if (r >= 0)
                r = pool_spec_from_xml(definition_root(d), &s, e);
        if (r < 0)
                return r;
        if (!streq(s->name, name))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE,
                                 "the definition in %s.xml is that of '%s'", name, s->name);
        if (pool_type_missing(s->type))
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "pool type '%s' is not supported: built without %s", pool_type_name(s->type),
                                 pool_type_missing(s->type));
        *ret = TAKE_PTR(d);
        *ret_spec = TAKE_PTR(s);
        return 0;
}

static bool has_volume(const char *path, const char *real) {
        _cleanup_volume_table_ VolumeTable t = {};

        if (volume_table_load(path, &t) < 0)
                return false;
        for (size_t i = 0; i < t.n; i++) {
                _cleanup_volume_ Volume *v = NULL;
                _cleanup_free_ char *own = NULL;

                if (volume_table_get(&t, i, &v) >= 0 && v->type == VOLUME_BLOCK && (own = realpath(v->path, NULL)) &&
                    streq(own, real))
                        return true;
        }
        return false;
}

bool is_active_volume(const char *real) {
        _cleanup_owner_ bool acted = owner_pause();
        _cleanup_free_ char *folder = text_format("%s/storage", path_run());
        DIR *d = folder ? opendir(folder) : NULL;
        bool found = false;

        for (struct dirent *entry = d ? readdir(d) : NULL; entry && !found; entry = readdir(d)) {
                _cleanup_free_ char *path = endswith(entry->d_name, ".volumes")
                                                    ? text_format("%s/%s", folder, entry->d_name)
                                                    : NULL;

                found = path && has_volume(path, real);
        }
        if (d)
                closedir(d);
        return found;
}
