/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images are opened here, as root, and reach QEMU as descriptors: whoever owns a file keeps it, and the guest's
 * user has access to nothing but what is open. QEMU finds them as /dev/fdset/N; it opens an image for reading first
 * and for writing when a device needs that (auto-read-only), so a set of a writable image has one of each. From version
 * 9.1 on it also wants one that is open past the page cache where the disk's cache mode says so. */

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "prepare.h"

static int image_set_of(const Prepare *p, const char *path, bool direct) {
        for (size_t i = 0; i < p->n_images; i++)
                if (streq(p->images[i].path, path) && p->images[i].direct == direct)
                        return p->images[i].set;
        return -ENOENT;
}

static int add_image_set(Prepare *p, const char *path, bool direct) {
        int set = descriptor_set(p), r;
        char *copy = strdup(path);
        ImageSet *images;

        images = p->n_images < IMAGES_MAX ? reallocarray(p->images, p->n_images + 1, sizeof(ImageSet)) : NULL;
        if (images)
                p->images = images;
        if (!images || !copy) {
                free(copy);
                return -ENOMEM;
        }
        p->images[p->n_images++] = (ImageSet) { .path = copy, .direct = direct, .set = set };
        r = strv_addf(&p->launch.images, "%i %s", set, path);
        return r < 0 ? r : set;
}

static int open_one(Prepare *p, const xmlNode *element, const char *path, int flags, int set) {
        _cleanup_close_ int fd = -EBADF;
        int number;

        fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return prepare_refuse(p, -errno, element, "cannot open '%s'%s%s: %s", path,
                                      (flags & O_ACCMODE) == O_RDWR ? " for writing" : "",
                                      flags & O_DIRECT ? " without the page cache" : "", strerror(errno));
        number = descriptor_store(p, fd);
        return number < 0 ? number : descriptor_add_to_set(p, set, number);
}

static int open_image(Prepare *p, const xmlNode *element, const char *path, bool readonly, bool direct) {
        int set, r, flags = direct ? O_DIRECT : 0;
        struct stat st;

        if (image_set_of(p, path, direct) >= 0)
                return 0;
        if (stat(path, &st) < 0)
                return prepare_refuse(p, -errno, element, "cannot open '%s': %s", path, strerror(errno));
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return prepare_refuse(p, -EINVAL, element, "'%s' is no image: neither a file nor a block device", path);
        set = add_image_set(p, path, direct);
        if (set < 0)
                return set;
        /* A drive without a medium can be opened only so. */
        r = open_one(p, element, path, O_RDONLY | flags | (S_ISBLK(st.st_mode) ? O_NONBLOCK : 0), set);
        if (r < 0 || readonly)
                return r;
        return open_one(p, element, path, O_RDWR | flags, set);
}

static const char *path_of(const xmlNode *source) {
        const char *path = xml_attr(source, "file") ?: xml_attr(source, "dev");

        return path && *path ? path : NULL;
}

static bool is_missing_and_optional(const xmlNode *disk, const xmlNode *source) {
        const char *policy = xml_attr(source, "startupPolicy");

        return (streq_ptr(policy, "optional") || streq_ptr(policy, "requisite")) && access(path_of(source), F_OK) < 0 &&
                errno == ENOENT && (xml_attr_is(disk, "device", "cdrom") || xml_attr_is(disk, "device", "floppy"));
}

/* usb-storage lets go of its image and takes it again, so QEMU would go from the writable descriptor to the other one and back.
 * The locks that belong to the first are not released meanwhile, since we hold it too, and the second is then refused. */
static void stay_writable(Prepare *p, const char *path) {
        for (size_t i = 0; i < p->n_images; i++)
                if (streq(p->images[i].path, path))
                        p->images[i].stays_writable = true;
}

static bool stays_writable(const Prepare *p, int set) {
        for (size_t i = 0; i < p->n_images; i++)
                if (p->images[i].set == set)
                        return p->images[i].stays_writable;
        return false;
}

static int prepare_disk(Prepare *p, xmlNode *disk) {
        bool readonly = xml_child(disk, "readonly") || xml_attr_is(disk, "device", "cdrom");
        const char *cache = xml_attr(xml_child(disk, "driver"), "cache");
        bool direct = streq_ptr(cache, "none") || streq_ptr(cache, "directsync");
        xmlNode *source = xml_child(disk, "source");
        int r;

        if (!source || !path_of(source))
                return 0;
        if (is_missing_and_optional(disk, source)) {
                xml_remove(source);
                return 0;
        }
        r = open_image(p, source, path_of(source), readonly, direct);
        if (r < 0)
                return r;
        if (!readonly && streq_ptr(xml_get(disk, "target/@bus"), "usb"))
                stay_writable(p, path_of(source));
        r = prepare_chain(p, disk);
        for (const xmlNode *b = xml_child(disk, "backingStore"); r >= 0 && b; b = xml_child(b, "backingStore")) {
                const xmlNode *s = xml_child(b, "source");

                r = s && path_of(s) ? open_image(p, s, path_of(s), true, direct) : 0;
        }
        return r;
}

static int prepare_flash(Prepare *p) {
        const xmlNode *os = xml_child(definition_root(p->live), "os");
        const xmlNode *loader = xml_child(os, "loader");
        const char *nvram = definition_nvram(p->live);
        int r = 0;

        if (loader && xml_attr_is(loader, "type", "pflash"))
                r = open_image(p, loader, xml_text(loader), !xml_attr_is(loader, "readonly", "no"), false);
        if (r >= 0 && nvram && *nvram == '/')
                r = open_image(p, xml_child(os, "nvram"), nvram, false, false);
        return r;
}

int prepare_images(Prepare *p) {
        XML_FOREACH(disk, definition_devices(p->live), "disk") {
                int r = prepare_disk(p, disk);

                if (r < 0)
                        return r;
        }
        return prepare_flash(p);
}

/* Only the nodes that open files of the host: format nodes have no filename. */
static int rewrite_blockdev(Prepare *p, char **arg) {
        json_t *node = json_loads(*arg, 0, NULL);
        const char *filename = json_string_value(json_object_get(node, "filename"));
        bool direct = json_is_true(json_object_get(json_object_get(node, "cache"), "direct"));
        int set = filename ? image_set_of(p, filename, direct) : -ENOENT;
        char *text = NULL, name[32];
        int r = 0;

        if (set >= 0) {
                (void) snprintf(name, sizeof name, "/dev/fdset/%i", set);
                if (stays_writable(p, set) && json_object_set_new(node, "auto-read-only", json_false()) < 0)
                        r = -ENOMEM;
                if (r == 0 && json_object_set_new(node, "filename", json_string(name)) == 0)
                        text = json_dumps(node, JSON_COMPACT | JSON_PRESERVE_ORDER);
                if (text) {
                        free(*arg);
                        *arg = text;
                } else
                        r = -ENOMEM;
        }
        json_decref(node);
        return r;
}

int images_rewrite_arguments(Prepare *p, char **argv) {
        for (char **a = argv; *a && a[1]; a++)
                if (streq(*a, "-blockdev") && a[1][0] == '{') {
                        int r = rewrite_blockdev(p, a + 1);

                        if (r < 0)
                                return r;
                }
        return 0;
}
