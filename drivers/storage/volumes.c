/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is known of a pool's volumes: the file of its unit, and what was learned since. */

#include "storage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"

/* A refresh that takes longer than this many changes misses the first ones until the next. */
#define CHANGES_MAX 4096U

static char *table_path(const Pool *p) {
        return text_format("%s/storage/%s.volumes", path_run(), p->object.name);
}

uint64_t pool_clock(void) {
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

static void forget_changes(Pool *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(p->changes[i].line);
        p->n_changes -= n;
        memmove(p->changes, p->changes + n, p->n_changes * sizeof *p->changes);
}

void pool_forget_volumes(Pool *p) {
        volume_table_done(&p->table);
        forget_changes(p, p->n_changes);
        free(p->changes);
        p->changes = NULL;
        closep(&p->table_fd);
        p->table_fd = -EBADF;
        p->has_table = false;
        p->deaf_until = 0;
}

static bool stamp_of(const Pool *p, FileStamp *ret) {
        _cleanup_free_ char *path = table_path(p);
        struct stat st;

        if (!path || stat(path, &st) < 0)
                return false;
        file_stamp_of(&st, ret);
        return true;
}

/* It stays open for the next time: whoever watches the folder is told of files that are closed. One that another has
 * taken the place of has no name any more. */
static int open_table(Pool *p, struct stat *st) {
        _cleanup_free_ char *path = NULL;

        if (p->table_fd >= 0 && fstat(p->table_fd, st) >= 0 && st->st_nlink > 0)
                return p->table_fd;
        closep(&p->table_fd);
        path = table_path(p);
        p->table_fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -EBADF;
        return p->table_fd >= 0 && fstat(p->table_fd, st) >= 0 ? p->table_fd : -EBADF;
}

/* So that the next daemon knows too. A file that is another one by now is read, and gets this, when it is looked at
 * next. */
static void append_text(Pool *p, const char *text, size_t len) {
        struct stat st;
        int fd = open_table(p, &st);
        FileStamp now;

        if (fd < 0)
                return;
        file_stamp_of(&st, &now);
        if (!file_stamp_equal(&now, &p->stamp))
                return;
        (void) write_all(fd, text, len);
        if (fstat(fd, &st) < 0)
                return;
        file_stamp_of(&st, &p->stamp);
        p->file_size = st.st_size;
}

static void append(Pool *p, const char *line) {
        _cleanup_free_ char *whole = text_format("%s\n", line);

        if (whole)
                append_text(p, whole, strlen(whole));
}

static int keep_change(Pool *p, const char *line) {
        Change *changes;

        if (p->n_changes == CHANGES_MAX)
                forget_changes(p, CHANGES_MAX / 2);
        changes = reallocarray(p->changes, p->n_changes + 1, sizeof *changes);
        if (!changes)
                return -ENOMEM;
        p->changes = changes;
        changes[p->n_changes] = (Change) { pool_clock(), strdup(line) };
        if (!changes[p->n_changes].line)
                return -ENOMEM;
        p->n_changes++;
        return 0;
}

int pool_learn_lines(Pool *p, char *text) {
        _cleanup_strbuf_ StrBuf news = {};
        char *state = NULL;
        int r = 0;

        if (!p->object.live || !p->has_table)
                return 0;
        for (char *line = strtok_r(text, "\n", &state); line && r >= 0; line = strtok_r(NULL, "\n", &state)) {
                r = volume_table_apply(&p->table, line, strlen(line));
                if (r >= 0 && *line != '=')
                        r = keep_change(p, line);
                strbuf_add(&news, line);
                strbuf_addc(&news, '\n');
        }
        if (r < 0 || news.failed)
                return r < 0 ? r : -ENOMEM;
        append_text(p, news.data, news.len);
        return 0;
}

/* --- a look at the whole --- */

/* The lines of what has come and gone twice are in the file until it is written anew. */
static void compact(Pool *p) {
        _cleanup_free_ char *path = table_path(p);
        off_t needed = 4096;

        /* what is in the making is no line of the file */
        if (p->making)
                return;
        for (size_t i = 0; i < p->table.n; i++)
                needed += (off_t) strlen(p->table.rows[i].line) + 2;
        if (!path || p->file_size < 2 * needed || volume_table_save(&p->table, NULL, path) < 0)
                return;
        (void) stamp_of(p, &p->stamp);
        p->file_size = needed;
}

static bool is_older(const Pool *p, const char *line, uint64_t begun) {
        size_t n = strcspn(line + 1, "\t");

        for (size_t i = 0; i < p->n_changes; i++)
                if (p->changes[i].when >= begun && strncmp(p->changes[i].line + 1, line + 1, n) == 0 &&
                    strchr("\t", p->changes[i].line[1 + n]))
                        return true;
        return false;
}

/* What could not be looked at is no volume; that much is said, as vm-pool says it. */
static void log_note(const Pool *p, const char *note) {
        size_t name = strcspn(note, "\t");

        log_warning("%s: skipping '%.*s': %s", p->object.name, (int) name, note, note[name] ? note + name + 1 : "");
}

int pool_learn_all(Pool *p, char *text, uint64_t begun, bool *ret_parts) {
        _cleanup_strbuf_ StrBuf news = {};
        bool parts = false;
        char *state = NULL;
        int r = 0;

        for (char *line = strtok_r(text, "\n", &state); line && r >= 0; line = strtok_r(NULL, "\n", &state)) {
                if (strchr("+-", *line) && p->n_changes > 0 && is_older(p, line, begun))
                        continue;
                parts |= *line == '~';
                if (*line == '!')
                        log_note(p, line + 1);
                r = volume_table_apply(&p->table, line, strlen(line));
                strbuf_add(&news, line);
                strbuf_addc(&news, '\n');
        }
        if (r < 0 || news.failed)
                return r < 0 ? r : -ENOMEM;
        append_text(p, news.data, news.len);
        compact(p);
        *ret_parts = parts;
        return 0;
}

void pool_set_stale(Pool *p) {
        _cleanup_free_ char *line = text_format("@%" PRIu64 " stale", p->table.begun);

        if (!line || volume_table_apply(&p->table, line, strlen(line)) < 0)
                return;
        append(p, line);
}

bool pool_file_is_own(const Pool *p) {
        FileStamp now;

        return p->has_table && stamp_of(p, &now) && file_stamp_equal(&now, &p->stamp);
}

/* The file is another one: what was learned while it was made comes on top. */
static int load(Pool *p) {
        _cleanup_volume_table_ VolumeTable t = {};
        _cleanup_free_ char *path = table_path(p);
        size_t old = 0;
        int r;

        r = path ? volume_table_load(path, &t) : -ENOMEM;
        if (r < 0)
                return r;
        volume_table_done(&p->table);
        p->table = t;
        t = (VolumeTable) {};
        p->has_table = true;
        while (old < p->n_changes && p->changes[old].when < p->table.begun)
                old++;
        forget_changes(p, old);
        for (size_t i = 0; i < p->n_changes && r >= 0; i++) {
                r = volume_table_apply(&p->table, p->changes[i].line, strlen(p->changes[i].line));
                append(p, p->changes[i].line);
        }
        making_show_all(p);
        return r;
}

int pool_volumes(Pool *p, VolumeTable **ret, Error *e) {
        FileStamp now;
        int r = 0;

        if (!p->object.live)
                return object_refuse(&p->object, e, "storage pool '%s' is not active", p->object.name);
        if (!stamp_of(p, &now))
                return object_refuse(&p->object, e, "storage pool '%s' is not active", p->object.name);
        if (!p->has_table || !file_stamp_equal(&now, &p->stamp)) {
                p->stamp = now;
                r = load(p);
        }
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_STORAGE, "cannot read the volumes of pool '%s'", p->object.name);
        *ret = &p->table;
        return 0;
}

/* --- who is at work --- */

int pool_busy_begin(char ***list, const char *name) {
        return strv_add(list, name);
}

void pool_busy_end(char **list, const char *name) {
        size_t n = strv_length(list);

        for (size_t i = 0; i < n; i++)
                if (streq(list[i], name)) {
                        free(list[i]);
                        list[i] = list[n - 1];
                        list[n - 1] = NULL;
                        return;
                }
}

bool pool_is_writing(const Pool *p, const char *name) {
        return strv_contains(p->writing, name);
}

bool pool_is_reading(const Pool *p, const char *name) {
        return strv_contains(p->reading, name);
}

int pool_refuse_busy(const Pool *p, const char *name, bool also_readers, Error *e) {
        if (pool_is_writing(p, name))
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                                 "volume '%s' is still being allocated.", name);
        if (also_readers && pool_is_reading(p, name))
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_STORAGE, "volume '%s' is still in use.",
                                 name);
        return 0;
}
