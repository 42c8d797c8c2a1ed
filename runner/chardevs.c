/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's ends of serial ports, channels and the like: QEMU, as the guest's user in its sandbox, could not make sockets and
 * files at the paths that definitions name, so it gets them open. */

#include <fcntl.h>

#include "base/strings.h"
#include "prepare.h"
#include "sockets.h"

static const char *path_to_listen_on(const xmlNode *device) {
        const char *path;

        if (!xml_attr_is(device, "type", "unix"))
                return NULL;
        XML_FOREACH(source, device, "source") {
                path = xml_attr(source, "path");
                if (xml_attr_is(source, "mode", "bind") && path && *path == '/')
                        return path;
        }
        return NULL;
}

static int prepare_socket(Prepare *p, const xmlNode *device, const char *path, int *ret_number) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = socket_listen(path, &fd);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot listen on %s for %s", path, device_alias(device));
        r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        *ret_number = r;
        return strv_add(&p->launch.sockets, path);
}

/* A set with descriptor number in it, by the name under which QEMU opens it; the string is p's. */
static int name_set(Prepare *p, int number, const char **ret) {
        int set = descriptor_set(p), r;
        char *name;

        r = descriptor_add_to_set(p, set, number);
        if (r < 0)
                return r;
        name = text_format("/dev/fdset/%i", set);
        if (!name)
                return -ENOMEM;
        r = strv_consume(&p->paths, name);
        if (r < 0)
                return r;
        *ret = name;
        return 0;
}

/* A file that what the guest writes goes to. */
static int prepare_file(Prepare *p, const xmlNode *device, const xmlNode *source, const char *path, const char **ret) {
        bool append = xml_attr_bool(source, "append", true);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC), 0600);
        int number;

        if (fd < 0)
                return error_set_errno(&p->error, -errno, ORIGIN_QEMU, "cannot write to %s for %s", path, device_alias(device));
        number = descriptor_store(p, fd);
        return number < 0 ? number : name_set(p, number, ret);
}

/* The writing end of a pipe that vm-run reads. */
static int prepare_console(Prepare *p, const xmlNode *device, const char **ret) {
        int number = descriptor_number(p), r;

        if (number < 0)
                return number;
        r = name_set(p, number, ret);
        return r < 0 ? r : launch_add_console(&p->launch, device_alias(device), number);
}

static bool is_second_view(const xmlNode *device) {
        return xml_is(device, "console") && streq_ptr(xml_get(device, "target/@type"), "serial");
}

/* What the guest writes to a serial port or console goes to the journal too, unless the definition has a log of its own. */
static int prepare_log(Prepare *p, const xmlNode *device, const char **ret) {
        const xmlNode *log = xml_child(device, "log");
        const char *path = xml_attr(log, "file");

        if (path && *path == '/')
                return prepare_file(p, device, log, path, ret);
        if (!log && (xml_is(device, "serial") || xml_is(device, "console")))
                return prepare_console(p, device, ret);
        return 0;
}

/* A channel without a path gets one in the guest's own folder, where QEMU makes the socket. The live definition says it, so
 * that whoever talks to the guest's agent finds it. */
static int name_channel(Prepare *p, xmlNode *device) {
        xmlNode *source;

        if (!xml_is(device, "channel") || !xml_attr_is(device, "type", "unix") || xml_get(device, "source/@path"))
                return 0;
        source = xml_ensure(device, "source");
        if (!source || xml_set_attr(source, "mode", "bind") < 0)
                return -ENOMEM;
        return xml_set_attrf(source, "path", "%s/%s.sock", p->run_dir, device_alias(device));
}

static int prepare_chardev(Prepare *p, xmlNode *device, QemuChardev *c) {
        const char *to_listen = path_to_listen_on(device);
        const xmlNode *source = xml_child(device, "source");
        int r;

        r = prepare_log(p, device, &c->log_path);
        if (r >= 0)
                r = name_channel(p, device);
        if (r >= 0 && to_listen)
                r = prepare_socket(p, device, to_listen, &c->fd);
        if (r >= 0 && xml_attr_is(device, "type", "file") && *(xml_attr(source, "path") ?: "") == '/')
                r = prepare_file(p, device, source, xml_attr(source, "path"), &c->path);
        return r;
}

int prepare_chardevs(Prepare *p) {
        static const char *const elements[] = { "serial", "parallel", "console", "channel", "smartcard", "redirdev" };
        size_t n = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(elements); i++)
                XML_FOREACH(device, definition_devices(p->live), elements[i]) {
                        if (is_second_view(device) || !device_alias(device) || n == CHARDEVS_MAX)
                                continue;
                        p->chardevs[n] = (QemuChardev) { .alias = device_alias(device), .fd = -EBADF };
                        r = prepare_chardev(p, device, &p->chardevs[n++]);
                        if (r < 0)
                                return r;
                }
        p->res.chardevs = p->chardevs;
        p->res.n_chardevs = n;
        return 0;
}
