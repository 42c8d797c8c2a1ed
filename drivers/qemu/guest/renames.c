/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "guest/renames.h"

#include <dirent.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "guest/guest.h"
#include "object/store.h"
#include "object/unit.h"

#define FOLDER "qemu/renames"
#define SUFFIX ".from"
#define NAME_LIMIT 4096U
#define DEFINITION_LIMIT (16U << 20)

static char *record_of(const char *name) {
        return text_format("%s/" FOLDER "/%s" SUFFIX, path_lib(), name);
}

int renames_note(const char *name, const char *old, Error *e) {
        _cleanup_free_ char *path = record_of(name), *folder = text_format("%s/" FOLDER, path_lib());
        int r = path && folder ? mkdir_p(folder, 0700) : -ENOMEM;

        if (r >= 0)
                r = file_write_atomic(path, old, strlen(old), 0600, 0);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot note the rename of '%s' to '%s'", old, name) : 0;
}

void renames_forget(const char *name) {
        _cleanup_free_ char *path = record_of(name);

        if (path)
                (void) unlink(path);
}

int renames_remove_old(ObjectIndex *guests, const char *old, Error *e) {
        int r, links;

        links = object_unit_forget(guests, old, e);
        r = object_unlink(guests->kind, STORE_PERSISTENT, old, e);
        object_remove_dropin(guests, old, false);
        return r < 0 ? r : links;
}

/* 0 where there is no such definition, or none with a uuid. */
static int uuid_in(const char *name, uint8_t ret[16]) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_PERSISTENT, name), *text = NULL, *called = NULL;
        bool has_uuid = false;
        size_t len;
        int r = path ? file_read(path, DEFINITION_LIMIT, &text, &len) : -ENOMEM;

        if (r >= 0)
                r = definition_peek(text, len, path, &called, ret, &has_uuid, NULL);
        return r >= 0 && has_uuid;
}

/* Both definitions are there: the guest was to get the new name. A file that somebody made since is another guest's. */
static int finish(ObjectIndex *guests, const char *name, const char *old, Error *e) {
        uint8_t new_uuid[16], old_uuid[16];
        int r = 0;

        if (!uuid_in(name, new_uuid) || !uuid_in(old, old_uuid) || memcmp(new_uuid, old_uuid, 16) != 0)
                return 0;
        if (object_autostart_of(guests, old))
                r = object_autostart_switch_name(guests, name, true, e);
        if (r >= 0)
                r = renames_remove_old(guests, old, e);
        if (r >= 0)
                log_notice("domain '%s' is called '%s' now: the daemon ended in the middle of that", old, name);
        return r;
}

static void finish_record(ObjectIndex *guests, const char *name) {
        _cleanup_free_ char *path = record_of(name), *old = NULL;
        _cleanup_error_ Error e = {};
        int r = path ? file_read(path, NAME_LIMIT, &old, NULL) : -ENOMEM;

        if (r >= 0 && *old && !strchr(old, '/'))
                r = finish(guests, name, old, &e);
        if (r >= 0)
                renames_forget(name);
        else
                log_warning("cannot end the rename of '%s' to '%s': %s", old ?: "a guest", name,
                            e.message ?: strerror(-r));
}

void renames_finish(ObjectIndex *guests) {
        _cleanup_free_ char *folder = text_format("%s/" FOLDER, path_lib());
        _cleanup_strv_ char **names = NULL;
        DIR *dir = folder ? opendir(folder) : NULL;
        int r = 0;

        for (const struct dirent *de = dir ? readdir(dir) : NULL; de && r >= 0; de = readdir(dir)) {
                const char *end = endswith(de->d_name, SUFFIX);

                if (end)
                        r = strv_addf(&names, "%.*s", (int) (end - de->d_name), de->d_name);
        }
        if (dir)
                closedir(dir);
        for (char **name = names; name && *name; name++)
                finish_record(guests, *name);
}
