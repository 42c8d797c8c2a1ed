/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/guest-files.h"

#include "base/fs.h"
#include "base/instance.h"
#include "base/strings.h"

static const struct {
        const char *(*top)(void);
        const char *folder, *suffix;
} files[_GUEST_FILE_MAX] = {
        [GUEST_FILE_PERSISTENT]     = { path_etc, "qemu",           ".xml" },
        [GUEST_FILE_AUTOSTART]      = { path_etc, "qemu/autostart", ".xml" },
        [GUEST_FILE_AUTOSTART_ONCE] = { path_etc, "qemu/autostart", ".xml.once" },
        [GUEST_FILE_TRANSIENT]      = { path_run, "qemu/transient", ".xml" },
        [GUEST_FILE_LIVE]           = { path_run, "qemu",           ".xml" },
        [GUEST_FILE_LAUNCH]         = { path_run, "qemu",           ".launch" },
        [GUEST_FILE_UNDO]           = { path_run, "qemu",           ".undo" },
        [GUEST_FILE_LAST]           = { path_run, "qemu",           ".last" },
        [GUEST_FILE_ERROR]          = { path_run, "qemu",           ".error" },
        [GUEST_FILE_STATE]          = { path_run, "qemu",           ".state" },
        [GUEST_FILE_REQUEST]        = { path_run, "qemu",           ".request" },
        [GUEST_FILE_DUMPED]         = { path_run, "qemu",           ".dumped" },
        [GUEST_FILE_PENDING]        = { path_run, "qemu",           ".pending" },
        [GUEST_FILE_LOCK]           = { path_run, "qemu",           ".lock" },
        [GUEST_FILE_GROUPS]         = { path_run, "qemu",           ".groups" },
};

char *guest_file(GuestFile file, const char *name) {
        return text_format("%s/%s/%s%s", files[file].top(), files[file].folder, name, files[file].suffix);
}

const char *guest_file_suffix(GuestFile file) {
        return files[file].suffix;
}

char *guest_file_guest(GuestFile file, const char *file_name) {
        const char *end = endswith(file_name, files[file].suffix);

        return end && end > file_name ? strndup(file_name, (size_t) (end - file_name)) : NULL;
}

int guest_of_instance(const char *instance, char **ret) {
        _cleanup_free_ char *etc = text_format("%s/qemu", path_etc()), *run = text_format("%s/qemu", path_run());
        _cleanup_free_ char *transient = text_format("%s/qemu/transient", path_run());

        if (!etc || !run || !transient)
                return -ENOMEM;
        return instance_to_name(instance, (const char *[]) { etc, transient, run, NULL }, ret);
}

char *guest_chain_file(const char *uuid) {
        return text_format("%s/qemu/chains/%s", path_lib(), uuid);
}

char *guest_log_file(const char *name) {
        return text_format("%s/qemu/%s.log", path_log(), name);
}

char *pool_node(const char *pool, const char *volume) {
        return text_format("/dev/unitvirt/%s%s%s", pool, volume ? "/" : "", volume ?: "");
}

char *guests_shared_file(const char *file) {
        return text_format("%s/qemu/%s", path_run(), file);
}

char *guest_folder(const char *user) {
        return guests_shared_file(user);
}
