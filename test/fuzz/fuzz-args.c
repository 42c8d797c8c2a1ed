/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any document to arguments: whatever comes in, an answer or an error comes out. Documents that pass the schema go
 * the whole way; all others are taken as they are, which is how a live definition is read. */

#include "base/strings.h"
#include "model/definition.h"
#include "firmware.h"
#include "qemu/args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build(const Definition *d, const char *version, bool recorded) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_strv_ char **argv = NULL;
        QemuHostResources res;
        int r;

        qemu_host_resources_init(&res);
        res.run_dir = "/run/guest";
        res.stand_ins = !recorded;
        res.recorded = recorded;
        res.now = 1;
        r = qemu_args_build(d, qemu_caps_for(version, "x86_64"), &res, &argv, &e);
        if ((r < 0) != error_is_set(&e) || (r == 0) != (argv != NULL))
                abort();
}

static void run(const char *text, size_t size, unsigned flags) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        HostFacts facts;

        if (definition_parse(text, size, NULL, flags, &d, &e) < 0)
                return;
        if (!(flags & DEFINITION_UNCHECKED)) {
                if (host_facts_for_qemu("10.0", &facts) < 0)
                        abort();
                facts.firmware = fuzz_firmware;
                if (definition_normalise(d, &facts, &e) < 0)
                        return;
        }
        if (definition_assign_aliases(d, &e) < 0)
                return;
        build(d, "7.2", false);
        build(d, "10.0", true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size > 64 * 1024)
                return 0;
        run((const char *) data, size, 0);
        run((const char *) data, size, DEFINITION_UNCHECKED);
        return 0;
}
