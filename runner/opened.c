/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices and files of the host that are one descriptor for QEMU: a TPM, input devices, the host's end of a vsock,
 * memory that is shared, sockets of helpers that run already. */

#include <fcntl.h>
#include <linux/vhost.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "host/sockets.h"
#include "host/undo.h"
#include "plan/helper.h"
#include "plan/plan.h"
#include "prepare.h"

/* How long a helper may take until it is ready. */
#define HELPER_WAIT_S 20
#define HELPER_LINE_MAX 1024U

#define FIRST_CID 3U
#define LAST_CID 0xfffffffeU

static QemuChardev *next(Prepare *p, const xmlNode *device) {
        QemuChardev *c;

        if (p->res.n_chardevs == CHARDEVS_MAX)
                return NULL;
        c = &p->chardevs[p->res.n_chardevs++];
        *c = (QemuChardev) { .alias = device_alias(device), .fd = -EBADF };
        return c;
}

int prepare_helper(Prepare *p, const xmlNode *device, const QemuChardev *c) {
        QemuChardev *own = next(p, device);

        if (!own)
                return -E2BIG;
        own->path = c->path;
        own->fd = c->fd;
        return 0;
}

int prepare_device_name(Prepare *p, const xmlNode *element, const char *path, int flags, const char **ret) {
        _cleanup_close_ int fd = path ? open(path, flags | O_CLOEXEC | O_NOCTTY) : -EBADF;
        int number;

        if (!path)
                return prepare_refuse(p, -EINVAL, element, "no device of the host is named");
        if (fd < 0)
                return prepare_refuse(p, -errno, element, "cannot open '%s': %s", path, strerror(errno));
        number = descriptor_store(p, fd);
        return number < 0 ? number : descriptor_name(p, number, ret);
}

int prepare_check_socket(Prepare *p, const xmlNode *source) {
        const char *path = xml_attr(source, "path") ?: "";
        int r = socket_try(path);
        struct stat st;

        if (r >= 0 && stat(path, &st) < 0)
                r = -errno;
        if (r < 0)
                return prepare_refuse(p, r, source, "cannot connect to '%s': %s", path, strerror(-r));
        /* it is QEMU that connects, time and again, and root has just done so once; groups are not known here */
        if (st.st_mode & (S_IWOTH | S_IWGRP) || st.st_uid == p->uid)
                return 0;
        return prepare_refuse(p, -EACCES, source, "QEMU could not connect to '%s' (owner %u, mode %04o), which has to "
                              "be writable for the guest's user", path, st.st_uid, st.st_mode & 07777);
}

int prepare_guest_socket(Prepare *p, const char *path, int *ret) {
        _cleanup_close_ int fd = -EBADF;
        int r = socket_listen(path, &fd);

        if (r >= 0 && lchown(path, p->uid, p->gid) < 0)
                r = -errno;
        if (r >= 0)
                *ret = TAKE_FD(fd);
        return r;
}

static int store_connection(Prepare *p, const xmlNode *device, int fd) {
        QemuChardev *c = next(p, device);
        int r = c ? descriptor_store(p, fd) : -ENOMEM;

        if (r >= 0)
                c->fd = r;
        return r < 0 ? r : 0;
}

/* The folder is that of the helper's own user. What is connected to is that user's, and no link to what only root may
 * connect to. */
int prepare_reach_helper(Prepare *p, const xmlNode *device, const char *part, int *ret) {
        _cleanup_free_ char *name = helper_folder(p->name, part), *folder = name ? text_format("/run/%s", name) : NULL,
                            *error = folder ? text_format("%s/" HELPER_ERROR, folder) : NULL, *line = NULL;
        int r = error ? unix_connect_owner(folder, HELPER_SOCKET, SOCK_STREAM | SOCK_NONBLOCK) : -ENOMEM;

        if (r >= 0) {
                *ret = r;
                return 0;
        }
        if (error && file_read_strangers(error, HELPER_LINE_MAX, &line) >= 0)
                return prepare_refuse(p, r, device, "its helper failed: %s", line);
        return prepare_refuse(p, r, device, "cannot connect to its helper at %s/" HELPER_SOCKET ": %s", folder ?: "",
                              strerror(-r));
}

/* The daemon has written the settings of its unit, which go with the device. */
int prepare_note_late(Prepare *p, const xmlNode *device) {
        _cleanup_plan_ Plan *plan = NULL;
        _cleanup_free_ char *folder = NULL;
        int r = p->running ? plan_build_late(p->live, device, &plan, &p->error) : 0;

        if (r < 0 || !p->running)
                return r;
        folder = text_format("/run/systemd/system/%s.d", plan_unit(plan_other(plan, 0)));
        return folder ? prepare_undo(p, UNDO_FOLDER, folder) : -ENOMEM;
}

int prepare_connect_helper(Prepare *p, const xmlNode *device, const char *part) {
        _cleanup_close_ int fd = -EBADF;
        int r = prepare_reach_helper(p, device, part, &fd);

        return r < 0 ? r : store_connection(p, device, fd);
}

int prepare_wait_for_helper(Prepare *p, const xmlNode *device, const char *part) {
        _cleanup_close_ int fd = -EBADF, theirs = -EBADF;
        struct pollfd answer = { .events = POLLIN };
        char text[HELPER_LINE_MAX + 1] = "";
        unsigned n = 0;
        int r = prepare_reach_helper(p, device, part, &fd);

        if (r < 0)
                return r;
        answer.fd = fd;
        if (poll(&answer, 1, HELPER_WAIT_S * 1000) == 0)
                return prepare_refuse(p, -ETIMEDOUT, device, "its helper is not ready after %i seconds",
                                      HELPER_WAIT_S);
        r = (int) receive_fds(fd, text, sizeof text - 1, &theirs, 1, &n, 0);
        if (r >= 0 && n == 1)
                return store_connection(p, device, theirs);
        text[strcspn(text, "\r\n")] = 0;
        return prepare_refuse(p, -EIO, device, "its helper failed: %s",
                              r < 0 ? strerror(-r) : *text ? text : "it has not said why");
}

static int prepare_tpm(Prepare *p, xmlNode *tpm) {
        const xmlNode *backend = xml_child(tpm, "backend"), *device = xml_child(backend, "device");
        const char *path = xml_attr(device, "path") ?: "/dev/tpm0", *name = strrchr(path, '/') + 1;
        _cleanup_free_ char *cancel = text_format("/sys/class/tpm/%s/device/cancel", name);
        QemuChardev *c;
        int r;

        if (xml_attr_is(backend, "type", "emulator"))
                return prepare_connect_helper(p, tpm, "tpm");
        if (!xml_attr_is(backend, "type", "passthrough"))
                return 0;
        c = next(p, tpm);
        if (!c || !cancel)
                return -ENOMEM;
        r = prepare_device_name(p, device ?: tpm, path, O_RDWR, &c->path);
        /* Chips of version 2.0 have none: QEMU then writes to nobody. */
        return r < 0 ? r
                     : prepare_device_name(p, device ?: tpm, access(cancel, W_OK) >= 0 ? cancel : "/dev/null", O_WRONLY,
                                           &c->log_path);
}

static int prepare_input(Prepare *p, xmlNode *input) {
        bool evdev = xml_attr_is(input, "type", "evdev");
        const xmlNode *source = xml_child(input, "source");
        const char *path = xml_attr(source, evdev ? "dev" : "evdev");
        QemuChardev *c;

        if (!path || (!evdev && !xml_attr_is(input, "type", "passthrough")))
                return 0;
        c = next(p, input);
        return c ? prepare_device_name(p, source, path, O_RDWR | O_NONBLOCK, &c->path) : -ENOMEM;
}

static int set_cid(int fd, uint64_t cid) {
        return ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) < 0 ? -errno : 0;
}

/* The address that the definition says, or the first that no other guest has. */
static int choose_cid(Prepare *p, xmlNode *cid, int fd) {
        uint64_t address = FIRST_CID;
        int r;

        if (xml_attr_is(cid, "auto", "no")) {
                (void) xml_attr_u64(cid, "address", &address);
                r = set_cid(fd, address);
                return r < 0 ? prepare_refuse(p, r, cid, "the context id %llu cannot be had: %s",
                                              (unsigned long long) address, strerror(-r))
                             : 0;
        }
        do
                r = set_cid(fd, address);
        while (r == -EADDRINUSE && address++ < LAST_CID);
        if (r < 0)
                return prepare_refuse(p, r, cid, "cannot choose a context id: %s", strerror(-r));
        return xml_set_attrf(cid, "address", "%llu", (unsigned long long) address);
}

static int prepare_vsock(Prepare *p, xmlNode *vsock) {
        _cleanup_close_ int fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
        QemuChardev *c = next(p, vsock);
        int r;

        if (!c)
                return -ENOMEM;
        if (fd < 0)
                return prepare_refuse(p, -errno, vsock, "cannot open '/dev/vhost-vsock': %s", strerror(errno));
        r = choose_cid(p, xml_child(vsock, "cid"), fd);
        if (r >= 0)
                r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        c->fd = r;
        return 0;
}

/* The live definition says which socket it is. */
static int name_server(xmlNode *shmem) {
        xmlNode *server = xml_child(shmem, "server");

        return !server || xml_attr(server, "path")
                       ? 0
                       : xml_set_attrf(server, "path", "/var/lib/libvirt/shmem-%s-sock", xml_attr(shmem, "name") ?: "");
}

/* Made where it is not there: what shares it, a program of the host's or another guest, may be yet to come, and finds
 * it by its name after the guest's end too. Guests with KVM are in its group. */
static int prepare_shmem(Prepare *p, xmlNode *shmem) {
        _cleanup_free_ char *path = text_format("/dev/shm/%s", xml_attr(shmem, "name"));
        _cleanup_close_ int fd = -EBADF;
        uint64_t size = 0;
        struct stat st;

        if (!streq_ptr(xml_get(shmem, "model/@type"), "ivshmem-plain"))
                return name_server(shmem);
        if (!path || size_parse(xml_get(shmem, "size") ?: "4", xml_get(shmem, "size/@unit"), 1, &size) < 0)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0660);
        if (fd < 0 && errno == EEXIST)
                return 0;
        if (fd < 0 || ftruncate(fd, (off_t) size) < 0 || stat("/dev/kvm", &st) < 0)
                st.st_gid = p->gid;
        if (fd < 0 || fchown(fd, p->uid, st.st_gid) < 0 || fchmod(fd, 0660) < 0)
                return prepare_refuse(p, -errno, shmem, "cannot make '%s': %s", path, strerror(errno));
        return 0;
}

static int connect_folder(Prepare *p, const xmlNode *fs) {
        char part[PLAN_PART_MAX];
        int r = prepare_note_late(p, fs);

        plan_device_part(fs, p->running, part);
        return r < 0 ? r : prepare_connect_helper(p, fs, part);
}

static int prepare_filesystem(Prepare *p, xmlNode *fs) {
        const xmlNode *source = xml_child(fs, "source");
        const char *dir = xml_attr(source, "dir"), *path = xml_attr(source, "socket");
        _cleanup_close_ int fd = -EBADF;
        QemuChardev *c;
        struct stat st;
        int r;

        if (dir && stat(dir, &st) < 0)
                return prepare_refuse(p, -errno, source, "cannot share '%s': %s", dir, strerror(errno));
        if (dir && !S_ISDIR(st.st_mode))
                return prepare_refuse(p, -ENOTDIR, source, "'%s' is not a folder", dir);
        if (dir && streq_ptr(xml_get(fs, "driver/@type"), "virtiofs"))
                return connect_folder(p, fs);
        if (!path)
                return 0;
        r = socket_connect(path, &fd);
        if (r < 0)
                return prepare_refuse(p, r, source, "cannot connect to '%s': %s", path, strerror(-r));
        c = next(p, fs);
        r = c ? descriptor_store(p, fd) : -ENOMEM;
        if (r < 0)
                return r;
        c->fd = r;
        return 0;
}

static bool is_memory_shared(const Prepare *p) {
        const xmlNode *domain = definition_root(p->live);

        XML_FOREACH(cell, xml_find(domain, "cpu/numa"), "cell")
                if (xml_attr_is(cell, "memAccess", "shared"))
                        return true;
        return streq_ptr(xml_get(domain, "memoryBacking/access/@mode"), "shared");
}

static int prepare_video(Prepare *p, xmlNode *video) {
        unsigned index = 0;
        char part[24];

        if (!xml_attr_is(xml_child(video, "driver"), "name", "vhostuser"))
                return 0;
        if (!is_memory_shared(p))
                return prepare_refuse(p, -EOPNOTSUPP, video,
                                      "a 'vhostuser' video device requires shared memory: add <memoryBacking>"
                                      "<source type='memfd'/><access mode='shared'/></memoryBacking>");
        for (const xmlNode *n = video->prev; n; n = n->prev)
                index += xml_is(n, "video");
        (void) snprintf(part, sizeof part, "gpu%u", index);
        return prepare_connect_helper(p, video, part);
}

static const struct {
        const char *element;
        int (*prepare)(Prepare *p, xmlNode *device);
} devices[] = {
        { "tpm", prepare_tpm },     { "input", prepare_input },           { "vsock", prepare_vsock },
        { "shmem", prepare_shmem }, { "filesystem", prepare_filesystem },
        { "video", prepare_video },
};

int prepare_opened_device(Prepare *p, xmlNode *device) {
        p->device = device_alias(device);
        for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                if (xml_is(device, devices[i].element))
                        return devices[i].prepare(p, device);
        return 0;
}

int prepare_opened(Prepare *p) {
        for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                XML_FOREACH(device, definition_devices(p->live), devices[i].element) {
                        int r = prepare_opened_device(p, device);

                        if (r < 0)
                                return r;
                }
        p->device = NULL;
        return 0;
}
