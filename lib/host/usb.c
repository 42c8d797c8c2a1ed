/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/usb.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/strings.h"
#include "sys.h"

static bool read_number(const char *folder, const char *device, const char *file, int base, unsigned *ret) {
        _cleanup_free_ char *path = text_format("%s/%s/%s", folder, device, file), *text = NULL;
        char *end;

        if (!path || file_read(path, 64, &text, NULL) < 0)
                return false;
        *ret = (unsigned) strtoul(text, &end, base);
        return end != text;
}

/* "3-1.2": the bus, then the ports on the way; interfaces have a colon, root hubs no port. */
static bool is_at_port(const char *name, const char *port) {
        const char *path = strchr(name, '-');

        return path && streq(path + 1, port);
}

static bool matches(const char *folder, const char *name, const UsbMatch *m, unsigned *bus, unsigned *device) {
        unsigned vendor, product;

        if (name[0] == '.' || strchr(name, ':') || !strchr(name, '-'))
                return false;
        if (!read_number(folder, name, "busnum", 10, bus) || !read_number(folder, name, "devnum", 10, device) ||
            !read_number(folder, name, "idVendor", 16, &vendor) ||
            !read_number(folder, name, "idProduct", 16, &product))
                return false;
        return (m->vendor == 0 || m->vendor == vendor) && (m->product == 0 || m->product == product) &&
               (m->bus == 0 || m->bus == *bus) && (m->device == 0 || m->device == *device) &&
               (!m->port || is_at_port(name, m->port));
}

static int complain(const UsbMatch *m, StrBuf *places, Error *e) {
        _cleanup_free_ char *text = strbuf_take(places);

        if (!text)
                return -ENOMEM;
        return error_set(e, -EEXIST, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                         "Multiple USB devices for %04x:%04x, use <address> to specify one: %s", m->vendor, m->product,
                         text);
}

int usb_find(const UsbMatch *match, unsigned *ret_bus, unsigned *ret_device, Error *e) {
        _cleanup_free_ char *folder = text_format("%s/bus/usb/devices", path_sys());
        _cleanup_strbuf_ StrBuf places = {};
        unsigned found = 0;
        struct dirent *d;
        DIR *dir;

        if (!folder)
                return -ENOMEM;
        dir = opendir(folder);
        if (!dir)
                return errno == ENOENT ? 0 : error_set_errno(e, -errno, ORIGIN_QEMU, "cannot read %s", folder);
        while ((d = readdir(dir))) {
                unsigned bus, device;

                if (!matches(folder, d->d_name, match, &bus, &device))
                        continue;
                strbuf_addf(&places, "%sbus='%u' device='%u'", found > 0 ? ", " : "", bus, device);
                *ret_bus = bus;
                *ret_device = device;
                found++;
        }
        closedir(dir);
        return found > 1 ? complain(match, &places, e) : (int) found;
}

char *usb_wish_file(unsigned vendor, unsigned product) {
        return text_format("%s/usb/%04x:%04x", path_run(), vendor, product);
}

int usb_wish(unsigned vendor, unsigned product) {
        _cleanup_free_ char *folder = text_format("%s/usb", path_run()), *path = usb_wish_file(vendor, product);
        int r = folder && path ? mkdir_p(folder, 0755) : -ENOMEM;

        return r < 0 ? r : file_write_atomic(path, "", 0, 0644, FILE_WRITE_NOSYNC);
}

int usb_give(unsigned bus, unsigned device, FdSink *sink, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        char path[48];

        (void) snprintf(path, sizeof path, "/dev/bus/usb/%03u/%03u", bus, device);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot open %s", path);
        return fd_sink_give(sink, fd, e);
}
