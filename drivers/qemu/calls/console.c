/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client on the guest's serial port, or on one of its channels: the stream copies between it and the pty that QEMU
 * holds, or the socket that QEMU listens on. One client at a time has it; another that forces its way in puts the first
 * out. */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/strings.h"
#include "calls/calls.h"
#include "loop/loop.h"
#include "rpc/stream.h"
#include "run/channel.h"

#define CONSOLE_FORCE 1U
#define CONSOLE_SAFE 2U
#define CHANNEL_FORCE 1U

#define PTY_MAJOR_FIRST 136U /* UNIX98_PTY_SLAVE_MAJOR of linux/major.h */
#define PTY_MAJOR_LAST 143U

#define BUFFER_SIZE (16U * 1024U)

struct Console {
        Console *next;
        QemuDriver *driver;
        dev_t device;           /* of a channel its socket's place */
        ino_t inode;
        int fd;
        Stream *stream;
        sd_event_source *io;
        char pending[BUFFER_SIZE]; /* read from the guest, and not yet taken for the client */
        size_t n_pending, pending_at;
        bool full;          /* the client's queue is: wait for writable() */
        bool blocked;       /* the pty takes no more: wait for EPOLLOUT */
};

static void console_watch(Console *k) {
        uint32_t events = (k->full ? 0 : EPOLLIN) | (k->blocked ? EPOLLOUT : 0);

        if (!k->io)
                return;
        (void) sd_event_source_set_io_events(k->io, events);
        /* A hang-up is reported whatever is asked for: with nothing to do about it, it has to be switched off. */
        (void) sd_event_source_set_enabled(k->io, events ? SD_EVENT_ON : SD_EVENT_OFF);
}

static ssize_t console_receive(Stream *s, const void *data, size_t len, Error *e) {
        Console *k = stream_userdata(s);
        ssize_t n = write(k->fd, data, len);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                n = 0;
        if (n < 0)
                return error_set_errno(e, -errno, ORIGIN_STREAMS, "cannot write to the console");
        k->blocked = (size_t) n < len;
        console_watch(k);
        return n;
}

static void console_flush(Console *k) {
        while (k->pending_at < k->n_pending) {
                ssize_t n = stream_send(k->stream, k->pending + k->pending_at, k->n_pending - k->pending_at);

                k->full = n <= 0;
                if (k->full)
                        return;
                k->pending_at += (size_t) n;
        }
}

static int console_writable(Stream *s, Error *e) {
        Console *k = stream_userdata(s);

        k->full = false;
        console_flush(k);
        console_watch(k);
        return 0;
}

static void console_closed(Stream *s) {
        Console *k = stream_userdata(s), **p = &k->driver->consoles;

        while (*p && *p != k)
                p = &(*p)->next;
        if (*p)
                *p = k->next;
        sd_event_source_disable_unref(k->io);
        close(k->fd);
        free(k);
}

static const StreamOps console_ops = {
        .receive = console_receive,
        .writable = console_writable,
        .closed = console_closed,
};

/* What the guest writes. EIO is a pty without QEMU at its other end: the guest has gone. */
static int console_read(Console *k) {
        ssize_t n;

        n = read(k->fd, k->pending, sizeof(k->pending));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                return -EIO;
        k->n_pending = (size_t) n;
        k->pending_at = 0;
        console_flush(k);
        return 0;
}

static int on_console(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Console *k = userdata;

        if (revents & EPOLLOUT && k->blocked) {
                k->blocked = false;
                console_watch(k);
                stream_resume(k->stream);
                return 0; /* which may have ended it */
        }
        if (!k->full && revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && console_read(k) < 0) {
                k->io = sd_event_source_disable_unref(k->io);
                (void) stream_send_eof(k->stream);
                return 0;
        }
        console_watch(k);
        return 0;
}

/* --- finding the device --- */

static int refuse_path(const char *path, Error *e) {
        return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "character device is not a pty of the domain's: %s",
                         path);
}

/* The definition's words are QEMU's, who may name any terminal of the host: what is opened must be a pty that the
 * guest's own user has made. It is looked at before it is opened, by a descriptor that opens nothing. */
static int open_pty(const char *path, uid_t owner, dev_t *ret_device, Error *e) {
        _cleanup_close_ int fd = -EBADF, path_fd = -EBADF;
        const char *number = startswith(path, "/dev/pts/");
        char again[32];
        struct stat st;

        if (!number || !number[0] || number[strspn(number, "0123456789")])
                return refuse_path(path, e);
        path_fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (path_fd < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot open %s", path);
        if (fstat(path_fd, &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) || major(st.st_rdev) < PTY_MAJOR_FIRST || major(st.st_rdev) > PTY_MAJOR_LAST ||
            st.st_uid != owner)
                return refuse_path(path, e);
        snprintf(again, sizeof(again), "/proc/self/fd/%i", path_fd);
        fd = open(again, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot open %s", path);
        *ret_device = st.st_rdev;
        return TAKE_FD(fd);
}

/* The device of that alias; without one the first console, serial or parallel port. */
static const xmlNode *find_device(const Definition *d, const char *name) {
        static const char *const kinds[] = { "console", "serial", "parallel", "channel" };

        for (size_t i = 0; i < ELEMENTSOF(kinds) - (name ? 0 : 2); i++)
                XML_FOREACH(n, definition_devices(d), kinds[i])
                        if (!name || streq_ptr(device_alias(n), name))
                                return n;
        return NULL;
}

/* name NULL: the first of them. The path is the definition's. */
static int pty_of(const Definition *d, const char *name, const char **ret, Error *e) {
        const xmlNode *n = find_device(d, name);
        const char *path;

        if (!n && name)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_QEMU, "cannot find character device %s", name);
        if (!n)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_QEMU, "cannot find default console device");
        path = xml_get(n, "source/@path");
        if (!xml_attr_is(n, "type", "pty"))
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "character device %s is not using a PTY",
                                 name ? name : device_alias(n) ? device_alias(n) : "console");
        if (!path)
                return error_set(e, -EAGAIN, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "the console of domain '%s' is not ready yet", definition_name(d));
        *ret = path;
        return 0;
}

/* What somebody has open, or wants to. */
typedef struct Port {
        const char *word;
        dev_t device;
        ino_t inode;
} Port;

static int put_others_out(QemuDriver *d, const Port *port, bool force, Error *e) {
        for (Console *k = d->consoles; k; k = k->next) {
                _cleanup_error_ Error why = ERROR_INIT;
                int r;

                if (k->device != port->device || k->inode != port->inode)
                        continue;
                if (!force)
                        return error_set(e, -EBUSY, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                         "Active %s session exists for this domain", port->word);
                r = error_set(&why, -EPIPE, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                              "another client has taken this %s over", port->word);
                stream_fail(k->stream, r, &why);
                return 0;
        }
        return 0;
}

static int console_start(Call *c, int fd, const Port *port, Error *e) {
        QemuDriver *d = driver_of(c);
        Console *k;
        int r;

        k = calloc(1, sizeof(*k));
        if (!k) {
                close(fd);
                return -ENOMEM;
        }
        k->driver = d;
        k->device = port->device;
        k->inode = port->inode;
        k->fd = fd;
        k->full = true; /* until the stream has begun */
        r = stream_open(c, &console_ops, k, &k->stream);
        if (r < 0) {
                close(fd);
                free(k);
                return error_set_errno(e, r, ORIGIN_STREAMS, "cannot open a stream");
        }
        k->next = d->consoles;
        d->consoles = k;
        r = sd_event_add_io(loop_event(call_loop(c)), &k->io, fd, 0, on_console, k);
        /* closed() frees */
        return r < 0 ? error_set_errno(e, r, ORIGIN_STREAMS, "cannot watch the %s", port->word) : 0;
}

static int open_console(Call *c, Guest *g, const remote_domain_open_console_args *args, rpc_void *ret, Error *e) {
        const char *path = NULL;
        Port port = { .word = "console" };
        int fd, r;

        r = pty_of(call_definition(c), args->dev_name ? *args->dev_name : NULL, &path, e);
        if (r < 0)
                return r;
        fd = open_pty(path, g->run->uid, &port.device, e);
        if (fd < 0)
                return fd;
        r = put_others_out(driver_of(c), &port, args->flags & CONSOLE_FORCE, e);
        if (r < 0) {
                close(fd);
                return r;
        }
        return console_start(c, fd, &port, e);
}

/* --- channels --- */

/* By its alias or the name that the guest knows it by; without one the first. */
static const xmlNode *find_channel(const Definition *d, const char *name) {
        XML_FOREACH(channel, definition_devices(d), "channel")
                if (!name || streq_ptr(device_alias(channel), name) ||
                    (streq_ptr(xml_get(channel, "target/@type"), "virtio") &&
                     streq_ptr(xml_get(channel, "target/@name"), name)))
                        return channel;
        return NULL;
}

static int socket_of(const Definition *d, const char *name, const char **ret, Error *e) {
        const xmlNode *channel = find_channel(d, name);
        const char *path = xml_get(channel, "source/@path");

        if (!channel)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_QEMU, "cannot find channel %s", name ?: "(null)");
        if (!xml_attr_is(channel, "type", "unix") || !path || streq_ptr(xml_get(channel, "source/@mode"), "connect"))
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "channel %s is not using a UNIX socket",
                                 name ?: device_alias(channel) ?: "");
        *ret = path;
        return 0;
}

static int open_channel(Call *c, Guest *g, const remote_domain_open_channel_args *args, rpc_void *ret, Error *e) {
        Port port = { .word = "channel" };
        const char *path = NULL;
        struct stat st;
        int fd, r;

        r = socket_of(call_definition(c), args->name ? *args->name : NULL, &path, e);
        if (r < 0)
                return r;
        if (lstat(path, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot open %s", path);
        port.device = st.st_dev;
        port.inode = st.st_ino;
        r = put_others_out(driver_of(c), &port, args->flags & CHANNEL_FORCE, e);
        if (r < 0)
                return r;
        fd = guest_connect_channel(g, path);
        return fd < 0 ? error_set_errno(e, fd, ORIGIN_QEMU, "cannot connect to %s", path)
                      : console_start(c, fd, &port, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_OPEN_CONSOLE, open_console, .flags = CONSOLE_FORCE | CONSOLE_SAFE, .needs = NEED_LIVE),
        CALL(DOMAIN_OPEN_CHANNEL, open_channel, .flags = CHANNEL_FORCE, .needs = NEED_LIVE),
};
const RpcTable qemu_console_table = RPC_TABLE(rows);
