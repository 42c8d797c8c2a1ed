/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's ends of serial ports, channels and the like: QEMU, as the guest's user in its sandbox, could not make
 * sockets and files at the paths that definitions name, so it gets them open. */

#include <fcntl.h>
#include <unistd.h>

#include "base/strings.h"
#include "host/fifo.h"
#include "host/owner.h"
#include "host/output.h"
#include "host/sockets.h"
#include "host/undo.h"
#include "notify.h"
#include "prepare.h"

/* The backend of a random number generator has the alias of that. */
static const char *alias_of(const xmlNode *device) {
        return device_alias(xml_is(device, "backend") ? device->parent : device);
}

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

        r = prepare_undo(p, UNDO_SOCKET, path);
        if (r < 0)
                return r;
        r = socket_listen(path, &fd);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot listen on %s for %s", path, alias_of(device));
        r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        *ret_number = r;
        return 0;
}

/* A connection to somebody else's socket; one that is made again when it breaks is QEMU's own affair. */
static const char *path_to_connect_to(const xmlNode *device) {
        const xmlNode *source = xml_child(device, "source");
        const char *path = xml_attr(source, "path");

        if (!xml_attr_is(device, "type", "unix") || !xml_attr_is(source, "mode", "connect") || !path || *path != '/')
                return NULL;
        return xml_attr_bool(xml_child(source, "reconnect"), "enabled", false) ? NULL : path;
}

static int prepare_connection(Prepare *p, const xmlNode *device, const char *path, int *ret_number) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = socket_connect(path, &fd);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot connect to %s for %s", path,
                                       alias_of(device));
        r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        *ret_number = r;
        return 0;
}

/* Others' TCP ports and the host's own are the host's network, which QEMU need not have for one socket. */
static int prepare_tcp(Prepare *p, const xmlNode *device, int *ret_number) {
        const xmlNode *source = xml_child(device, "source");
        bool listens = xml_attr_is(source, "mode", "bind");
        const char *host = xml_attr(source, "host"), *service = xml_attr(source, "service") ?: "";
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!host || !*host)
                host = NULL;
        r = listens ? tcp_listen(host, service, &fd, 1) : tcp_connect(host, service, &fd);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot %s %s:%s for %s",
                                       listens ? "listen at" : "connect to", host ?: "", service, alias_of(device));
        r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        *ret_number = r;
        return 0;
}

/* As with other sockets, a connection that is made again when it breaks is QEMU's own affair (plan_tcp()); with TLS
 * QEMU has to know whose certificate it is to see. */
bool prepare_chardev_connects(const xmlNode *device) {
        const xmlNode *end = xml_is(device, "rng") ? xml_child(device, "backend") : device,
                      *source = xml_child(end, "source");

        return xml_attr_is(end, "type", "tcp") &&
               (xml_attr_bool(xml_child(source, "reconnect"), "enabled", false) ||
                (!xml_attr_is(source, "mode", "bind") && xml_attr_is(source, "tls", "yes")));
}

/* What qemu.conf says where the definition does not; the live one says it then. The unit's view has the network for
 * connections of which the definition says that QEMU makes them, and for no others. */
static int choose_tls(Prepare *p, xmlNode *device) {
        xmlNode *source = xml_child(device, "source");

        if (!p->config->chardev_tls || xml_attr(source, "tls"))
                return 0;
        if (!xml_attr_is(source, "mode", "bind") && !xml_attr_bool(xml_child(source, "reconnect"), "enabled", false))
                return prepare_refuse(p, -EOPNOTSUPP, source,
                                      "chardev_tls in qemu.conf wants this connection encrypted: write tls='yes', or "
                                      "tls='no' to go without");
        return xml_set_attr(source, "tls", "yes");
}

static int prepare_tls(Prepare *p, const xmlNode *device, QemuChardev *c) {
        const QemuConfig *config = p->config;
        const char *secret = config->chardev_tls_x509_secret_uuid ?: config->default_tls_x509_secret_uuid;
        const xmlNode *source = xml_child(device, "source");
        int r, verify = config->chardev_tls_x509_verify;

        c->tls_anybody = (verify < 0 ? config->default_tls_x509_verify : verify) == 0;
        c->tls_priority = config->chardev_tls_priority;
        r = prepare_certificates(p, source, &certificates_chardev, xml_attr_is(source, "mode", "bind"), &c->tls_dir);
        return r >= 0 && secret ? prepare_key_password(p, device, secret) : r;
}

/* QEMU looks for PATH.in and PATH.out, and for PATH where they are not both there. */
static int prepare_pipes(Prepare *p, const xmlNode *device) {
        static const char *const ends[] = { "", ".in", ".out" };
        const char *path = xml_get(device, "source/@path");
        unsigned found = 0;

        for (size_t i = 0; path && *path == '/' && i < ELEMENTSOF(ends); i++) {
                _cleanup_free_ char *pipe = text_format("%s%s", path, ends[i]), *owner = NULL;
                int r = pipe ? fifo_owner(pipe, &owner) : -ENOMEM;

                if (r == -ENOENT)
                        continue;
                if (r >= 0)
                        r = prepare_undo(p, UNDO_PIPE, owner);
                if (r >= 0)
                        r = owner_give(owner, p->uid, p->gid);
                if (r < 0)
                        return error_set_errno(&p->error, r, ORIGIN_QEMU,
                                               "'%s' of %s is no pipe that the guest can have", pipe ?: path,
                                               alias_of(device));
                found++;
        }
        return found > 0 ? 0
                         : error_set_errno(&p->error, -ENOENT, ORIGIN_QEMU, "cannot open the pipe %s for %s", path,
                                           alias_of(device));
}

/* A file that what the guest writes goes to: anew at each start, unless it is to be added to. */
static int prepare_file(Prepare *p, const xmlNode *device, const xmlNode *source, const char *path, const char **ret) {
        int number = output_give(path, xml_attr_bool(source, "append", false), &p->sink, &p->error);

        return number < 0 ? prepare_blame(p, number, device) : descriptor_name(p, number, ret);
}

static bool is_console(const xmlNode *device) {
        return xml_is(device, "serial") || xml_is(device, "console");
}

/* The same for a port that is plugged in: vm-run is given the other end. */
static int prepare_late_pipe(Prepare *p, const xmlNode *device, const char **ret) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int ends[2], number, r;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_set_errno(&p->error, -errno, ORIGIN_QEMU, "cannot make a pipe");
        ours = ends[0];
        theirs = ends[1];
        p->late->quiet = !is_console(device);
        r = number = descriptor_store(p, theirs);
        if (r >= 0)
                r = late_port_add(p->late, LATE_PORT_PIPE, ours);
        return r < 0 ? r : descriptor_name(p, number, ret);
}

/* The writing end of a pipe that vm-run reads. What channels and the like carry is no text for the journal. */
static int prepare_pipe(Prepare *p, const xmlNode *device, const char **ret) {
        int number, r;

        if (p->late)
                return prepare_late_pipe(p, device, ret);
        number = descriptor_number(p);
        if (number < 0)
                return number;
        r = descriptor_name(p, number, ret);
        return r < 0 ? r : launch_add_console(&p->launch, alias_of(device), number, !is_console(device));
}

static bool is_second_view(const xmlNode *device) {
        return xml_is(device, "console") && streq_ptr(xml_get(device, "target/@type"), "serial");
}

/* A file that vm-run copies what it reads there to. */
static int prepare_copy(Prepare *p, const xmlNode *device, const char *prefix, const xmlNode *how, const char *path) {
        _cleanup_free_ char *name = text_format("%s%s", prefix, alias_of(device));

        if (!name)
                return -ENOMEM;
        return prepare_blame(p, prepare_log_file(p, name, path, xml_attr_bool(how, "append", false)), device);
}

static bool is_output(const xmlNode *device) {
        return xml_attr_is(device, "type", "file") && *(xml_get(device, "source/@path") ?: "") == '/';
}

/* The vm-run of a version that took no ports while its guest runs may be there still. */
static bool reads_ports(const Prepare *p) {
        return !p->running || p->late;
}

/* What a port of type file says comes by vm-run, as libvirt has it come by virtlogd; qemu.conf can leave it to QEMU. */
static bool is_read(const Prepare *p, const xmlNode *device) {
        return is_output(device) && reads_ports(p) && !streq_ptr(p->config->stdio_handler, "file");
}

static int prepare_output(Prepare *p, const xmlNode *device, QemuChardev *c) {
        const xmlNode *source = xml_child(device, "source");
        const char *path = xml_attr(source, "path");

        if (!is_read(p, device))
                return prepare_file(p, device, source, path, &c->path);
        c->path = "/dev/null";
        return prepare_copy(p, device, FILE_FD_PREFIX, source, path);
}

/* What the guest writes to a serial port or console goes to the journal, and that of any port to a file where the
 * definition names one. */
static int prepare_log(Prepare *p, const xmlNode *device, const char **ret) {
        const xmlNode *log = xml_child(device, "log");
        const char *path = xml_attr(log, "file");
        bool file = path && *path == '/';
        int r = 0;

        if (!reads_ports(p))
                return file ? prepare_file(p, device, log, path, ret) : 0;
        if (file)
                r = prepare_copy(p, device, LOG_FD_PREFIX, log, path);
        if (r < 0 || (!file && !is_console(device) && !is_read(p, device)))
                return r;
        return prepare_pipe(p, device, ret);
}

/* A channel without a path gets one in the guest's own folder. The live definition says it, so that whoever talks to
 * the guest's agent finds it. */
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
        const char *to_listen, *to_connect;
        int r;

        r = prepare_log(p, device, &c->log_path);
        if (r >= 0)
                r = name_channel(p, device);
        to_listen = path_to_listen_on(device);
        to_connect = path_to_connect_to(device);
        if (r >= 0 && to_listen)
                r = prepare_socket(p, device, to_listen, &c->fd);
        if (r >= 0 && to_connect)
                r = prepare_connection(p, device, to_connect, &c->fd);
        if (r >= 0 && xml_attr_is(device, "type", "tcp"))
                r = choose_tls(p, device);
        if (r >= 0 && xml_attr_is(device, "type", "tcp") && !prepare_chardev_connects(device))
                r = prepare_tcp(p, device, &c->fd);
        if (r >= 0 && xml_attr_is(device, "type", "tcp") && streq_ptr(xml_get(device, "source/@tls"), "yes"))
                r = prepare_tls(p, device, c);
        if (r >= 0 && xml_attr_is(device, "type", "pipe"))
                r = prepare_pipes(p, device);
        if (r >= 0 && is_output(device))
                r = prepare_output(p, device, c);
        return r;
}

/* The element that says where the host's end is, NULL where the device has none of its own. */
static xmlNode *end_of(xmlNode *device) {
        xmlNode *backend = xml_is(device, "rng") ? xml_child(device, "backend") : device;

        if (is_second_view(device) || !device_alias(device))
                return NULL;
        return backend != device && !xml_attr_is(backend, "model", "egd") ? NULL : backend;
}

/* After this vm-run reads, where there is anything to be read. */
static int send_late(Prepare *p, const xmlNode *device) {
        int r;

        if (!p->late || p->late->parcel.n == 0)
                return 0;
        p->late->alias = strdup(device_alias(device));
        (void) parse_u64(p->launch.log_size ?: "0", 10, &p->late->log_size);
        r = p->late->alias ? late_port_send(p->late, p->run_dir, p->uid, LATE_PORT_PARENT) : -ENOMEM;
        return r < 0 ? prepare_refuse(p, r, device, "the guest's vm-run does not take the port: %s", strerror(-r)) : 0;
}

int prepare_chardev_of(Prepare *p, xmlNode *device) {
        xmlNode *end = end_of(device);
        QemuChardev *c;
        int r;

        p->res.chardevs = p->chardevs;
        if (!end)
                return 0;
        if (p->res.n_chardevs == CHARDEVS_MAX)
                return prepare_refuse(p, -E2BIG, device, "a guest has %u character devices at most", CHARDEVS_MAX);
        p->device = device_alias(device);
        c = &p->chardevs[p->res.n_chardevs++];
        *c = (QemuChardev) { .alias = device_alias(device), .fd = -EBADF };
        r = prepare_chardev(p, end, c);
        return r < 0 ? r : send_late(p, device);
}

int prepare_chardevs(Prepare *p) {
        static const char *const elements[] = { "serial",    "parallel", "console", "channel",
                                                "smartcard", "redirdev", "rng" };
        for (size_t i = 0; i < ELEMENTSOF(elements); i++)
                XML_FOREACH(device, definition_devices(p->live), elements[i]) {
                        int r = prepare_chardev_of(p, device);

                        if (r < 0)
                                return r;
                }
        p->res.chardevs = p->chardevs;
        p->device = NULL;
        return 0;
}
