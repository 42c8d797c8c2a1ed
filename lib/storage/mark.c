/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mark of this host on volumes in the making; apart from all else, for vm-look. */

#include "base/fs.h"
#include "base/instance.h"
#include "base/strings.h"
#include "storage/scan.h"

/* It does not change while the machine is up. */
static unsigned mark_of_host(void) {
        static unsigned mark;
        static bool known;
        _cleanup_free_ char *id = NULL;

        if (!known)
                mark = (unsigned) name_hash(file_read("/etc/machine-id", 64, &id, NULL) >= 0 ? id : "");
        known = true;
        return mark;
}

char *volume_part_suffix(void) {
        return text_format(".%08x" VOLUME_PART_SUFFIX, mark_of_host());
}

bool volume_part_is_own(const char *name) {
        _cleanup_free_ char *suffix = volume_part_suffix();

        return *name == '.' && suffix && endswith(name, suffix);
}
