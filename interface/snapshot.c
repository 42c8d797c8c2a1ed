/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/strings.h"
#include "snapshot.h"
#include "store.h"

#define FILE_LIMIT (16U * 1024U * 1024U)

/* --- what is kept --- */

static const struct {
        const char *name;       /* below the snapshot */
        const char *folder;     /* NULL: definitions */
        bool until_boot;
} kept[] = {
        { "definitions", NULL, false },
        { "networkd", STORE_ETC, false },
        { "networkd-run", STORE_RUN, true },
        { "NetworkManager", "/etc/NetworkManager/system-connections", false },
};

static char *live_folder(size_t i) {
        return kept[i].folder ? store_folder(kept[i].folder) : text_format("%s/interface", path_etc());
}

static char *snapshot_path(const char *part) {
        return text_format("%s/interface/%s", path_lib(), part);
}

static char *saved_path(const char *part) {
        return text_format("%s/interface/begun/%s", path_lib(), part);
}

bool snapshot_is_there(void) {
        _cleanup_free_ char *path = snapshot_path("begun");

        return path && access(path, F_OK) == 0;
}

/* --- trees --- */

static int remove_tree(const char *path);

static int remove_entry(const char *path, const char *name, void *userdata) {
        return remove_tree(path);
}

static int remove_tree(const char *path) {
        struct stat st;
        int r;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode))
                return unlink(path) < 0 ? -errno : 0;
        r = store_each(path, remove_entry, NULL);
        return r < 0 ? r : rmdir(path) < 0 ? -errno : 0;
}

static bool is_same_file(const char *path, const struct stat *now, const char *text, size_t n, const struct stat *st) {
        _cleanup_free_ char *other = NULL;
        size_t n_other = 0;

        return now && S_ISREG(now->st_mode) && now->st_mode == st->st_mode && now->st_uid == st->st_uid &&
               now->st_gid == st->st_gid && file_read(path, FILE_LIMIT, &other, &n_other) >= 0 && n_other == n &&
               memcmp(text, other, n) == 0;
}

static int copy_file(const char *from, const char *to, const struct stat *st, const struct stat *now) {
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        int r = file_read(from, FILE_LIMIT, &text, &n);

        if (r < 0 || is_same_file(to, now, text, n, st))
                return r;
        r = file_write_atomic(to, text, n, st->st_mode & 07777, 0);
        return r < 0 ? r : lchown(to, st->st_uid, st->st_gid) < 0 ? -errno : 0;
}

static int copy_link(const char *from, const char *to) {
        char target[PATH_MAX], now[PATH_MAX];
        ssize_t n = readlink(from, target, sizeof target - 1), m = readlink(to, now, sizeof now - 1);

        if (n < 0)
                return -errno;
        target[n] = '\0';
        if (m == n && memcmp(target, now, (size_t) n) == 0)
                return 0;
        if (unlink(to) < 0 && errno != ENOENT)
                return -errno;
        return symlink(target, to) < 0 ? -errno : fsync_parent(to);
}

static int copy_tree(const char *from, const char *to);

static int copy_entry(const char *path, const char *name, void *userdata) {
        const char *folder = userdata;
        _cleanup_free_ char *to = text_format("%s/%s", folder, name);

        return to ? copy_tree(path, to) : -ENOMEM;
}

/* Removes what is in userdata, the copy, and not in the original. */
typedef struct Extra {
        const char *original;
} Extra;

static int remove_extra(const char *path, const char *name, void *userdata) {
        const Extra *x = userdata;
        _cleanup_free_ char *original = text_format("%s/%s", x->original, name);
        struct stat st;

        if (!original)
                return -ENOMEM;
        return lstat(original, &st) < 0 && errno == ENOENT ? remove_tree(path) : 0;
}

static int copy_folder(const char *from, const char *to, const struct stat *st) {
        Extra x = { from };
        int r;

        if (mkdir(to, st->st_mode & 07777) < 0 && errno != EEXIST)
                return -errno;
        r = store_each(from, copy_entry, (void *) to);
        if (r >= 0)
                r = store_each(to, remove_extra, &x);
        if (r >= 0 && (lchown(to, st->st_uid, st->st_gid) < 0 || chmod(to, st->st_mode & 07777) < 0))
                r = -errno;
        return r < 0 ? r : fsync_parent(to);
}

/* Makes to what from is: files, links to files (a mask is one) and folders. Other things are left where they are. */
static int copy_tree(const char *from, const char *to) {
        struct stat st, now;
        bool there;

        if (lstat(from, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        there = lstat(to, &now) >= 0;
        if (there && (st.st_mode & S_IFMT) != (now.st_mode & S_IFMT)) {
                int r = remove_tree(to);

                if (r < 0)
                        return r;
                there = false;
        }
        if (S_ISDIR(st.st_mode))
                return copy_folder(from, to, &st);
        if (S_ISLNK(st.st_mode))
                return copy_link(from, to);
        return S_ISREG(st.st_mode) ? copy_file(from, to, &st, there ? &now : NULL) : 0;
}

/* --- links --- */

static int write_links(const char *path) {
        struct if_nameindex *list = if_nameindex();
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        if (!list || fd < 0)
                return -errno;
        for (const struct if_nameindex *i = list; i->if_index > 0; i++) {
                struct ifreq request = {};

                (void) snprintf(request.ifr_name, sizeof request.ifr_name, "%s", i->if_name);
                if (ioctl(fd, SIOCGIFFLAGS, &request) >= 0)
                        strbuf_addf(&b, "%s %d\n", i->if_name, request.ifr_flags & IFF_UP ? 1 : 0);
        }
        if_freenameindex(list);
        text = strbuf_take(&b);
        return text ? file_write_atomic(path, text, strlen(text), 0600, 0) : -ENOMEM;
}

int snapshot_link(const char *name) {
        _cleanup_free_ char *path = saved_path("links"), *text = NULL;
        char *rest, *line;
        int r = path ? file_read(path, FILE_LIMIT, &text, NULL) : -ENOMEM;

        if (r < 0)
                return r;
        for (rest = text; (line = strsep(&rest, "\n"));) {
                const char *state = startswith(line, name);

                if (state && *state == ' ')
                        return state[1] == '1';
        }
        return -ENOENT;
}

int snapshot_links_up(char ***ret) {
        _cleanup_free_ char *path = saved_path("links"), *text = NULL;
        _cleanup_strv_ char **list = NULL;
        char *rest, *line;
        int r = path ? file_read(path, FILE_LIMIT, &text, NULL) : -ENOMEM;

        for (rest = text; r >= 0 && (line = strsep(&rest, "\n"));) {
                char *state = strchr(line, ' ');

                if (!state || !streq(state, " 1"))
                        continue;
                *state = '\0';
                r = strv_add(&list, line);
        }
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

bool snapshot_has_definition(const char *name) {
        _cleanup_free_ char *folder = saved_path("definitions"), *then = NULL, *now = NULL,
                            *saved = folder ? text_format("%s/%s.xml", folder, name) : NULL,
                            *live = text_format("%s/interface/%s.xml", path_etc(), name);

        return saved && live && file_read(saved, FILE_LIMIT, &then, NULL) >= 0 &&
               file_read(live, FILE_LIMIT, &now, NULL) >= 0 && streq(then, now);
}

/* --- notes --- */

int snapshot_note(const char *key, const char *value) {
        _cleanup_free_ char *path = saved_path(key);

        return path ? file_write_atomic(path, value, strlen(value), 0600, 0) : -ENOMEM;
}

char *snapshot_noted(const char *key) {
        _cleanup_free_ char *path = saved_path(key);
        char *text = NULL;

        return path && file_read(path, FILE_LIMIT, &text, NULL) >= 0 ? text : strdup("");
}

static char *boot_id(void) {
        int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        char text[64] = "";
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (fd >= 0)
                close(fd);
        return n > 0 ? strndup(text, strcspn(text, "\n")) : NULL;
}

bool snapshot_is_old(void) {
        _cleanup_free_ char *now = boot_id(), *then = snapshot_noted("boot");

        return now && then && !streq(now, then);
}

/* --- the snapshot --- */

static int fill(const char *folder) {
        _cleanup_free_ char *links = text_format("%s/links", folder), *boot = text_format("%s/boot", folder),
                            *id = boot_id();
        int r = links && boot && id ? write_links(links) : -ENOMEM;

        if (r >= 0)
                r = file_write_atomic(boot, id, strlen(id), 0600, 0);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(kept); i++) {
                _cleanup_free_ char *to = text_format("%s/%s", folder, kept[i].name), *from = live_folder(i);

                r = from && to ? copy_tree(from, to) : -ENOMEM;
        }
        return r;
}

int snapshot_take(Error *e) {
        _cleanup_free_ char *folder = snapshot_path("new"), *final = snapshot_path("begun"),
                            *above = text_format("%s/interface", path_lib());
        int r;

        if (snapshot_is_there())
                return error_set(e, -EEXIST, ERROR_OPERATION_INVALID, ORIGIN_INTERFACE,
                                 "changes of interfaces have begun already: they need a commit or a rollback first");
        r = folder && final && above ? mkdir_p(above, 0700) : -ENOMEM;
        if (r >= 0)
                r = remove_tree(folder);
        if (r >= 0)
                r = mkdir(folder, 0700) < 0 ? -errno : fill(folder);
        if (r >= 0 && rename(folder, final) < 0)
                r = -errno;
        if (r >= 0)
                r = fsync_parent(final);
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot save the configuration of interfaces") : 0;
}

/* Away with one rename, so that no part of it is ever taken for the whole. */
int snapshot_drop(Error *e) {
        _cleanup_free_ char *folder = snapshot_path("begun"), *away = snapshot_path("old");
        int r;

        if (!snapshot_is_there())
                return error_set(e, -ENOENT, ERROR_OPERATION_INVALID, ORIGIN_INTERFACE,
                                 "no changes of interfaces have begun");
        r = folder && away ? remove_tree(away) : -ENOMEM;
        if (r >= 0 && rename(folder, away) < 0)
                r = -errno;
        if (r >= 0)
                r = fsync_parent(away);
        if (r >= 0)
                r = remove_tree(away);
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot forget the saved configuration") : 0;
}

int snapshot_restore_files(bool old, Error *e) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(kept); i++) {
                _cleanup_free_ char *from = saved_path(kept[i].name), *to = live_folder(i);

                if (!from || !to)
                        return -ENOMEM;
                if (old && kept[i].until_boot)
                        continue;
                /* a folder that was not there is emptied: programs watch it */
                r = access(from, F_OK) == 0 ? copy_tree(from, to) : store_each(to, remove_entry, NULL);
                if (r < 0)
                        (void) error_set_errno(e, r, ORIGIN_INTERFACE, "cannot restore %s", to);
        }
        return r;
}
