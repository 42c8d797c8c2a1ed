/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/instance.h"

#include <dirent.h>

#include "base/strings.h"

uint64_t name_hash(const char *name) {
        uint64_t h = 0xcbf29ce484222325U;

        for (; *name; name++)
                h = (h ^ (unsigned char) *name) * 0x100000001b3U;
        return h;
}

/* The name in "NAME.SUFFIX" that has this hash: names have dots themselves, so each is tried. */
static char *name_in(const char *file, uint64_t hash) {
        for (const char *dot = strrchr(file, '.'); dot && dot > file; dot = memrchr(file, '.', (size_t) (dot - file))) {
                char *name = strndup(file, (size_t) (dot - file));

                if (!name || name_hash(name) == hash)
                        return name;
                free(name);
        }
        return NULL;
}

static int search(const char *folder, uint64_t hash, char **ret) {
        struct dirent *entry;
        char *name = NULL;
        DIR *d;

        d = opendir(folder);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        while (!name && (entry = readdir(d)))
                name = name_in(entry->d_name, hash);
        (void) closedir(d);
        *ret = name;
        return name ? 1 : 0;
}

int instance_to_name(const char *instance, const char *const *folders, char **ret) {
        const char *slash = strrchr(instance, '/');
        uint64_t hash;
        int r = 0;

        if (!slash) {
                *ret = strdup(instance);
                return *ret ? 0 : -ENOMEM;
        }
        if (strlen(slash + 1) != 16 || parse_u64(slash + 1, 16, &hash) < 0)
                return -ENOENT;
        for (; r == 0 && *folders; folders++)
                r = search(*folders, hash, ret);
        return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}
