/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt unit: from the name of a guest to its unit, and back. Mostly that is systemd-escape(1), but the unit of a
 * very long name is called after a part of it. */

#include <getopt.h>

#include "base/fs.h"
#include "base/instance.h"
#include "base/strings.h"
#include "plan/names.h"
#include "tool.h"

/* The name behind the unit of any kind: 1, 0 where it is none of ours. */
static int name_of(const char *unit, char **ret) {
        const PlanKind *kind;
        int r = 0;

        for (size_t i = 0; (kind = plan_kind_at(i)); i++) {
                _cleanup_free_ char *instance = NULL, *etc = NULL, *run = NULL;

                if (instance_from_unit(kind->unit, unit, &instance) < 0)
                        continue;
                etc = text_format("%s/%s", path_etc(), kind->folder);
                run = text_format("%s/%s", path_run(), kind->run_folder ?: "");
                if (!etc || !run)
                        return -ENOMEM;
                r = instance_to_name(instance, (const char *[]) { etc, run, NULL }, ret);
                return r < 0 ? r : 1;
        }
        return 0;
}

static int print_one(const char *arg, const UnitKind *kind) {
        _cleanup_free_ char *answer = NULL;
        int r;

        r = name_of(arg, &answer);
        if (r == 0)
                r = unit_name_for(kind, arg, &answer);
        if (r < 0) {
                fprintf(stderr, "unitvirt: %s: %s\n", arg,
                        r == -ENOENT ? "nothing is defined that has this unit" : strerror(-r));
                return r;
        }
        puts(answer);
        return 0;
}

int verb_unit(int argc, char **argv) {
        static const struct {
                const char *word;
                const UnitKind *kind;
        } words[] = { { "guest", &unit_guest }, { "network", &unit_network }, { "pool", &unit_pool } };
        static const struct option options[] = { { "of", required_argument, NULL, 'o' }, {} };
        const UnitKind *kind = &unit_guest;
        int c, status = TOOL_OK;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                kind = NULL;
                for (size_t i = 0; c == 'o' && i < ELEMENTSOF(words); i++)
                        if (streq(words[i].word, optarg))
                                kind = words[i].kind;
                if (!kind)
                        return tool_usage(argv[0]);
        }
        if (optind >= argc)
                return tool_usage(argv[0]);
        for (; optind < argc; optind++)
                if (print_one(argv[optind], kind) < 0)
                        status = TOOL_FAILED;
        return status;
}
