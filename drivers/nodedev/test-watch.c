/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's messages about devices, and what is forgotten by them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strings.h"
#include "nodedev.h"
#include "rpc/server.h"

#define MESSAGE(text) text, sizeof(text)

static void assert_action(const Uevent *u, const char *action) {
        assert_int_equal(u->action_len, strlen(action));
        assert_memory_equal(u->action, action, u->action_len);
}

static void test_messages(void **state) {
        Uevent u;

        assert_int_equal(uevent_parse(MESSAGE("add@/devices/virtual/net/br0\0ACTION=add\0SUBSYSTEM=net\0SEQNUM=1"), &u),
                         0);
        assert_action(&u, "add");
        assert_string_equal(u.path, "/devices/virtual/net/br0");
        assert_string_equal(u.subsystem, "net");
        assert_null(u.old_path);
        assert_int_equal(uevent_parse(MESSAGE("move@/devices/virtual/net/b\0DEVPATH_OLD=/devices/virtual/net/a"), &u),
                         0);
        assert_action(&u, "move");
        assert_string_equal(u.old_path, "/devices/virtual/net/a");
        assert_null(u.subsystem);
}

static void test_no_messages(void **state) {
        Uevent u;

        assert_int_equal(uevent_parse("", 0, &u), -EBADMSG);
        assert_int_equal(uevent_parse(MESSAGE(""), &u), -EBADMSG);
        assert_int_equal(uevent_parse(MESSAGE("add"), &u), -EBADMSG);
        assert_int_equal(uevent_parse(MESSAGE("@/devices"), &u), -EBADMSG);
        assert_int_equal(uevent_parse(MESSAGE("add@devices"), &u), -EBADMSG);
        assert_int_equal(uevent_parse(MESSAGE("add\0@/devices"), &u), -EBADMSG);
        assert_int_equal(uevent_parse("add@/devices", strlen("add@/devices"), &u), -EBADMSG);
}

/* --- what is kept --- */

static const char *const paths[] = {
        "/sys/devices/pci0000:00/0000:00:01.0", "/sys/devices/pci0000:00/0000:00:01.0/virtio0/net/eth0",
        "/sys/devices/pci0000:00/0000:00:02.0", "/sys/devices/pci0000:00/0000:00:01.00",
};

static bool is_kept(NodedevDriver *driver, const char *name) {
        return device_of(object_by_name(&driver->devices, NULL, name))->kept.document;
}

static void keep_all(NodedevDriver *driver) {
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                Device *d = device_of(object_by_name(&driver->devices, NULL, paths[i]));

                device_forget(d);
                d->kept.document = strdup("<device/>");
                assert_non_null(d->kept.document);
        }
}

static void test_forgotten(void **state) {
        NodedevDriver driver = { .uevents_fd = -EBADF, .links_fd = -EBADF };
        DriverHost host = {};

        object_index_init(&driver.devices, &kind_device, &host, &driver);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                assert_int_equal(device_add(&driver, paths[i], i == 1 ? &device_net : &device_pci, paths[i], -1), 0);
        keep_all(&driver);
        /* the device, what is above and what is below, and nothing else */
        device_forget_path(&driver, "/sys/devices/pci0000:00/0000:00:01.0/virtio0");
        assert_false(is_kept(&driver, paths[0]));
        assert_false(is_kept(&driver, paths[1]));
        assert_true(is_kept(&driver, paths[2]));
        assert_true(is_kept(&driver, paths[3]));
        keep_all(&driver);
        device_forget_kind(&driver, &device_pci);
        assert_false(is_kept(&driver, paths[0]));
        assert_true(is_kept(&driver, paths[1]));
        assert_false(is_kept(&driver, paths[2]));
        device_forget_path(&driver, "/sys");
        assert_false(is_kept(&driver, paths[1]));
        object_index_done(&driver.devices);
}

/* --- what has gone --- */

static void test_gone_without_a_word(void **state) {
        NodedevDriver driver = { .uevents_fd = -EBADF, .links_fd = -EBADF };
        _cleanup_(event_hub_freep) EventHub *events = NULL;
        DriverHost host = {};
        sd_event *event;

        assert_int_equal(event_hub_new(&events), 0);
        host.events = events;
        assert_int_equal(sd_event_new(&event), 0);
        if (sd_device_monitor_new(&driver.monitor) < 0) {
                sd_event_unref(event);
                skip();
        }
        assert_int_equal(sd_device_monitor_attach_event(driver.monitor, event), 0);
        object_index_init(&driver.devices, &kind_device, &host, &driver);
        assert_int_equal(device_add(&driver, "net_gone", &device_net, "/sys/devices/virtual/net/gone/never", -1), 0);
        assert_int_equal(device_add(&driver, "computer", &device_system, NULL, -1), 0);
        device_going(&driver);
        device_going(&driver);
        /* udev has its time */
        assert_non_null(object_by_name(&driver.devices, NULL, "net_gone"));
        assert_int_equal(sd_event_source_set_time_relative(driver.going, 0), 0);
        assert_true(sd_event_run(event, 1000000) > 0);
        assert_null(object_by_name(&driver.devices, NULL, "net_gone"));
        assert_non_null(object_by_name(&driver.devices, NULL, "computer"));
        assert_null(driver.going);
        object_index_done(&driver.devices);
        sd_device_monitor_unref(driver.monitor);
        sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_no_messages),
                cmocka_unit_test(test_forgotten),
                cmocka_unit_test(test_gone_without_a_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
