/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mark of this host on volumes in the making; apart from all else, for vm-look. */

#include "base/fs.h"
#include "base/instance.h"
#include "base/strings.h"
#include "storage/scan.h"

char *volume_part_suffix(void) {
        _cleanup_free_ char *id = NULL;

        if (file_read("/etc/machine-id", 64, &id, NULL) < 0 && !(id = strdup("")))
                return NULL;
        return text_format(".%08x" VOLUME_PART_SUFFIX, (unsigned) name_hash(id));
}

bool volume_part_is_own(const char *name) {
        _cleanup_free_ char *suffix = volume_part_suffix();

        return *name == '.' && suffix && endswith(name, suffix);
}
