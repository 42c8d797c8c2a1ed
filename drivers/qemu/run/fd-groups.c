/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fds.h"
#include "base/log.h"
#include "base/strings.h"
#include "run/fd-groups.h"

#define GROUPS_MAX 256U /* of all guests */

struct FdGroups {
        struct FdGroups *next;
        uint8_t uuid[16];       /* the guest's */
        uint64_t mark;
        char *name;
        int fds[GROUP_FDS_MAX];
        size_t n;
};

static void group_free(FdGroups *f) {
        for (size_t i = 0; f && i < f->n; i++)
                close(f->fds[i]);
        if (f)
                free(f->name);
        free(f);
}

static bool is_of(const FdGroups *f, const Guest *g) {
        return memcmp(f->uuid, g->object.uuid, sizeof f->uuid) == 0;
}

static FdGroups *find(const Guest *g, const char *name) {
        for (FdGroups *f = g->driver->fd_groups; f; f = f->next)
                if (is_of(f, g) && streq(f->name, name))
                        return f;
        return NULL;
}

/* All for which one of these holds: of the client with this mark (0: any), or this one. */
static void drop(QemuDriver *d, uint64_t mark, const FdGroups *one) {
        for (FdGroups **at = &d->fd_groups; *at;) {
                FdGroups *f = *at;

                if (one ? f != one : mark != 0 && f->mark != mark) {
                        at = &f->next;
                        continue;
                }
                *at = f->next;
                group_free(f);
        }
}

void fd_groups_drop(QemuDriver *d, uint64_t mark) {
        drop(d, mark, NULL);
}

int fd_groups_add(Guest *g, uint64_t mark, const char *name, const int *fds, size_t n) {
        FdGroups *f, *old = find(g, name);
        size_t count = 0;

        for (const FdGroups *other = g->driver->fd_groups; other; other = other->next)
                count++;
        if (n > GROUP_FDS_MAX || strlen(name) > GROUP_NAME_MAX || count >= GROUPS_MAX)
                return -E2BIG;
        f = calloc(1, sizeof(*f));
        if (!f || !(f->name = strdup(name))) {
                free(f);
                return -ENOMEM;
        }
        for (; f->n < n; f->n++) {
                f->fds[f->n] = fcntl(fds[f->n], F_DUPFD_CLOEXEC, 3);
                if (f->fds[f->n] < 0) {
                        int r = -errno;

                        group_free(f);
                        return r;
                }
        }
        memcpy(f->uuid, g->object.uuid, sizeof f->uuid);
        f->mark = mark;
        if (old)
                drop(g->driver, 0, old);
        f->next = g->driver->fd_groups;
        g->driver->fd_groups = f;
        return 0;
}

/* --- for those who open images --- */

struct FdOffer {
        Guest *guest;
        Fiber *fiber;
        char *path;
        int fd;
};

static void give(const FdOffer *o) {
        _cleanup_close_ int to = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        for (const FdGroups *f = o->guest->driver->fd_groups; to >= 0 && f; f = f->next)
                if (is_of(f, o->guest) && send_fds(to, f->name, strlen(f->name), f->fds, f->n, 0) < 0)
                        log_warning_errno(-errno, "domain '%s': cannot give its descriptors '%s', ignoring: %m",
                                          o->guest->object.name, f->name);
}

static void serve(void *userdata) {
        FdOffer *o = userdata;
        int r;

        while ((r = fiber_wait_fd(o->fd, EPOLLIN, FIBER_FOREVER)) > 0)
                give(o);
        if (r != -ECANCELED) /* whoever made it knows it until then */
                (void) fiber_suspend(FIBER_FOREVER);
        close(o->fd);
        (void) unlink(o->path);
        guest_unref(o->guest);
        free(o->path);
        free(o);
}

static int listen_at(const char *path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (strlen(path) >= sizeof(a.sun_path))
                return -ENAMETOOLONG;
        strcpy(a.sun_path, path);
        (void) unlink(path);
        /* only the daemon's own user, root, gets that far: its mask is that of a service */
        if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || chmod(path, 0600) < 0 || listen(fd, 4) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* 1 where it names any. */
static int check_disk(const Guest *g, const xmlNode *disk, Error *e) {
        int any = 0;

        for (const xmlNode *l = disk; l; l = xml_child(l, "backingStore")) {
                const char *name = disk_fd_group(l);

                if (name && !find(g, name))
                        return error_set(e, -ENOENT, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "file descriptor group '%s' was not associated with the domain", name);
                any |= name != NULL;
        }
        return any;
}

static int check_disks(const Guest *g, const xmlNode *devices, Error *e) {
        int any = 0, r = 0;

        if (xml_is(devices, "disk"))
                return check_disk(g, devices, e);
        XML_FOREACH(disk, devices, "disk")
                if (r >= 0) {
                        r = check_disk(g, disk, e);
                        any |= r > 0;
                }
        return r < 0 ? r : any;
}

static bool has_iommufd(const xmlNode *devices) {
        if (xml_is(devices, "hostdev"))
                return streq_ptr(xml_get(devices, "driver/@iommufd"), "yes");
        XML_FOREACH(hostdev, devices, "hostdev")
                if (has_iommufd(hostdev))
                        return true;
        return false;
}

/* What host devices are given by, for the whole guest. 1 where it is a group. */
static int check_iommu(const Guest *g, const xmlNode *devices, Error *e) {
        const xmlNode *root;
        const char *name;

        /* NULL in a broken document, which its unit refuses */
        if (!has_iommufd(devices))
                return 0;
        root = xml_is(devices, "devices") ? devices->parent : devices->parent->parent;
        name = xml_get(root, "iommufd/@fdgroup");
        if (!name || find(g, name))
                return name ? 1 : 0;
        return error_set(e, -ENOENT, ERROR_INVALID_ARG, ORIGIN_QEMU,
                         "file descriptor group '%s' was not associated with the domain", name);
}

int fd_groups_offer(Guest *g, const xmlNode *devices, FdOffer **ret, Error *e) {
        int r = check_disks(g, devices, e), iommu = r < 0 ? r : check_iommu(g, devices, e);
        FdOffer *o;

        r = iommu < 0 ? iommu : r | iommu;
        *ret = NULL;
        if (r <= 0)
                return r;
        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;
        o->path = guest_file(GUEST_FILE_GROUPS, g->object.name);
        r = o->fd = o->path ? listen_at(o->path) : -ENOMEM;
        if (r >= 0) {
                o->guest = guest_ref(g);
                r = fiber_spawn(g->driver->host->loop, serve, o, &o->fiber);
                if (r < 0) {
                        guest_unref(o->guest);
                        close(o->fd);
                }
        }
        if (r < 0) {
                free(o->path);
                free(o);
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot offer the descriptors of domain '%s'",
                                       g->object.name);
        }
        *ret = o;
        return 0;
}

FdOffer *fd_offer_end(FdOffer *o) {
        if (o)
                fiber_cancel(o->fiber);
        return NULL;
}
