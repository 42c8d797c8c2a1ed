/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guests whose disks lie in a pool that is defined, moved or undefined: their units are ordered anew. The daemon of the
 * guests may not be there, and who starts them need be none of its clients. */

#include "storage.h"

#include <dirent.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan/kind.h"
#include "plan/pools.h"

static void correct(ObjectIndex *i, const char *path, const Definition *before, const Definition *after) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *text = NULL;
        size_t n;

        if (file_read(path, XML_MAX_BYTES, &text, &n) < 0 ||
            (!(before && pool_place_may_be_in(before, text)) && !(after && pool_place_may_be_in(after, text))) ||
            definition_parse_as(&document_domain, text, n, path, 0, &d, NULL) < 0)
                return;
        (void) object_correct_dropin(i, d);
        (void) fiber_yield();
}

void pool_correct_guests(ObjectIndex *i, const Definition *before, const Definition *after) {
        _cleanup_free_ char *folder = text_format("%s/%s", path_etc(), plan_kind_of_unit(&unit_guest)->folder);
        struct dirent *entry;
        DIR *d;

        if (pool_places_equal(before, after))
                return;
        d = folder ? opendir(folder) : NULL;
        while (d && (entry = readdir(d))) {
                _cleanup_free_ char *path = endswith(entry->d_name, ".xml") && entry->d_name[0] != '.'
                                                    ? text_format("%s/%s", folder, entry->d_name)
                                                    : NULL;

                if (path)
                        correct(i, path, before, after);
        }
        if (d)
                (void) closedir(d);
}
