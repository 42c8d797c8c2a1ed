/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks that are volumes: the pool's unit has started before, and what it found is in its file. From here on the disk
 * is a file or a device like any other, or, of an iSCSI target that the host does not log in to, one of the network.
 * The format is what the definition says: what a volume looks like is its guest's to write. */

#include "base/fs.h"
#include "base/strings.h"
#include "plan/kind.h"
#include "prepare.h"
#include "storage/table.h"

static int find_volume(Prepare *p, const xmlNode *source, Volume **ret) {
        const char *pool = xml_attr(source, "pool"), *name = xml_attr(source, "volume");
        _cleanup_free_ char *path = text_format("%s/storage/%s.volumes", path_run(), pool ?: "");
        _cleanup_volume_table_ VolumeTable t = {};
        ssize_t at;
        int r;

        if (!path)
                return -ENOMEM;
        r = pool && name && !strchr(pool, '/') ? volume_table_load(path, &t) : -EINVAL;
        if (r == -ENOENT)
                return prepare_refuse(p, r, source, "storage pool '%s' is not active", pool);
        if (r < 0)
                return prepare_refuse(p, r, source, "cannot read the volumes of storage pool '%s': %s", pool ?: "",
                                      strerror(-r));
        at = volume_table_find(&t, name);
        if (at < 0)
                return prepare_refuse(p, (int) at, source,
                                      "storage pool '%s' has no volume '%s'; \"virsh pool-refresh %s\" looks again",
                                      pool, name, pool);
        return volume_table_get(&t, (size_t) at, ret);
}

/* A definition that says none means the bytes as they are. */
static int write_format(xmlNode *disk) {
        xmlNode *driver = xml_ensure(disk, "driver");

        if (!driver)
                return -ENOMEM;
        return xml_attr(driver, "type") ? 0 : xml_set_attr(driver, "type", "raw");
}

/* --- volumes of iSCSI targets that QEMU itself logs in to --- */

static int load_pool(Prepare *p, const xmlNode *source, Definition **ret) {
        const PlanKind *kind = plan_kind_of(&document_pool);
        const char *pool = xml_attr(source, "pool") ?: "";
        const char *const folders[][2] = { { path_run(), kind->run_folder }, { path_etc(), kind->folder } };
        int r = -ENOENT;

        for (size_t i = 0; r == -ENOENT && i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = text_format("%s/%s/%s.xml", folders[i][0], folders[i][1] ?: "", pool);

                if (folders[i][1])
                        r = path ? definition_load_as(kind->document, path, 0, ret, NULL) : -ENOMEM;
        }
        return r < 0 ? prepare_refuse(p, r, source, "cannot read the definition of storage pool '%s': %s", pool,
                                      strerror(-r))
                     : 0;
}

/* What the target is told of who asks: as the disk says it, or else the pool. */
static int write_login(xmlNode *disk, const xmlNode *pool) {
        const xmlNode *auth = xml_child(pool, "auth");
        xmlNode *copy;

        if (!xml_attr_is(auth, "type", "chap") || xml_child(disk, "auth") || xml_find(disk, "source/auth"))
                return 0;
        copy = xmlDocCopyNode((xmlNode *) auth, disk->doc, 1);
        if (!copy || !xmlAddChild(disk, copy))
                return -ENOMEM;
        xml_unset_attr(copy, "type");
        return xml_child(copy, "secret") ? xml_set_attr(xml_child(copy, "secret"), "type", "iscsi") : 0;
}

static int write_target(xmlNode *source, const xmlNode *pool, const char *lun) {
        const xmlNode *host = xml_child(pool, "host");
        const char *name = xml_get(pool, "initiator/iqn/@name"), *port = xml_attr(host, "port");
        xmlNode *to = xml_add(source, "host", NULL);
        int r;

        r = to ? xml_set_attr(to, "name", xml_attr(host, "name") ?: "") : -ENOMEM;
        if (r >= 0)
                r = xml_set_attr(to, "port", port ?: "3260");
        if (r >= 0 && name)
                r = (to = xml_add(source, "initiator", NULL)) && (to = xml_add(to, "iqn", NULL))
                            ? xml_set_attr(to, "name", name)
                            : -ENOMEM;
        if (r >= 0)
                r = xml_set_attr(source, "protocol", "iscsi");
        return r < 0 ? r : xml_set_attrf(source, "name", "%s/%s", xml_get(pool, "device/@path") ?: "", lun);
}

/* "unit:0:0:2": the last number is the target's own. 1 where it was done, 0 for a volume that the host has. */
static int become_iscsi(Prepare *p, xmlNode *disk, xmlNode *source) {
        const char *volume = xml_attr(source, "volume") ?: "", *colon = strrchr(volume, ':');
        _cleanup_definition_ Definition *d = NULL;
        const xmlNode *pool;
        unsigned lun = 0;
        bool direct;
        int r;

        r = load_pool(p, source, &d);
        if (r < 0)
                return r;
        direct = xml_attr_is(definition_root(d), "type", "iscsi-direct");
        if (!direct && !xml_attr(source, "mode"))
                return 0;
        if (!direct && !xml_attr_is(definition_root(d), "type", "iscsi"))
                return prepare_refuse(p, -EINVAL, source,
                                      "disk source mode is only valid when storage pool is of iscsi type");
        if (!direct && xml_attr_is(source, "mode", "host"))
                return 0;
        if (!colon || parse_uint(colon + 1, &lun) < 0)
                return prepare_refuse(p, -EINVAL, source, "'%s' is no unit of an iSCSI target", volume);
        pool = xml_child(definition_root(d), "source");
        r = write_login(disk, pool);
        if (r >= 0)
                r = write_target(source, pool, colon + 1);
        return r < 0 ? r : 1;
}

static int translate(Prepare *p, xmlNode *disk) {
        xmlNode *source = xml_child(disk, "source");
        _cleanup_volume_ Volume *v = NULL;
        bool block, iscsi;
        int r;

        if (!source)
                return xml_set_attr(disk, "type", "file");
        r = find_volume(p, source, &v);
        if (r < 0)
                return r;
        r = become_iscsi(p, disk, source);
        if (r < 0)
                return r;
        iscsi = r > 0;
        if (v->type == VOLUME_NETWORK && !iscsi)
                return prepare_refuse(p, -EOPNOTSUPP, source,
                                      "volume '%s' is of the network: name it as <disk type='network'>", v->name);
        if (v->type != VOLUME_FILE && v->type != VOLUME_BLOCK && !iscsi)
                return prepare_refuse(p, -EINVAL, source, "volume '%s' is a %s, no image", v->name,
                                      volume_type_name(v->type));
        block = v->type == VOLUME_BLOCK;
        xml_unset_attr(source, "pool");
        xml_unset_attr(source, "volume");
        xml_unset_attr(source, "mode");
        r = write_format(disk);
        if (r >= 0)
                r = xml_set_attr(disk, "type", iscsi ? "network" : block ? "block" : "file");
        return r < 0 || iscsi ? r : xml_set_attr(source, block ? "dev" : "file", v->path);
}

int prepare_volume(Prepare *p, xmlNode *disk) {
        return xml_attr_is(disk, "type", "volume") ? translate(p, disk) : 0;
}
