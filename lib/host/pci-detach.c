/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "host/pci.h"
#include "sys.h"

#define DEFAULT_DRIVER "vfio-pci"

int pci_parse(const char *text, PciHostAddress *ret) {
        char rest;

        /* domains behind a bridge of the processor's own (Intel's VMD) begin at 10000 */
        if (sscanf(text, "%8x:%x:%x.%x%c", &ret->domain, &ret->bus, &ret->slot, &ret->function, &rest) != 4 ||
            ret->bus > 0xff || ret->slot > 0x1f || ret->function > 7)
                return -EINVAL;
        return 0;
}

static char *driver_path(const char *driver, const char *file) {
        return text_format("%s/bus/pci/drivers/%s%s%s", path_sys(), driver, file ? "/" : "", file ?: "");
}

bool pci_has_driver(const char *driver) {
        _cleanup_free_ char *path = *driver && !strchr(driver, '/') ? driver_path(driver, NULL) : NULL;

        return path && access(path, F_OK) >= 0;
}

static int get_driver(const PciHostAddress *a, char **ret, Error *e) {
        int r = pci_driver(a, ret);

        if (r == -ENODEV)
                return error_set(e, r, ERROR_NO_NODE_DEVICE, ORIGIN_NODEDEV, "the host has no PCI device %s",
                                 pci_name(a).s);
        return r < 0 ? error_set_errno(e, r, ORIGIN_NODEDEV, "cannot learn the driver of %s", pci_name(a).s) : 0;
}

/* --- whose it was --- */

static char *note_path(const PciHostAddress *a) {
        return text_format("%s/nodedev/detached/%s", path_run(), pci_name(a).s);
}

static int note(const PciHostAddress *a, const char *driver, Error *e) {
        _cleanup_free_ char *path = note_path(a), *folder = path ? strndup(path, strlen(path) - strlen(pci_name(a).s))
                                                                 : NULL;
        int r;

        if (!folder)
                return -ENOMEM;
        /* what was noted first counts: since then it was none of the host's */
        if (access(path, F_OK) >= 0)
                return 0;
        r = mkdir_p(folder, 0700);
        if (r >= 0)
                r = file_write_atomic(path, driver, strlen(driver), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_NODEDEV, "cannot write %s", path) : 0;
}

static int read_note(const PciHostAddress *a, char **ret) {
        _cleanup_free_ char *path = note_path(a);

        return path ? file_read(path, 256, ret, NULL) : -ENOMEM;
}

static void forget(const PciHostAddress *a) {
        _cleanup_free_ char *path = note_path(a);

        if (path)
                (void) unlink(path);
}

/* --- drivers --- */

static int write_to(const char *path, const char *text) {
        _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -EBADF;

        if (!path)
                return -ENOMEM;
        if (fd < 0)
                return -errno;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_of_device(const PciHostAddress *a, const char *file, const char *text) {
        _cleanup_free_ char *path = text_format("%s/bus/pci/devices/%s/%s", path_sys(), pci_name(a).s, file);

        return write_to(path, text);
}

/* Nobody's, as it was. */
static int unbind(const PciHostAddress *a, const char *now) {
        int r = write_of_device(a, "driver_override", "\n");

        return r < 0 || !*now ? r : write_of_device(a, "driver/unbind", pci_name(a).s);
}

static int give_back(const PciHostAddress *a, const char *now, const char *before) {
        _cleanup_free_ char *value = NULL;

        if (before && !*before)
                return unbind(a, now);
        if (!before)
                return pci_bind(a, NULL);
        value = text_format("%s %s", pci_name(a).s, before);
        return value ? pci_return(value) : -ENOMEM;
}

int pci_detach(const PciHostAddress *a, const char *driver, Error *e) {
        const char *wanted = driver ?: DEFAULT_DRIVER;
        _cleanup_free_ char *before = NULL;
        int r;

        r = get_driver(a, &before, e);
        if (r < 0 || streq(before, wanted))
                return r;
        if (!pci_has_driver(wanted))
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_NODEDEV,
                                 "the host has no driver '%s' for PCI devices: is its module there?", wanted);
        r = note(a, before, e);
        if (r < 0)
                return r;
        r = pci_bind(a, wanted);
        if (r >= 0)
                r = pci_check_driver(a, wanted);
        if (r >= 0)
                return 0;
        (void) give_back(a, "", before);
        forget(a);
        return error_set(e, r, ERROR_INTERNAL, ORIGIN_NODEDEV,
                         "failed to bind PCI device '%s' to driver '%s' (%s); it is given back to '%s'", pci_name(a).s,
                         wanted, r == -ENXIO ? "the driver does not take it" : strerror(-r), before);
}

int pci_reattach(const PciHostAddress *a, Error *e) {
        _cleanup_free_ char *now = NULL, *before = NULL;
        int r;

        r = get_driver(a, &now, e);
        if (r < 0)
                return r;
        r = read_note(a, &before);
        if (r < 0 && r != -ENOENT)
                return error_set_errno(e, r, ORIGIN_NODEDEV, "cannot read whose %s was", pci_name(a).s);
        if (!before && *now && !startswith(now, "vfio") && !streq(now, "pci-stub"))
                return 0;
        r = give_back(a, now, before);
        if (r >= 0 && before && *before)
                r = pci_check_driver(a, before);
        if (r < 0)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_NODEDEV,
                                 "cannot give PCI device '%s' back to driver '%s': %s", pci_name(a).s, before ?: "any",
                                 r == -ENXIO ? "the driver does not take it" : strerror(-r));
        forget(a);
        return 0;
}

int pci_reset(const PciHostAddress *a, Error *e) {
        _cleanup_free_ char *now = NULL;
        int r;

        r = get_driver(a, &now, e);
        if (r < 0)
                return r;
        r = write_of_device(a, "reset", "1");
        if (r == -ENOENT)
                return error_set(e, r, ERROR_INTERNAL, ORIGIN_NODEDEV,
                                 "Unable to reset PCI device %s: no FLR, PM reset or bus reset available",
                                 pci_name(a).s);
        return r < 0 ? error_set_errno(e, r, ORIGIN_NODEDEV, "Unable to reset PCI device %s", pci_name(a).s) : 0;
}
