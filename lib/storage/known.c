/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A definition that was read already, as lines KEY=VALUE (base/keyfile.h). */

#include <inttypes.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/keyfile.h"
#include "base/strings.h"
#include "storage/pool.h"

#define KNOWN_MAX (1U << 20)

static char *path_of(const char *name) {
        return text_format("%s/storage/%s.known", path_run(), name);
}

char *pool_definition_stamp(const char *name) {
        _cleanup_free_ char *transient = text_format("%s/storage/transient/%s.xml", path_run(), name),
                            *persistent = text_format("%s/storage/%s.xml", path_etc(), name);
        struct stat st;

        if (!transient || !persistent || (stat(transient, &st) < 0 && stat(persistent, &st) < 0))
                return NULL;
        return text_format("%" PRIu64 " %" PRIu64 " %lld %lld.%09ld %lld.%09ld", (uint64_t) st.st_dev,
                           (uint64_t) st.st_ino, (long long) st.st_size, (long long) st.st_mtim.tv_sec,
                           st.st_mtim.tv_nsec, (long long) st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

int pool_known_save(const char *stamp, const PoolSpec *s, const char *xml) {
        _cleanup_free_ char *path = path_of(s->name);
        _cleanup_strbuf_ StrBuf b = {};

        keyfile_add(&b, "of", stamp);
        pool_spec_to_lines(s, &b);
        keyfile_add(&b, "xml", xml);
        if (b.failed || !path)
                return -ENOMEM;
        return file_write_atomic(path, b.data, b.len, 0600, FILE_WRITE_NOSYNC);
}

void pool_known_forget(const char *name) {
        _cleanup_free_ char *path = path_of(name);

        if (path)
                (void) unlink(path);
}

static int take_line(char *line, const char *stamp, PoolSpec *s, char **xml) {
        char *value;

        if (keyfile_parse_line(line, &value) < 0)
                return -EBADMSG;
        if (streq(line, "of"))
                return !stamp || streq(value, stamp) ? 0 : -ESTALE;
        if (!streq(line, "xml"))
                return pool_spec_set_line(s, line, value);
        free(*xml);
        *xml = strdup(value);
        return *xml ? 0 : -ENOMEM;
}

int pool_known_load(const char *name, const char *stamp, PoolSpec **ret, char **ret_xml) {
        _cleanup_free_ char *path = path_of(name), *text = NULL, *xml = NULL;
        _cleanup_pool_spec_ PoolSpec *s = pool_spec_new();
        char *state = NULL;
        int r;

        r = s && path ? file_read(path, KNOWN_MAX, &text, NULL) : -ENOMEM;
        for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &state); line && r >= 0;
             line = strtok_r(NULL, "\n", &state))
                r = take_line(line, stamp, s, &xml);
        if (r < 0)
                return r;
        if (!s->name || !streq(s->name, name) || s->type < 0 || !xml)
                return -EBADMSG;
        *ret = TAKE_PTR(s);
        if (ret_xml)
                *ret_xml = TAKE_PTR(xml);
        return 0;
}
