/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt canonical: a definition, of any kind, with everything filled in, as a client would get it back after
 * defining it. */

#include <getopt.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/definition.h"
#include "qemu/firmware.h"
#include "tool.h"

static int canonical(const char *path, const HostFacts *facts, unsigned flags, char **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_load_as(NULL, path, flags, &d, e);
        if (r < 0)
                return r;
        for (char *const *w = definition_warnings(d); w && *w; w++)
                fprintf(stderr, "unitvirt: %s (ignored)\n", *w);

        r = definition_normalise(d, facts, e);
        if (r < 0)
                return r;

        return definition_format(d, DEFINITION_FORMAT_INACTIVE | DEFINITION_FORMAT_SECURE, ret);
}

int verb_canonical(int argc, char **argv) {
        static const struct option options[] = {
                { "qemu-version", required_argument, NULL, 'q' },
                { "strict", no_argument, NULL, 's' },
                {},
        };
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        _cleanup_free_ char *text = NULL;
        const char *version = NULL;
        char installed[32];
        unsigned flags = 0;
        HostFacts facts;
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'q':
                        version = optarg;
                        break;
                case 's':
                        flags |= DEFINITION_VALIDATE;
                        break;
                default:
                        return tool_usage(argv[0]);
                }
        if (optind + 1 != argc)
                return tool_usage(argv[0]);

        if (!version)
                version = tool_qemu_version(NULL, installed);
        r = host_facts_for_qemu(version, &facts);
        if (r < 0) {
                fprintf(stderr, "unitvirt: no facts are recorded for QEMU '%s'\n", version);
                return TOOL_FAILED;
        }

        firmware_host_offer(&firmware, &facts);
        r = canonical(argv[optind], &facts, flags, &text, &e);
        if (r < 0) {
                fprintf(stderr, "unitvirt: %s\n", error_text(&e, r));
                return TOOL_FAILED;
        }

        fputs(text, stdout);
        return TOOL_OK;
}
