/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lock_manager = "lockd" of qemu.conf: what the guest may write, and its leases, are locked where another host would
 * look, so that a guest that is defined on two hosts runs on one of them. The locks belong to open files that vm-run
 * has until its end: no daemon is needed for them, and nothing can outlive the guest. */

#include "base/guest-plug.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/lockd.h"
#include "host/lock.h"
#include "leftovers.h"
#include "notify.h"
#include "prepare.h"

typedef struct Locks {
        Prepare *p;
        const LockdConfig *config;
        size_t n;
} Locks;

/* Of a disk that is plugged in, and of a floppy, of which nobody tells vm-run that it is out: QEMU keeps it, in a set
 * of descriptors of its own that goes with the disk or the medium. */
static int keep_with_disk(Prepare *p, int fd, const char *device) {
        int number = descriptor_store(p, fd), set = descriptor_set(p), r;

        if (number < 0 || p->running)
                return number < 0 ? number : descriptor_add_to_set(p, set, number);
        r = strv_add(&p->fd_args, "-add-fd");
        return r < 0 ? r : strv_addf(&p->fd_args, "fd=%i,set=%i,opaque=" FDSET_OF_DEVICE "%s", number, set, device);
}

/* vm-run has it, and lets go of it when what has this name goes. */
static int keep_as(Locks *l, int fd, const char *device) {
        _cleanup_free_ char *name = text_format(IMAGE_LOCK_FD_NAME "-%s", device);
        int r;

        if (!name)
                return -ENOMEM;
        r = parcel_put(l->p->parcel_fd, strlen(name) > PARCEL_NAME_MAX ? IMAGE_LOCK_FD_NAME : name, fd);
        return r < 0 ? error_set_errno(&l->p->error, r, ORIGIN_SYSTEMD, "cannot hand a lock to vm-run")
                     : 0;
}

static int keep(Locks *l, int fd, const xmlNode *disk) {
        l->n++;
        return l->p->running || xml_attr_is(disk, "device", "floppy") ? keep_with_disk(l->p, fd, device_alias(disk))
                                                                    : keep_as(l, fd, device_alias(disk) ?: "");
}

/* One that the guest gets while it runs is brought to vm-run. */
static int keep_lease(Locks *l, int fd, const xmlNode *lease) {
        char name[DEFINITION_LEASE_NAME_MAX];
        _cleanup_late_port_ LatePort late = {};
        int r;

        l->n++;
        definition_lease_name(lease, name);
        if (!l->p->running)
                return keep_as(l, fd, name);
        late.alias = strdup(name);
        r = late.alias ? late_port_add(&late, LATE_PORT_LOCK, fd) : -ENOMEM;
        if (r >= 0)
                r = late_port_send(&late, l->p->run_dir, l->p->uid, LATE_PORT_PARENT);
        return r < 0 ? error_set_errno(&l->p->error, r, ORIGIN_QEMU, "cannot give the lock to the guest's vm-run") : 0;
}

/* In the folder that is for such an image: for logical volumes and SCSI disks their own, where it is set, then the one
 * for all. -ENODEV: none. */
static int find_indirect(const LockdConfig *c, const char *path, const char **ret_folder, char **ret_key) {
        const struct {
                const char *folder;
                int (*key)(const char *path, char **ret);
        } ways[] = {
                { c->lvm_lockspace_dir, lock_key_of_volume },
                { c->scsi_lockspace_dir, lock_key_of_disk },
                { c->file_lockspace_dir, lock_key_of_path },
        };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                int r = ways[i].folder ? ways[i].key(path, ret_key) : -ENODEV;

                *ret_folder = ways[i].folder;
                if (r != -ENODEV)
                        return r;
        }
        return -ENODEV;
}

static int lock_disk(Locks *l, const xmlNode *disk, const char *path) {
        unsigned flags = xml_child(disk, "shareable") ? LOCK_SHARED : 0;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *key = NULL;
        Prepare *p = l->p;
        const char *folder;
        int r;

        r = find_indirect(l->config, path, &folder, &key);
        if (r == -ENODEV)
                r = lock_image(path, flags, p->name, &fd, &p->error);
        else if (r >= 0)
                r = lock_resource(folder, key, flags | LOCK_CREATE, p->name, &fd, &p->error);
        else
                r = error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot find out what lock '%s' has", path);
        if (r >= 0)
                r = keep(l, fd, disk);
        else if (key)
                error_prefix(&p->error, "the lock of '%s'", path);
        return prepare_blame(p, r, xml_child(disk, "source"));
}

static bool is_written(const xmlNode *disk) {
        return !xml_child(disk, "readonly") && !xml_attr_is(disk, "device", "cdrom");
}

static int lock_disks(Locks *l, size_t *ret_written) {
        int r = 0;

        *ret_written = 0;
        XML_FOREACH(disk, definition_devices(l->p->live), "disk") {
                const char *path = disk_path(disk);

                if (!path || !*path || !is_written(disk))
                        continue;
                *ret_written += !xml_child(disk, "shareable");
                if (l->config->auto_disk_leases)
                        r = lock_disk(l, disk, path);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The folder is the target's, the file in it has the key's name. It has to be there: what is not mounted would give
 * every host a lock of its own. */
static int lock_lease(Locks *l, const xmlNode *lease) {
        const xmlNode *target = xml_child(lease, "target");
        _cleanup_close_ int fd = -EBADF;
        uint64_t offset = 0;
        int r;

        (void) xml_get_u64(target, "@offset", &offset);
        if (offset > 0)
                return prepare_refuse(l->p, -EOPNOTSUPP, target, "Offset must be zero for this lock manager");
        r = lock_resource(xml_attr(target, "path"), xml_text(xml_child(lease, "key")), 0, l->p->name, &fd,
                          &l->p->error);
        if (r >= 0)
                r = keep_lease(l, fd, lease);
        return prepare_blame(l->p, r, lease);
}

static int lock_all(Locks *l) {
        size_t n_written, n_leases = 0;
        int r;

        r = lock_disks(l, &n_written);
        if (r < 0)
                return r;
        XML_FOREACH(lease, definition_devices(l->p->live), "lease") {
                r = lock_lease(l, lease);
                if (r < 0)
                        return r;
                n_leases++;
        }
        if (n_written > 0 && l->n == 0 && n_leases == 0 && l->config->require_lease_for_disks)
                return error_set(&l->p->error, -EINVAL, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "Read/write, exclusive access, disks were present, but no leases specified: "
                                 "require_lease_for_disks of qemu-lockd.conf wants a <lease>");
        if (l->n > 0 && xml_child(definition_root(l->p->live), "on_lockfailure"))
                log_notice("<on_lockfailure> has no effect: the guest has its locks itself, and cannot lose them");
        return 0;
}

static int load_config(Prepare *p, LockdConfig **ret) {
        _cleanup_strv_ char **warnings = NULL;
        int r = lockd_config_load(NULL, ret, &warnings, &p->error);

        for (char *const *w = warnings; r >= 0 && w && *w; w++)
                log_warning("%s", *w);
        return r;
}

int prepare_locks(Prepare *p) {
        _cleanup_(lockd_config_freep) LockdConfig *config = NULL;
        int r;

        if (!streq_ptr(p->config->lock_manager, "lockd")) {
                if (xml_child(definition_devices(p->live), "lease"))
                        log_notice("<lease> has no effect without lock_manager = \"lockd\" in qemu.conf");
                return 0;
        }
        r = load_config(p, &config);
        return r < 0 ? r : lock_all(&(Locks){ .p = p, .config = config });
}

int prepare_disk_lock(Prepare *p, const xmlNode *disk) {
        const char *path = disk_path(disk);
        _cleanup_(lockd_config_freep) LockdConfig *config = NULL;
        int r;

        if (!streq_ptr(p->config->lock_manager, "lockd") || !path || !*path || !is_written(disk))
                return 0;
        r = load_config(p, &config);
        if (r < 0)
                return r;
        if (config->auto_disk_leases)
                return lock_disk(&(Locks){ .p = p, .config = config }, disk, path);
        if (config->require_lease_for_disks && !xml_child(disk, "shareable") &&
            !xml_child(definition_devices(p->live), "lease"))
                return prepare_refuse(p, -EINVAL, disk, "Read/write, exclusive access, disks were present, but no "
                                                        "leases specified");
        return 0;
}

int prepare_lease_lock(Prepare *p, const xmlNode *lease) {
        return lock_lease(&(Locks){ .p = p }, lease);
}
