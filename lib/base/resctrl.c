/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/resctrl.h"

#include "base/fs.h"
#include "base/strings.h"

char *resctrl_group_name(const char *id, const char *guest, const char *vcpus) {
        return text_format("qemu-%s-%s-vcpus_%s", id, guest, vcpus);
}

char *resctrl_path(const char *name) {
        return text_format("%s/fs/resctrl%s%s", path_sys(), *name ? "/" : "", name);
}

char *resctrl_monitor_path(const char *id, const char *guest, const char *group, const char *vcpus) {
        _cleanup_free_ char *parent = group ? resctrl_group_name(id, guest, group) : strdup(""), *path = NULL,
                            *name = resctrl_group_name(id, guest, vcpus);

        path = parent ? resctrl_path(parent) : NULL;
        if (!path || !name)
                return NULL;
        return group && streq(group, vcpus) ? TAKE_PTR(path) : text_format("%s/mon_groups/%s", path, name);
}
