/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"
#include "load.h"
#include "model/kind.h"

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
