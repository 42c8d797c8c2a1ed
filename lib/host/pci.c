/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/pci.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "sys.h"

/* The class of a bridge between PCI buses: VFIO leaves it to the host. */
#define CLASS_PCI_BRIDGE 0x0604U

/* A driver that is to take a device is waited for so often, so many microseconds each time. */
#define PROBE_TRIES 20U
#define PROBE_STEP (100U * 1000U)

PciName pci_name(const PciHostAddress *a) {
        PciName name;

        (void) snprintf(name.s, sizeof name.s, "%04x:%02x:%02x.%x", a->domain, a->bus, a->slot, a->function);
        return name;
}

static char *device_path(const PciHostAddress *a, const char *file) {
        PciName name = pci_name(a);

        return text_format("%s/bus/pci/devices/%s%s%s", path_sys(), name.s, file ? "/" : "", file ?: "");
}

int sys_link_name(const char *folder, const char *name, char **ret) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, name);

        return path ? link_target_name(path, ret) : -ENOMEM;
}

static int group_of_folder(const char *folder, unsigned *ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        if (access(folder, F_OK) < 0)
                return -ENODEV;
        r = sys_link_name(folder, "iommu_group", &name);
        if (r == -ENOENT)
                return -EOPNOTSUPP;
        return r < 0 ? r : parse_uint(name, ret);
}

int pci_group(const PciHostAddress *a, unsigned *ret) {
        _cleanup_free_ char *folder = device_path(a, NULL);

        return folder ? group_of_folder(folder, ret) : -ENOMEM;
}

int mdev_group(const char *uuid, unsigned *ret) {
        _cleanup_free_ char *folder = text_format("%s/bus/mdev/devices/%s", path_sys(), uuid);

        return folder ? group_of_folder(folder, ret) : -ENOMEM;
}

static int driver_of_folder(const char *folder, char **ret) {
        int r;

        r = sys_link_name(folder, "driver", ret);
        if (r != -ENOENT)
                return r;
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

int pci_driver(const PciHostAddress *a, char **ret) {
        _cleanup_free_ char *folder = device_path(a, NULL);

        if (!folder)
                return -ENOMEM;
        return access(folder, F_OK) < 0 ? -ENODEV : driver_of_folder(folder, ret);
}

/* --- the group --- */

static bool is_bridge(const char *folder) {
        _cleanup_free_ char *path = text_format("%s/class", folder), *text = NULL;

        return path && file_read(path, 64, &text, NULL) >= 0 && strtoul(text, NULL, 16) >> 8 == CLASS_PCI_BRIDGE;
}

static bool leaves_alone(const char *driver) {
        static const char *const harmless[] = { "", "vfio-pci", "pci-stub", "pcieport" };

        for (size_t i = 0; i < ELEMENTSOF(harmless); i++)
                if (streq(harmless[i], driver))
                        return true;
        return startswith(driver, "vfio") != NULL;
}

static bool is_one_of(const char *name, const PciHostAddress *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (streq(pci_name(&list[i]).s, name))
                        return true;
        return false;
}

static int add_user(StrBuf *b, const char *folder, const char *name) {
        _cleanup_free_ char *device = text_format("%s/%s", folder, name), *driver = NULL;
        int r;

        r = device ? driver_of_folder(device, &driver) : -ENOMEM;
        if (r < 0)
                return r;
        if (!leaves_alone(driver) && !is_bridge(device))
                strbuf_addf(b, "%s%s (driver %s)", b->len > 0 ? ", " : "", name, driver);
        return 0;
}

/* The devices of the group of a, but for those of a list. */
static int group_without(const PciHostAddress *a, const PciHostAddress *mine, size_t n, char ***ret) {
        _cleanup_free_ char *folder = device_path(a, "iommu_group/devices");
        _cleanup_strv_ char **list = NULL;
        struct dirent *d;
        unsigned group;
        DIR *dir;
        int r;

        r = folder ? pci_group(a, &group) : -ENOMEM;
        if (r < 0)
                return r;
        dir = opendir(folder);
        if (!dir)
                return -errno;
        while (r >= 0 && (d = readdir(dir)))
                if (d->d_name[0] != '.' && !is_one_of(d->d_name, mine, n))
                        r = strv_add(&list, d->d_name);
        closedir(dir);
        *ret = r < 0 ? NULL : TAKE_PTR(list);
        return r;
}

int pci_group_in_use(const PciHostAddress *a, const PciHostAddress *mine, size_t n, char **ret) {
        _cleanup_free_ char *folder = device_path(a, "iommu_group/devices");
        _cleanup_strv_ char **others = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        r = folder ? group_without(a, mine, n, &others) : -ENOMEM;
        for (char *const *other = others; r >= 0 && other && *other; other++)
                r = add_user(&b, folder, *other);
        if (r < 0)
                return r;
        *ret = b.len > 0 ? strbuf_take(&b) : NULL;
        return b.len > 0 && !*ret ? -ENOMEM : 0;
}

int pci_group_others(const PciHostAddress *a, char ***ret) {
        return group_without(a, a, 1, ret);
}

/* --- drivers --- */

static int write_text(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_of_device(const PciHostAddress *a, const char *file, const char *text) {
        _cleanup_free_ char *path = device_path(a, file);

        return path ? write_text(path, text) : -ENOMEM;
}

int pci_check_driver(const PciHostAddress *a, const char *wanted) {
        for (unsigned i = 0; i < PROBE_TRIES; i++) {
                _cleanup_free_ char *now = NULL;
                int r = pci_driver(a, &now);

                if (r < 0 || streq(now, wanted))
                        return r;
                (void) usleep(PROBE_STEP);
        }
        return -ENXIO;
}

int pci_bind(const PciHostAddress *a, const char *driver) {
        _cleanup_free_ char *now = NULL, *probe = text_format("%s/bus/pci/drivers_probe", path_sys()), *line = NULL;
        PciName name = pci_name(a);
        int r;

        r = pci_driver(a, &now);
        if (r < 0)
                return r;
        if (driver && streq(now, driver))
                return 0;
        /* a line feed alone takes the preference away */
        line = text_format("%s\n", driver ?: "");
        if (!probe || !line)
                return -ENOMEM;
        r = write_of_device(a, "driver_override", line);
        if (r >= 0 && *now)
                r = write_of_device(a, "driver/unbind", name.s);
        return r < 0 ? r : write_text(probe, name.s);
}

int pci_return(const char *value) {
        PciHostAddress a;
        char driver[64] = "";
        _cleanup_free_ char *now = NULL;
        int r;

        if (sscanf(value, "%x:%x:%x.%x %63s", &a.domain, &a.bus, &a.slot, &a.function, driver) < 4)
                return -EINVAL;
        r = pci_driver(&a, &now);
        if (r == -ENODEV || (r >= 0 && streq(now, driver)))
                return 0;
        if (r < 0)
                return r;
        r = pci_bind(&a, *driver ? driver : NULL);
        /* The next time that the host looks for a driver, it is free to choose. */
        (void) write_of_device(&a, "driver_override", "\n");
        return r;
}

/* --- the nodes of VFIO --- */

static int own(unsigned group, uid_t uid, gid_t gid) {
        char path[48];

        (void) snprintf(path, sizeof path, "/dev/vfio/%u", group);
        return chown(path, uid, gid) < 0 ? -errno : 0;
}

int pci_vfio_node(const PciHostAddress *a, char **ret) {
        _cleanup_free_ char *folder = device_path(a, "vfio-dev");
        DIR *dir = folder ? opendir(folder) : NULL;
        int r = !folder ? -ENOMEM : dir ? -ENOENT : -errno;
        struct dirent *d;

        while (r == -ENOENT && dir && (d = readdir(dir)))
                if (startswith(d->d_name, "vfio")) {
                        *ret = text_format("/dev/vfio/devices/%s", d->d_name);
                        r = *ret ? 0 : -ENOMEM;
                }
        if (dir)
                closedir(dir);
        return r;
}

int vfio_give(unsigned group, uid_t uid, gid_t gid) {
        return own(group, uid, gid);
}

int vfio_return(const char *value) {
        unsigned group;
        int r;

        r = parse_uint(value, &group);
        if (r >= 0)
                r = own(group, 0, 0);
        return r == -ENOENT ? 0 : r;
}
