/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A storage pool: its unit runs vm-pool, and where its target is a file system of its own, a mount unit beside it
 * brings that. The mount comes with the pool and goes with it, and takes the pool along when its device vanishes. */

#include "base/strings.h"
#include "plan-internal.h"
#include "plan/names.h"

/* Options that libvirt gives each mount of a pool: what is in an image is nobody's device or program. */
#define MOUNT_OPTIONS "nodev,nosuid,noexec"

static bool says_user(const char *option) {
        static const char *const words[] = { "user=", "username=", "credentials=", "cred=", "sec=krb5", "guest" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (startswith(option, words[i]))
                        return true;
        return false;
}

static char *mount_options(const xmlNode *root) {
        const char *version = xml_get(root, "source/protocol/@ver");
        bool cifs = streq_ptr(xml_get(root, "source/format/@type"), "cifs"), user = false;
        StrBuf b = {};

        strbuf_add(&b, MOUNT_OPTIONS);
        XML_FOREACH(option, xml_child(root, "fs:mount_opts"), "fs:option")
                user |= says_user(xml_attr(option, "name") ?: "");
        /* where nobody is said it is nobody, as libvirt has it: mount.cifs would ask for a password */
        if (cifs && !user)
                strbuf_add(&b, ",guest");
        /* QEMU locks bytes of an image, and then writes to them: a server that knew of it would refuse that */
        if (cifs)
                strbuf_add(&b, ",nobrl");
        if (version)
                strbuf_addf(&b, ",nfsvers=%s", version);
        XML_FOREACH(option, xml_child(root, "fs:mount_opts"), "fs:option")
                strbuf_addf(&b, ",%s", xml_attr(option, "name") ?: "");
        return strbuf_take(&b);
}

/* What mount(8) takes as source: a device, "host:/dir", "//host/dir". */
static char *mount_source(const xmlNode *root, bool network) {
        const char *host = xml_get(root, "source/host/@name"), *dir = xml_get(root, "source/dir/@path");

        if (!network)
                return strdup(xml_get(root, "source/device/@path") ?: "");
        if (xml_attr_is(xml_find(root, "source/format"), "type", "cifs"))
                return text_format("//%s/%s", host ?: "", startswith(dir ?: "", "/") ?: dir ?: "");
        return text_format(strchr(host ?: "", ':') ? "[%s]:%s" : "%s:%s", host ?: "", dir ?: "");
}

/* "srv-images.mount": the name is the path's, as a device's unit has its own. */
static int mount_unit(const char *path, char **ret) {
        _cleanup_free_ char *device = NULL;
        int r = unit_name_for_device(path, &device);

        if (r < 0)
                return r;
        *ret = text_format("%.*s.mount", (int) (strlen(device) - strlen(".device")), device);
        return *ret ? 0 : -ENOMEM;
}

static int add_mount(Plan *p, const xmlNode *root, bool network) {
        const char *target = xml_get(root, "target/path"), *format = xml_get(root, "source/format/@type");
        _cleanup_free_ char *unit = NULL, *options = mount_options(root), *source = mount_source(root, network);
        Plan *mount;
        int r;

        if (!options || !source)
                return -ENOMEM;
        r = mount_unit(target ?: "", &unit);
        if (r >= 0)
                r = plan_add_unit(p, unit, &mount);
        if (r >= 0)
                r = plan_addf(mount, PLAN_UNIT, "Description", "File system of storage pool %s", p->name);
        if (r >= 0)
                r = plan_add(mount, PLAN_UNIT, "StopWhenUnneeded", "yes");
        if (r >= 0 && network)
                r = plan_add(mount, PLAN_UNIT, "After", "network-online.target");
        if (r >= 0 && network)
                r = plan_add(mount, PLAN_UNIT, "Wants", "network-online.target");
        if (r >= 0)
                r = plan_add(mount, PLAN_MOUNT, "What", source);
        if (r >= 0)
                r = plan_add(mount, PLAN_MOUNT, "Where", target);
        if (r >= 0 && format && !streq(format, "auto"))
                r = plan_add(mount, PLAN_MOUNT, "Type", format);
        if (r >= 0)
                r = plan_add(mount, PLAN_MOUNT, "Options", options);
        if (r >= 0)
                r = plan_add(mount, PLAN_MOUNT, "TimeoutSec", "60s");
        if (r >= 0)
                r = plan_add(p, PLAN_UNIT, "BindsTo", unit);
        return r < 0 ? r : plan_add(p, PLAN_UNIT, "After", unit);
}

/* Without their need for another unit: what is not installed is said by the program that lacks it. */
static int add_helpers(Plan *p, const char *const *units) {
        for (; *units; units++) {
                int r = plan_add(p, PLAN_UNIT, "Wants", *units);

                if (r >= 0)
                        r = plan_add(p, PLAN_UNIT, "After", *units);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What snapshots and volumes larger than what they take are made with. LVM would have modprobe load the modules, for
 * which its unit has no rights, and would start the daemon that watches snapshots as a child of the work. */
static const char *const of_logical[] = { "modprobe@dm_snapshot.service", "modprobe@dm_zero.service", "dm-event.socket",
                                          NULL };
static const char *const of_iscsi[] = { "network-online.target", "iscsid.socket", NULL };

/* A folder below a mount point of fstab comes after that is mounted; systemd knows by the path. */
int plan_pool(const Definition *d, const PlanFacts *facts, Plan *p, Error *e) {
        const xmlNode *root = definition_root(d);
        const char *type = xml_attr(root, "type") ?: "", *target = xml_get(root, "target/path");

        if (streq(type, "fs") || streq(type, "netfs"))
                return add_mount(p, root, streq(type, "netfs"));
        if (streq(type, "logical"))
                return add_helpers(p, of_logical);
        if (streq(type, "iscsi"))
                return add_helpers(p, of_iscsi);
        if (streq(type, "dir") && target)
                return plan_add(p, PLAN_UNIT, "RequiresMountsFor", target);
        return 0;
}
