/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks that are volumes: the pool's unit has started before, and what it found is in its file. From here on the disk
 * is a file or a device like any other. The format is what the definition says: what a volume looks like is its guest's
 * to write. */

#include "base/fs.h"
#include "base/strings.h"
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

static int translate(Prepare *p, xmlNode *disk) {
        xmlNode *source = xml_child(disk, "source");
        _cleanup_volume_ Volume *v = NULL;
        bool block;
        int r;

        if (!source)
                return xml_set_attr(disk, "type", "file");
        r = find_volume(p, source, &v);
        if (r < 0)
                return r;
        if (v->type == VOLUME_NETWORK)
                return prepare_refuse(p, -EOPNOTSUPP, source,
                                      "volume '%s' is of the network: name it as <disk type='network'>", v->name);
        if (v->type != VOLUME_FILE && v->type != VOLUME_BLOCK)
                return prepare_refuse(p, -EINVAL, source, "volume '%s' is a %s, no image", v->name,
                                      volume_type_name(v->type));
        block = v->type == VOLUME_BLOCK;
        xml_unset_attr(source, "pool");
        xml_unset_attr(source, "volume");
        xml_unset_attr(source, "mode");
        r = write_format(disk);
        if (r >= 0)
                r = xml_set_attr(disk, "type", block ? "block" : "file");
        return r < 0 ? r : xml_set_attr(source, block ? "dev" : "file", v->path);
}

int prepare_volume(Prepare *p, xmlNode *disk) {
        return xml_attr_is(disk, "type", "volume") ? translate(p, disk) : 0;
}
