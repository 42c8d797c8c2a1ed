/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "storage/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"

#define LINKS_MAX 40U           /* the kernel's own limit */
#define MOUNTINFO_MAX (16U << 20)

/* --- by words --- */

static int append(StrBuf *b, const char *name, size_t n) {
        strbuf_addc(b, '/');
        strbuf_addn(b, name, n);
        return b->failed ? -ENOMEM : 0;
}

static void go_up(StrBuf *b) {
        while (b->len > 0 && b->data[--b->len] != '/')
                ;
        if (b->data)
                b->data[b->len] = '\0';
}

/* The next name of a path: its length; 0 at the end. */
static size_t next_name(const char **p) {
        *p += strspn(*p, "/");
        return strcspn(*p, "/");
}

static bool is_dots(const char *name, size_t n, size_t dots) {
        return n == dots && strncmp(name, "..", n) == 0;
}

char *folder_plain(const char *path) {
        StrBuf b = {};

        for (size_t n; (n = next_name(&path)) > 0; path += n)
                if (is_dots(path, n, 2))
                        go_up(&b);
                else if (!is_dots(path, n, 1))
                        (void) append(&b, path, n);
        return strbuf_take(&b);
}

bool folder_is_inside(const char *a, const char *b) {
        const char *rest = startswith(a, b);

        return rest && *rest == '/';
}

/* --- mounts --- */

static bool may_be_mute(const char *type) {
        static const char *const types[] = { "nfs",  "nfs4",   "cifs",   "smb3", "smbfs", "9p",     "virtiofs",
                                             "ceph", "autofs", "lustre", "afs",  "coda",  "beegfs", "orangefs" };

        if (startswith(type, "fuse"))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(type, types[i]))
                        return true;
        return false;
}

/* "\040" is a blank. */
static void unescape(char *s) {
        char *to = s;

        for (; *s; to++)
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
                        *to = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 4;
                } else
                        *to = *s++;
        *to = '\0';
}

/* "36 35 98:0 / /mnt rw,noatime master:1 - nfs4 host:/dir rw": the fifth, and what follows the hyphen */
static int take_mount(char *line, char ***ret) {
        char *type = strstr(line, " - "), *point = line, *state = NULL;

        for (unsigned i = 0; i < 4 && point; i++)
                point = (point = strchr(point, ' ')) ? point + 1 : NULL;
        if (!type || !point || point > type)
                return 0;
        type = strtok_r(type + 3, " ", &state);
        if (!type || !may_be_mute(type))
                return 0;
        point[strcspn(point, " ")] = '\0';
        unescape(point);
        return strv_add(ret, point);
}

int folder_mute_mounts(char ***ret) {
        _cleanup_strv_ char **points = NULL;
        _cleanup_free_ char *text = NULL;
        char *state = NULL;
        int r = file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);

        for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &state); line && r >= 0;
             line = strtok_r(NULL, "\n", &state))
                r = take_mount(line, &points);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(points);
        return 0;
}

static bool is_mute(const char *place, char *const *mute) {
        for (; mute && *mute; mute++)
                if (streq(place, *mute) || folder_is_inside(place, *mute))
                        return true;
        return false;
}

/* --- places --- */

typedef struct Way {
        StrBuf done;            /* where it is by now: no link is in it */
        char *rest;             /* what is still to go */
        unsigned n_links;
        bool there;
} Way;

static void way_done(Way *w) {
        strbuf_done(&w->done);
        free(w->rest);
}

/* What it leads to is in front of what is still to go. */
static int follow(Way *w, const char *target, const char *rest) {
        char *both;

        if (w->n_links++ == LINKS_MAX)
                return -ELOOP;
        both = text_format("%s/%s", target, rest);
        if (!both)
                return -ENOMEM;
        free(w->rest);
        w->rest = both;
        if (*target == '/')
                strbuf_done(&w->done);
        else
                go_up(&w->done);
        return 1;
}

/* 1: rest is another one now. */
static int enter(Way *w, const char *name, size_t n, char *const *mute) {
        char target[PATH_MAX];
        ssize_t length;
        int r;

        r = append(&w->done, name, n);
        if (r < 0 || !w->there || is_mute(w->done.data, mute))
                return r;
        length = readlink(w->done.data, target, sizeof target - 1);
        if (length < 0) {
                w->there = errno != ENOENT && errno != ENOTDIR;
                return 0;
        }
        target[length] = '\0';
        return follow(w, target, name + n);
}

int folder_place(const char *path, char *const *mute, char **ret, bool *ret_there) {
        _cleanup_(way_done) Way w = { .rest = strdup(path), .there = true };
        const char *p = w.rest;
        size_t n;

        if (!p)
                return -ENOMEM;
        while ((n = next_name(&p)) > 0) {
                int r = 0;

                if (is_dots(p, n, 2)) {
                        go_up(&w.done);
                        w.there = true;
                } else if (!is_dots(p, n, 1))
                        r = enter(&w, p, n, mute);
                if (r < 0)
                        return r;
                p = r > 0 ? w.rest : p + n;
        }
        *ret = strbuf_take(&w.done);
        *ret_there = w.there;
        return *ret ? 0 : -ENOMEM;
}
