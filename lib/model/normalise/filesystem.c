/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* filesystem: a folder of the host that the guest mounts, by 9p, virtiofs or as a USB media device. */

#include "base/strings.h"
#include "normalise.h"

bool has_shared_memory(const Normaliser *n) {
        xmlNode *numa = xml_find(n->root, "cpu/numa");
        const char *access = xml_get(n->root, "memoryBacking/access/@mode");
        unsigned cells = 0, shared = 0;

        XML_FOREACH(cell, numa, "cell") {
                cells++;
                shared += streq(xml_attr(cell, "memAccess") ?: access ?: "private", "shared");
        }

        return cells > 0 ? shared == cells : access && streq(access, "shared");
}

int need_shared_memory(Normaliser *n, xmlNode *device, const char *what) {
        if (has_shared_memory(n))
                return 0;

        return fail_unsupported(n, device, "%s requires shared memory: add <memoryBacking><source type='memfd'/>"
                                           "<access mode='shared'/></memoryBacking>", what);
}

static int check_mode(Normaliser *n, xmlNode *fs, const char *name) {
        const char *mode = xml_attr(fs, name);
        char *end;

        if (!mode)
                return 0;
        if (strtoul(mode, &end, 8) > 0777 || *end || !*mode)
                return fail_xml(n, fs, "invalid %s: '%s'", name, mode);
        norm_setf(n, fs, name, "%04lo", strtoul(mode, NULL, 8));
        return 0;
}

static int check_virtiofs(Normaliser *n, xmlNode *fs) {
        xmlNode *driver = xml_child(fs, "driver");

        if (!xml_attr_is(fs, "accessmode", "passthrough") && xml_attr(fs, "accessmode"))
                return fail_unsupported(n, fs, "virtiofs only supports passthrough accessmode");
        if (xml_attr(driver, "wrpolicy"))
                return fail_unsupported(n, driver, "virtiofs does not support wrpolicy");
        if (xml_attr(fs, "fmode") || xml_attr(fs, "dmode"))
                return fail_unsupported(n, fs, "virtiofs does not support fmode and dmode");
        if (xml_attr(fs, "model") && !xml_attr_is(fs, "model", "virtio"))
                return fail_unsupported(n, fs, "virtiofs does not support this model");
        if (xml_attr(fs, "multidevs") && !xml_attr_is(fs, "multidevs", "default"))
                return fail_unsupported(n, fs, "virtiofs does not support multidevs");

        return need_shared_memory(n, fs, "virtiofs");
}

static int check_source(Normaliser *n, xmlNode *fs, bool virtiofs) {
        xmlNode *source = xml_child(fs, "source"), *target = xml_child(fs, "target");

        if (!xml_attr(source, "dir") && !(virtiofs && xml_attr(source, "socket")))
                return fail_xml(n, source ?: fs, "missing source directory of the filesystem");
        if (!*attr_or(target, "dir", ""))
                return fail_xml(n, target ?: fs, "missing target of the filesystem");
        /* Where a helper runs already, it and not the definition says how the files are treated. */
        if (!xml_attr(source, "socket"))
                norm_set_default(n, fs, "accessmode", "passthrough");

        return 0;
}

static int check_filesystem(Normaliser *n, xmlNode *fs) {
        xmlNode *driver = xml_child(fs, "driver");
        bool virtiofs = xml_attr_is(driver, "type", "virtiofs"), mtp = xml_attr_is(driver, "type", "mtp");
        int r;

        norm_set_default(n, fs, "type", "mount");
        r = check_source(n, fs, virtiofs);
        if (r >= 0)
                r = check_mode(n, fs, "fmode");
        if (r >= 0)
                r = check_mode(n, fs, "dmode");
        if (r < 0)
                return r;
        if ((xml_attr(fs, "fmode") || xml_attr(fs, "dmode")) && !xml_attr_is(fs, "accessmode", "mapped"))
                return fail_unsupported(n, fs, "fmode and dmode must be used with accessmode=mapped");
        if (!virtiofs && (xml_child(fs, "binary") || xml_child(fs, "idmap") || xml_attr(driver, "queue")))
                return fail_unsupported(n, fs,
                                        "<binary>, <idmap> and queue belong to a filesystem with driver virtiofs");
        if (!virtiofs && xml_child(fs, "boot"))
                return fail_unsupported(n, fs, "booting from a filesystem needs driver virtiofs");
        if (mtp && !xml_attr_is(fs, "accessmode", "passthrough"))
                return fail_unsupported(n, fs, "mtp only supports passthrough accessmode");
        drop_empty(fs, "driver");
        drop_empty(fs, "binary");

        return virtiofs ? check_virtiofs(n, fs) : 0;
}

int normalise_filesystems(Normaliser *n) {
        XML_FOREACH(fs, n->devices, "filesystem") {
                int r = check_filesystem(n, fs);

                if (r < 0)
                        return r;
        }

        return 0;
}
