/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pool's life: its unit does the work, here it is asked to. */

#include "storage.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/random.h>

#include "base/fs.h"
#include "base/strings.h"
#include "dbus/systemd.h"
#include "model/writer.h"
#include "plan/names.h"

#define BUILD_FLAGS (1U | 2U | POOL_BUILD_NO_OVERWRITE | POOL_BUILD_OVERWRITE)

/* virStoragePoolCreateFlags to those of build */
#define CREATE_WITH_BUILD 1U
#define CREATE_OVERWRITE 2U
#define CREATE_NO_OVERWRITE 4U

static int write_request(const char *name, const char *text, Error *e) {
        _cleanup_free_ char *path = text_format("%s/storage/%s.request", path_run(), name);
        int r = path ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;

        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot write '%s'", path ?: "") : 0;
}

static int refuse_both(uint32_t flags, uint32_t one, uint32_t other, const char *word, Error *e) {
        if ((flags & (one | other)) != (one | other))
                return 0;
        return error_set(
                e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE,
                "flags 'VIR_STORAGE_POOL_%s_OVERWRITE' and 'VIR_STORAGE_POOL_%s_NO_OVERWRITE' are mutually exclusive",
                word, word);
}

int pool_request_build(Pool *p, uint32_t flags, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = refuse_both(flags, CREATE_OVERWRITE, CREATE_NO_OVERWRITE, "CREATE_WITH_BUILD", e);
        if (r < 0 || flags == 0)
                return r;
        text = text_format("verb=build\nflags=%u\n",
                           (flags & CREATE_OVERWRITE ? POOL_BUILD_OVERWRITE : 0) |
                                   (flags & CREATE_NO_OVERWRITE ? POOL_BUILD_NO_OVERWRITE : 0));
        return text ? write_request(p->object.name, text, e) : -ENOMEM;
}

int pool_start(Pool *p, bool transient, Error *e) {
        _cleanup_free_ char *name = strdup(p->object.name);
        int r;

        if (!name)
                return -ENOMEM;
        r = object_unit_start(&p->object, transient, NULL, e);
        if (r < 0 && r != -ECANCELED)
                r = pool_explain_mount(p, r, e);
        (void) object_refresh(p->object.index, name, true);
        if (r >= 0 && !p->object.live)
                r = error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_STORAGE,
                              "storage pool '%s' ended while it was started", name);
        return r;
}

void pool_hand_over(const Definition *d, const char *stamp) {
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        _cleanup_free_ char *xml = NULL;

        if (stamp && pool_spec_from_xml(definition_root(d), &s, NULL) >= 0 && !pool_type_missing(s->type) &&
            definition_format(d, 0, &xml) >= 0)
                (void) pool_known_save(stamp, s, xml);
}

/* What others have done to folders since it was defined. */
static int refuse_build(Pool *p, Error *e) {
        _cleanup_definition_ Definition *d = pool_definition(p, OBJECT_NEXT);
        _cleanup_pool_spec_ PoolSpec *s = NULL;
        int r = d ? pool_spec_from_xml(definition_root(d), &s, e) : 0;

        return r < 0 || !s ? r : pool_refuse_conflict(p->object.index, s, false, e);
}

static int create(Call *c, Pool *p, uint32_t flags, Error *e) {
        _cleanup_free_ char *stamp = pool_definition_stamp(p->object.name);
        _cleanup_definition_ Definition *d = NULL;
        bool transient = p->object.transient;
        int r;

        if (p->object.live)
                return object_refuse(&p->object, e, "storage pool '%s' is already active", p->object.name);
        r = flags ? refuse_build(p, e) : 0;
        if (r >= 0)
                r = object_load(&p->object, OBJECT_NEXT, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0)
                r = object_write_dropin(&p->object, d, transient, e);
        if (r >= 0)
                r = pool_request_build(p, flags, e);
        if (r < 0)
                return r;
        pool_hand_over(d, stamp);
        return pool_start(p, transient, e);
}

/* --- stop --- */

/* The guests that have an image below the pool's folder, by their live definitions. Those whose disks are volumes
 * require the pool's unit, so systemd would stop them with it. */
static char *guests_of(const char *target) {
        _cleanup_free_ char *folder = text_format("%s/qemu", path_run()), *mark = text_format("='%s/", target);
        DIR *d = folder ? opendir(folder) : NULL;
        StrBuf b = {};

        for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d)) {
                const char *end = endswith(entry->d_name, ".xml");
                _cleanup_free_ char *path = end ? text_format("%s/%s", folder, entry->d_name) : NULL, *text = NULL;

                if (path && mark && file_read(path, 4U << 20, &text, NULL) >= 0 && strstr(text, mark))
                        strbuf_addf(&b, "%s'%.*s'", b.len > 0 ? ", " : "", (int) (end - entry->d_name), entry->d_name);
        }
        if (d)
                closedir(d);
        return b.len > 0 ? strbuf_take(&b) : NULL;
}

/* A guest that was destroyed has a live definition for a moment longer, until its unit has cleaned up. */
#define ENDING_TRIES 20U
#define ENDING_USEC (50ULL * 1000)

static int refuse_used(Pool *p, Error *e) {
        _cleanup_free_ char *target = NULL;
        const PoolSpec *spec;
        int r;

        r = pool_spec(p, &spec, e);
        if (r < 0 || !spec->target)
                return r;
        target = strdup(spec->target);
        if (!target)
                return -ENOMEM;
        for (unsigned tries = 1;; tries++) {
                _cleanup_free_ char *guests = guests_of(target);

                if (!guests)
                        return 0;
                if (tries == ENDING_TRIES)
                        return object_refuse(&p->object, e, "storage pool '%s' is in use by running guests: %s",
                                             p->object.name, guests);
                r = fiber_sleep(ENDING_USEC);
                if (r < 0)
                        return r;
        }
}

/* The unit's own limit, after those of guests that have ended but for processes that wait for the pool's server: their
 * units are to be stopped first. */
#define STOP_TIMEOUT (300ULL * 1000 * 1000)

static int destroy(Call *c, Pool *p, const remote_storage_pool_destroy_args *args, rpc_void *ret, Error *e) {
        _cleanup_free_ char *name = strdup(p->object.name), *mount = pool_mount_unit(p);
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (!name)
                return -ENOMEM;
        if (strv_length(p->writing) > 0 || strv_length(p->reading) > 0)
                return error_set(e, -EBUSY, ERROR_INTERNAL, ORIGIN_STORAGE, "pool '%s' has asynchronous jobs running.",
                                 name);
        r = refuse_used(p, e);
        if (r < 0)
                return r;
        d = p->object.transient ? pool_definition(p, OBJECT_LIVE) : NULL;
        r = object_unit_stop(&p->object, STOP_TIMEOUT, e);
        if (r >= 0 && mount)
                r = pool_wait_unmounted(p->object.index->host->systemd, mount);
        if (r >= 0 && p->object.transient) {
                (void) object_unlink(&kind_pool, STORE_TRANSIENT, name, NULL);
                object_remove_units(call_index(c), name, d, true);
        }
        (void) object_refresh(call_index(c), name, true);
        return r;
}

/* --- refresh --- */

static int read_error(const char *name, Error *e) {
        _cleanup_free_ char *path = text_format("%s/storage/%s.error", path_run(), name), *text = NULL;

        if (!path || file_read(path, 64 * 1024, &text, NULL) < 0)
                return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_STORAGE,
                                 "the work on '%s' failed; see 'journalctl -t vm-pool'", name);
        text[strcspn(text, "\n")] = '\0';
        return error_set_from_text(e, -EIO, ERROR_INTERNAL, ORIGIN_STORAGE, text);
}

/* The unit's own limit, and what systemd needs beside it. */
#define RELOAD_TIMEOUT (120ULL * 1000 * 1000)

int pool_reload(Pool *p, Error *e) {
        const StorageDriver *d = p->object.index->driver;
        _cleanup_free_ char *unit = NULL;
        JobResult result;
        int r;

        r = object_unit(&p->object, &unit, e);
        if (r >= 0)
                r = systemd_run_job(d->host->systemd, "ReloadUnit", unit, RELOAD_TIMEOUT, &result, e);
        if (r >= 0 && result != JOB_DONE)
                r = read_error(p->object.name, e);
        return r;
}

/* Folders are looked at by a child of ours, which knows what was there before; what needs tools and root is the
 * unit's, and so is to remove what a crash has left of volumes in the making. */
static int refresh(Call *c, Pool *p, uint32_t flags, Error *e) {
        _cleanup_error_ Error first = ERROR_INIT;
        const PoolSpec *s;
        bool parts;
        int r;

        r = pool_spec(p, &s, e);
        if (r < 0)
                return r;
        if (s->type > POOL_NETFS)
                return pool_reload(p, e);
        r = pool_look_at_all(p, &parts, &first);
        if (r == -EACCES || r == -EPERM || (r >= 0 && parts && strv_length(p->writing) == 0))
                return pool_reload(p, e);
        if (r < 0)
                error_move(e, &first);
        if (r >= 0)
                pool_emit_refresh(p);
        return r;
}

/* --- build, delete, search --- */

static const UnitKind unit_work = {
        .prefix = "vm-pool-work@",
        .suffix = ".service",
        .word = "storage pool",
        .name_max = 199,
        .origin = ORIGIN_STORAGE,
};

#define WORK_TIMEOUT (16ULL * 60 * 1000 * 1000)

static int run_work(StorageDriver *d, const char *name, const char *request, Error *e) {
        _cleanup_free_ char *unit = NULL;
        JobResult result;
        int r;

        r = unit_name_for(&unit_work, name, &unit);
        if (r < 0)
                return unit_name_refuse(name, r, e);
        r = write_request(name, request, e);
        if (r >= 0)
                r = systemd_run_job(d->host->systemd, "StartUnit", unit, WORK_TIMEOUT, &result, e);
        if (r >= 0 && result != JOB_DONE)
                r = read_error(name, e);
        return r;
}

static int work(Call *c, Pool *p, const char *verb, uint32_t flags, int event, Error *e) {
        _cleanup_free_ char *text = text_format("verb=%s\nflags=%u\n", verb, flags);
        int r;

        if (!text)
                return -ENOMEM;
        if (p->object.live)
                return object_refuse(&p->object, e, "storage pool '%s' is already active", p->object.name);
        r = run_work(call_driver(c), p->object.name, text, e);
        if (r >= 0)
                object_emit_lifecycle(&p->object, event, 0);
        return r;
}

static int build(Call *c, Pool *p, uint32_t flags, Error *e) {
        int r = refuse_both(flags, POOL_BUILD_OVERWRITE, POOL_BUILD_NO_OVERWRITE, "BUILD", e);

        if (r >= 0 && !p->object.live)
                r = refuse_build(p, e);
        return r < 0 ? r : work(c, p, "build", flags & ~3U, POOL_CREATED, e);
}

static int delete(Call *c, Pool *p, uint32_t flags, Error *e) {
        if (p->object.live)
                return object_refuse(&p->object, e, "storage pool '%s' is still active", p->object.name);
        return work(c, p, "delete", flags, POOL_DELETED, e);
}

/* One <source> for each block of "KEY=VALUE" lines that the search left. */
static int sources_xml(const char *text, char **ret) {
        static const struct {
                const char *key, *element, *attribute;
        } keys[] = { { "host", "host", "name" },
                     { "device", "device", "path" },
                     { "dir", "dir", "path" },
                     { "name", "name", NULL },
                     { "format", "format", "type" } };
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        DocumentElement *root, *source = NULL;
        int r;

        r = document_begin("sources", &w, &root);
        for (const char *line = text; r >= 0 && *line; line += strcspn(line, "\n"), line += *line == '\n') {
                size_t n = strcspn(line, "\n"), key = strcspn(line, "=\n");
                _cleanup_free_ char *value = key < n ? strndup(line + key + 1, n - key - 1) : NULL;

                if (n == 0) {
                        source = NULL;
                        continue;
                }
                source = source ?: document_add(w, root, "source", NULL);
                for (size_t i = 0; value && i < ELEMENTSOF(keys); i++)
                        if (strlen(keys[i].key) == key && strncmp(keys[i].key, line, key) == 0) {
                                DocumentElement *x =
                                        document_add(w, source, keys[i].element, keys[i].attribute ? NULL : value);

                                if (keys[i].attribute)
                                        document_attr(w, x, keys[i].attribute, value);
                        }
        }
        return r < 0 ? r : document_finish(w, ret);
}

static int host_of_spec(const char *spec, char **ret, Error *e) {
        _cleanup_xml_ xmlDocPtr doc = NULL;
        const char *host;
        int r;

        *ret = NULL;
        if (!spec || !*spec)
                return 0;
        r = xml_parse(spec, strlen(spec), NULL, "source", &doc, e);
        if (r < 0)
                return r;
        host = xml_get(xml_root(doc), "host/@name");
        if (!host)
                return 0;
        /* it becomes a line, and an argument of tools */
        if (!*host || *host == '-' || strpbrk(host, "\n\r \t"))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "'%s' is no host", host);
        *ret = strdup(host);
        return *ret ? 0 : -ENOMEM;
}

static int find_sources(Call *c, const remote_connect_find_storage_pool_sources_args *args,
                        remote_connect_find_storage_pool_sources_ret *ret, Error *e) {
        _cleanup_free_ char *host = NULL, *name = NULL, *request = NULL, *path = NULL, *found = NULL;
        PoolType type = pool_type_from_name(args->type);
        uint64_t number;
        int r;

        r = call_check_access_to(c, 0, (const char *const[]) { NULL }, e);
        if (r < 0)
                return r;
        if (type < 0)
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_STORAGE, "unknown storage pool type %s",
                                 args->type);
        r = host_of_spec(args->srcSpec ? *args->srcSpec : NULL, &host, e);
        if (r < 0)
                return r;
        if (getrandom(&number, sizeof number, 0) != sizeof number)
                return -EIO;
        name = text_format("find-%016" PRIx64, number);
        request = text_format("verb=find\ntype=%s\n%s%s%s", args->type, host ? "host=" : "", host ?: "",
                              host ? "\n" : "");
        path = name ? text_format("%s/storage/%s.found", path_run(), name) : NULL;
        if (!path || !request)
                return -ENOMEM;
        r = run_work(call_driver(c), name, request, e);
        if (r >= 0)
                r = file_read(path, 16U << 20, &found, NULL);
        (void) unlink(path);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot read what was found")
                     : sources_xml(found, &ret->xml);
}

static const RpcHandler rows[] = {
        ACTION(STORAGE_POOL_CREATE, create, .flags = CREATE_WITH_BUILD | CREATE_OVERWRITE | CREATE_NO_OVERWRITE,
               .needs = NEED_LOCK),
        CALL(STORAGE_POOL_DESTROY, destroy, .needs = NEED_LOCK | NEED_ACTIVE),
        ACTION(STORAGE_POOL_REFRESH, refresh, .needs = NEED_LOCK | NEED_ACTIVE),
        ACTION(STORAGE_POOL_BUILD, build, .flags = BUILD_FLAGS, .needs = NEED_LOCK),
        ACTION(STORAGE_POOL_DELETE, delete, .flags = POOL_DELETE_ZEROED, .needs = NEED_LOCK),
        PLAIN(CONNECT_FIND_STORAGE_POOL_SOURCES, find_sources),
};
const RpcTable storage_table_run = RPC_TABLE(rows);
