/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/lockd.h"

#include "base/fs.h"
#include "base/strings.h"
#include "config/table.h"

#define AT(member) offsetof(LockdConfig, member)

static const ConfKey keys[] = {
        { "auto_disk_leases", CONF_BOOL, AT(auto_disk_leases), "1", .groups = 1 },
        { "require_lease_for_disks", CONF_BOOL, AT(require_lease_for_disks), .groups = 1 },
        { "file_lockspace_dir", CONF_STRING, AT(file_lockspace_dir), .groups = 1 },
        { "lvm_lockspace_dir", CONF_STRING, AT(lvm_lockspace_dir), .groups = 1 },
        { "scsi_lockspace_dir", CONF_STRING, AT(scsi_lockspace_dir), .groups = 1 },
};

static int check(const LockdConfig *c, const char *origin, Error *e) {
        const char *const folders[] = { c->file_lockspace_dir, c->lvm_lockspace_dir, c->scsi_lockspace_dir };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (folders[i] && *folders[i] != '/')
                        return error_set(e, -EINVAL, ERROR_CONF_SYNTAX, ORIGIN_CONF, "%s: '%s' is not absolute", origin,
                                         folders[i]);
        return 0;
}

static int config_from(const Conf *conf, const char *origin, LockdConfig **ret, char ***warnings, Error *e) {
        _cleanup_(lockd_config_freep) LockdConfig *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        r = conf_table_init(keys, ELEMENTSOF(keys), c);
        if (r >= 0 && conf)
                r = conf_table_apply(keys, ELEMENTSOF(keys), 1, conf, c, warnings, e);
        if (r >= 0)
                r = check(c, origin, e);
        if (r < 0)
                return r;
        /* Whoever has no locks by themselves and does not say otherwise wants them from leases. */
        if (!conf || !conf_find(conf, "require_lease_for_disks"))
                c->require_lease_for_disks = !c->auto_disk_leases;
        *ret = TAKE_PTR(c);
        return 0;
}

int lockd_config_parse(const char *text, size_t len, const char *origin, LockdConfig **ret, char ***warnings,
                       Error *e) {
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r = conf_parse(text, len, origin, &conf, e);

        return r < 0 ? r : config_from(conf, origin, ret, warnings, e);
}

int lockd_config_load(const char *path, LockdConfig **ret, char ***warnings, Error *e) {
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_free_ char *own = NULL;
        int r;

        if (!path) {
                path = own = text_format("%s/qemu-lockd.conf", path_etc());
                if (!own)
                        return -ENOMEM;
        }
        r = conf_load(path, &conf, e);
        if (r < 0 && (r != -ENOENT || !own))
                return error_is_set(e) ? r : error_set_errno(e, r, ORIGIN_CONF, "cannot read %s", path);
        return config_from(conf, path, ret, warnings, e);
}

LockdConfig *lockd_config_free(LockdConfig *c) {
        if (!c)
                return NULL;
        conf_table_done(keys, ELEMENTSOF(keys), c);
        free(c);
        return NULL;
}
