/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt explain: what systemd makes of a definition: the units, what they depend on, the guest's drop-in and the
 * command line. Pure, like the generator: needs no daemon and no privilege, and nothing is started. */

#include <getopt.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/definition.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "qemu/args.h"
#include "qemu/firmware.h"
#include "tool.h"

/* FILE where it is one; else the file of the guest NAME: that of a transient guest first. */
static int find_file(const char *arg, char **ret) {
        _cleanup_free_ char *transient = NULL, *persistent = NULL;

        if (strchr(arg, '/') || access(arg, F_OK) >= 0) {
                *ret = strdup(arg);
                return *ret ? 0 : -ENOMEM;
        }
        if (asprintf(&transient, "%s/qemu/transient/%s.xml", path_run(), arg) < 0 ||
            asprintf(&persistent, "%s/qemu/%s.xml", path_etc(), arg) < 0)
                return -ENOMEM;
        if (access(transient, F_OK) >= 0)
                *ret = TAKE_PTR(transient);
        else if (access(persistent, F_OK) >= 0)
                *ret = TAKE_PTR(persistent);
        else
                return -ENOENT;
        return 0;
}

static bool is_autostarted(const Definition *d) {
        _cleanup_free_ char *unit = NULL, *link = NULL, *enabled = NULL;
        struct stat st;

        if (unit_name_for_guest(definition_name(d), &unit) < 0 ||
            asprintf(&link, "%s/qemu/autostart/%s.xml", path_etc(), definition_name(d)) < 0 ||
            asprintf(&enabled, "/etc/systemd/system/machines.target.wants/%s", unit) < 0)
                return false;
        return lstat(link, &st) >= 0 || lstat(enabled, &st) >= 0;
}

/* The settings that are dependencies, one line a verb. */
static void print_dependencies(const Plan *plan) {
        static const struct {
                const char *key, *words;
        } verbs[] = {
                { "RequiresMountsFor", "needs the mounts of" },
                { "Requires",          "requires" },
                { "Wants",             "wants" },
                { "After",             "starts after" },
                { "Before",            "starts before" },
                { "Slice",             "is in" },
                { "User",              "runs as" },
        };
        const PlanSetting *s;
        size_t n;

        s = plan_settings(plan, &n);
        for (size_t v = 0; v < ELEMENTSOF(verbs); v++)
                for (size_t i = 0; i < n; i++)
                        if (streq(s[i].key, verbs[v].key))
                                printf("  %s %s\n", verbs[v].words, s[i].value);
}

static int print_units(const Definition *d, const Plan *plan) {
        _cleanup_free_ char *machine = NULL, *text = NULL;
        int r;

        r = machine_name_for_guest(definition_name(d), &machine);
        if (r >= 0)
                r = plan_format(plan, &text);
        if (r < 0)
                return r;
        printf("%s\n  defined in %s\n  machine %s in machinectl\n", plan_unit(plan), definition_origin(d), machine);
        if (is_autostarted(d))
                printf("  wanted by machines.target\n");
        print_dependencies(plan);
        printf("\n# %s.d/50-unitvirt.conf\n%s", plan_unit(plan), text);
        return 0;
}

/* A word as a shell takes it, so that the line can be copied. */
static void print_word(const char *s) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";

        if (*s && strspn(s, plain) == strlen(s)) {
                fputs(s, stdout);
                return;
        }
        putchar('\'');
        for (; *s; s++)
                if (*s == '\'')
                        fputs("'\\''", stdout);
                else
                        putchar(*s);
        putchar('\'');
}

static int print_command(Definition *d, const char *version, Error *e) {
        const QemuCaps *caps = qemu_caps_for(version, "x86_64");
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        _cleanup_strv_ char **args = NULL;
        QemuHostResources res;
        HostFacts facts;
        int r;

        r = host_facts_for_qemu(version, &facts);
        if (r < 0 || !caps)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "nothing is recorded for QEMU '%s'", version);
        qemu_host_resources_init(&res);
        res.stand_ins = true;
        firmware_host_offer(&firmware, &facts);
        r = definition_normalise(d, &facts, e);
        if (r >= 0)
                r = definition_assign_aliases(d, e);
        if (r >= 0)
                r = qemu_args_build(d, caps, &res, &args, e);
        if (r < 0)
                return r;
        printf("\n# vm-run executes, with images, taps and ports as they are at that time:\n");
        for (char **a = args; *a; a++) {
                fputs(a == args ? "" : **a == '-' ? " \\\n    " : " ", stdout);
                print_word(*a);
        }
        putchar('\n');
        return 0;
}

static int explain(const char *arg, const char *version, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_plan_ Plan *plan = NULL;
        int r;

        r = find_file(arg, &path);
        if (r == -ENOENT)
                return error_set(e, r, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no file and no guest '%s'", arg);
        if (r >= 0)
                r = definition_load(path, 0, &d, e);
        if (r >= 0)
                r = plan_build(d, &plan, e);
        if (r >= 0)
                r = print_units(d, plan);
        return r < 0 ? r : print_command(d, version, e);
}

int verb_explain(int argc, char **argv) {
        static const struct option options[] = {
                { "qemu-version", required_argument, NULL, 'q' },
                {},
        };
        _cleanup_error_ Error e = ERROR_INIT;
        const char *version = NULL;
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c != 'q')
                        return tool_usage(argv[0]);
                version = optarg;
        }
        if (optind + 1 != argc)
                return tool_usage(argv[0]);
        r = explain(argv[optind], version, &e);
        if (r < 0) {
                fprintf(stderr, "unitvirt: %s\n", error_text(&e, r));
                return TOOL_FAILED;
        }
        return TOOL_OK;
}
