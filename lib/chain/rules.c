/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which files may be backing files without a word in the definition or the record. */

#include <dirent.h>

#include "base/fs.h"
#include "chain-internal.h"
#include "host/image.h"
#include "model/definition.h"

/* --- places --- */

static bool is_below(const char *path, const char *folder) {
        size_t n = strlen(folder);

        while (n > 0 && folder[n - 1] == '/')
                n--;
        return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* The same where links lead. */
static bool is_really_below(const char *real, const char *folder) {
        _cleanup_free_ char *resolved = realpath(folder, NULL);

        return resolved && strlen(resolved) > 1 && is_below(real, resolved);
}

static bool is_forbidden(const char *real) {
        static const char *const never[] = { "/proc", "/sys", "/dev", "/etc", "/run" };

        for (size_t i = 0; i < ELEMENTSOF(never); i++)
                if (is_below(real, never[i]))
                        return true;
        return false;
}

static bool is_same_folder(const char *real, const char *folder) {
        size_t n = (size_t) (strrchr(real, '/') - real);

        return streq(folder, "/") ? n == 0 : strlen(folder) == n && strncmp(folder, real, n) == 0;
}

/* The folder of the image, and where the image really is. The latter was learned when it was opened, which on some
 * file systems root could not do. */
static bool is_in_folder_of(const char *real, const char *image, const char *image_real) {
        const char *paths[] = { image, image_real };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *folder = NULL, *at = NULL;
                const char *slash = strrchr(paths[i], '/');

                folder = slash ? strndup(paths[i], (size_t) MAX(slash - paths[i], 1)) : NULL;
                at = folder ? realpath(folder, NULL) : NULL;
                if (at ? is_same_folder(real, at) : folder && paths[i] == image_real && is_same_folder(real, folder))
                        return true;
        }
        return false;
}

/* --- storage pools --- */

typedef struct Search {
        const char *real;
        bool found;
        Chain *chain;
        int r;
} Search;

typedef void (*FileVisitor)(const char *path, Search *s);

/* Calls visit for each NAME.xml in a folder; a folder that is not there has none. */
static void for_each_document(const char *folder, FileVisitor visit, Search *s) {
        DIR *d = opendir(folder);

        for (struct dirent *entry; d && !s->found && s->r >= 0 && (entry = readdir(d));) {
                _cleanup_free_ char *path = NULL;

                if (!endswith(entry->d_name, ".xml"))
                        continue;
                path = text_format("%s/%s", folder, entry->d_name);
                if (path)
                        visit(path, s);
                else
                        s->r = -ENOMEM;
        }
        if (d)
                closedir(d);
}

/* The folder of a pool; NULL where it has none. */
static char *pool_folder(const char *path) {
        _cleanup_free_ char *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        const char *target;
        size_t len;

        if (file_read(path, XML_MAX_BYTES, &text, &len) < 0 || xml_parse(text, len, path, "pool", &doc, NULL) < 0)
                return NULL;
        target = xml_get(xmlDocGetRootElement(doc), "target/path");
        return target && *target == '/' ? strdup(target) : NULL;
}

static void visit_pool(const char *path, Search *s) {
        _cleanup_free_ char *folder = pool_folder(path);

        s->found = folder && is_really_below(s->real, folder);
}

static int is_in_pool(Chain *c, const char *real, bool *ret) {
        const char *const tops[] = { path_etc(), path_run() };
        Search s = { .real = real, .chain = c };

        for (size_t i = 0; i < ELEMENTSOF(tops); i++) {
                _cleanup_free_ char *folder = text_format("%s/storage", tops[i]);

                if (!folder)
                        return -ENOMEM;
                for_each_document(folder, visit_pool, &s);
        }
        *ret = s.found;
        return s.r;
}

static int is_storage(Chain *c, const char *image, const char *image_real, const char *real, bool *ret) {
        _cleanup_free_ char *images = text_format("%s/images", path_lib());

        if (!images)
                return -ENOMEM;
        *ret = is_in_folder_of(real, image, image_real) || is_really_below(real, images);
        for (char *const *f = c->folders; !*ret && f && *f; f++)
                *ret = is_really_below(real, *f);
        return *ret ? 0 : is_in_pool(c, real, ret);
}

/* --- images of other guests --- */

static int add_writer(Chain *c, const char *path, const char *guest) {
        ChainWriter *writers;
        ImageFile file;

        if (!path || *path != '/' || image_identify(path, &file) < 0 || file.block)
                return 0;
        writers = reallocarray(c->writers, c->n_writers + 1, sizeof(ChainWriter));
        if (!writers)
                return -ENOMEM;
        c->writers = writers;
        writers[c->n_writers] = (ChainWriter) { file.dev, file.ino, strdup(guest) };
        return writers[c->n_writers++].guest ? 0 : -ENOMEM;
}

/* A volume of a pool that is a folder, of which its guest's definition says the names alone. */
static int add_volume(Chain *c, const xmlNode *source, const char *guest) {
        const char *const tops[] = { path_etc(), path_run() };
        const char *pool = xml_attr(source, "pool"), *volume = xml_attr(source, "volume");
        int r = 0;

        if (!pool || !volume || strchr(pool, '/'))
                return 0;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(tops); i++) {
                _cleanup_free_ char *file = text_format("%s/storage/%s.xml", tops[i], pool), *folder = NULL,
                                    *path = NULL;

                folder = file ? pool_folder(file) : NULL;
                path = folder ? text_format("%s/%s", folder, volume) : NULL;
                r = file ? add_writer(c, path, guest) : -ENOMEM;
        }
        return r;
}

static int add_disk(Chain *c, const xmlNode *disk, const char *guest) {
        if (xml_child(disk, "readonly") || xml_attr_is(disk, "device", "cdrom"))
                return 0;
        return xml_attr_is(disk, "type", "volume") ? add_volume(c, xml_child(disk, "source"), guest)
                                                   : add_writer(c, disk_path(disk), guest);
}

static void visit_guest(const char *path, Search *s) {
        _cleanup_definition_ Definition *d = NULL;
        const char *guest;

        if (definition_load(path, DEFINITION_UNCHECKED, &d, NULL) < 0 || streq(definition_name(d), s->chain->name))
                return;
        guest = definition_name(d);
        XML_FOREACH(disk, definition_devices(d), "disk")
                s->r = s->r < 0 ? s->r : add_disk(s->chain, disk, guest);
        XML_FOREACH(memory, definition_devices(d), "memory")
                s->r = s->r < 0 ? s->r : add_writer(s->chain, xml_get(memory, "source/path"), guest);
        if (s->r >= 0)
                s->r = add_writer(s->chain, definition_nvram(d), guest);
}

static int find_writers(Chain *c) {
        _cleanup_free_ char *persistent = text_format("%s/qemu", path_etc());
        _cleanup_free_ char *transient = text_format("%s/qemu/transient", path_run());
        /* what was plugged in since a start */
        _cleanup_free_ char *live = text_format("%s/qemu", path_run());
        Search s = { .chain = c };

        if (!persistent || !transient || !live)
                return -ENOMEM;
        for_each_document(persistent, visit_guest, &s);
        for_each_document(transient, visit_guest, &s);
        for_each_document(live, visit_guest, &s);
        c->writers_known = s.r >= 0;
        return s.r;
}

static const char *writer_of(Chain *c, const struct stat *st) {
        for (size_t i = 0; i < c->n_writers; i++)
                if (c->writers[i].dev == st->st_dev && c->writers[i].ino == st->st_ino)
                        return c->writers[i].guest;
        return NULL;
}

/* --- all together --- */

int chain_judge(Chain *c, const char *image, const char *image_real, const char *real, const struct stat *st,
                char **ret) {
        const char *why = NULL, *writer = NULL;
        bool storage = false;
        int r = 0;

        if (!S_ISREG(st->st_mode))
                why = "is no regular file";
        else if (is_forbidden(real))
                why = "is no place for images";
        else if (strstr(real, "/."))
                why = "is hidden";
        else {
                r = is_storage(c, image, image_real, real, &storage);
                if (r >= 0 && !storage)
                        why = "is in no storage folder";
        }
        if (r >= 0 && !why && !c->writers_known)
                r = find_writers(c);
        if (r >= 0 && !why)
                writer = writer_of(c, st);
        if (r < 0)
                return r;
        *ret = writer ? text_format("is written to by the guest '%s'", writer) : why ? strdup(why) : NULL;
        return (writer || why) && !*ret ? -ENOMEM : 0;
}
