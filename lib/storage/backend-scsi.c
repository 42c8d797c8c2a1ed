/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks of a SCSI host, and of multipath: found in sysfs and /dev/disk. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "backend.h"
#include "base/fs.h"
#include "base/strings.h"
#include "storage/scan.h"
#include "storage/tool.h"

/* A name below /dev that stays the same over reboots, where the pool's target is such a folder. */
static char *stable_path(const char *target, const char *device) {
        _cleanup_free_ char *real = text_format("/dev/%s", device);
        DIR *d = target && startswith(target, "/dev/disk/") ? opendir(target) : NULL;
        char *found = NULL;

        for (struct dirent *entry = d ? readdir(d) : NULL; entry && !found; entry = readdir(d)) {
                _cleanup_free_ char *path = text_format("%s/%s", target, entry->d_name),
                                    *to = path ? realpath(path, NULL) : NULL;

                if (to && streq_ptr(to, real))
                        found = TAKE_PTR(path);
        }
        if (d)
                closedir(d);
        return found ?: TAKE_PTR(real);
}

/* The one block device of /sys/bus/scsi/devices/H:C:T:L. */
static int add_unit(const PoolSpec *s, const char *address, unsigned c, unsigned i, unsigned l, VolumeTable *t,
                    char ***notes) {
        _cleanup_free_ char *folder = text_format("/sys/bus/scsi/devices/%s/block", address), *path = NULL;
        _cleanup_free_ char *name = text_format("unit:%u:%u:%u", c, i, l);
        DIR *d = folder ? opendir(folder) : NULL;
        int r = 0;

        if (!d || !name)
                return d ? -ENOMEM : 0;
        for (struct dirent *entry = readdir(d); entry && r >= 0 && !path; entry = readdir(d)) {
                if (*entry->d_name == '.')
                        continue;
                path = stable_path(s->target, entry->d_name);
                r = path ? backend_add_device(t, &(DeviceVolume) { path, name }, notes) : -ENOMEM;
        }
        closedir(d);
        return r;
}

int backend_scan_host(const PoolSpec *s, unsigned host, VolumeTable *t, char ***notes, Error *e) {
        DIR *d = opendir("/sys/bus/scsi/devices");
        int r = 0;

        if (!d)
                return error_set(e, -errno, ERROR_INTERNAL, ORIGIN_STORAGE, "this kernel has no SCSI");
        for (struct dirent *entry = readdir(d); entry && r >= 0; entry = readdir(d)) {
                unsigned h, c, i, l;

                if (sscanf(entry->d_name, "%u:%u:%u:%u", &h, &c, &i, &l) == 4 && h == host)
                        r = add_unit(s, entry->d_name, c, i, l, t, notes);
        }
        closedir(d);
        return r;
}

#define HOSTS "/sys/class/scsi_host"

static int number_of(const char *name, unsigned *ret) {
        const char *number = name ? startswith(name, "scsi_host") ?: startswith(name, "host") : NULL;

        return number ? parse_uint(number, ret) : -EINVAL;
}

static int no_host(const char *name, Error *e) {
        if (access(HOSTS, F_OK) < 0)
                return error_set(e, -ENODEV, ERROR_INTERNAL, ORIGIN_STORAGE,
                                 "this kernel has no SCSI (there is no " HOSTS ")");
        return error_set(e, -ENODEV, ERROR_INTERNAL, ORIGIN_STORAGE, "there is no SCSI host '%s'", name);
}

/* Is a host one of the device's, and the one that the device knows by that number? */
static bool host_is(const char *name, const char *mark, unsigned unique_id) {
        _cleanup_free_ char *link = text_format(HOSTS "/%s", name), *real = link ? realpath(link, NULL) : NULL,
                            *path = text_format(HOSTS "/%s/unique_id", name), *text = NULL;
        unsigned id;

        if (!real || !strstr(real, mark) || !path || file_read(path, 64, &text, NULL) < 0)
                return false;
        text[strcspn(text, "\n")] = '\0';
        return unique_id == (unsigned) -1 || (parse_uint(text, &id) >= 0 && id == unique_id);
}

/* Numbers of hosts change from boot to boot; where their device is does not. */
static int host_by_parent(const PoolSpec *s, unsigned *ret, Error *e) {
        _cleanup_free_ char *mark = text_format("/%s/", s->parent);
        DIR *d = mark ? opendir(HOSTS) : NULL;
        int r = mark ? -ENODEV : -ENOMEM;

        for (struct dirent *entry = d ? readdir(d) : NULL; entry && r < 0; entry = readdir(d))
                if (host_is(entry->d_name, mark, s->unique_id))
                        r = number_of(entry->d_name, ret);
        if (d)
                closedir(d);
        return r == -ENODEV ? error_set(e, r, ERROR_XML_ERROR, ORIGIN_STORAGE,
                                        "the device %s has no SCSI host with the unique_id %d", s->parent,
                                        (int) s->unique_id)
                            : r;
}

static int host_number(const PoolSpec *s, unsigned *ret, Error *e) {
        _cleanup_free_ char *path = NULL;

        if (s->parent)
                return host_by_parent(s, ret, e);
        if (number_of(s->adapter, ret) < 0)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "the adapter '%s' is no SCSI host",
                                 s->adapter ?: "");
        path = text_format(HOSTS "/host%u", *ret);
        if (!path)
                return -ENOMEM;
        return access(path, F_OK) < 0 ? no_host(s->adapter, e) : 0;
}

static int scsi_start(const PoolSpec *s, Error *e) {
        unsigned host;

        return host_number(s, &host, e);
}

/* All channels, all targets, all units. */
static int ask_for_all(const char *path) {
        static const char all[] = "- - -";
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, all, strlen(all)) < 0 ? -errno : 0;
}

static int scsi_rescan(const PoolSpec *s, Error *e) {
        _cleanup_free_ char *path = NULL;
        unsigned host;
        int r;

        r = host_number(s, &host, e);
        if (r < 0)
                return r;
        path = text_format(HOSTS "/host%u/scan", host);
        r = path ? ask_for_all(path) : -ENOMEM;
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot write to '%s'", path ?: "") : 0;
}

static int scsi_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        unsigned host;
        int r = host_number(s, &host, e);

        return r < 0 ? r : backend_scan_host(s, host, t, notes, e);
}

const PoolBackend backend_scsi = {
        .type = POOL_SCSI,
        .names_are_places = true,
        .waits_for_devices = true,
        .start = scsi_start,
        .rescan = scsi_rescan,
        .scan = scsi_scan,
};

/* --- multipath --- */

static int add_map(const char *device, VolumeTable *t, char ***notes) {
        _cleanup_free_ char *uuid_path = text_format("/sys/block/%s/dm/uuid", device), *uuid = NULL, *name = NULL,
                            *path = NULL;
        _cleanup_free_ char *name_path = text_format("/sys/block/%s/dm/name", device);

        if (!uuid_path || !name_path)
                return -ENOMEM;
        if (file_read(uuid_path, 4096, &uuid, NULL) < 0 || !startswith(uuid, "mpath-") ||
            file_read(name_path, 4096, &name, NULL) < 0)
                return 0;
        name[strcspn(name, "\n")] = '\0';
        path = text_format("/dev/mapper/%s", name);
        return path ? backend_add_device(t, &(DeviceVolume) { path, device }, notes) : -ENOMEM;
}

static int mpath_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        DIR *d = opendir("/sys/block");
        int r = 0;

        for (struct dirent *entry = d ? readdir(d) : NULL; entry && r >= 0; entry = readdir(d))
                if (startswith(entry->d_name, "dm-"))
                        r = add_map(entry->d_name, t, notes);
        if (d)
                closedir(d);
        return r;
}

static int mpath_start(const PoolSpec *s, Error *e) {
        if (access("/dev/mapper/control", F_OK) < 0)
                return error_set(e, -ENODEV, ERROR_INTERNAL, ORIGIN_STORAGE,
                                 "this kernel has no device mapper (there is no /dev/mapper/control)");
        return 0;
}

const PoolBackend backend_mpath = {
        .type = POOL_MPATH,
        .start = mpath_start,
        .scan = mpath_scan,
};
