/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/interface.h"
#include "store.h"

#define FILE_LIMIT (1024U * 1024U)

char *store_folder(const char *folder) {
        return text_format("%s%s", getenv("UNITVIRT_HOST") ?: "", folder);
}

int store_each(const char *folder, int (*f)(const char *path, const char *name, void *userdata), void *userdata) {
        _cleanup_strv_ char **names = NULL;
        DIR *dir = opendir(folder);
        int r = 0;

        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (const struct dirent *de = readdir(dir); de && r >= 0; de = readdir(dir))
                if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
                        r = strv_add(&names, de->d_name);
        closedir(dir);
        for (char **name = names; name && *name && r >= 0; name++) {
                _cleanup_free_ char *path = text_format("%s/%s", folder, *name);

                r = path ? f(path, *name, userdata) : -ENOMEM;
        }
        return r < 0 ? r : 0;
}

/* --- definitions --- */

int store_save(const Definition *d, Error *e) {
        _cleanup_free_ char *path = interface_definition_path(definition_name(d)), *text = NULL,
                            *folder = text_format("%s/interface", path_etc());
        int r = definition_format(d, DEFINITION_FORMAT_INACTIVE, &text);

        if (r >= 0)
                r = path && folder ? mkdir_p(folder, 0755) : -ENOMEM;
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0644, 0);
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot write %s", path ?: "a definition") : 0;
}

int store_remove(const char *interface, Error *e) {
        _cleanup_free_ char *path = interface_definition_path(interface);
        int r = path ? file_remove(path) : -ENOMEM;

        if (r >= 0)
                r = fsync_parent(path);
        return r < 0 && r != -ENOENT
                       ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot remove %s", path ?: interface)
                       : 0;
}

/* --- files of networkd --- */

typedef struct Search {
        char *mark;
        const NetworkdFiles *keep;
        const char *folder;
        int (*found)(const char *path, const char *name, void *userdata);
        bool within;            /* a folder of drop-ins */
} Search;

static bool is_marked(const char *path, const char *mark) {
        _cleanup_free_ char *text = NULL;

        return file_read(path, FILE_LIMIT, &text, NULL) >= 0 && startswith(text, mark);
}

static int look_at(const char *path, const char *name, void *userdata) {
        Search *s = userdata;
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISDIR(st.st_mode) && !s->within && endswith(name, ".d")) {
                Search below = *s;

                below.within = true;
                return store_each(path, look_at, &below);
        }
        return S_ISREG(st.st_mode) && is_marked(path, s->mark) ? s->found(path, name, s) : 0;
}

static int find_files(const char *folder, const char *interface, const NetworkdFiles *keep,
                      int (*found)(const char *path, const char *name, void *userdata)) {
        Search s = { .keep = keep, .found = found, .mark = networkd_mark(interface) };
        _cleanup_free_ char *mark = s.mark, *path = store_folder(folder);

        return path && mark ? store_each(path, look_at, &s) : -ENOMEM;
}

/* A folder that only had this file goes with it, and the file that was made for the folder. */
static int remove_file(const char *path) {
        _cleanup_free_ char *folder = strdup(path);
        const char *name;

        if (!folder)
                return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        *strrchr(folder, '/') = '\0';
        if (!endswith(folder, ".d") || rmdir(folder) < 0)
                return fsync_parent(path);
        name = strrchr(folder, '/') + 1;
        if (startswith(name, NETWORKD_LOWER_PREFIX)) {
                folder[strlen(folder) - strlen(".d")] = '\0';
                (void) unlink(folder);
        }
        return fsync_parent(folder);
}

/* Drop-ins are always written anew: what they belong to may be another file now. */
static int remove_unless_kept(const char *path, const char *name, void *userdata) {
        const Search *s = userdata;

        for (size_t i = 0; s->keep && i < s->keep->n; i++)
                if (!s->within && !s->keep->list[i].lower && streq(s->keep->list[i].name, name))
                        return 0;
        return remove_file(path);
}

int store_forget(const char *folder, const char *interface, Error *e) {
        int r = find_files(folder, interface, NULL, remove_unless_kept);

        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot remove files of '%s' in %s", interface, folder)
                     : 0;
}

/* The file that networkd configures a link by, as it says itself; the name alone, NULL where there is none. */
static char *file_in_use(const char *link) {
        _cleanup_free_ char *state = NULL, *text = NULL;
        unsigned index = if_nametoindex(link);
        char *line, *rest;

        state = index > 0 ? text_format("%s/netif/links/%u", "/run/systemd", index) : NULL;
        if (!state || file_read(state, FILE_LIMIT, &text, NULL) < 0)
                return NULL;
        for (rest = text; (line = strsep(&rest, "\n"));)
                if (startswith(line, "NETWORK_FILE=") && strchr(line, '/'))
                        return strdup(strrchr(line, '/') + 1);
        return NULL;
}

static bool has_file(const char *folder, const char *name) {
        _cleanup_free_ char *path = store_folder(folder), *file = path ? text_format("%s/%s", path, name) : NULL;

        return file && access(file, F_OK) == 0;
}

/* What a vlan's drop-in belongs to: our own file of the link below it, the one that networkd uses, or one that leaves
 * the link as it is. */
static int lower_file(const char *folder, const char *lower, char **ret) {
        _cleanup_free_ char *own = text_format(NETWORKD_PREFIX "%s.network", lower), *path = NULL, *text = NULL,
                            *root = store_folder(folder);

        if (!own || !root)
                return -ENOMEM;
        if (has_file(STORE_ETC, own) || has_file(STORE_RUN, own)) {
                *ret = TAKE_PTR(own);
                return 0;
        }
        *ret = file_in_use(lower);
        if (*ret)
                return 0;
        *ret = text_format(NETWORKD_LOWER_PREFIX "%s.network", lower);
        path = *ret ? text_format("%s/%s", root, *ret) : NULL;
        text = text_format("[Match]\nName=%s\n\n[Network]\nKeepConfiguration=yes\nLinkLocalAddressing=no\n"
                           "IPv6AcceptRA=no\n", lower);
        return path && text ? file_write_atomic(path, text, strlen(text), 0644, 0) : -ENOMEM;
}

static int write_file(const char *folder, const NetworkdFile *f) {
        _cleanup_free_ char *root = store_folder(folder), *path = NULL, *file = NULL, *below = NULL;
        int r;

        r = root ? mkdir_p(root, 0755) : -ENOMEM;
        if (r >= 0 && f->lower) {
                r = lower_file(folder, f->lower, &file);
                below = file ? text_format("%s/%s.d", root, file) : NULL;
                if (r >= 0)
                        r = below ? mkdir_p(below, 0755) : -ENOMEM;
        }
        if (r < 0)
                return r;
        path = text_format("%s/%s", f->lower ? below : root, f->name);
        return path ? file_write_atomic(path, f->text, strlen(f->text), 0644, 0) : -ENOMEM;
}

int store_write(const char *folder, const char *interface, const NetworkdFiles *files, Error *e) {
        int r;

        r = find_files(folder, interface, files, remove_unless_kept);
        for (size_t i = 0; r >= 0 && i < files->n; i++)
                r = write_file(folder, &files->list[i]);
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot write files of '%s' to %s", interface, folder)
                     : 0;
}

/* --- without effect --- */

static int hold_file(const char *path, const char *name, void *userdata) {
        const Search *s = userdata;
        _cleanup_free_ char *root = store_folder(STORE_RUN), *folder = root ? text_format("%s/%s.d", root, name) : NULL,
                            *file = folder ? text_format("%s/" STORE_HELD, folder) : NULL,
                            *text = text_format("%s[Match]\nKernelCommandLine=unitvirt.never-started\n", s->mark);
        int r;

        if (s->within)
                return 0;
        r = file && text ? mkdir_p(folder, 0755) : -ENOMEM;
        return r < 0 ? r : file_write_atomic(file, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
}

int store_hold(const char *interface, Error *e) {
        int r = find_files(STORE_ETC, interface, NULL, hold_file);

        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot hold back the files of '%s'", interface) : 0;
}

static int release_file(const char *path, const char *name, void *userdata) {
        const Search *s = userdata;

        return s->within && streq(name, STORE_HELD) ? remove_file(path) : 0;
}

int store_release(const char *interface, Error *e) {
        int r = find_files(STORE_RUN, interface, NULL, release_file);

        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot release the files of '%s'", interface) : 0;
}

bool store_in_force(const char *interface) {
        _cleanup_free_ char *file = text_format(NETWORKD_PREFIX "%s.network", interface),
                            *held = text_format("%s.d/" STORE_HELD, file ?: "");

        return file && held && (has_file(STORE_ETC, file) || has_file(STORE_RUN, file)) && !has_file(STORE_RUN, held);
}
