/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The subcommands of unitvirt, one file each. argv[0] is the name of the subcommand; getopt_long() works on
 * argc and argv as they are. The result is the exit status: 0 good, 1 refused or failed, 2 wrong usage. */

#include "config/qemu.h"
#include "model/definition.h"

#define TOOL_OK 0
#define TOOL_FAILED 1
#define TOOL_USAGE 2

typedef struct Command {
        const char *name;
        const char *arguments;   /* "FILE..." for the usage line */
        const char *help;
        int (*run)(int argc, char **argv);
} Command;

/* Prints "Usage: unitvirt NAME ARGUMENTS" to stderr, for a wrong call. Returns TOOL_USAGE. */
int tool_usage(const char *name);

/* Prints "FILE:LINE: PATH: text", or the file in front where the text has no place in it, and what kind of problem. */
void tool_print_problem(const char *path, const char *kind, const char *text);

/* Calls visit for each file base/PATTERN (glob(7)), in the order of names. 0: it liked all (or there are none);
 * positive: some it did not; negative errno: told already. */
typedef int (*ToolVisitor)(const char *path, const void *data);
int tool_visit_files(const char *base, const char *pattern, ToolVisitor visit, const void *data);

/* What a host that comes from libvirt has besides guests and Unitvirt does not use yet, one a line on standard output.
 * 0: nothing; positive: something; negative errno where it could not be found out. */
int verify_rest_of_host(void);

/* Images of the definition that name backing files which a start would not follow, one a line on standard output.
 * config NULL: the host's. 0, or positive where there was one. */
int verify_chains(const Definition *d, const QemuConfig *config);

/* The version of a QEMU that is installed (NULL: the host's), written to ret; NULL where there is none. */
const char *tool_qemu_version(const char *emulator, char ret[32]);

int verb_args(int argc, char **argv);
int verb_canonical(int argc, char **argv);
int verb_diff(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_unit(int argc, char **argv);
int verb_usb(int argc, char **argv);
int verb_verify(int argc, char **argv);
