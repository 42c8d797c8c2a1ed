/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/autostart.h"

#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"

#define WANTS "/etc/systemd/system/machines.target.wants"

static int enable(const char *unit_dir, const char *unit) {
        const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');
        _cleanup_free_ char *link = NULL, *template = NULL;
        int r;

        if (!at || !dot || dot < at)
                return -EINVAL;
        link = text_format(WANTS "/%s", unit);
        template = text_format("%s/%.*s%s", unit_dir, (int) (at - unit + 1), unit, dot);
        if (!link || !template)
                return -ENOMEM;
        r = mkdir_p(WANTS, 0755);
        if (r >= 0 && symlink(template, link) < 0 && errno != EEXIST)
                r = -errno;
        return r < 0 ? r : fsync_parent(link);
}

int autostart_adopt(const char *link, const char *unit_dir, const char *unit) {
        struct stat st;
        int r;

        if (lstat(link, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        r = enable(unit_dir, unit);
        if (r < 0)
                return r;
        return unlink(link) < 0 ? -errno : 1;
}

void autostart_adopt_and_say(const char *link, const char *unit_dir, const char *unit) {
        int r = autostart_adopt(link, unit_dir, unit);

        if (r > 0)
                log_info("autostart: %s is now 'systemctl enable %s'", link, unit);
        else if (r < 0)
                log_warning_errno(r, "autostart: %s stays libvirt's: %s", link, strerror(-r));
}
