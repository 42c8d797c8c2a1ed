/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-locks.h"

#include "base/log.h"
#include "base/strings.h"

void image_locks_done(ImageLocks *l) {
        for (size_t i = 0; i < l->n; i++) {
                closep(&l->list[i].fd);
                free(l->list[i].device);
        }
        free(l->list);
        *l = (ImageLocks) {};
}

int image_locks_add(ImageLocks *l, const char *device, int fd) {
        _cleanup_free_ char *copy = strdup(device);
        ImageLock *list = copy ? reallocarray(l->list, l->n + 1, sizeof(*list)) : NULL;

        if (!list)
                return -ENOMEM;
        l->list = list;
        list[l->n++] = (ImageLock) { TAKE_PTR(copy), fd };
        return 0;
}

void image_locks_drop(ImageLocks *l, const char *device) {
        for (size_t i = 0; i < l->n; i++)
                if (streq_ptr(l->list[i].device, device) && l->list[i].fd >= 0) {
                        close(TAKE_FD(l->list[i].fd));
                        log_debug("let go of the lock of %s", device);
                }
}

void image_locks_device_deleted(ImageLocks *l, const json_t *data) {
        const char *device = json_string_value(json_object_get(data, "device"));

        if (device)
                image_locks_drop(l, device);
}
