/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt verify: what is wrong with definitions: in the document, in what becomes of it, or in what QEMU would be
 * asked for. Errors and warnings go to stdout, one a line, since they are what was asked for; nothing is printed for a
 * good file. */

#include <getopt.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/qemu.h"
#include "model/definition.h"
#include "plan/plan.h"
#include "plan/pools.h"
#include "qemu/args.h"
#include "qemu/concern.h"
#include "qemu/firmware.h"
#include "qemu/machines.h"
#include "qemu/screens.h"
#include "qemu/version.h"
#include "tool.h"

typedef struct VerifyOptions {
        unsigned flags;
        const char *version;   /* of QEMU; NULL: what this build was made for */
        bool host;             /* what is installed here has to run them */
        HostFacts facts;
        const QemuConfig *config; /* of this host: guests that it stops are refused; NULL: it is not looked at */
} VerifyOptions;

void tool_print_problem(const char *path, const char *kind, const char *text) {
        if (startswith(text, path))
                printf("%s%s\n", text, kind);
        else
                printf("%s: %s%s\n", path, text, kind);
}

/* The way to unit and command line, as far as it can be gone without the host. */
static int translate_guest(Definition *d, const VerifyOptions *o, Error *e) {
        _cleanup_free_ QemuGraphics *screens = NULL;
        _cleanup_strv_ char **args = NULL;
        _cleanup_plan_ Plan *plan = NULL;
        QemuHostResources res;
        int r;

        qemu_host_resources_init(&res);
        res.stand_ins = true;
        r = definition_normalise(d, &o->facts, e);
        if (r >= 0)
                r = plan_build(d, &plan, e);
        if (r >= 0)
                r = definition_assign_aliases(d, e);
        if (r >= 0 && o->config)
                r = qemu_screens_init(o->config, d, &screens, &res.n_graphics);
        res.graphics = screens;
        if (r >= 0)
                r = qemu_args_build(d, qemu_caps_for(o->version, "x86_64"), &res, &args, e);
        return r;
}

/* Does qemu.conf ask for something that this guest would not get? Positive where that was told. */
static int verify_against_config(const Definition *d, const QemuConfig *config) {
        int r = 0;

        for (size_t i = 0; config && i < config->n_refusals; i++) {
                const xmlNode *element = qemu_concerned_element(d, config->refusals[i].concern);
                _cleanup_free_ char *path = element ? xml_path_of(element) : NULL;

                if (!element)
                        continue;
                printf("%s:%u: %s: the guest is not started: %s\n", definition_origin(d), xml_line(element),
                       path ?: xml_name(element), config->refusals[i].text);
                r = 1;
        }
        return r;
}

static int verify_guest(Definition *d, const VerifyOptions *o, Error *e) {
        int r, chains;

        r = definition_ensure_uuid(d);
        if (r >= 0)
                r = translate_guest(d, o, e);
        if (r < 0)
                return r;
        r = verify_against_config(d, o->config);
        chains = verify_chains(d, o->config);
        return chains > 0 ? chains : r;
}

/* What is looked at besides the document itself, by its kind. */
static const struct {
        const DocumentKind *kind;
        int (*verify)(Definition *d, const VerifyOptions *o, Error *e);
} rows[] = {
        { &document_domain, verify_guest },
};

static int verify_definition(Definition *d, const VerifyOptions *o, Error *e) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (rows[i].kind == definition_kind(d))
                        return rows[i].verify(d, o, e);

        return definition_normalise(d, &o->facts, e);
}

static int verify_file(const char *path, const VerifyOptions *o) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = definition_load_as(NULL, path, o->flags, &d, &e);
        if (r >= 0)
                for (char *const *w = definition_warnings(d); w && *w; w++)
                        tool_print_problem(path, " (ignored)", *w);
        if (r >= 0 && o->host)
                r = qemu_emulator_check(d, true, &e);
        if (r >= 0)
                r = verify_definition(d, o, &e);
        if (r < 0)
                tool_print_problem(path, "", e.detail ?: error_text(&e, r));

        return r;
}

static void print_problem(QemuProblem kind, const char *text, void *userdata) {
        static const char *const so[_QEMU_PROBLEM_MAX] = {
                [QEMU_PROBLEM_IGNORED] = " (ignored)",
                [QEMU_PROBLEM_REFUSED] = " (guests that it is about are not started)",
                [QEMU_PROBLEM_BROKEN] = "",
        };

        tool_print_problem(userdata, so[kind], text);
}

/* qemu.conf: what is wrong, what would stop guests, and what holds for none. */
static int verify_config(const char *path, QemuConfig **ret) {
        _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
        int r;

        r = qemu_config_examine(path, &c, print_problem, (void *) path);
        if (r >= 0 && c->n_refusals > 0)
                r = -EINVAL;
        if (ret)
                *ret = TAKE_PTR(c);
        return r;
}

static bool is_config(const char *path) {
        const char *name = strrchr(path, '/');

        return streq(name ? name + 1 : path, "qemu.conf");
}

static int verify_one(const char *path, const void *options) {
        return (is_config(path) ? verify_config(path, NULL) : verify_file(path, options)) != 0;
}

static void print_pool(const char *name, const char *text) {
        _cleanup_free_ char *path = text_format("%s/storage/%s.xml", path_etc(), name);

        if (path)
                tool_print_problem(path, " (accepted)", text);
}

/* Pools as libvirt may have left them: none is lost. */
static void verify_places(void) {
        _cleanup_pool_places_ PoolPlaces *places = NULL;

        if (pool_places_load(&places) >= 0)
                pool_places_tell(places, print_pool);
}

/* Every definition of the host, and all else that another libvirt left there: what cannot be run or used here. */
static int verify_all(VerifyOptions *o) {
        _cleanup_free_ char *path = text_format("%s/qemu.conf", path_etc());
        _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
        int guests, networks, pools, filters, rest, config;

        if (!path)
                return TOOL_FAILED;
        config = access(path, F_OK) < 0 && errno == ENOENT ? 0 : verify_config(path, &c);
        o->config = c;
        o->host = true;
        guests = tool_visit_files(path_etc(), "qemu/*.xml", verify_one, o);
        o->config = NULL;
        o->host = false;
        networks = tool_visit_files(path_etc(), "qemu/networks/*.xml", verify_one, o);
        pools = tool_visit_files(path_etc(), "storage/*.xml", verify_one, o);
        verify_places();
        filters = tool_visit_files(path_etc(), "nwfilter/*.xml", verify_one, o);
        rest = verify_rest_of_host();
        return config != 0 || guests != 0 || networks != 0 || pools != 0 || filters != 0 || rest != 0 ? TOOL_FAILED
                                                                                                  : TOOL_OK;
}

int verb_verify(int argc, char **argv) {
        static const struct option options[] = {
                { "strict", no_argument, NULL, 's' },
                { "all", no_argument, NULL, 'a' },
                { "qemu-version", required_argument, NULL, 'q' },
                {},
        };
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        int c, status = TOOL_OK;
        char installed[32];
        VerifyOptions o = {};
        bool all = false;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 's':
                        o.flags |= DEFINITION_VALIDATE;
                        break;
                case 'a':
                        all = true;
                        break;
                case 'q':
                        o.version = optarg;
                        break;
                default:
                        return tool_usage(argv[0]);
                }
        if ((optind >= argc) != all)
                return tool_usage(argv[0]);
        if (!o.version)
                o.version = tool_qemu_version(NULL, installed);
        if (host_facts_for_qemu(o.version, &o.facts) < 0 || !qemu_caps_for(o.version, "x86_64")) {
                fprintf(stderr, "unitvirt: nothing is recorded for QEMU '%s'\n", o.version);
                return TOOL_FAILED;
        }
        firmware_host_offer(&firmware, &o.facts);
        if (all)
                return verify_all(&o);

        for (; optind < argc; optind++)
                if (verify_one(argv[optind], &o))
                        status = TOOL_FAILED;

        return status;
}
