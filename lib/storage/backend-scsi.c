/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks of a SCSI host, of an iSCSI target, of multipath: found in sysfs and /dev/disk. */

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
                r = path ? backend_add_device(t, path, name, NULL, NULL, notes) : -ENOMEM;
        }
        closedir(d);
        return r;
}

static int scan_host(const PoolSpec *s, unsigned host, VolumeTable *t, char ***notes, Error *e) {
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

static int host_number(const PoolSpec *s, unsigned *ret, Error *e) {
        const char *name = s->adapter,
                   *number = name ? startswith(name, "scsi_host") ?: startswith(name, "host") : NULL;

        if (!number || parse_uint(number, ret) < 0)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "the adapter '%s' is no SCSI host",
                                 name ?: "");
        return 0;
}

static int scsi_start(const PoolSpec *s, Error *e) {
        _cleanup_free_ char *path = NULL;
        unsigned host;
        int r;

        r = host_number(s, &host, e);
        if (r < 0)
                return r;
        path = text_format("/sys/class/scsi_host/host%u", host);
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) >= 0)
                return 0;
        if (access("/sys/class/scsi_host", F_OK) < 0)
                return error_set(e, -ENODEV, ERROR_INTERNAL, ORIGIN_STORAGE,
                                 "this kernel has no SCSI (there is no /sys/class/scsi_host)");
        return error_set(e, -ENODEV, ERROR_INTERNAL, ORIGIN_STORAGE, "there is no SCSI host '%s'", s->adapter);
}

static int scsi_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        unsigned host;
        int r = host_number(s, &host, e);

        return r < 0 ? r : scan_host(s, host, t, notes, e);
}

const PoolBackend backend_scsi = {
        .type = POOL_SCSI,
        .start = scsi_start,
        .scan = scsi_scan,
};

/* --- iSCSI --- */

static const char *target_name(const PoolSpec *s) {
        return s->devices ? s->devices[0] : "";
}

/* iscsiadm takes a password as an argument, for all to see. */
static int refuse_chap(const PoolSpec *s, Error *e) {
        return s->auth_user ? error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_STORAGE,
                                        "<auth> is not supported for pools of type 'iscsi'; those of type "
                                        "'iscsi-direct' have it")
                            : 0;
}

static int iscsi_start(const PoolSpec *s, Error *e) {
        int r = refuse_chap(s, e);

        if (r < 0)
                return r;
        r = TOOL(TOOL_TIMEOUT, NULL, e, "iscsiadm", "--mode", "discovery", "--type", "sendtargets", "--portal",
                     s->host ?: "");

        if (r < 0)
                return r;
        return TOOL(TOOL_TIMEOUT, NULL, e, "iscsiadm", "--mode", "node", "--portal", s->host, "--targetname",
                    target_name(s), "--login");
}

static int iscsi_stop(const PoolSpec *s, Error *e) {
        return TOOL(TOOL_TIMEOUT, NULL, e, "iscsiadm", "--mode", "node", "--portal", s->host ?: "", "--targetname",
                    target_name(s), "--logout");
}

/* udev's links: "ip-HOST:PORT-iscsi-IQN-lun-N", and the same with "-partM". */
static int iscsi_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e) {
        _cleanup_free_ char *mark = text_format("-iscsi-%s-lun-", target_name(s));
        DIR *d = opendir("/dev/disk/by-path");
        int r = 0;

        if (!mark)
                r = -ENOMEM;
        for (struct dirent *entry = d ? readdir(d) : NULL; entry && r >= 0; entry = readdir(d)) {
                const char *at = mark ? strstr(entry->d_name, mark) : NULL;
                _cleanup_free_ char *path = NULL, *name = NULL;
                unsigned lun;

                if (!at || parse_uint(at + strlen(mark), &lun) < 0)
                        continue;
                path = text_format("/dev/disk/by-path/%s", entry->d_name);
                name = text_format("unit:0:0:%u", lun);
                r = path && name ? backend_add_device(t, path, name, NULL, NULL, notes) : -ENOMEM;
        }
        if (d)
                closedir(d);
        return r;
}

/* "PORTAL,GROUP IQN" a line. */
static int iscsi_find_sources(const char *host, char **ret, Error *e) {
        _cleanup_free_ char *output = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char *state = NULL, *blank;
        int r;

        if (!host || !*host)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_STORAGE, "%s",
                                 "missing <host> in the source of the search");
        r = TOOL(TOOL_TIMEOUT, &output, e, "iscsiadm", "--mode", "discovery", "--type", "sendtargets", "--portal",
                 host);
        if (r < 0)
                return r;
        for (char *line = strtok_r(output, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
                if ((blank = strchr(line, ' ')))
                        strbuf_addf(&b, "host=%s\ndevice=%s\n\n", host, blank + 1);
        *ret = strbuf_take(&b) ?: strdup("");
        return *ret ? 0 : -ENOMEM;
}

const PoolBackend backend_iscsi = {
        .type = POOL_ISCSI,
        .start = iscsi_start,
        .stop = iscsi_stop,
        .scan = iscsi_scan,
        .find_sources = iscsi_find_sources,
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
        return path ? backend_add_device(t, path, device, NULL, NULL, notes) : -ENOMEM;
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
