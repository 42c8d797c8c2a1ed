/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The record: for each image the lines "image=", "id=", and, where it has a backing file, "backing=", "format=" and
 * "real=" (base/keyfile.h). */

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/keyfile.h"
#include "chain-internal.h"

#define RECORD_MAX (4U * 1024 * 1024)
/* Images that the guest had some time are remembered too, but not without end. */
#define ENTRIES_MAX 2000U

static const struct {
        const char *key;
        size_t offset;
} fields[] = {
        { "image",   offsetof(ChainEntry, image) },
        { "id",      offsetof(ChainEntry, id) },
        { "backing", offsetof(ChainEntry, backing) },
        { "format",  offsetof(ChainEntry, format) },
        { "real",    offsetof(ChainEntry, real) },
};

static char **field_of(ChainEntry *entry, size_t i) {
        return (char **) ((char *) entry + fields[i].offset);
}

static void entry_done(ChainEntry *entry) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                free(*field_of(entry, i));
}

Chain *chain_free(Chain *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n; i++)
                entry_done(&c->entries[i]);
        for (size_t i = 0; i < c->n_writers; i++)
                free(c->writers[i].guest);
        free(c->writers);
        free(c->entries);
        free(c->name);
        free(c->uuid);
        free(c);
        return NULL;
}

ChainEntry *chain_find(Chain *c, const char *image) {
        for (size_t i = 0; i < c->n; i++)
                if (streq_ptr(c->entries[i].image, image))
                        return &c->entries[i];
        return NULL;
}

static ChainEntry *append(Chain *c) {
        ChainEntry *entries;

        if (c->n == ENTRIES_MAX) {
                entry_done(c->entries);
                memmove(c->entries, c->entries + 1, --c->n * sizeof(ChainEntry));
        }
        entries = reallocarray(c->entries, c->n + 1, sizeof(ChainEntry));
        if (!entries)
                return NULL;
        c->entries = entries;
        c->entries[c->n] = (ChainEntry) {};
        return &c->entries[c->n++];
}

int chain_put(Chain *c, const char *image, const char *id, const char *backing, const char *format, const char *real) {
        const char *const values[] = { image, id, backing, format, real };
        ChainEntry *entry = chain_find(c, image) ?: append(c);
        bool same = entry != NULL;

        if (!entry)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                same = same && streq_ptr(*field_of(entry, i), values[i]);
        if (same)
                return 0;
        c->changed = true;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                char *copy = values[i] ? strdup(values[i]) : NULL;

                if (values[i] && !copy)
                        return -ENOMEM;
                free(*field_of(entry, i));
                *field_of(entry, i) = copy;
        }
        return 0;
}

static int read_line(Chain *c, char *line) {
        ChainEntry *entry;
        char *value;

        if (!*line)
                return 0;
        if (keyfile_parse_line(line, &value) < 0)
                return -EBADMSG;
        entry = streq(line, "image") ? append(c) : c->n > 0 ? &c->entries[c->n - 1] : NULL;
        if (!entry)
                return c->n > 0 || streq(line, "image") ? -ENOMEM : -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (streq(fields[i].key, line)) {
                        free(*field_of(entry, i));
                        *field_of(entry, i) = strdup(value);
                        return *field_of(entry, i) ? 0 : -ENOMEM;
                }
        return 0; /* of another version */
}

int chain_load(Chain *c) {
        _cleanup_free_ char *path = guest_chain_file(c->uuid), *text = NULL;
        char *rest, *line;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, RECORD_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        rest = text;
        while (r >= 0 && (line = strsep(&rest, "\n")))
                r = read_line(c, line);
        return r;
}

int chain_open(const char *name, const char *uuid, char *const *folders, Chain **ret) {
        _cleanup_chain_ Chain *c = calloc(1, sizeof(Chain));
        int r;

        if (!c)
                return -ENOMEM;
        c->folders = folders;
        c->name = strdup(name);
        c->uuid = strdup(uuid);
        r = c->name && c->uuid ? chain_load(c) : -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

int chain_save(Chain *c) {
        _cleanup_free_ char *path = guest_chain_file(c->uuid), *folder = text_format("%s/qemu/chains", path_lib()),
                            *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        if (!c->changed)
                return 0;
        for (size_t n = 0; n < c->n; n++)
                for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                        if (*field_of(&c->entries[n], i))
                                keyfile_add(&b, fields[i].key, *field_of(&c->entries[n], i));
        text = strbuf_take(&b);
        if (!path || !folder || !text)
                return -ENOMEM;
        r = mkdir_p(folder, 0700);
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0600, 0);
        if (r >= 0)
                c->changed = false;
        return r;
}

int chain_forget(const char *uuid) {
        _cleanup_free_ char *path = guest_chain_file(uuid);

        if (!path)
                return -ENOMEM;
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
