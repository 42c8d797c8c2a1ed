/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Configuration files: any bytes give settings or an error that names the line. */

#include <assert.h>

#include "config/daemon.h"
#include "config/qemu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const daemons[] = { "libvirtd", "virtqemud", "virtlogd" };
        _cleanup_(qemu_config_freep) QemuConfig *q = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        if (qemu_config_parse((const char *) data, size, "f", &q, NULL, &e) < 0)
                assert(error_is_set(&e));
        for (size_t i = 0; i < ELEMENTSOF(daemons); i++) {
                _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;

                (void) daemon_config_parse(daemons[i], (const char *) data, size, "f", &c, NULL, NULL);
        }
        return 0;
}
