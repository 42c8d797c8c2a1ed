/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Autostart is systemd's: EnableUnitFiles() makes a link in machines.target.wants. libvirt's own link below
 * /etc/libvirt/qemu/autostart counts as well (the generator reads it), and goes when autostart is switched off.
 * "Once" is a link of the same folder named NAME.xml.once, which is used up by the next boot. */

#include <fcntl.h>

#include "autostart.h"
#include "base/fs.h"
#include "base/strings.h"
#include "handlers.h"
#include "plan/names.h"

static char *systemd_link(const Guest *g) {
        _cleanup_free_ char *unit = NULL;
        const char *top = getenv("UNITVIRT_SYSTEMD_ETC");

        if (unit_name_for_guest(g->name, &unit) < 0)
                return NULL;
        return text_format("%s/machines.target.wants/%s", top ? top : "/etc/systemd/system", unit);
}

static char *libvirt_link(const Guest *g, const char *suffix) {
        return text_format("%s/qemu/autostart/%s.xml%s", path_etc(), g->name, suffix);
}

static bool is_there(char *path) {
        _cleanup_free_ _unused_ char *owned = path;

        return path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool autostart_is_on(const Guest *g) {
        return is_there(systemd_link(g)) || is_there(libvirt_link(g, ""));
}

static int remove_link(char *path, Error *e) {
        _cleanup_free_ _unused_ char *owned = path;

        if (!path)
                return -ENOMEM;
        if (unlink(path) < 0)
                return errno == ENOENT ? 0 : error_set_errno(e, -errno, ORIGIN_QEMU, "cannot remove %s", path);
        return fsync_parent(path);
}

static int switch_unit(Guest *g, bool on, Error *e) {
        _cleanup_free_ char *unit = NULL;
        int r;

        r = unit_name_for_guest(g->name, &unit);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "no unit can have the name '%s'", g->name);
        return systemd_enable(g->driver->systemd, unit, on, e);
}

int autostart_add(Guest *g, Error *e) {
        return is_there(systemd_link(g)) ? 0 : switch_unit(g, true, e);
}

int autostart_remove(Guest *g, Error *e) {
        int r = 0;

        if (is_there(systemd_link(g)))
                r = switch_unit(g, false, e);
        if (r >= 0)
                r = remove_link(libvirt_link(g, ""), e);
        if (r >= 0)
                r = remove_link(libvirt_link(g, ".once"), e);
        return r;
}

int domain_get_autostart(Call *c, const remote_domain_get_autostart_args *args, remote_domain_get_autostart_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r < 0)
                return r;
        ret->autostart = autostart_is_on(g);
        return 0;
}

static int get_persistent(Call *c, const remote_nonnull_domain *dom, Guest **ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, dom, 0, &g, e);
        if (r < 0)
                return r;
        if (!g->persistent)
                return error_not_persistent(e, "cannot set autostart for transient domain");
        *ret = TAKE_PTR(g);
        return 0;
}

int domain_set_autostart(Call *c, const remote_domain_set_autostart_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = get_persistent(c, &args->dom, &g, e);
        if (r < 0)
                return r;
        if (!args->autostart) {
                if (is_there(systemd_link(g)))
                        r = switch_unit(g, false, e);
                return r < 0 ? r : remove_link(libvirt_link(g, ""), e);
        }
        return autostart_add(g, e);
}

int domain_get_autostart_once(Call *c, const remote_domain_get_autostart_once_args *args, remote_domain_get_autostart_once_ret *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = domain_get(c, &args->dom, 0, &g, e);
        if (r < 0)
                return r;
        ret->autostart = is_there(libvirt_link(g, ".once"));
        return 0;
}

static int make_link(const Guest *g, Error *e) {
        _cleanup_free_ char *link = libvirt_link(g, ".once"), *target = guest_path_persistent(g->name), *folder = NULL;
        int r;

        if (!link || !target || asprintf(&folder, "%s/qemu/autostart", path_etc()) < 0)
                return -ENOMEM;
        r = mkdir_p(folder, 0755);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot make %s", folder);
        if (symlink(target, link) < 0 && errno != EEXIST)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot make %s", link);
        return fsync_parent(link);
}

int domain_set_autostart_once(Call *c, const remote_domain_set_autostart_once_args *args, rpc_void *ret, Error *e) {
        _cleanup_guest_ Guest *g = NULL;
        int r;

        r = get_persistent(c, &args->dom, &g, e);
        if (r < 0)
                return r;
        return args->autostart ? make_link(g, e) : remove_link(libvirt_link(g, ".once"), e);
}
