/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices of the host that a guest which runs gets by VFIO: what its unit lets QEMU open, and for how long. */

#include <sys/stat.h>

#include "base/fs.h"
#include "test-steps.h"

#define PCI(slot)                                                                                            \
        "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x06' slot='" slot \
        "' function='0x0'/></source></hostdev>"
#define MDEV MDEV_OPEN "</hostdev>"
#define ANSWER(device, alias, slot)                                                                          \
        "{\"device\": \"" device "<alias name='" alias "'/><address type='pci' domain='0x0000' bus='0x00' "    \
        "slot='" slot "' function='0x0'/></hostdev>\", \"sets\": [], \"names\": [], \"steps\": [{"               \
        "\"do\": {\"execute\": \"device_add\", \"arguments\": {\"id\": \"" alias "\"}},"                        \
        "\"undo\": {\"execute\": \"device_del\", \"arguments\": {\"id\": \"" alias "\"}}}], \"after\": []}"
#define PCI_OPEN(slot)                                                                                       \
        "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x06' slot='" slot \
        "' function='0x0'/></source>"
#define MDEV_OPEN "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='" UUID "'/></source>"

static void make_device(TestHost *h, const char *bus, const char *name, const char *group) {
        _cleanup_free_ char *folder = text_format("sys/bus/%s/devices/%s", bus, name), *path = test_path(h, folder),
                            *link = text_format("%s/iommu_group", path), *to = text_format("../groups/%s", group);

        assert_int_equal(mkdir_p(path, 0755), 0);
        assert_int_equal(symlink(to, link), 0);
}

static void start(TestHost *h) {
        _cleanup_free_ char *sys = test_path(h, "sys");

        assert_int_equal(setenv("UNITVIRT_SYS", sys, 1), 0);
        make_device(h, "pci", "0000:06:12.0", "7");
        make_device(h, "pci", "0000:06:13.0", "7");
        make_device(h, "mdev", UUID, "9");
        start_web(h);
        assert_int_equal(strv_add(&h->devices, "/dev/kvm"), 0);
        (void) test_jobs(h);
        (void) test_commands(h);
}

static void assert_may_open(TestHost *h, const char *wanted) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *list = NULL;

        for (char **d = h->devices; d && *d; d++)
                strbuf_addf(&b, "%s ", *d);
        list = strbuf_take(&b);
        assert_string_equal(list, wanted);
}

static void its_group_and_no_other(void **state) {
        TestHost *h = *state;

        start(h);
        h->plug_answer = ANSWER(PCI_OPEN("0x12"), "hostdev0", "0x05");
        assert_int_equal(attach(h, PCI("0x12"), LIVE), 0);
        assert_string_equal(test_plugged(h), "attach hostdev0;");
        assert_string_equal(test_commands(h), "device_add;");
        assert_string_equal(test_jobs(h), "StartUnit modprobe@vfio_pci.service;StartUnit vm-vfio@web.service;"
                                          "SetUnitProperties vm@web.service DeviceAllow DeviceAllow;");
        assert_may_open(h, "/dev/kvm /dev/vfio/7 /dev/vfio/vfio ");
        assert_true(lives(h, "slot='0x12'"));
        assert_true(attach(h, PCI("0x12"), LIVE) < 0);
        assert_refused(h, 55, "device is already in the domain configuration");

        h->plug_answer = ANSWER(MDEV_OPEN, "hostdev1", "0x06");
        assert_int_equal(attach(h, MDEV, LIVE), 0);
        assert_may_open(h, "/dev/kvm /dev/vfio/7 /dev/vfio/vfio /dev/vfio/9 ");
        assert_string_equal(test_jobs(h), "SetUnitProperties vm@web.service DeviceAllow DeviceAllow;");

        assert_int_equal(detach(h, PCI("0x12"), LIVE), 0);
        assert_may_open(h, "/dev/kvm /dev/vfio/9 /dev/vfio/vfio ");
        assert_int_equal(detach(h, MDEV, LIVE), 0);
        assert_may_open(h, "/dev/kvm ");
        assert_false(lives(h, "hostdev"));
}

static void two_of_a_group(void **state) {
        TestHost *h = *state;

        start(h);
        h->plug_answer = ANSWER(PCI_OPEN("0x12"), "hostdev0", "0x05");
        assert_int_equal(attach(h, PCI("0x12"), LIVE), 0);
        h->plug_answer = ANSWER(PCI_OPEN("0x13"), "hostdev1", "0x06");
        assert_int_equal(attach(h, PCI("0x13"), LIVE), 0);
        assert_int_equal(detach(h, PCI("0x12"), LIVE), 0);
        assert_may_open(h, "/dev/kvm /dev/vfio/7 /dev/vfio/vfio ");
        assert_int_equal(detach(h, PCI("0x13"), LIVE), 0);
        assert_may_open(h, "/dev/kvm ");
}

/* What came to nothing may be opened no more. */
static void a_refusal_is_taken_back(void **state) {
        TestHost *h = *state;

        start(h);
        h->plug_answer = ANSWER(PCI_OPEN("0x12"), "hostdev0", "0x05");
        h->refuse = "device_add";
        assert_true(attach(h, PCI("0x12"), LIVE) < 0);
        assert_refused(h, 1, "unable to execute QEMU command");
        assert_may_open(h, "/dev/kvm ");
        assert_false(lives(h, "hostdev"));
        h->refuse = NULL;
        h->fail_other = true;
        assert_true(attach(h, PCI("0x12"), LIVE) < 0);
        assert_refused(h, 1, "the guest's QEMU cannot be shown /dev/vfio");
        assert_may_open(h, "/dev/kvm ");
        assert_false(lives(h, "hostdev"));
        assert_false(test_file_exists(h, "run/qemu/web.pending"));
}

/* A guest that had one at its start may open all groups, as its unit says. */
static void nothing_is_added_to_all(void **state) {
        TestHost *h = *state;

        start(h);
        assert_int_equal(strv_add(&h->devices, "char-vfio"), 0);
        h->plug_answer = ANSWER(PCI_OPEN("0x12"), "hostdev0", "0x05");
        assert_int_equal(attach(h, PCI("0x12"), LIVE), 0);
        assert_string_equal(test_jobs(h), "StartUnit modprobe@vfio_pci.service;");
        assert_int_equal(detach(h, PCI("0x12"), LIVE), 0);
        assert_may_open(h, "/dev/kvm char-vfio ");
}

/* One that the guest is not shown: QEMU knows nothing of it. */
static void an_unassigned_one_goes(void **state) {
        TestHost *h = *state;

        start(h);
        h->plug_answer = "{\"device\": \"" PCI_OPEN("0x12") "<alias name='hostdev0'/>"
                         "<address type='unassigned'/></hostdev>\","
                         "\"sets\": [], \"names\": [], \"steps\": [], \"after\": []}";
        assert_int_equal(attach(h, PCI_OPEN("0x12") "<address type='unassigned'/></hostdev>", LIVE), 0);
        assert_true(lives(h, "unassigned"));
        assert_int_equal(detach(h, PCI("0x12"), LIVE), 0);
        assert_string_equal(test_commands(h), "");
        assert_false(lives(h, "hostdev"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(its_group_and_no_other),  TEST(two_of_a_group),         TEST(a_refusal_is_taken_back),
                TEST(nothing_is_added_to_all), TEST(an_unassigned_one_goes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
