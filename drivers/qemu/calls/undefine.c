/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Taking a definition away, with what belongs to it. */

#include <dirent.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "calls/calls.h"
#include "guest/savefile.h"
#include "object/event.h"
#include "object/unit.h"
#include "plan/names.h"

#define UNDEFINE_SUPPORTED                                                                                   \
        (UNDEFINE_MANAGED_SAVE | UNDEFINE_SNAPSHOTS_METADATA | UNDEFINE_NVRAM | UNDEFINE_KEEP_NVRAM |        \
         UNDEFINE_CHECKPOINTS_METADATA | UNDEFINE_TPM | UNDEFINE_KEEP_TPM)

#define FORGET_TIMEOUT (30U * 1000000U)

/* The guest's own copy of the firmware variables: written at its first start, so not there before. */
static char *nvram_of(const Definition *d) {
        const char *path = definition_nvram(d);

        return path && path[0] == '/' && access(path, F_OK) == 0 ? strdup(path) : NULL;
}

/* All of a folder whose content is another user's: by descriptors, so that no link in it leads elsewhere. */
static int remove_folder(int parent, const char *name, unsigned depth) {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        const struct dirent *d;

        if (!dir) {
                r = -errno;
                if (fd >= 0)
                        close(fd);
                return r;
        }
        while (r >= 0 && (d = readdir(dir))) {
                if (streq(d->d_name, ".") || streq(d->d_name, "..") || unlinkat(fd, d->d_name, 0) >= 0)
                        continue;
                r = errno == EISDIR && depth > 0 ? remove_folder(fd, d->d_name, depth - 1) : -errno;
        }
        closedir(dir);
        return r >= 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : r;
}

/* A TPM's state goes with its guest, unless one of the two has said that it is to stay. A folder that the definition
 * names is its owner's. */
static int remove_tpm_state(Guest *g, const Definition *d, uint32_t flags, Error *e) {
        const xmlNode *backend = xml_find(definition_root(d), "devices/tpm/backend");
        bool stays =
                xml_attr_is(backend, "persistent_state", "yes") ? !(flags & UNDEFINE_TPM) : flags & UNDEFINE_KEEP_TPM;
        _cleanup_free_ char *folder = NULL;
        char uuid[37];
        int r;

        if (!xml_attr_is(backend, "type", "emulator") || xml_child(backend, "source") || stays)
                return 0;
        uuid_format(g->object.uuid, uuid);
        folder = text_format("%s/swtpm/%s", path_lib(), uuid);
        r = folder ? remove_folder(AT_FDCWD, folder, 1) : -ENOMEM;
        return r >= 0 || r == -ENOENT
                       ? 0
                       : error_set_errno(e, r, ORIGIN_QEMU, "failed to remove the TPM's state: %s", folder ?: "");
}

/* What would be left behind without anybody knowing: only removed when the caller says so. */
static int check_leftovers(Guest *g, uint32_t flags, const char *nvram, Error *e) {
        unsigned n;

        if (has_managed_save(g) && !(flags & UNDEFINE_MANAGED_SAVE))
                return object_refuse(&g->object, e, "Refusing to undefine while domain managed save image exists");
        n = guest_is_active(g) ? 0 : count_metadata(g, "snapshot");
        if (n > 0 && !(flags & UNDEFINE_SNAPSHOTS_METADATA))
                return object_refuse(&g->object, e, "cannot delete inactive domain with %u snapshots", n);
        n = guest_is_active(g) ? 0 : count_metadata(g, "checkpoint");
        if (n > 0 && !(flags & UNDEFINE_CHECKPOINTS_METADATA))
                return object_refuse(&g->object, e, "cannot delete inactive domain with %u checkpoints", n);
        if (nvram && !(flags & (UNDEFINE_NVRAM | UNDEFINE_KEEP_NVRAM)))
                return object_refuse(&g->object, e, "cannot undefine domain with nvram");
        return 0;
}

/* The daemon may not write to the host's folders; where the file is in one of those, a unit removes it. */
static int remove_nvram(Guest *g, const char *nvram, Error *e) {
        _cleanup_free_ char *instance = NULL, *unit = NULL;
        JobResult result;
        int r;

        if (unlink(nvram) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EROFS && errno != EACCES && errno != EPERM)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "failed to remove nvram: %s", nvram);
        r = unit_instance(&unit_guest, g->object.name, &instance);
        unit = r >= 0 ? text_format("vm-forget@%s.service", instance) : NULL;
        if (!unit)
                return r < 0 ? r : -ENOMEM;
        r = systemd_run_job(g->driver->systemd, "StartUnit", unit, FORGET_TIMEOUT, &result, e);
        if (r < 0 || access(nvram, F_OK) < 0)
                return r;
        return error_set(e, -EIO, ERROR_SYSTEM_ERROR, ORIGIN_QEMU, "failed to remove nvram: %s; see 'journalctl -u %s'",
                         nvram, unit);
}

static int remove_leftovers(Guest *g, uint32_t flags, const char *nvram, Error *e) {
        int r = 0;

        if (flags & UNDEFINE_MANAGED_SAVE)
                r = remove_managed_save(g, e);
        if (r >= 0 && flags & UNDEFINE_SNAPSHOTS_METADATA && !guest_is_active(g))
                r = remove_metadata(g, "snapshot", e);
        if (r >= 0 && flags & UNDEFINE_CHECKPOINTS_METADATA && !guest_is_active(g))
                r = remove_metadata(g, "checkpoint", e);
        if (r >= 0 && nvram && flags & UNDEFINE_NVRAM)
                r = remove_nvram(g, nvram, e);
        return r;
}

/* A running guest goes on as a transient one: its definition and its unit's settings move to /run first. */
static int make_transient(Guest *g, const Definition *d, Error *e) {
        int r = object_write_dropin(&g->object, d, true, e);

        return r < 0 ? r : object_write(&kind_domain, STORE_TRANSIENT, g->object.name, d, NULL, e);
}

/* Which backing files were accepted for it. While it runs it goes on as a transient guest, which is asked by its record
 * once more where on_crash starts it again. */
static void forget_chain(const Guest *g) {
        _cleanup_free_ char *path = NULL;
        char uuid[37];

        uuid_format(g->object.uuid, uuid);
        path = guest_chain_file(uuid);
        if (path && !guest_is_active(g) && unlink(path) < 0 && errno != ENOENT)
                log_warning_errno(-errno, "cannot remove %s: %m", path);
}

/* The file has gone, so the guest is undefined, whatever fails now. It went first: where it cannot go, autostart stays
 * as well. */
static int forget(Guest *g, Error *e) {
        int r;

        forget_chain(g);
        object_remove_dropin(&g->driver->guests, g->object.name, false);
        r = object_unit_forget(&g->driver->guests, g->object.name, e);
        (void) index_refresh_quietly(g->driver, g->object.name);
        object_emit_lifecycle(&g->object, LIFECYCLE_UNDEFINED, UNDEFINED_REMOVED);
        return r;
}

static int undefine(Call *c, Guest *g, uint32_t flags, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *nvram = NULL;
        int r;

        if (flags & UNDEFINE_NVRAM && flags & UNDEFINE_KEEP_NVRAM)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN,
                                 "flags 'VIR_DOMAIN_UNDEFINE_NVRAM' and 'VIR_DOMAIN_UNDEFINE_KEEP_NVRAM' are mutually "
                                 "exclusive");
        if (flags & UNDEFINE_TPM && flags & UNDEFINE_KEEP_TPM)
                return error_set(
                        e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOMAIN,
                        "flags 'VIR_DOMAIN_UNDEFINE_TPM' and 'VIR_DOMAIN_UNDEFINE_KEEP_TPM' are mutually exclusive");
        /* A file that nobody can read any more must be removable all the same. */
        if (object_load(&g->object, OBJECT_INACTIVE, &d, NULL) >= 0)
                nvram = nvram_of(d);
        r = check_leftovers(g, flags, nvram, e);
        if (r >= 0)
                r = remove_leftovers(g, flags, nvram, e);
        if (r >= 0 && d)
                r = guest_is_active(g) ? make_transient(g, d, e) : remove_tpm_state(g, d, flags, e);
        if (r >= 0)
                r = object_unlink(&kind_domain, STORE_PERSISTENT, g->object.name, e);
        return r < 0 ? r : forget(g, e);
}

#define NEEDS .needs = NEED_LOCK | NEED_PERSISTENT, .transient = "cannot undefine transient domain"

static const RpcHandler rows[] = {
        ACTION(DOMAIN_UNDEFINE, undefine, NEEDS),
        ACTION(DOMAIN_UNDEFINE_FLAGS, undefine, .flags = UNDEFINE_SUPPORTED, NEEDS),
};
const RpcTable qemu_undefine_table = RPC_TABLE(rows);
