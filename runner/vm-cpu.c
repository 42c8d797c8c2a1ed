/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-cpu ACCELERATOR[/PATH]: run by vm-cpu@INSTANCE.service. Asks QEMU (that of the path, else the usual one) which
 * processors it can give to guests (qemu/cpus.h), so that the daemon, which may start no QEMU, finds it remembered. */

#include "base/log.h"
#include "base/strings.h"
#include "qemu/cpus.h"

#define EMULATOR "/usr/bin/qemu-system-x86_64"

int main(int argc, char **argv) {
        const char *emulator = argc == 2 ? strchr(argv[1], '/') : NULL;
        _cleanup_free_ char *accel = argc == 2 ? strndup(argv[1], strcspn(argv[1], "/")) : NULL;
        int r;

        log_open("vm-cpu", LOG_TARGET_AUTO);
        if (!accel || (!streq(accel, "kvm") && !streq(accel, "tcg"))) {
                log_error("usage: vm-cpu kvm|tcg[/PATH] (started by vm-cpu@.service)");
                return EXIT_FAILURE;
        }
        emulator = emulator ?: EMULATOR;
        if (!cpu_models_may_ask(emulator)) {
                log_error("%s is not asked for its processors: it is not below /usr", emulator);
                return EXIT_FAILURE;
        }
        r = cpu_models_probe(emulator, accel);
        if (r < 0)
                log_error_errno(r, "cannot ask %s for its processors: %s", emulator, strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
