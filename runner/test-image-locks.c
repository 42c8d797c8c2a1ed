/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which lock is let go of by what QEMU says. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "image-locks.h"

static ImageLocks locks;

static int begin(void **state) {
        static const char *const devices[] = { "virtio-disk0", "usb-disk0", "virtio-disk1" };

        for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                if (image_locks_add(&locks, devices[i], open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
                        return -1;
        return 0;
}

static int end(void **state) {
        image_locks_done(&locks);
        return 0;
}

static void say(void (*f)(ImageLocks *l, const json_t *data), const char *text) {
        json_t *data = json_loads(text, 0, NULL);

        f(&locks, data);
        json_decref(data);
}

static bool is_open(size_t i) {
        return locks.list[i].fd >= 0 && fcntl(locks.list[i].fd, F_GETFD) >= 0;
}

static void test_deleted(void **state) {
        say(image_locks_device_deleted, "{\"path\":\"/machine/peripheral/virtio-disk0/virtio-backend\"}");
        assert_true(is_open(0));
        say(image_locks_device_deleted, "{\"device\":\"virtio-disk0\",\"path\":\"/machine/peripheral/virtio-disk0\"}");
        assert_int_equal(locks.list[0].fd, -EBADF);
        assert_true(is_open(1));
        assert_true(is_open(2));
        /* another device of that name, later */
        say(image_locks_device_deleted, "{\"device\":\"virtio-disk0\"}");
        assert_true(is_open(1));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_deleted, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
