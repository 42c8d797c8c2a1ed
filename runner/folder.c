/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guest's own folder below /run, in which QEMU's sockets are: what QEMU can put there is bounded, so that no guest
 * fills what all have in common.
 *
 * Most make nothing there, since what listens is handed over open: the folder is sealed by Landlock. Others may write
 * as much as the file system's quotas let each user, where the kernel's tmpfs has them, and elsewhere get a file system
 * of that size. That is not for all guests because such a mount is seen by the whole host: the service manager makes a
 * unit of each, and each new sandbox has them all to copy. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "host/mount.h"
#include "host/undo.h"
#include "landlock.h"
#include "prepare.h"

/* What a guest may write, see generator/mounts.c for the quotas. */
#define FOLDER_BYTES (UINT64_C(8) * 1024 * 1024)
#define FOLDER_FILES 256U

#define COPIES_FOLDER "copies"
/* what a page of each file may waste, and its folder */
#define COPY_SLACK (UINT64_C(64) * 1024)

/* Whether QEMU is to make files itself, or (its 9p server) to set attributes; arguments of the definition's own may
 * have it make any. */
static bool makes_files(const Prepare *p) {
        const xmlNode *devices = definition_devices(p->live);

        if (xml_child(definition_root(p->live), "qemu:commandline"))
                return true;
        XML_FOREACH(filesystem, devices, "filesystem")
                if (!xml_attr_is(xml_child(filesystem, "driver"), "type", "virtiofs"))
                        return true;
        XML_FOREACH(graphics, devices, "graphics")
                if (prepare_graphics_on_socket(p, graphics))
                        return true;
        return false;
}

static int bound(Prepare *p, const char *folder, uid_t uid, uint64_t bytes) {
        int r = prepare_undo(p, UNDO_MOUNT, folder);

        if (r >= 0)
                r = mount_bounded(folder, uid, p->gid, bytes, FOLDER_FILES);
        return r;
}

int prepare_folder(Prepare *p) {
        int r;

        if (!startswith(p->run_dir, "/run/libvirt/"))
                return 0;
        p->launch.sealed = landlock_seals() && !makes_files(p);
        if (p->launch.sealed || mount_has_quota(p->run_dir))
                return 0;
        r = bound(p, p->run_dir, p->uid, FOLDER_BYTES);
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot bound what the guest may write to %s",
                                       p->run_dir)
                     : 0;
}

/* A kernel and its initrd have sizes that nobody else's room is for: copies have a file system as large as they are. */
static int make_room(Prepare *p, const char *folder, uint64_t bytes) {
        bool first = p->copies_bytes == 0;
        int r;

        p->copies_bytes += bytes + COPY_SLACK;
        if (!first)
                return mount_grow(folder, p->copies_bytes);
        r = mkdir(folder, 0750) < 0 ? -errno : 0;
        return r < 0 ? r : bound(p, folder, 0, p->copies_bytes);
}

int prepare_copy_to_folder(Prepare *p, const char *path, const char *name, char **ret) {
        _cleanup_free_ char *folder = text_format("%s/" COPIES_FOLDER, p->run_dir), *copy = NULL;
        struct stat st;
        int r;

        copy = folder ? text_format("%s/%s", folder, name) : NULL;
        if (!copy)
                return -ENOMEM;
        if (stat(path, &st) < 0)
                return -errno;
        r = make_room(p, folder, (uint64_t) st.st_size);
        /* root's, which the guest may read */
        if (r >= 0)
                r = prepare_copy_file(path, copy, 0440, 0, p->gid);
        if (r >= 0)
                *ret = TAKE_PTR(copy);
        return r;
}
