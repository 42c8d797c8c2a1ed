/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "known.h"

#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "object/kind.h"
#include "object/store.h"

#define MAX_SIZE (64U * 1024U * 1024U)
#define FEW 100U
/* Two contents of one file may have the same time where they were written within a tick of the kernel's clock, or, on
 * a file system that keeps whole seconds, within two of them. */
#define SETTLED_NSEC UINT64_C(100000000)
#define SETTLED_COARSE_NSEC UINT64_C(3000000000)

/* What is in the file: this, entries by key, and the text with all keys, each with a zero behind it. */
typedef struct Header {
        char magic[8];
        uint64_t n, text_size;
} Header;

typedef struct Entry {
        FileStamp stamp;
        uint8_t uuid[16];
        uint64_t key;           /* where it begins in the text */
} Entry;

struct KnownFiles {
        char *data;
        const Entry *entries;
        const char *text;
        size_t n;
};

static const Header expected = { .magic = "known 2" };

/* /run/libvirt/known/qemu-networks */
static char *path_of(const ObjectKind *k) {
        char *path = text_format("%s/known/%s", path_run(), k->store->folders[STORE_PERSISTENT]);

        for (char *p = path ? path + strlen(path_run()) + strlen("/known/") : NULL; p && *p; p++)
                if (*p == '/')
                        *p = '-';
        return path;
}

KnownFiles *known_files_free(KnownFiles *f) {
        if (f)
                free(f->data);
        free(f);
        return NULL;
}

static bool is_sound(const char *data, size_t len) {
        const Header *h = (const Header *) data;
        size_t rest = len < sizeof(*h) ? 0 : len - sizeof(*h);
        const Entry *entries = (const Entry *) (data + sizeof(*h));

        if (len < sizeof(*h) || memcmp(h->magic, expected.magic, sizeof(h->magic)) != 0 ||
            h->n > rest / sizeof(Entry) || h->text_size != rest - h->n * sizeof(Entry) || h->text_size == 0 ||
            data[len - 1] != 0)
                return false;
        for (size_t i = 0; i < h->n; i++)
                if (entries[i].key >= h->text_size)
                        return false;
        return true;
}

KnownFiles *known_files_load(const ObjectKind *k) {
        _cleanup_free_ char *path = path_of(k), *data = NULL;
        KnownFiles *f;
        size_t len;

        if (!path || file_read(path, MAX_SIZE, &data, &len) < 0)
                return NULL;
        if (!is_sound(data, len)) {
                log_debug("%s is not to be used", path);
                return NULL;
        }
        f = calloc(1, sizeof(*f));
        if (!f)
                return NULL;
        f->n = ((const Header *) data)->n;
        f->entries = (const Entry *) (data + sizeof(Header));
        f->text = (const char *) (f->entries + f->n);
        f->data = TAKE_PTR(data);
        return f;
}

const uint8_t *known_files_find(const KnownFiles *f, const char *key, const FileStamp *stamp) {
        size_t low = 0, high = f ? f->n : 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const Entry *entry = &f->entries[middle];
                int c = strcmp(key, f->text + entry->key);

                if (c == 0)
                        return file_stamp_equal(&entry->stamp, stamp) ? entry->uuid : NULL;
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* --- writing --- */

static bool is_settled(const Object *o, uint64_t now) {
        bool coarse = o->stamp.ctime_nsec % 1000000000U == 0;

        return o->persistent && o->stamp.ctime_nsec + (coarse ? SETTLED_COARSE_NSEC : SETTLED_NSEC) < now;
}

static int compare(const void *a, const void *b) {
        char x[37], y[37];

        return strcmp(object_key(*(Object *const *) a, x), object_key(*(Object *const *) b, y));
}

static void add_entries(StrBuf *b, Object *const *list, size_t n, size_t *ret_text) {
        size_t at = 0;
        char key[37];

        for (size_t i = 0; i < n; i++) {
                Entry entry = { .stamp = list[i]->stamp, .key = at };

                memcpy(entry.uuid, list[i]->uuid, 16);
                strbuf_addn(b, (const char *) &entry, sizeof(entry));
                at += strlen(object_key(list[i], key)) + 1;
        }
        *ret_text = at;
}

static int make_folder(const char *path) {
        _cleanup_free_ char *folder = strndup(path, (size_t) (strrchr(path, '/') - path));

        return folder ? mkdir_p(folder, 0700) : -ENOMEM;
}

static void write_list(const char *path, Object *const *list, size_t n) {
        _cleanup_strbuf_ StrBuf entries = {}, all = {};
        Header h = expected;
        char key[37];
        size_t text;

        add_entries(&entries, list, n, &text);
        h.n = n;
        h.text_size = text;
        strbuf_addn(&all, (const char *) &h, sizeof(h));
        strbuf_addn(&all, entries.data, entries.len);
        for (size_t i = 0; i < n; i++) {
                const char *name = object_key(list[i], key);

                strbuf_addn(&all, name, strlen(name) + 1);
        }
        if (entries.failed || all.failed || make_folder(path) < 0 ||
            file_write_atomic(path, all.data, all.len, 0600, FILE_WRITE_NOSYNC) < 0)
                log_debug("cannot write %s, the next start reads all files", path);
}

void known_files_save(const ObjectIndex *i) {
        _cleanup_free_ char *path = path_of(i->kind);
        struct timespec now;
        Object **list;
        size_t n, n_settled = 0;
        uint64_t time;

        if (!path)
                return;
        if (i->n < FEW) {
                (void) unlink(path);
                return;
        }
        if (clock_gettime(CLOCK_REALTIME, &now) < 0 || object_snapshot(i, NULL, &list, &n) < 0)
                return;
        time = time_to_nsec(now);
        for (size_t k = 0; k < n; k++)
                if (is_settled(list[k], time)) {
                        Object *o = list[k];

                        list[k] = list[n_settled];
                        list[n_settled++] = o;
                }
        qsort(list, n_settled, sizeof(*list), compare);
        write_list(path, list, n_settled);
        object_release(list, n);
}
