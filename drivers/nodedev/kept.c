/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What was read of a device is kept until it is said to have changed (watch.c): to read all of it anew is some dozens
 * of files of sysfs, of which some make the kernel ask the device. Nothing is kept where nobody would say so. */

#include <fcntl.h>

#include "base/strings.h"
#include "nodedev.h"

void device_forget(Device *d) {
        free(TAKE_PTR(d->kept.document));
        free(TAKE_PTR(d->kept.unannounced));
        free(TAKE_PTR(d->kept.parent));
        d->kept.has_flags = false;
}

static bool is_below(const char *path, const char *folder) {
        const char *rest = startswith(path, folder);

        return rest && (*rest == '\0' || *rest == '/');
}

static void forget_those(NodedevDriver *driver, bool (*are)(const Device *d, const void *what), const void *what) {
        Object **list;
        size_t n;

        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                if (are(device_of(list[i]), what))
                        device_forget(device_of(list[i]));
        object_release(list, n);
}

/* What is below names its parent, and what is above shows parts of what is below. */
static bool is_concerned(const Device *d, const void *path) {
        return d->syspath && (is_below(d->syspath, path) || is_below(path, d->syspath));
}

void device_forget_path(NodedevDriver *driver, const char *syspath) {
        forget_those(driver, is_concerned, syspath);
}

static bool is_of_kind(const Device *d, const void *kind) {
        return d->kind == kind;
}

void device_forget_kind(NodedevDriver *driver, const DeviceKind *k) {
        forget_those(driver, is_of_kind, k);
}

void unannounced_attribute(StrBuf *to, const char *syspath, const char *name) {
        _cleanup_free_ char *path = text_format("%s/%s", syspath, name);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
        char text[128];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

        if (!path)
                to->failed = true;
        if (n > 0)
                strbuf_addn(to, text, (size_t) n);
        strbuf_addc(to, ';');
}

/* What of it changes without a word; NULL without memory. */
static char *read_unannounced(const Device *d) {
        StrBuf b = {};

        strbuf_add(&b, "");
        if (d->kind->unannounced && d->syspath)
                d->kind->unannounced(d->syspath, &b);
        return strbuf_take(&b);
}

static bool keeps(const Device *d) {
        return watch_is_open(d->object.index->driver);
}

int device_document(Device *d, char **ret, Error *e) {
        _cleanup_free_ char *now = keeps(d) ? read_unannounced(d) : NULL, *text = NULL;
        int r;

        if (now && d->kept.document && streq(now, d->kept.unannounced)) {
                *ret = strdup(d->kept.document);
                return *ret ? 0 : -ENOMEM;
        }
        r = device_describe(d, &text, e);
        if (r < 0)
                return r;
        if (now && (*ret = strdup(text))) {
                free(d->kept.document);
                free(d->kept.unannounced);
                d->kept.document = TAKE_PTR(text);
                d->kept.unannounced = TAKE_PTR(now);
        } else
                *ret = TAKE_PTR(text);
        return 0;
}

uint32_t device_flags(Device *d) {
        if (d->kept.has_flags)
                return d->kept.flags;
        d->kept.flags = device_read_flags(d);
        d->kept.has_flags = keeps(d);
        return d->kept.flags;
}

int device_parent(Device *d, char **ret, Error *e) {
        _cleanup_(sd_device_unrefp) sd_device *device = NULL;
        int r;

        if (!d->kept.parent) {
                if (sd_device_new_from_syspath(&device, d->syspath) < 0)
                        return object_none_name(&kind_device, d->object.name, e);
                r = device_parent_name(device, ret);
                if (r >= 0 && keeps(d))
                        d->kept.parent = strdup(*ret);
                return r;
        }
        *ret = strdup(d->kept.parent);
        return *ret ? 0 : -ENOMEM;
}
