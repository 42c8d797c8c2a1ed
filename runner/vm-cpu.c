/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-cpu ACCELERATOR: run by vm-cpu@ACCELERATOR.service. Asks QEMU which processors it can give to guests
 * (qemu/cpus.h), so that the daemon, which may start no QEMU, finds it remembered. */

#include "base/log.h"
#include "base/strings.h"
#include "qemu/cpus.h"

#define EMULATOR "/usr/bin/qemu-system-x86_64"

int main(int argc, char **argv) {
        int r;

        log_open("vm-cpu", LOG_TARGET_AUTO);
        if (argc != 2 || (!streq(argv[1], "kvm") && !streq(argv[1], "tcg"))) {
                log_error("usage: vm-cpu kvm|tcg (started by vm-cpu@.service)");
                return EXIT_FAILURE;
        }
        r = cpu_models_probe(EMULATOR, argv[1]);
        if (r < 0)
                log_error_errno(r, "cannot ask %s for its processors: %s", EMULATOR, strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
