/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs as lines KEY=VALUE (base/keyfile.h): some values are a client's words. */

#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/instance.h"
#include "base/keyfile.h"
#include "base/strings.h"
#include "model/definition.h"
#include "storage/job.h"
#include "storage/pool.h"

static const struct {
        const char *name, *doing;
} verbs[_JOB_VERB_MAX] = {
        [VOLUME_CREATE] = { "create", "creating" },
        [VOLUME_CLONE] = { "clone", "cloning" },
        [VOLUME_RESIZE] = { "resize", "resizing" },
        [VOLUME_WIPE] = { "wipe", "wiping" },
        [VOLUME_DELETE] = { "delete", "deleting" },
        [VOLUME_UPLOAD] = { "upload", "uploading" },
        [VOLUME_DOWNLOAD] = { "download", "downloading" },
};

const char *job_verb_name(JobVerb verb) {
        return verbs[verb].name;
}

const char *job_verb_doing(JobVerb verb) {
        return verbs[verb].doing;
}

typedef enum FieldType { TEXT, U64, UINT, BOOL } FieldType;

#define FIELD(type, member) { #member, type, offsetof(VolumeJob, member) }
static const struct {
        const char *key;
        FieldType type;
        size_t at;
} fields[] = {
        FIELD(TEXT, pool),
        FIELD(TEXT, name),
        FIELD(TEXT, path),
        FIELD(UINT, type),
        FIELD(TEXT, format),
        FIELD(U64, capacity),
        FIELD(U64, allocation),
        FIELD(BOOL, has_allocation),
        FIELD(UINT, mode),
        FIELD(UINT, uid),
        FIELD(UINT, gid),
        FIELD(TEXT, backing),
        FIELD(TEXT, backing_format),
        FIELD(TEXT, compat),
        FIELD(BOOL, lazy_refcounts),
        FIELD(BOOL, extended_l2),
        FIELD(BOOL, nocow),
        FIELD(U64, cluster_size),
        FIELD(TEXT, encryption),
        FIELD(TEXT, cipher),
        FIELD(TEXT, cipher_size),
        FIELD(TEXT, cipher_mode),
        FIELD(TEXT, cipher_hash),
        FIELD(TEXT, ivgen),
        FIELD(TEXT, ivgen_hash),
        FIELD(TEXT, secret),
        FIELD(TEXT, source),
        FIELD(TEXT, source_format),
        FIELD(U64, source_capacity),
        FIELD(U64, header),
        FIELD(U64, offset),
        FIELD(U64, length),
        FIELD(TEXT, stream),
        FIELD(U64, algorithm),
        FIELD(U64, flags),
        FIELD(TEXT, worker),
};

#define AT(j, type, i) (*(type *) ((char *) (j) + fields[i].at))

VolumeJob *volume_job_new(JobVerb verb) {
        VolumeJob *j = calloc(1, sizeof *j);

        if (j) {
                j->verb = verb;
                j->mode = j->uid = j->gid = (unsigned) -1;
                j->weight = UINT64_MAX;
        }
        return j;
}

VolumeJob *volume_job_free(VolumeJob *j) {
        for (size_t i = 0; j && i < ELEMENTSOF(fields); i++)
                if (fields[i].type == TEXT)
                        free(AT(j, char *, i));
        free(j);
        return NULL;
}

/* Numbers as a new job has them are not said. */
static void add_field(StrBuf *b, const VolumeJob *j, const VolumeJob *usual, size_t i) {
        switch (fields[i].type) {
        case TEXT:
                if (AT(j, char *, i))
                        keyfile_add(b, fields[i].key, AT(j, char *, i));
                break;
        case U64:
                if (AT(j, uint64_t, i) != AT(usual, uint64_t, i))
                        strbuf_addf(b, "%s=%" PRIu64 "\n", fields[i].key, AT(j, uint64_t, i));
                break;
        case UINT:
                if (AT(j, unsigned, i) != AT(usual, unsigned, i))
                        strbuf_addf(b, "%s=%u\n", fields[i].key, AT(j, unsigned, i));
                break;
        case BOOL:
                if (AT(j, bool, i))
                        strbuf_addf(b, "%s=1\n", fields[i].key);
                break;
        }
}

char *volume_job_to_text(const VolumeJob *j) {
        const VolumeJob usual = { .mode = -1U, .uid = -1U, .gid = -1U };
        StrBuf b = {};

        strbuf_addf(&b, "verb=%s\n", verbs[j->verb].name);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                add_field(&b, j, &usual, i);
        return strbuf_take(&b);
}

static int set_field(VolumeJob *j, size_t i, const char *value) {
        uint64_t n = 0;

        if (fields[i].type == TEXT) {
                free(AT(j, char *, i));
                AT(j, char *, i) = strdup(value);
                return AT(j, char *, i) ? 0 : -ENOMEM;
        }
        if (parse_u64(value, 10, &n) < 0 || (fields[i].type != U64 && n > UINT32_MAX))
                return -EBADMSG;
        if (fields[i].type == U64)
                AT(j, uint64_t, i) = n;
        else if (fields[i].type == UINT)
                AT(j, unsigned, i) = (unsigned) n;
        else
                AT(j, bool, i) = n > 0;
        return 0;
}

static int read_line(VolumeJob *j, char *line) {
        char *value;

        if (keyfile_parse_line(line, &value) < 0)
                return -EBADMSG;
        for (JobVerb v = 0; streq(line, "verb") && v < _JOB_VERB_MAX; v++)
                if (streq(value, verbs[v].name)) {
                        j->verb = v;
                        return 0;
                }
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (streq(line, fields[i].key))
                        return set_field(j, i, value);
        return -EBADMSG;
}

int volume_job_from_text(const char *text, VolumeJob **ret) {
        _cleanup_volume_job_ VolumeJob *j = volume_job_new(VOLUME_CREATE);
        _cleanup_free_ char *copy = strdup(text);
        char *state = NULL;

        if (!j || !copy)
                return -ENOMEM;
        for (char *line = strtok_r(copy, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                int r = read_line(j, line);

                if (r < 0)
                        return r;
        }
        if (!j->name || !j->path || j->type >= _VOLUME_TYPE_MAX)
                return -EBADMSG;
        *ret = TAKE_PTR(j);
        return 0;
}

/* --- from a document --- */

static const struct {
        const char *path;
        size_t at;
} texts[] = {
        { "name", offsetof(VolumeJob, name) },
        { "target/format/@type", offsetof(VolumeJob, format) },
        { "target/compat", offsetof(VolumeJob, compat) },
        { "target/encryption/@format", offsetof(VolumeJob, encryption) },
        { "target/encryption/secret/@uuid", offsetof(VolumeJob, secret) },
        { "target/encryption/cipher/@name", offsetof(VolumeJob, cipher) },
        { "target/encryption/cipher/@size", offsetof(VolumeJob, cipher_size) },
        { "target/encryption/cipher/@mode", offsetof(VolumeJob, cipher_mode) },
        { "target/encryption/cipher/@hash", offsetof(VolumeJob, cipher_hash) },
        { "target/encryption/ivgen/@name", offsetof(VolumeJob, ivgen) },
        { "target/encryption/ivgen/@hash", offsetof(VolumeJob, ivgen_hash) },
        { "backingStore/path", offsetof(VolumeJob, backing) },
        { "backingStore/format/@type", offsetof(VolumeJob, backing_format) },
};

static int permission(const xmlNode *root, const char *path, int base, unsigned *ret, Error *e) {
        const char *text = xml_get(root, path);
        uint64_t v;

        if (!text || streq(text, "-1"))
                return 0;
        if (parse_u64(text, base, &v) < 0 || v > (base == 8 ? 07777U : UINT32_MAX - 1))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "malformed number in /volume/%s: '%s'",
                                 path, text);
        *ret = (unsigned) v;
        return 0;
}

static int size(const xmlNode *root, const char *name, uint64_t *ret, Error *e) {
        const xmlNode *n = xml_find(root, name);
        int r;

        if (!n)
                return -ENOENT;
        r = size_parse(xml_text(n), xml_attr(n, "unit"), 1, ret);
        if (r < 0 && xml_attr(n, "unit") && size_parse("1", xml_attr(n, "unit"), 1, ret) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "unknown suffix '%s'",
                                 xml_attr(n, "unit"));
        if (r < 0 || *ret > INT64_MAX)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "malformed %s element: '%s'", name,
                                 xml_text(n));
        return 0;
}

static int read_sizes(const xmlNode *root, VolumeJob *j, Error *e) {
        int r;

        r = size(root, "capacity", &j->capacity, e);
        if (r == -ENOENT && j->verb != VOLUME_CLONE && !j->backing)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "missing capacity element");
        if (r < 0 && r != -ENOENT)
                return r;
        r = size(root, "allocation", &j->allocation, e);
        j->has_allocation = r >= 0;
        if (r < 0 && r != -ENOENT)
                return r;
        r = size(root, "target/clusterSize", &j->cluster_size, e);
        return r == -ENOENT ? 0 : r;
}

int volume_job_from_xml(const xmlNode *root, VolumeJob *j, Error *e) {
        const xmlNode *features = xml_find(root, "target/features");
        int r;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                const char *value = xml_get(root, texts[i].path);
                char **place = (char **) ((char *) j + texts[i].at);

                if (value && *value && !(*place = strdup(value)))
                        return -ENOMEM;
        }
        r = volume_name_check(j->name ?: "", e);
        if (r >= 0)
                r = read_sizes(root, j, e);
        if (r >= 0)
                r = permission(root, "target/permissions/mode", 8, &j->mode, e);
        if (r >= 0)
                r = permission(root, "target/permissions/owner", 10, &j->uid, e);
        if (r >= 0)
                r = permission(root, "target/permissions/group", 10, &j->gid, e);
        j->lazy_refcounts = xml_child(features, "lazy_refcounts");
        j->extended_l2 = xml_child(features, "extended_l2");
        j->nocow = xml_find(root, "target/nocow");
        return r;
}

bool volume_format_is_raw(const char *format) {
        return !format || streq(format, "raw") || streq(format, "iso") || streq(format, "auto") ||
               streq(format, "none");
}

/* --- files --- */

/* More than a job file ever has. */
#define JOB_MAX (64U * 1024)

char *volume_job_path(const char *id, const char *suffix) {
        return text_format("%s/" JOBS_FOLDER "/%s.%s", path_run(), id, suffix);
}

char *volume_worker_path(const char *instance) {
        return text_format("%s/" WORKERS_FOLDER "/%016" PRIx64, path_run(), name_hash(instance));
}

int volume_job_load(const char *id, VolumeJob **ret) {
        _cleanup_free_ char *path = volume_job_path(id, "job"), *text = NULL;
        int r = path ? file_read(path, JOB_MAX, &text, NULL) : -ENOMEM;

        return r < 0 ? r : volume_job_from_text(text, ret);
}

int volume_job_save(const VolumeJob *j, const char *id) {
        _cleanup_free_ char *path = volume_job_path(id, "job"), *text = volume_job_to_text(j);

        return path && text ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;
}

bool volume_job_is_over(const char *id) {
        _cleanup_free_ char *path = volume_job_path(id, "result");

        return path && access(path, F_OK) >= 0;
}

int volume_job_list(char ***ret) {
        _cleanup_free_ char *folder = text_format("%s/" JOBS_FOLDER, path_run());
        DIR *d = folder ? opendir(folder) : NULL;
        _cleanup_strv_ char **ids = NULL;
        int r = 0;

        if (!d && (!folder || errno != ENOENT))
                return folder ? -errno : -ENOMEM;
        for (struct dirent *entry = d ? readdir(d) : NULL; entry && r >= 0; entry = readdir(d)) {
                const char *end = endswith(entry->d_name, ".job");

                if (end)
                        r = strv_addf(&ids, "%.*s", (int) (end - entry->d_name), entry->d_name);
        }
        if (d)
                closedir(d);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ids);
        return 0;
}
