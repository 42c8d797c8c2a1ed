/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Why the file system of a pool is not there: its mount is a unit of its own, so the pool's has no words for it. */

#include "storage.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"
#include "dbus/systemd.h"
#include "plan/names.h"

/* File systems that mount(8) needs a program for. */
static const struct {
        const char *format, *program, *package;
} helpers[] = {
        { "nfs", "/sbin/mount.nfs", "nfs-common" },
        { "cifs", "/sbin/mount.cifs", "cifs-utils" },
        { "glusterfs", "/sbin/mount.glusterfs", "glusterfs-client" },
        { "ocfs2", "/sbin/mount.ocfs2", "ocfs2-tools" },
};

static bool kernel_has(const char *format) {
        _cleanup_free_ char *text = NULL, *line = text_format("\t%s\n", format);

        return !line || file_read("/proc/filesystems", 64 * 1024, &text, NULL) < 0 || strstr(text, line);
}

/* In words, NULL where nothing is known. */
static char *missing(const PoolSpec *s) {
        const char *format = s->format && !streq(s->format, "auto") ? s->format : s->type == POOL_NETFS ? "nfs" : NULL;

        for (size_t i = 0; format && i < ELEMENTSOF(helpers); i++)
                if (streq(helpers[i].format, format) && access(helpers[i].program, X_OK) < 0)
                        return text_format("%s is not installed (package %s)", helpers[i].program, helpers[i].package);
        if (s->type == POOL_FS && s->devices && s->devices[0] && access(s->devices[0], F_OK) < 0)
                return text_format("there is no device '%s'", s->devices[0]);
        /* glusterfs is a FUSE file system */
        if (format && !streq(format, "glusterfs") && !kernel_has(format))
                return text_format("this kernel has no file system '%s'", format);
        return NULL;
}

static int mount_unit(const char *target, char **ret) {
        _cleanup_free_ char *device = NULL;
        int r = unit_name_for_device(target, &device);

        if (r < 0)
                return r;
        *ret = text_format("%.*s.mount", (int) (strlen(device) - strlen(".device")), device);
        return *ret ? 0 : -ENOMEM;
}

char *pool_mount_unit(Pool *p) {
        char *unit = NULL;
        const PoolSpec *s;

        if (pool_spec(p, &s, NULL) < 0 || (s->type != POOL_FS && s->type != POOL_NETFS) || !s->target ||
            mount_unit(s->target, &unit) < 0)
                return NULL;
        return unit;
}

int pool_explain_mount(Pool *p, int r, Error *e) {
        Systemd *systemd = p->object.index->host->systemd;
        _cleanup_free_ char *unit = NULL, *state = NULL, *result = NULL, *why = NULL, *target = NULL;
        const PoolSpec *s;

        unit = pool_mount_unit(p);
        if (!unit || pool_spec(p, &s, NULL) < 0)
                return r;
        why = missing(s);
        target = strdup(s->target);
        if (!target || systemd_unit_string(systemd, unit, "Unit", "ActiveState", &state, NULL) < 0 ||
            !streq(state, "failed"))
                return r;
        (void) systemd_unit_string(systemd, unit, "Mount", "Result", &result, NULL);
        error_done(e);
        if (why)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_STORAGE, "cannot mount '%s': %s", target, why);
        return error_set(e, r, ERROR_INTERNAL, ORIGIN_STORAGE, "cannot mount '%s' (%s); see 'journalctl -u %s'", target,
                         result ?: "unknown", unit);
}

/* systemd unmounts what nobody needs any more once the pool's unit has ended, which is a moment later; "active" may be
 * because of somebody else who needs it. */
#define MOMENT_USEC (50ULL * 1000)
#define UNMOUNT_TRIES 1200U
#define NEEDED_TRIES 20U

int pool_wait_unmounted(Systemd *systemd, const char *unit) {
        bool unneeded = false;

        if (systemd_unit_bool(systemd, unit, "Unit", "StopWhenUnneeded", &unneeded, NULL) < 0 || !unneeded)
                return 0;
        for (unsigned tries = 0, active = 0; tries < UNMOUNT_TRIES && active < NEEDED_TRIES; tries++) {
                _cleanup_free_ char *state = NULL;
                int r;

                if (systemd_unit_string(systemd, unit, "Unit", "ActiveState", &state, NULL) < 0 ||
                    streq(state, "inactive") || streq(state, "failed"))
                        return 0;
                active += streq(state, "active");
                r = fiber_sleep(MOMENT_USEC);
                if (r < 0)
                        return r;
        }
        return 0;
}
