/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt: looks at definitions and units without a daemon. A table of subcommands. */

#include <ctype.h>

#include "base/log.h"
#include "base/strings.h"
#include "tool.h"

static const Command commands[] = {
        { "args", "[--qemu-version V] [--accel kvm|tcg] [--as-is] [--recorded] [--conf QEMU.CONF] FILE",
          "the arguments of QEMU, one a line", verb_args },
        { "canonical", "[--qemu-version V] [--strict] FILE", "the definition as dumpxml --inactive gives it",
          verb_canonical },
        { "diff", "NAME", "what a running guest, its definition and its unit say differently, and when it applies",
          verb_diff },
        { "explain", "[--qemu-version V] FILE|NAME",
          "units, dependencies and drop-ins of a definition, and the command line of a guest", verb_explain },
        { "reload", "[--from-unit] {NAME | UNIT}", 
          "do to a running guest what has changed in its definition, as far as it can be",
          verb_reload },
        { "status", "", "which socket leads to which daemon, what is active, what conflicts", verb_status },
        { "unit", "[--of guest|network|pool] {NAME | UNIT}...",
          "the unit of a guest, network or pool, or the name behind a unit", verb_unit },
        { "usb", "VENDOR:PRODUCT", "give a USB device that has come to the running guests that it is for", verb_usb },
        { "verify", "[--qemu-version V] [--strict] {FILE... | --all}",
          "say what is wrong with definitions, file:line:element: message, and with qemu.conf", verb_verify },
};

static const Command *find_command(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (streq(commands[i].name, name))
                        return &commands[i];

        return NULL;
}

int tool_usage(const char *name) {
        const Command *c = find_command(name);

        fprintf(stderr, "Usage: unitvirt %s %s\n", name, c ? c->arguments : "");
        return TOOL_USAGE;
}

static void help(FILE *f) {
        fputs("Usage: unitvirt COMMAND ...\n\nCommands:\n", f);
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                fprintf(f, "  %s %s\n        %s\n", commands[i].name, commands[i].arguments, commands[i].help);
}

int main(int argc, char **argv) {
        const Command *c;

        log_open("unitvirt", LOG_TARGET_AUTO);

        if (argc < 2) {
                help(stderr);
                return TOOL_USAGE;
        }
        if (streq(argv[1], "--help") || streq(argv[1], "-h") || streq(argv[1], "help")) {
                help(stdout);
                return TOOL_OK;
        }
        if (streq(argv[1], "--version")) {
                puts("unitvirt " UNITVIRT_VERSION);
                return TOOL_OK;
        }

        c = find_command(argv[1]);
        if (!c) {
                fprintf(stderr, "unitvirt: there is no command '%s'; see unitvirt --help\n", argv[1]);
                return TOOL_USAGE;
        }

        if (argc == 3 && (streq(argv[2], "--help") || streq(argv[2], "-h"))) {
                printf("Usage: unitvirt %s %s\n\n%c%s.\n", c->name, c->arguments, toupper(c->help[0]), c->help + 1);
                return TOOL_OK;
        }

        return c->run(argc - 1, argv + 1);
}
