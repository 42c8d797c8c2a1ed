/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that QEMU opens by name: kernel and initrd, ROMs, what firmware shows to the guest; and the variables of
 * UEFI. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "prepare.h"

/* Most kernels are readable for all; one that is not reaches QEMU as a copy of the guest's own. The path is an
 * attribute, or the element's text. */
static int make_readable(Prepare *p, xmlNode *element, const char *attribute) {
        const char *path = attribute ? xml_attr(element, attribute) : xml_text(element);
        _cleanup_free_ char *copy = NULL;
        char name[24];
        struct stat st;
        int r;

        if (!path || *path != '/')
                return 0;
        if (stat(path, &st) < 0)
                return prepare_refuse(p, -errno, element, "cannot open '%s': %s", path, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return prepare_refuse(p, -EINVAL, element, "'%s' is not a file", path);
        if (st.st_mode & S_IROTH)
                return 0;
        if (attribute)
                (void) snprintf(name, sizeof(name), "file%u", p->n_copies++);
        r = prepare_copy_to_folder(p, path, attribute ? name : xml_name(element), &copy);
        if (r < 0)
                return prepare_refuse(p, r, element, "cannot copy '%s' for the guest: %s", path, strerror(-r));
        return attribute ? xml_set_attr(element, attribute, copy) : xml_set_text(element, copy);
}

/* <sysinfo><entry file=> and <rom file=>. */
static int prepare_named_files(Prepare *p) {
        int r = 0;

        XML_FOREACH(info, definition_root(p->live), "sysinfo")
                XML_FOREACH(entry, info, "entry") {
                        r = make_readable(p, entry, "file");
                        if (r < 0)
                                return r;
                }
        XML_FOREACH(device, definition_devices(p->live), NULL) {
                xmlNode *rom = xml_child(device, "rom");

                r = rom && xml_attr_bool(rom, "enabled", true) ? make_readable(p, rom, "file") : 0;
                if (r < 0)
                        return r;
        }
        return r;
}

/* What is in no file is there already, or QEMU says that it is not. */
static int check_elsewhere(Prepare *p, const xmlNode *nvram) {
        return p->reset_nvram ? prepare_refuse(p, -EOPNOTSUPP, nvram,
                                               "variables that are not in a file cannot be made from their template")
                              : 0;
}

static int prepare_nvram(Prepare *p, const xmlNode *nvram) {
        const char *path = definition_nvram(p->live), *template = xml_attr(nvram, "template");
        _cleanup_free_ char *dir = NULL;
        int r;

        if (xml_attr_is(nvram, "type", "block") || xml_attr_is(nvram, "type", "network"))
                return check_elsewhere(p, nvram);
        if (!path || *path != '/')
                return prepare_refuse(p, -EINVAL, nvram, "the variables of the firmware need an absolute path");
        if (access(path, F_OK) >= 0 && !p->reset_nvram)
                return 0;
        if (!template)
                return prepare_refuse(p, -ENOENT, nvram, "'%s' is not there, and no template to make it from is named: "
                                      "<nvram template='...'> names one", path);
        dir = strndup(path, (size_t) (strrchr(path, '/') - path));
        if (!dir)
                return -ENOMEM;
        r = *dir ? mkdir_p(dir, 0700) : 0;
        if (r >= 0)
                r = prepare_copy_file(template, path, 0600, 0, 0);
        return r < 0 ? prepare_refuse(p, r, nvram, "cannot make '%s' from '%s': %s", path, template, strerror(-r)) : 0;
}

/* Definitions come from hosts whose firmware is elsewhere. */
static int check_firmware(Prepare *p, const xmlNode *loader) {
        const char *path = xml_text(loader);

        if (!xml_attr_is(loader, "type", "pflash") || !*path || access(path, F_OK) >= 0)
                return 0;
        return prepare_refuse(p, -errno, loader, "the firmware '%s' is not there (%s): <os firmware='efi'>, without "
                              "<loader> and <nvram>, takes one that this host has", path, strerror(errno));
}

int prepare_boot(Prepare *p) {
        static const char *const files[] = { "kernel", "initrd", "dtb", "shim" };
        xmlNode *os = xml_child(definition_root(p->live), "os");
        xmlNode *loader = xml_child(os, "loader"), *nvram = xml_child(os, "nvram");
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++) {
                xmlNode *n = xml_child(os, files[i]);

                r = n ? make_readable(p, n, NULL) : 0;
        }
        if (r >= 0 && loader && !xml_attr_is(loader, "type", "pflash"))
                r = make_readable(p, loader, NULL);
        if (r >= 0 && loader)
                r = check_firmware(p, loader);
        if (r >= 0)
                r = prepare_named_files(p);
        return r >= 0 && nvram && !xml_attr_is(loader, "type", "rom") ? prepare_nvram(p, nvram) : r;
}
