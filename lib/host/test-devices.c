/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices of the host, with a folder that looks like /sys. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "host/fibre.h"
#include "host/owner.h"
#include "host/pci.h"
#include "host/usb.h"

static char sys[] = "/tmp/unitvirt-sys.XXXXXX";

static void make(const char *path) {
        _cleanup_free_ char *all = text_format("%s/%s", sys, path), *command = NULL;

        command = text_format("mkdir -p '%s'", all);
        assert_int_equal(system(command), 0);
}

static void put(const char *path, const char *text) {
        _cleanup_free_ char *all = text_format("%s/%s", sys, path);

        assert_true(file_write_atomic(all, text, strlen(text), 0644, FILE_WRITE_NOSYNC) >= 0);
}

static void link_to(const char *path, const char *target) {
        _cleanup_free_ char *all = text_format("%s/%s", sys, path);

        assert_int_equal(symlink(target, all), 0);
}

static char *get(const char *path) {
        _cleanup_free_ char *all = text_format("%s/%s", sys, path);
        char *text = NULL;

        assert_true(file_read(all, 4096, &text, NULL) >= 0);
        return text;
}

static void usb(const char *name, const char *bus, const char *device, const char *vendor, const char *product) {
        const char *const files[][2] = {
                { "busnum", bus }, { "devnum", device }, { "idVendor", vendor }, { "idProduct", product }
        };
        char path[128];

        (void) snprintf(path, sizeof path, "bus/usb/devices/%s", name);
        make(path);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void) snprintf(path, sizeof path, "bus/usb/devices/%s/%s", name, files[i][0]);
                put(path, files[i][1]);
        }
}

static void pci(const char *name, const char *class, const char *driver) {
        char path[128], target[64];

        (void) snprintf(path, sizeof path, "bus/pci/devices/%s", name);
        make(path);
        (void) snprintf(path, sizeof path, "bus/pci/devices/%s/class", name);
        put(path, class);
        (void) snprintf(path, sizeof path, "bus/pci/devices/%s/driver_override", name);
        put(path, "(null)\n");
        (void) snprintf(path, sizeof path, "bus/pci/devices/%s/iommu_group", name);
        link_to(path, "../../../../kernel/iommu_groups/12");
        (void) snprintf(path, sizeof path, "kernel/iommu_groups/12/devices/%s", name);
        (void) snprintf(target, sizeof target, "../../../../bus/pci/devices/%s", name);
        link_to(path, target);
        if (!driver)
                return;
        (void) snprintf(path, sizeof path, "bus/pci/drivers/%s", driver);
        make(path);
        (void) snprintf(path, sizeof path, "bus/pci/drivers/%s/unbind", driver);
        put(path, "");
        (void) snprintf(path, sizeof path, "bus/pci/devices/%s/driver", name);
        (void) snprintf(target, sizeof target, "../../drivers/%s", driver);
        link_to(path, target);
}

static int set_up(void **state) {
        assert_non_null(mkdtemp(sys));
        assert_int_equal(setenv("UNITVIRT_SYS", sys, 1), 0);
        usb("usb1", "1", "1", "1d6b", "0002");
        usb("1-1", "1", "4", "046d", "c52b");
        usb("1-1.2", "1", "5", "0781", "5567");
        usb("3-4", "3", "7", "0781", "5567");
        make("kernel/iommu_groups/12/devices");
        pci("0000:01:00.0", "0x030000", "nvidia");
        pci("0000:01:00.1", "0x040300", "snd_hda_intel");
        pci("0000:00:01.0", "0x060400", "pcieport");
        pci("0000:01:00.2", "0x0c0330", NULL);
        make("bus/pci/devices/0000:02:00.0");
        put("bus/pci/drivers_probe", "");
        return 0;
}

static int tear_down(void **state) {
        _cleanup_free_ char *command = text_format("rm -rf '%s'", sys);

        return system(command);
}

static void usb_by_what_it_is(void **state) {
        const struct {
                UsbMatch match;
                int found;
                unsigned bus, device;
        } cases[] = {
                { { .vendor = 0x046d, .product = 0xc52b }, 1, 1, 4 },
                { { .vendor = 0x046d, .product = 0x0001 }, 0, 0, 0 },
                { { .bus = 3, .device = 7 }, 1, 3, 7 },
                { { .vendor = 0x0781, .product = 0x5567, .bus = 1, .device = 5 }, 1, 1, 5 },
                { { .bus = 1, .port = "1.2" }, 1, 1, 5 },
                { { .bus = 2, .port = "1.2" }, 0, 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                unsigned bus = 0, device = 0;
                _cleanup_error_ Error e = {};

                assert_int_equal(usb_find(&cases[i].match, &bus, &device, &e), cases[i].found);
                if (cases[i].found) {
                        assert_int_equal(bus, cases[i].bus);
                        assert_int_equal(device, cases[i].device);
                }
        }
}

static void usb_that_match_are_both_named(void **state) {
        const UsbMatch match = { .vendor = 0x0781, .product = 0x5567 };
        _cleanup_error_ Error e = {};
        unsigned bus, device;

        assert_int_equal(usb_find(&match, &bus, &device, &e), -EEXIST);
        assert_int_equal(e.code, ERROR_OPERATION_FAILED);
        assert_non_null(strstr(e.message, "bus='1' device='5'"));
        assert_non_null(strstr(e.message, "bus='3' device='7'"));
}

/* What iommufd has in place of a group's node, while a driver of VFIO has the device. */
static void devices_have_nodes_of_their_own(void **state) {
        const PciHostAddress card = { 0, 1, 0, 0 }, none = { 0, 9, 0, 0 };
        _cleanup_free_ char *node = NULL;

        assert_int_equal(pci_vfio_node(&card, &node), -ENOENT);
        assert_int_equal(pci_vfio_node(&none, &node), -ENOENT);
        make("bus/pci/devices/0000:01:00.0/vfio-dev");
        assert_int_equal(pci_vfio_node(&card, &node), -ENOENT);
        make("bus/pci/devices/0000:01:00.0/vfio-dev/vfio3");
        assert_int_equal(pci_vfio_node(&card, &node), 0);
        assert_string_equal(node, "/dev/vfio/devices/vfio3");
}

static void groups_name_who_uses_them(void **state) {
        const PciHostAddress card = { 0, 1, 0, 0 }, sound = { 0, 1, 0, 1 }, none = { 0, 9, 0, 0 },
                             apart = { 0, 2, 0, 0 };
        const PciHostAddress both[] = { card, sound };
        _cleanup_free_ char *users = NULL, *nobody = NULL;
        unsigned group;

        assert_int_equal(pci_group(&card, &group), 0);
        assert_int_equal(group, 12);
        assert_int_equal(pci_group(&none, &group), -ENODEV);
        assert_int_equal(pci_group(&apart, &group), -EOPNOTSUPP);
        /* bridges and functions without a driver do not count */
        assert_int_equal(pci_group_in_use(&card, &card, 1, &users), 0);
        assert_string_equal(users, "0000:01:00.1 (driver snd_hda_intel)");
        assert_int_equal(pci_group_in_use(&card, both, 2, &nobody), 0);
        assert_null(nobody);
}

static void drivers_change_and_come_back(void **state) {
        const PciHostAddress card = { 0, 1, 0, 0 };
        _cleanup_free_ char *driver = NULL, *override = NULL, *unbound = NULL, *probed = NULL, *again = NULL;

        assert_int_equal(pci_driver(&card, &driver), 0);
        assert_string_equal(driver, "nvidia");
        assert_int_equal(pci_bind(&card, "vfio-pci"), 0);
        override = get("bus/pci/devices/0000:01:00.0/driver_override");
        assert_string_equal(strndupa(override, strcspn(override, "\n")), "vfio-pci");
        unbound = get("bus/pci/drivers/nvidia/unbind");
        assert_string_equal(unbound, "0000:01:00.0");
        probed = get("bus/pci/drivers_probe");
        assert_string_equal(probed, "0000:01:00.0");
        /* it has that driver (the folder is none of the kernel's): nothing is done */
        assert_int_equal(pci_return("0000:01:00.0 nvidia"), 0);
        assert_int_equal(pci_return("0000:01:00.0 other"), 0);
        again = get("bus/pci/devices/0000:01:00.0/driver_override");
        assert_true(*again == '\n');
        assert_int_equal(pci_return("0000:77:00.0 gone"), 0);
        assert_int_equal(pci_return("nonsense"), -EINVAL);
}

static void folders_are_removed_whole(void **state) {
        _cleanup_free_ char *folder = text_format("%s/a/b/guest", sys), *file = text_format("%s/pc.ram", folder);
        struct stat st;

        assert_int_equal(folder_make(folder, getuid(), getgid()), 0);
        assert_int_equal(folder_make(folder, getuid(), getgid()), 0);
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        put("a/b/guest/pc.ram", "x");
        put("a/b/guest/.lock", "x");
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(folder_remove(folder), 0);
        assert_int_equal(access(folder, F_OK), -1);
        assert_int_equal(folder_remove(folder), 0);
}

static void traffic_is_marked_by_the_group(void **state) {
        _cleanup_free_ char *text = NULL, *want = NULL,
                            *path = text_format("%s/class/fc/fc_udev_device/appid_store", sys);
        _cleanup_close_ int group = open(sys, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_error_ Error e = ERROR_INIT;
        struct stat st;

        assert_true(group >= 0 && fstat(group, &st) == 0);
        assert_int_equal(fibre_set_id(group, "web:1", &e), -ENOENT);
        assert_non_null(strstr(e.message, "class/fc/fc_udev_device/appid_store"));
        make("class/fc/fc_udev_device");
        put("class/fc/fc_udev_device/appid_store", "");
        assert_int_equal(fibre_set_id(group, "web:1", &e), 0);
        assert_int_equal(file_read(path, 256, &text, NULL), 0);
        want = text_format("%llx:web:1", (unsigned long long) st.st_ino);
        assert_string_equal(text, want);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(usb_by_what_it_is),          cmocka_unit_test(usb_that_match_are_both_named),
                cmocka_unit_test(groups_name_who_uses_them),  cmocka_unit_test(devices_have_nodes_of_their_own),
                cmocka_unit_test(drivers_change_and_come_back), cmocka_unit_test(traffic_is_marked_by_the_group),
                cmocka_unit_test(folders_are_removed_whole),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
