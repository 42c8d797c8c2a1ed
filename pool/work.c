/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is done to a pool that is not active: build, delete; and the search for what could become one. */

#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"
#include "load.h"

typedef struct Request {
        char *text;
        const char *verb, *type, *host;
        uint32_t flags;
} Request;

static void request_done(Request *q) {
        free(q->text);
}

/* -ENOENT where nothing is wanted. */
static int take_request(const char *name, Request *q) {
        _cleanup_free_ char *path = pool_file(POOL_REQUEST, name);
        char *state = NULL;
        uint64_t n;
        int r;

        r = path ? file_read(path, 4096, &q->text, NULL) : -ENOMEM;
        if (r < 0)
                return r;
        (void) unlink(path);
        for (char *line = strtok_r(q->text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                const char *value;

                if ((value = startswith(line, "verb=")))
                        q->verb = value;
                else if ((value = startswith(line, "type=")))
                        q->type = value;
                else if ((value = startswith(line, "host=")))
                        q->host = value;
                else if ((value = startswith(line, "flags=")) && parse_u64(value, 10, &n) >= 0)
                        q->flags = (uint32_t) n;
        }
        return q->verb ? 0 : -EBADMSG;
}

static int build(const PoolSpec *s, uint32_t flags, Error *e) {
        const PoolBackend *b = pool_backend(s->type);

        /* nothing is made where a target or an adapter has the volumes; clients build whatever they have defined */
        if (!b->build && flags == 0)
                return 0;
        if (!b->build)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "pool type '%s' does not support building", pool_type_name(s->type));
        if (flags & ~b->build_flags)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE,
                                 "unsupported flags (0x%x) in building a pool of type '%s'", flags & ~b->build_flags,
                                 pool_type_name(s->type));
        return b->build(s, flags, e);
}

static int delete(const PoolSpec *s, uint32_t flags, Error *e) {
        const PoolBackend *b = pool_backend(s->type);

        if (!b->remove)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "pool type '%s' does not support deletion", pool_type_name(s->type));
        return b->remove(s, flags, e);
}

static int find(const char *name, const Request *q, Error *e) {
        _cleanup_free_ char *path = pool_file(POOL_FOUND, name), *text = NULL;
        PoolType type = pool_type_from_name(q->type);
        int r;

        if (type < 0 || !pool_backend(type) || !pool_backend(type)->find_sources)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE,
                                 "pool type '%s' does not support source discovery", q->type ?: "");
        r = pool_backend(type)->find_sources(q->host, &text, e);
        if (r < 0)
                return r;
        r = path ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot write what was found") : 0;
}

int pool_build_wanted(const PoolSpec *s, Error *e) {
        _cleanup_(request_done) Request q = {};

        if (take_request(s->name, &q) < 0 || !streq(q.verb, "build"))
                return 0;
        return build(s, q.flags, e);
}

int pool_work(const char *name, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        _cleanup_(request_done) Request q = {};
        int r;

        r = take_request(name, &q);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot read what is to be done with '%s'", name);
        if (streq(q.verb, "find"))
                return find(name, &q, e);
        r = pool_load(name, false, &d, &s, e);
        if (r < 0)
                return r;
        return streq(q.verb, "build") ? build(s, q.flags, e) : delete(s, q.flags, e);
}
