/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt explain: what systemd makes of a definition, of any kind that has units: these, what they depend on, their
 * drop-ins, a guest's command line, a network's rules and dnsmasq's files. Pure, like the generator: needs no daemon
 * and no privilege, and nothing is started. */

#include <getopt.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "model/definition.h"
#include "network/dnsmasq.h"
#include "network/files.h"
#include "network/firewall.h"
#include "network/network.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "plan/pools.h"
#include "qemu/args.h"
#include "qemu/firmware.h"
#include "qemu/screens.h"
#include "tool.h"

static int find_in(const char *top, const char *folder, const char *name, char **ret) {
        _cleanup_free_ char *path = folder ? text_format("%s/%s/%s.xml", top, folder, name) : NULL;

        if (!folder)
                return 0;
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0)
                return 0;
        *ret = TAKE_PTR(path);
        return 1;
}

/* FILE where it is one; else the file of the guest NAME, or of another thing of that name: a transient one first. */
static int find_file(const char *arg, char **ret) {
        const PlanKind *kind;
        int r = 0;

        if (strchr(arg, '/') || access(arg, F_OK) >= 0) {
                *ret = strdup(arg);
                return *ret ? 0 : -ENOMEM;
        }
        for (size_t i = 0; r == 0 && (kind = plan_kind_at(i)); i++) {
                r = find_in(path_run(), kind->run_folder, arg, ret);
                if (r == 0)
                        r = find_in(path_etc(), kind->folder, arg, ret);
        }
        return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}

static bool is_autostarted(const Definition *d, const PlanKind *kind, const char *unit) {
        _cleanup_free_ char *link = NULL, *enabled = NULL;
        struct stat st;

        link = text_format("%s/%s/autostart/%s.xml", path_etc(), kind->folder, definition_name(d));
        enabled = text_format("/etc/systemd/system/%s.wants/%s", kind->unit->target, unit);
        return (link && lstat(link, &st) >= 0) || (enabled && lstat(enabled, &st) >= 0);
}

/* The settings that are dependencies, one line a verb. */
static void print_dependencies(const Plan *plan) {
        static const struct {
                const char *key, *words;
        } verbs[] = {
                { "RequiresMountsFor", "needs the mounts of" },
                { "BindsTo",           "lives with" },
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

static int print_file(const Plan *plan) {
        _cleanup_free_ char *text = NULL, *file = plan_file(plan);
        int r;

        r = plan_format(plan, &text);
        if (r < 0 || !file)
                return -ENOMEM;
        printf("\n# %s\n%s", file, text);
        return 0;
}

/* What of a guest asks for a secret: <secret> below a disk's auth and encryption, and the attribute of a TPM's. */
static void print_secrets(const xmlNode *n) {
        for (const xmlNode *c = xml_child(n, NULL); c; c = xml_next(c, NULL)) {
                bool is_secret = xml_is(c, "secret");
                const char *uuid = is_secret                 ? xml_attr(c, "uuid")
                                   : xml_is(c, "encryption") ? xml_attr(c, "secret")
                                                             : NULL;
                const char *usage = is_secret ? xml_attr(c, "usage") : NULL;

                if (uuid || usage)
                        printf("  needs the secret %s%s of <%s>\n", uuid ? "" : "for ", uuid ?: usage,
                               (const char *) c->parent->name);
                print_secrets(c);
        }
}

static int print_units(const Definition *d, const Plan *plan) {
        const PlanKind *kind = plan_kind_of(definition_kind(d));
        _cleanup_free_ char *machine = NULL;
        const Plan *other;
        int r;

        printf("%s\n  defined in %s\n", plan_unit(plan), definition_origin(d));
        if (kind->unit == &unit_guest) {
                r = machine_name_for_guest(definition_name(d), &machine);
                if (r < 0)
                        return r;
                printf("  machine %s in machinectl\n", machine);
        }
        if (is_autostarted(d, kind, plan_unit(plan)))
                printf("  wanted by %s\n", kind->unit->target);
        print_dependencies(plan);
        print_secrets(definition_root(d));
        for (size_t i = 0; (other = plan_other(plan, i)); i++) {
                printf("%s\n", plan_unit(other));
                print_dependencies(other);
        }
        r = print_file(plan);
        for (size_t i = 0; r >= 0 && (other = plan_other(plan, i)); i++)
                r = print_file(other);
        return r;
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
        _cleanup_(qemu_config_freep) QemuConfig *config = NULL;
        _cleanup_free_ QemuGraphics *screens = NULL;
        _cleanup_strv_ char **args = NULL;
        QemuHostResources res;
        HostFacts facts;
        int r;

        r = host_facts_for_qemu(version, &facts);
        if (r < 0 || !caps)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "nothing is recorded for QEMU '%s'",
                                 version);
        qemu_host_resources_init(&res);
        res.stand_ins = true;
        firmware_host_offer(&firmware, &facts);
        r = definition_normalise(d, &facts, e);
        if (r >= 0)
                r = definition_assign_aliases(d, e);
        if (r >= 0)
                r = qemu_config_load(NULL, &config, NULL, e);
        if (r >= 0)
                r = qemu_screens_init(config, d, &screens, &res.n_graphics);
        res.graphics = screens;
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

/* What a network's start does besides its unit: neither root nor the kernel is asked. */
static int print_network(Definition *d, const char *unused, Error *e) {
        _cleanup_free_ char *config = NULL, *dhcp = NULL, *dns = NULL, *rules = NULL,
                            *folder = network_dnsmasq_folder();
        const xmlNode *root = definition_root(d);
        const char *bridge;
        int r = folder ? definition_normalise(d, NULL, e) : -ENOMEM;

        bridge = network_bridge(root) ?: "virbrN";
        if (r >= 0)
                r = firewall_rules(root, bridge, &rules, e);
        if (r >= 0 && *rules)
                printf("\n# rules of nftables\n%s", rules);
        if (r < 0 || !network_needs_dnsmasq(root))
                return r;
        r = dnsmasq_config(root, bridge, folder, &config, e);
        if (r >= 0)
                r = dnsmasq_dhcp_hosts(root, &dhcp, e);
        if (r >= 0)
                r = dnsmasq_dns_hosts(root, &dns, e);
        if (r >= 0)
                printf("\n# %s/%s.conf\n%s", folder, definition_name(d), config);
        if (r >= 0 && *dhcp)
                printf("\n# %s/%s.hostsfile\n%s", folder, definition_name(d), dhcp);
        if (r >= 0 && *dns)
                printf("\n# %s/%s.addnhosts\n%s", folder, definition_name(d), dns);
        return r;
}

/* What there is to say of a definition beside its units, by kind. */
static const struct {
        const DocumentKind *kind;
        int (*print)(Definition *d, const char *version, Error *e);
} details[] = {
        { &document_domain,  print_command },
        { &document_network, print_network },
};

static int explain(const char *arg, const char *version, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_pool_places_ PoolPlaces *places = NULL;
        _cleanup_plan_ Plan *plan = NULL;
        int r;

        r = find_file(arg, &path);
        if (r == -ENOENT)
                return error_set(e, r, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no file and no guest '%s'", arg);
        if (r >= 0)
                r = definition_load_as(NULL, path, 0, &d, e);
        if (r >= 0)
                r = plan_build(d, &plan, e);
        if (r >= 0)
                r = plan_after_pools(plan, d, pool_places_now(&places));
        if (r >= 0)
                r = print_units(d, plan);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(details); i++)
                if (details[i].kind == definition_kind(d))
                        r = details[i].print(d, version, e);
        return r;
}

int verb_explain(int argc, char **argv) {
        static const struct option options[] = {
                { "qemu-version", required_argument, NULL, 'q' },
                {},
        };
        _cleanup_error_ Error e = ERROR_INIT;
        const char *version = NULL;
        char installed[32];
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c != 'q')
                        return tool_usage(argv[0]);
                version = optarg;
        }
        if (optind + 1 != argc)
                return tool_usage(argv[0]);
        if (!version)
                version = tool_qemu_version(NULL, installed);
        r = explain(argv[optind], version, &e);
        if (r < 0) {
                fprintf(stderr, "unitvirt: %s\n", error_text(&e, r));
                return TOOL_FAILED;
        }
        return TOOL_OK;
}
