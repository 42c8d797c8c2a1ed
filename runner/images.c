/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images are opened here, as root, and reach QEMU as descriptors: whoever owns a file keeps it, and the guest's
 * user has access to nothing but what is open. QEMU finds them as /dev/fdset/N. From version 9.1 on it also wants one
 * that is open past the page cache where the disk's cache mode says so.
 *
 * QEMU would open an image for reading first, and for writing when a device needs that (auto-read-only). The locks that
 * it takes on the first are not released when it goes to the second, since we hold the first, too: whatever asks for
 * more later, the image's size for one, would be refused. So an image that may be written to is open for that alone. */

#include <jansson.h>

#include "base/strings.h"
#include "base/log.h"
#include "prepare.h"
#include "qemu/device.h"

/* How a disk uses an image. */
typedef struct Use {
        const xmlNode *disk, *element;  /* what asks, and the line to blame */
        const char *path;
        bool writable, shared, direct;
        const ImageFile *only;          /* NULL: any */
} Use;

static int add_image_set(Prepare *p, const Use *u, const ImageFile *file) {
        int set = u->element ? descriptor_set(p) : -1, r; /* none for what is open already */
        char *copy = strdup(u->path);
        ImageSet *images;

        images = p->n_images < IMAGES_MAX ? reallocarray(p->images, p->n_images + 1, sizeof(ImageSet)) : NULL;
        if (images)
                p->images = images;
        if (!images || !copy) {
                free(copy);
                return -ENOMEM;
        }
        p->images[p->n_images++] = (ImageSet){
                .path = copy,
                .direct = u->direct,
                .set = set,
                .file = *file,
                .writable = u->writable,
                .shared = u->shared,
                .disk = u->disk,
        };
        r = set < 0 ? 0 : strv_addf(&p->launch.images, "%i %s", set, u->path);
        return r < 0 ? r : set;
}

/* QEMU's own locks are between files that were opened, and would let two disks of one guest write to one image that is
 * the same file twice. */
static int check_twice(Prepare *p, const Use *u, const ImageFile *file) {
        for (size_t i = 0; i < p->n_images; i++) {
                const ImageSet *other = &p->images[i];
                const char *target = xml_get(other->disk, "target/@dev");

                if (!image_file_equal(&other->file, file) || (!other->writable && !u->writable) ||
                    (other->shared && u->shared))
                        continue;
                return error_set(&p->error, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "'%s' is an image of the guest's %s%s already, and one of the two may write to it: "
                                 "both would need "
                                 "<shareable/>",
                                 u->path, target ? "disk " : "firmware", target ?: "");
        }
        return 0;
}

static int give_image(Prepare *p, const Use *u, ImageFile *ret) {
        unsigned flags = (u->writable ? IMAGE_WRITABLE : 0) | (u->direct ? IMAGE_DIRECT : 0);
        const char *name = u->element ? xml_attr(u->element, "fdgroup") : NULL;
        const FdGroup *group = NULL;
        int r;

        if (!name)
                return image_give(u->path, flags, u->only, &p->sink, ret, &p->error);
        r = prepare_group(p, u->element, name, &group);
        return r < 0 ? r : image_give_opened(u->path, group->fds, group->n, flags, &p->sink, ret, &p->error);
}

static int open_image(Prepare *p, const Use *u) {
        ImageFile file;
        int number, r;

        number = give_image(p, u, &file);
        r = number < 0 ? number : check_twice(p, u, &file);
        if (r < 0)
                return prepare_blame(p, r, u->element);
        r = add_image_set(p, u, &file);
        if (r >= 0)
                r = descriptor_add_to_set(p, r, number);
        return r;
}

/* No set of theirs is known here, and none is taken. */
static int note_other(Prepare *p, const xmlNode *disk, const char *path) {
        bool writable = !xml_child(disk, "readonly") && !xml_attr_is(disk, "device", "cdrom");
        ImageFile file;
        Use u = { .disk = disk, .path = path, .writable = writable, .shared = xml_child(disk, "shareable") };
        int r;

        if (image_identify(path, &file) < 0)
                return 0; /* it has gone since */
        r = add_image_set(p, &u, &file);
        return r == -ENOMEM ? r : 0;
}

int images_note_others(Prepare *p, const xmlNode *disk) {
        int r = 0;

        XML_FOREACH(other, definition_devices(p->live), "disk")
                if (r >= 0 && other != disk && disk_path(other))
                        r = note_other(p, other, disk_path(other));
        return r;
}

static const char *path_of(const xmlNode *source) {
        const xmlNode *layer = source->parent;
        const char *path = disk_path(layer);

        /* a device of vDPA is no image */
        return path && *path && !xml_attr_is(layer, "type", "vhostvdpa") ? path : NULL;
}

/* "requisite" would let go of it at a migration only, as in libvirt. */
static bool is_missing_and_optional(const xmlNode *source) {
        return xml_attr_is(source, "startupPolicy", "optional") && !xml_attr(source, "fdgroup") &&
               access(path_of(source), F_OK) < 0 && errno == ENOENT;
}

/* A drive stays, without a medium; a disk that cannot be without goes. */
static void drop_missing(xmlNode *disk, xmlNode *source) {
        bool drive = xml_attr_is(disk, "device", "cdrom") || xml_attr_is(disk, "device", "floppy");

        log_notice("%s is not there, and disk %s is started without it", path_of(source),
                   xml_get(disk, "target/@dev") ?: "");
        xml_remove(drive ? source : disk);
}

/* Where an image keeps its data, opened as the image is. The definition says it; what a header says is not followed
 * (chain.c). */
static int open_store(Prepare *p, const xmlNode *image, const Use *as) {
        const xmlNode *source = xml_find(image, "dataStore/source");
        Use u = *as;

        u.element = source;
        u.path = source ? path_of(source) : NULL;
        u.only = NULL;
        return u.path ? open_image(p, &u) : 0;
}

/* What the definition names below the image, and what the images do. */
static int prepare_layers(Prepare *p, xmlNode *disk, const Use *top) {
        _cleanup_free_ ImageFile *files = NULL;
        int n, named = 0, i = 0, r = 0;

        for (const xmlNode *b = xml_child(disk, "backingStore"); b && xml_attr(b, "type");
             b = xml_child(b, "backingStore"))
                named++;
        n = prepare_chain(p, disk, &files);
        if (n < 0)
                return n;
        for (const xmlNode *b = xml_child(disk, "backingStore"); r >= 0 && b; b = xml_child(b, "backingStore"), i++) {
                const xmlNode *s = xml_child(b, "source");
                Use u = { .disk = disk, .element = s, .path = s ? path_of(s) : NULL, .direct = top->direct };

                if (i >= named && i - named < n)
                        u.only = &files[i - named];
                r = u.path ? open_image(p, &u) : 0;
                if (r >= 0)
                        r = open_store(p, s, &u);
        }
        return r;
}

int prepare_disk(Prepare *p, xmlNode *disk) {
        bool readonly = xml_child(disk, "readonly") || xml_child(disk, "transient") ||
                        xml_attr_is(disk, "device", "cdrom");
        const char *cache = qemu_disk_cache(disk);
        xmlNode *source = xml_child(disk, "source");
        Use u = {
                .disk = disk,
                .element = source,
                .writable = !readonly,
                .shared = xml_child(disk, "shareable"),
                .direct = streq_ptr(cache, "none") || streq_ptr(cache, "directsync"),
        };
        int r;

        if (!source)
                return 0;
        if (path_of(source) && is_missing_and_optional(source)) {
                drop_missing(disk, source);
                return 0;
        }
        u.path = path_of(source);
        r = u.path ? open_image(p, &u) : 0; /* none: QEMU itself gets at the image, by the network */
        if (r >= 0)
                r = open_store(p, source, &u);
        return r < 0 ? r : prepare_layers(p, disk, &u);
}

static int prepare_flash(Prepare *p) {
        const xmlNode *os = xml_child(definition_root(p->live), "os");
        const xmlNode *loader = xml_child(os, "loader");
        const char *nvram = definition_variables(p->live);
        int r = 0;

        if (loader && xml_attr_is(loader, "type", "pflash")) {
                Use u = { .element = loader,
                          .path = xml_text(loader),
                          .writable = xml_attr_is(loader, "readonly", "no") };

                r = open_image(p, &u);
        }
        if (r >= 0 && nvram && *nvram == '/') {
                Use u = { .element = xml_child(os, "nvram"), .path = nvram, .writable = true };

                r = open_image(p, &u);
        }
        return r;
}

int prepare_images(Prepare *p) {
        xmlNode *disk = xml_child(definition_devices(p->live), "disk"), *next;
        int r = 0;

        XML_FOREACH(d, definition_devices(p->live), "disk")
                if (r >= 0)
                        r = prepare_volume(p, d);
        for (; r >= 0 && disk; disk = next) {
                next = xml_next(disk, "disk");
                r = prepare_disk(p, disk);
        }
        /* Those that were found have no number yet, and what follows a disk's own may be another disk's. */
        XML_FOREACH(d, definition_devices(p->live), "disk")
                if (r >= 0)
                        r = definition_number_images(p->live, d);
        if (r >= 0)
                r = prepare_flash(p);
        return r < 0 ? r : prepare_chain_record(p);
}

/* Arguments name images in the order in which they were opened here, one by one; each use of an image has its own
 * set. */
static ImageSet *take_set(Prepare *p, const char *path, bool direct) {
        ImageSet *last = NULL;

        for (size_t i = 0; i < p->n_images; i++)
                if (streq(p->images[i].path, path) && p->images[i].direct == direct && p->images[i].set >= 0) {
                        last = &p->images[i];
                        if (!last->taken)
                                break;
                }
        if (last)
                last->taken = true;
        return last;
}

/* Only the nodes that open files of the host: format nodes have no filename. 1 where it was changed. */
int images_rewrite_node(Prepare *p, json_t *node) {
        const char *filename = json_string_value(json_object_get(node, "filename"));
        bool direct = json_is_true(json_object_get(json_object_get(node, "cache"), "direct"));
        const ImageSet *set = filename ? take_set(p, filename, direct) : NULL;
        char name[32];

        if (!set)
                return 0;
        (void) snprintf(name, sizeof name, "/dev/fdset/%i", set->set);
        if (set->writable && json_object_set_new(node, "auto-read-only", json_false()) < 0)
                return -ENOMEM;
        return json_object_set_new(node, "filename", json_string(name)) < 0 ? -ENOMEM : 1;
}

static int rewrite_blockdev(Prepare *p, char **arg) {
        json_t *node = json_loads(*arg, 0, NULL);
        int r = images_rewrite_node(p, node);
        char *text = r > 0 ? json_dumps(node, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

        json_decref(node);
        if (r > 0 && !text)
                return -ENOMEM;
        if (text) {
                free(*arg);
                *arg = text;
        }
        return r < 0 ? r : 0;
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
