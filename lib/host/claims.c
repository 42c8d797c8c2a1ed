/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/claims.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/keyfile.h"
#include "base/strings.h"
#include "host/undo.h"

#define LIST_MAX (4U * 1024 * 1024)

/* What a claim's value begins with. */
#define ALONE "alone "
#define SHARED "shared "

/* Is that a claim that is in the way of this one? */
static bool is_in_the_way(const char *key, const char *value, const char *thing, bool shared) {
        const char *rest = startswith(key, UNDO_CLAIM), *others = startswith(value, SHARED);

        if (!rest || (*rest && *rest != '@') || (others && shared))
                return false;
        others = others ?: startswith(value, ALONE);
        return others && streq(others, thing);
}

/* Which of what the claim is about that list has, the thing itself before what is near it; NULL. */
static const char *find_in(char *text, const Claim *c) {
        const char *found = NULL;

        for (char *line; (line = strsep(&text, "\n")) && text;) {
                char *value;

                if (keyfile_parse_line(line, &value) < 0)
                        continue;
                if (is_in_the_way(line, value, c->thing, c->shared))
                        return c->thing;
                for (const char *const *n = c->near; n && *n; n++)
                        if (is_in_the_way(line, value, *n, false))
                                found = *n;
        }
        return found;
}

static int look_into(const char *folder, const char *file, const Claim *c, const char **ret) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, file), *text = NULL;
        int r = path ? file_read(path, LIST_MAX, &text, NULL) : -ENOMEM;

        *ret = r >= 0 ? find_in(text, c) : NULL;
        return r == -ENOENT ? 0 : r; /* which has gone meanwhile */
}

static int check(const char *folder, const char *name, const Claim *c, char **ret_thing, char **ret_owner) {
        DIR *dir = opendir(folder);
        struct dirent *d;
        int r = 0;

        if (!dir)
                return -errno;
        while (r >= 0 && (d = readdir(dir))) {
                _cleanup_free_ char *other = guest_file_guest(GUEST_FILE_UNDO, d->d_name);
                const char *thing = NULL;

                if (!other || streq(other, name))
                        continue;
                r = look_into(folder, d->d_name, c, &thing);
                if (!thing)
                        continue;
                *ret_thing = strdup(thing);
                *ret_owner = TAKE_PTR(other);
                r = *ret_thing ? -EBUSY : -ENOMEM;
        }
        closedir(dir);
        return r;
}

int claim_device(const char *name, const char *device, const Claim *c, char **ret_thing, char **ret_owner) {
        _cleanup_free_ char *folder = text_format("%s/qemu", path_run()), *value = NULL;
        _cleanup_close_ int lock = -EBADF;
        int r;

        *ret_thing = *ret_owner = NULL;
        value = text_format("%s%s", c->shared ? SHARED : ALONE, c->thing);
        if (!folder || !value)
                return -ENOMEM;
        /* of two who want it at the same time one comes first */
        lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (lock < 0 || flock(lock, LOCK_EX) < 0)
                return -errno;
        r = check(folder, name, c, ret_thing, ret_owner);
        return r < 0 ? r : undo_add_for(name, device, UNDO_CLAIM, value);
}

int claim_return(const char *value) {
        return 0;
}
