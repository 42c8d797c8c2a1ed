/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The subcommands of unitvirt, one file each. argv[0] is the name of the subcommand; getopt_long() works on
 * argc and argv as they are. The result is the exit status: 0 good, 1 refused or failed, 2 wrong usage. */

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

int verb_args(int argc, char **argv);
int verb_canonical(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_verify(int argc, char **argv);
