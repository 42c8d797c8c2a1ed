/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>

#include "base/fs.h"
#include "base/strings.h"
#include "storage/table.h"

#define HEADER "unitvirt-volumes 1 "
#define FILE_MAX_BYTES (256U * 1024 * 1024)

static void row_done(const VolumeRow *row) {
        if (row->owned)
                free((char *) row->line);
}

void volume_table_done(VolumeTable *t) {
        for (size_t i = 0; i < t->n; i++)
                row_done(&t->rows[i]);
        free(t->rows);
        free(t->text);
        *t = (VolumeTable) {};
}

static uint32_t name_length(const char *line) {
        return (uint32_t) strcspn(line, "\t");
}

static int compare(const char *a, size_t a_len, const char *b, size_t b_len) {
        int r = memcmp(a, b, MIN(a_len, b_len));

        return r != 0 ? r : a_len < b_len ? -1 : a_len > b_len;
}

/* Where the escaped name is, or has to be; true where it is. */
static bool position(const VolumeTable *t, const char *name, size_t len, size_t *ret) {
        size_t low = 0, high = t->n;

        /* a file in order, as it is written, costs one comparison a line */
        if (t->n > 0 && compare(t->rows[t->n - 1].line, t->rows[t->n - 1].name_len, name, len) < 0)
                low = t->n;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = compare(t->rows[middle].line, t->rows[middle].name_len, name, len);

                if (c == 0) {
                        *ret = middle;
                        return true;
                }
                if (c < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret = low;
        return false;
}

static int make_room(VolumeTable *t) {
        size_t size = t->size ? t->size * 2 : 64;
        VolumeRow *rows;

        if (t->n < t->size)
                return 0;
        rows = reallocarray(t->rows, size, sizeof *rows);
        if (!rows)
                return -ENOMEM;
        t->rows = rows;
        t->size = size;
        return 0;
}

static int put(VolumeTable *t, const VolumeRow *row) {
        size_t at;

        if (row->line[row->name_len] != '\t')
                return -EBADMSG;
        if (position(t, row->line, row->name_len, &at)) {
                row_done(&t->rows[at]);
                t->rows[at] = *row;
                return 0;
        }
        if (make_room(t) < 0)
                return -ENOMEM;
        memmove(t->rows + at + 1, t->rows + at, (t->n - at) * sizeof *t->rows);
        t->rows[at] = *row;
        t->n++;
        return 0;
}

static int put_copy(VolumeTable *t, const char *text, size_t len) {
        _cleanup_free_ char *line = strndup(text, len);
        int r;

        if (!line)
                return -ENOMEM;
        r = put(t, &(VolumeRow){ line, name_length(line), true });
        if (r >= 0)
                TAKE_PTR(line);
        return r;
}

static void drop(VolumeTable *t, const char *name, size_t len) {
        size_t at;

        if (!position(t, name, len, &at))
                return;
        row_done(&t->rows[at]);
        t->n--;
        memmove(t->rows + at, t->rows + at + 1, (t->n - at) * sizeof *t->rows);
}

static int read_sizes(VolumeTable *t, const char *text) {
        PoolSizes s;

        if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &s.capacity, &s.allocation, &s.available) != 3)
                return -EBADMSG;
        t->sizes = s;
        return 0;
}

static int read_folder(VolumeTable *t, const char *text) {
        PoolFolder f = { .known = true };

        if (sscanf(text, "%o %u %u", &f.mode, &f.uid, &f.gid) != 3 || f.mode > 07777)
                return -EBADMSG;
        t->folder = f;
        return 0;
}

static int read_state(VolumeTable *t, const char *text) {
        char state[8];

        if (sscanf(text, "%" SCNu64 " %7s", &t->begun, state) != 2)
                return -EBADMSG;
        t->stale = streq(state, "stale");
        return 0;
}

static int read_header(VolumeTable *t, const char *line) {
        char state[8];

        if (sscanf(line, HEADER "%" SCNu64 " %*u %*u %*u %7s", &t->begun, state) != 2)
                return -EBADMSG;
        t->stale = streq(state, "stale");
        return read_sizes(t, strchr(line + strlen(HEADER), ' ') + 1);
}

int volume_table_apply(VolumeTable *t, const char *line, size_t len) {
        if (len == 0)
                return -EBADMSG;
        switch (*line) {
        case '+':
                return put_copy(t, line + 1, len - 1);
        case '-':
                drop(t, line + 1, len - 1);
                return 0;
        case '=':
                return read_sizes(t, line + 1);
        case '%':
                return read_folder(t, line + 1);
        case '@':
                return read_state(t, line + 1);
        case '!':
        case '~':
                return 0;
        default:
                return -EBADMSG;
        }
}

int volume_table_append(VolumeTable *t, char *line) {
        _cleanup_free_ char *own = line;

        if (!own || make_room(t) < 0)
                return -ENOMEM;
        t->rows[t->n++] = (VolumeRow) { own, name_length(own), true };
        TAKE_PTR(own);
        return 0;
}

int volume_table_borrow(VolumeTable *t, const VolumeRow *row) {
        if (make_room(t) < 0)
                return -ENOMEM;
        t->rows[t->n++] = (VolumeRow) { row->line, row->name_len, false };
        return 0;
}

static int compare_rows(const void *a, const void *b) {
        const VolumeRow *x = a, *y = b;

        return compare(x->line, x->name_len, y->line, y->name_len);
}

void volume_table_sort(VolumeTable *t) {
        if (t->n > 0)
                qsort(t->rows, t->n, sizeof *t->rows, compare_rows);
}

static void print_sizes(const VolumeTable *t, StrBuf *b) {
        strbuf_addf(b, "=%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", t->sizes.capacity, t->sizes.allocation,
                    t->sizes.available);
}

static void print_folder(const VolumeTable *t, StrBuf *b) {
        if (t->folder.known)
                strbuf_addf(b, "%%%o %u %u\n", t->folder.mode, t->folder.uid, t->folder.gid);
}

static bool same_line(const VolumeRow *a, const VolumeRow *b) {
        return a->line == b->line || streq(a->line, b->line);
}

int volume_table_print_changes(const VolumeTable *from, const VolumeTable *to, char *const *notes, StrBuf *b) {
        for (size_t i = 0, k = 0; i < from->n || k < to->n;) {
                int c = i == from->n ? 1 : k == to->n ? -1 : compare_rows(&from->rows[i], &to->rows[k]);

                if (c < 0)
                        strbuf_addf(b, "-%.*s\n", (int) from->rows[i].name_len, from->rows[i].line);
                else if (c > 0 || !same_line(&from->rows[i], &to->rows[k]))
                        strbuf_addf(b, "+%s\n", to->rows[k].line);
                i += c <= 0;
                k += c >= 0;
        }
        for (char *const *n = notes; n && *n; n++)
                strbuf_addf(b, "%s\n", *n);
        print_sizes(to, b);
        print_folder(to, b);
        strbuf_addf(b, "@%" PRIu64 " %s\n", to->begun, to->stale ? "stale" : "fresh");
        return b->failed ? -ENOMEM : 0;
}

int volume_table_load(const char *path, VolumeTable *ret) {
        _cleanup_volume_table_ VolumeTable t = {};
        size_t len;
        char *end;
        int r;

        r = file_read(path, FILE_MAX_BYTES, &t.text, &len);
        if (r < 0)
                return r;
        end = strchr(t.text, '\n');
        if (!end)
                return -EBADMSG;
        *end = '\0';
        r = read_header(&t, t.text);
        /* a last line without an end is one that is being appended */
        for (char *line = end + 1; r >= 0 && (end = strchr(line, '\n')); line = end + 1) {
                *end = '\0';
                r = *line == '+' ? put(&t, &(VolumeRow){ line + 1, name_length(line + 1), false })
                                 : volume_table_apply(&t, line, (size_t) (end - line));
        }
        if (r < 0)
                return r;
        *ret = t;
        t = (VolumeTable) {};
        return 0;
}

int volume_table_print(const VolumeTable *t, char *const *notes, StrBuf *b) {
        strbuf_addf(b, HEADER "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", t->begun, t->sizes.capacity,
                    t->sizes.allocation, t->sizes.available, t->stale ? "stale" : "fresh");
        print_folder(t, b);
        for (size_t i = 0; i < t->n; i++) {
                strbuf_addc(b, '+');
                strbuf_add(b, t->rows[i].line);
                strbuf_addc(b, '\n');
        }
        for (char *const *n = notes; n && *n; n++) {
                strbuf_add(b, *n);
                strbuf_addc(b, '\n');
        }
        return b->failed ? -ENOMEM : 0;
}

int volume_table_save(const VolumeTable *t, char *const *notes, const char *path) {
        _cleanup_strbuf_ StrBuf b = {};
        int r = volume_table_print(t, notes, &b);

        return r < 0 ? r : file_write_atomic(path, b.data, b.len, 0600, FILE_WRITE_NOSYNC);
}

ssize_t volume_table_find(const VolumeTable *t, const char *name) {
        _cleanup_free_ char *escaped = volume_name_is_plain(name) ? NULL : volume_name_to_line(name);
        const char *begin = escaped ?: name;
        size_t at;

        if (!escaped && !volume_name_is_plain(name))
                return -ENOMEM;
        return position(t, begin, strlen(begin), &at) ? (ssize_t) at : -ENOENT;
}

int volume_table_get(const VolumeTable *t, size_t i, Volume **ret) {
        return volume_from_line(t->rows[i].line, ret);
}

ssize_t volume_table_find_path(const VolumeTable *t, const char *path, bool by_key) {
        const char *slash = strrchr(path, '/');

        /* mostly the name is the last part of the path */
        if (slash) {
                ssize_t at = volume_table_find(t, slash + 1);
                _cleanup_volume_ Volume *v = NULL;

                if (at >= 0 && volume_table_get(t, (size_t) at, &v) >= 0 &&
                    streq(by_key ? volume_key(v) : v->path, path))
                        return at;
        }
        for (size_t i = 0; i < t->n; i++) {
                _cleanup_free_ char *name = NULL, *own = NULL, *key = NULL;

                if (volume_line_names(t->rows[i].line, &name, &own, &key) < 0)
                        continue;
                if (streq(by_key ? key : own, path))
                        return (ssize_t) i;
        }
        return -ENOENT;
}
