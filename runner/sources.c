/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What disks need besides images that are files of the host: values of secrets, connections to sockets, certificates,
 * devices, files for changes that are forgotten. QEMU gets each as a descriptor, by the element that asks for it. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "host/changes.h"
#include "host/sockets.h"
#include "host/undo.h"
#include "image/probe.h"
#include "plan/helper.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "prepare.h"
#include "secret/secret.h"

static QemuOpened *add_opened(Prepare *p, const xmlNode *element) {
        QemuOpened *o = p->n_opened < OPENED_MAX ? reallocarray(p->opened, p->n_opened + 1, sizeof(*o)) : NULL;

        if (!o)
                return NULL;
        p->opened = o;
        o += p->n_opened++;
        *o = (QemuOpened) { .element = element, .fd = -EBADF };
        return o;
}

/* What is open already: QEMU gets a copy. */
static int store_opened(Prepare *p, const xmlNode *element, int fd) {
        QemuOpened *o = add_opened(p, element);
        int r = o ? descriptor_store(p, fd) : -ENOMEM;

        if (r < 0)
                return r;
        o->fd = r;
        return 0;
}

int prepare_name_opened(Prepare *p, const xmlNode *element, const char *path) {
        QemuOpened *o = add_opened(p, element);

        if (!o)
                return -ENOMEM;
        o->path = path;
        p->res.opened = p->opened;
        p->res.n_opened = p->n_opened;
        return 0;
}

/* --- secrets --- */

/* A QEMU that runs has no number yet that the file could be known by: it is told the value itself. */
static int tell_value(Prepare *p, QemuOpened *o, const SecretValue *v) {
        _cleanup_secret_value_ SecretValue text = {};
        char *copy;
        int r;

        r = secret_value_to_base64(v, &text);
        if (r < 0)
                return r;
        copy = strndup((const char *) text.data, text.len);
        if (!copy)
                return -ENOMEM;
        o->data = copy;
        return strv_consume(&p->paths, copy);
}

/* By its path among QEMU's own descriptors: it reads secrets as files. */
static int give_value(Prepare *p, const xmlNode *element, const SecretValue *v) {
        QemuOpened *o = add_opened(p, element);
        _cleanup_close_ int fd = -EBADF;
        char *path;
        int r;

        if (o && p->running)
                return tell_value(p, o, v);
        r = o ? secret_value_to_fd(v, MFD_CLOEXEC, &fd) : -ENOMEM;
        if (r >= 0)
                r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        path = text_format("/proc/self/fd/%i", r);
        if (!path)
                return -ENOMEM;
        o->path = path;
        return strv_consume(&p->paths, path);
}

static int give_secret(Prepare *p, const xmlNode *secret, SecretUsageType type) {
        const char *uuid = xml_attr(secret, "uuid"), *usage = xml_attr(secret, "usage") ?: "";
        _cleanup_secret_value_ SecretValue v = {};
        char found[37];
        int r = 0;

        if (!uuid) {
                r = secret_find(type, usage, found, &p->error);
                uuid = found;
        }
        if (r >= 0)
                r = secret_read(uuid, &v, &p->error);
        return r < 0 ? prepare_blame(p, r, secret) : give_value(p, secret, &v);
}

/* As a browser would send them: "a=1; b=2". */
static int give_cookies(Prepare *p, const xmlNode *cookies) {
        _cleanup_secret_value_ SecretValue v = {};
        _cleanup_strbuf_ StrBuf text = {};
        int r;

        XML_FOREACH(cookie, cookies, "cookie")
                strbuf_addf(&text, "%s%s=%s", text.len > 0 ? "; " : "", xml_attr(cookie, "name"), xml_text(cookie));
        if (text.len == 0)
                return 0;
        r = text.failed ? -ENOMEM : secret_value_copy(text.data, text.len, &v);
        if (text.data)
                explicit_bzero(text.data, text.len);
        return r < 0 ? r : give_value(p, cookies, &v);
}

static int give_secrets(Prepare *p, const xmlNode *layer, const xmlNode *source) {
        const xmlNode *auth = xml_child(layer, "auth") ?: xml_child(source, "auth"),
                      *encryption = xml_child(layer, "encryption") ?: xml_child(source, "encryption"),
                      *secret = xml_child(auth, "secret"), *cookies = xml_child(source, "cookies");
        int r = 0;

        if (secret)
                r = give_secret(p, secret,
                                xml_attr_is(secret, "type", "ceph") ? SECRET_USAGE_CEPH : SECRET_USAGE_ISCSI);
        XML_FOREACH(s, encryption, "secret")
                r = r < 0 ? r : give_secret(p, s, SECRET_USAGE_VOLUME);
        return r >= 0 && cookies ? give_cookies(p, cookies) : r;
}

/* --- sockets --- */

static int give_connection(Prepare *p, const xmlNode *element, const char *path) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = path ? socket_connect(path, &fd) : -EINVAL;
        if (r < 0)
                return prepare_refuse(p, r, element, "cannot connect to '%s': %s", path ?: "", strerror(-r));
        return store_opened(p, element, fd);
}

/* A connection that is to be made again when it breaks is QEMU's own affair, and so are those that a library makes. */
static int give_hosts(Prepare *p, const xmlNode *source) {
        uint64_t delay = 0;
        int r = 0;

        (void) xml_attr_u64(xml_child(source, "reconnect"), "delay", &delay);
        if (!xml_attr_is(source, "protocol", "nbd") || delay > 0)
                return 0;
        XML_FOREACH(host, source, "host")
                if (r >= 0 && xml_attr_is(host, "transport", "unix"))
                        r = give_connection(p, host, xml_attr(host, "socket"));
        return r;
}

/* --- certificates --- */

static int give_certificates(Prepare *p, const xmlNode *source) {
        QemuOpened *o = add_opened(p, source);

        return o ? prepare_certificates(p, source, &certificates_nbd, false, &o->path) : -ENOMEM;
}

/* --- changes --- */

static int size_of(const char *path, const char *format, uint64_t *ret, Error *e) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        _cleanup_close_ int fd = -EBADF;
        ImageFormat f = image_format_from_name(format);
        int r;

        r = image_open(path, 0, &fd, e);
        if (r < 0)
                return r;
        r = f < 0 ? (int) f : image_read_fd(fd, f, &info);
        if (r < 0 || info.capacity == 0)
                return error_set(e, -EBADMSG, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "cannot learn the size of '%s', an image of format '%s': it cannot be transient", path,
                                 format);
        *ret = info.capacity;
        return 0;
}

static int give_changes(Prepare *p, const xmlNode *disk, const xmlNode *transient) {
        const char *path = xml_get(disk, "source/@file");
        _cleanup_close_ int fd = -EBADF;
        uint64_t size = 0;
        QemuOpened *o;
        int r;

        if (xml_child(disk, "encryption") || xml_find(disk, "source/encryption"))
                return prepare_refuse(p, -EOPNOTSUPP, transient, "a disk that is encrypted cannot be transient");
        if (disk_fd_group(disk))
                return prepare_refuse(p, -EOPNOTSUPP, transient,
                                      "an image that a client has opened cannot be transient");
        if (xml_find(disk, "source/slices"))
                return prepare_refuse(p, -EOPNOTSUPP, transient, "a slice of a file cannot be transient");
        r = path ? size_of(path, xml_get(disk, "driver/@type") ?: "raw", &size, &p->error) : -EINVAL;
        if (r >= 0)
                r = changes_open(path, size, &fd, &p->error);
        if (r < 0)
                return prepare_blame(p, r, transient);
        o = add_opened(p, transient);
        r = o ? descriptor_store(p, fd) : -ENOMEM;
        return r < 0 ? r : descriptor_name(p, r, &o->path);
}

/* --- all of a disk --- */

static int give_device(Prepare *p, const xmlNode *source) {
        QemuOpened *o = add_opened(p, source);

        return o ? prepare_device_name(p, source, xml_attr(source, "dev"), O_RDWR, &o->path) : -ENOMEM;
}

/* What qemu.conf says where the definition does not; the live one says it then. */
static int choose_tls(Prepare *p, xmlNode *source) {
        if (!p->config->nbd_tls || !xml_attr_is(source, "protocol", "nbd") || xml_attr(source, "tls") ||
            xml_attr_is(xml_child(source, "host"), "transport", "unix"))
                return 0;
        return xml_set_attr(source, "tls", "yes");
}

/* --- reservations --- */

/* The helper of a guest that had such a disk at its start, or the one that came with the first of them. */
static char *reservations_folder(const Prepare *p, bool late) {
        _cleanup_free_ char *folder = helper_folder(p->name, late ? HELPER_RESERVATIONS_LATE : HELPER_RESERVATIONS);

        return folder ? text_format("/run/%s", folder) : NULL;
}

/* What it listens on is in the guest's folder, and the guest's: QEMU connects by its path, whenever the connection is
 * not there. */
static int make_reservations_socket(Prepare *p, const char *path, const char *helper) {
        _cleanup_close_ int fd = -EBADF, connection = -EBADF;
        int r = prepare_guest_socket(p, path, &fd);

        if (r == -EADDRINUSE) /* by the helper of another disk */
                return 0;
        if (r >= 0)
                r = connection = unix_connect_owner(helper, HELPER_SOCKET, SOCK_STREAM | SOCK_NONBLOCK);
        if (r >= 0)
                r = (int) send_fds(connection, "", 1, &fd, 1, 0);
        return r < 0 ? r : 0;
}

/* It goes with the guest, and not with this disk: so it stands on the list under a name of its own. */
#define RESERVATIONS "pr-helper0"

static int note_reservations(Prepare *p, const xmlNode *disk) {
        _cleanup_plan_ Plan *plan = NULL;
        _cleanup_free_ char *folder = NULL;
        int r;

        if (undo_is_listed_for(p->name, RESERVATIONS))
                return 0;
        r = plan_build_late(p->live, disk, &plan, &p->error);
        if (r < 0)
                return r;
        folder = text_format("/run/systemd/system/%s.d", plan_unit(plan_other(plan, 0)));
        return folder ? undo_add_for(p->name, RESERVATIONS, UNDO_FOLDER, folder) : -ENOMEM;
}

/* The live definition says where the socket is. */
static int give_reservations(Prepare *p, const xmlNode *layer, const xmlNode *source) {
        xmlNode *reservations = xml_child(source, "reservations"), *socket;
        _cleanup_free_ char *folder = NULL, *path = NULL;
        bool late = false;
        int r = 0;

        if (!xml_attr_is(reservations, "managed", "yes"))
                return 0;
        folder = reservations_folder(p, false);
        if (p->running && folder && access(folder, F_OK) < 0) {
                free(folder);
                folder = reservations_folder(p, true);
                late = true;
        }
        path = folder ? text_format("%s/" HELPER_RESERVATIONS_SOCKET, p->run_dir) : NULL;
        if (!path)
                return -ENOMEM;
        if (late && xml_is(layer, "disk"))
                r = note_reservations(p, layer);
        if (r >= 0)
                r = make_reservations_socket(p, path, folder);
        if (r < 0)
                return prepare_refuse(p, r, reservations, "cannot have %s listen at %s: %s", folder, path,
                                      strerror(-r));
        socket = xml_ensure(reservations, "source");
        if (!socket || xml_set_attr(socket, "type", "unix") < 0 || xml_set_attr(socket, "mode", "client") < 0)
                return -ENOMEM;
        return xml_set_attr(socket, "path", path);
}

/* --- disks by SSH --- */

static int give_served(Prepare *p, const xmlNode *disk, const xmlNode *source) {
        _cleanup_close_ int fd = -EBADF;
        char part[PLAN_PART_MAX];
        int r = prepare_note_late(p, disk);

        plan_device_part(disk, p->running, part);
        if (r >= 0)
                r = prepare_reach_helper(p, source, part, &fd);
        if (r < 0)
                return r;
        return store_opened(p, source, fd);
}

static int give_layer(Prepare *p, const xmlNode *layer) {
        xmlNode *source = xml_child(layer, "source");
        int r;

        if (!source)
                return 0;
        if (disk_is_served(layer))
                return give_served(p, layer, source);
        r = choose_tls(p, source);
        if (r >= 0)
                r = give_secrets(p, layer, source);
        if (r >= 0)
                r = give_hosts(p, source);
        if (r >= 0 && xml_attr_is(source, "tls", "yes"))
                r = give_certificates(p, source);
        if (r >= 0 && xml_attr_is(layer, "type", "vhostuser"))
                r = xml_attr_bool(xml_child(source, "reconnect"), "enabled", false)
                            ? prepare_check_socket(p, source)
                            : give_connection(p, source, xml_attr(source, "path"));
        if (r >= 0)
                r = give_reservations(p, layer, source);
        if (r >= 0 && xml_attr_is(layer, "type", "vhostvdpa"))
                r = give_device(p, source);
        return r;
}

int prepare_key_password(Prepare *p, const xmlNode *element, const char *uuid) {
        _cleanup_secret_value_ SecretValue v = {};
        int r;

        r = secret_read(uuid, &v, &p->error);
        r = r < 0 ? prepare_blame(p, r, element) : give_value(p, element, &v);
        p->res.opened = p->opened;
        p->res.n_opened = p->n_opened;
        return r;
}

int prepare_network_source(Prepare *p, const xmlNode *layer) {
        int r = give_layer(p, layer);

        p->res.opened = p->opened;
        p->res.n_opened = p->n_opened;
        return r;
}

int prepare_disk_sources(Prepare *p, const xmlNode *disk) {
        const xmlNode *transient = xml_child(disk, "transient");
        int r = 0;

        for (const xmlNode *l = disk; r >= 0 && l; l = xml_child(l, "backingStore")) {
                const xmlNode *store = xml_find(l, "source/dataStore");

                r = give_layer(p, l);
                if (r >= 0 && store)
                        r = give_layer(p, store);
        }
        if (r >= 0 && transient)
                r = give_changes(p, disk, transient);
        p->res.opened = p->opened;
        p->res.n_opened = p->n_opened;
        return r;
}

int prepare_sources(Prepare *p) {
        const xmlNode *nvram = xml_find(definition_root(p->live), "os/nvram");

        if (xml_attr_is(nvram, "type", "network")) {
                int r = prepare_network_source(p, nvram);

                if (r < 0)
                        return r;
        }
        XML_FOREACH(disk, definition_devices(p->live), "disk") {
                int r = prepare_disk_sources(p, disk);

                if (r < 0)
                        return r;
        }
        return 0;
}
