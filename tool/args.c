/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt args: what QEMU would be started with. Needs no QEMU, no daemon and no privilege; what the host side
 * prepares at a start (taps, sockets, ports) is shown as it would be asked for. */

#include <getopt.h>

#include "base/strings.h"
#include "model/definition.h"
#include "qemu/args.h"
#include "qemu/firmware.h"
#include "qemu/screens.h"
#include "tool.h"

typedef struct ArgsOptions {
        const char *version;   /* of QEMU; NULL: what this build was made for */
        const char *conf;      /* a file like qemu.conf; NULL: none */
        bool as_is;            /* the file is normalised already */
        QemuHostResources res;
} ArgsOptions;

static int build(const char *path, ArgsOptions *o, const HostFacts *facts, const QemuCaps *caps, char ***ret,
                 Error *e) {
        _cleanup_(qemu_config_freep) QemuConfig *config = NULL;
        _cleanup_free_ QemuGraphics *screens = NULL;
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_load(path, o->as_is ? DEFINITION_UNCHECKED : 0, &d, e);
        if (r < 0)
                return r;
        for (char *const *w = definition_warnings(d); w && *w; w++)
                fprintf(stderr, "unitvirt: %s (ignored)\n", *w);
        if (!o->as_is) {
                r = definition_normalise(d, facts, e);
                if (r < 0)
                        return r;
        }
        r = definition_assign_aliases(d, e);
        if (r >= 0 && o->conf)
                r = qemu_config_load(o->conf, &config, NULL, e);
        if (r >= 0 && config)
                r = qemu_screens_init(config, d, &screens, &o->res.n_graphics);
        if (r < 0)
                return r;
        o->res.graphics = screens;
        return qemu_args_build(d, caps, &o->res, ret, e);
}

static bool parse_options(int argc, char **argv, ArgsOptions *o) {
        static const struct option options[] = {
                { "qemu-version", required_argument, NULL, 'q' },
                { "accel", required_argument, NULL, 'a' },
                { "as-is", no_argument, NULL, 'i' },
                { "recorded", no_argument, NULL, 'r' },
                { "conf", required_argument, NULL, 'c' },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'q':
                        o->version = optarg;
                        break;
                case 'a':
                        if (!streq(optarg, "kvm") && !streq(optarg, "tcg"))
                                return false;
                        o->res.accel = optarg;
                        break;
                case 'c':
                        o->conf = optarg;
                        break;
                case 'i':
                        o->as_is = true;
                        break;
                case 'r':
                        o->res.recorded = true;
                        o->res.now = 1234567890; /* when the recordings were made, by their clock */
                        break;
                default:
                        return false;
                }
        return optind + 1 == argc;
}

int verb_args(int argc, char **argv) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        _cleanup_strv_ char **args = NULL;
        ArgsOptions o = {};
        char installed[32];
        const QemuCaps *caps;
        HostFacts facts;
        int r;

        qemu_host_resources_init(&o.res);
        o.res.stand_ins = true;
        if (!parse_options(argc, argv, &o))
                return tool_usage(argv[0]);
        if (!o.version)
                o.version = tool_qemu_version(NULL, installed);
        r = host_facts_for_qemu(o.version, &facts);
        caps = qemu_caps_for(o.version, "x86_64");
        if (r < 0 || !caps) {
                fprintf(stderr, "unitvirt: nothing is recorded for QEMU '%s'\n", o.version);
                return TOOL_FAILED;
        }
        firmware_host_offer(&firmware, &facts);
        r = build(argv[optind], &o, &facts, caps, &args, &e);
        if (r < 0) {
                fprintf(stderr, "unitvirt: %s\n", error_text(&e, r));
                return TOOL_FAILED;
        }
        for (char **a = args; *a; a++)
                puts(*a);
        return TOOL_OK;
}
