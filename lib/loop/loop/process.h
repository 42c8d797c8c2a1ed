/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Child processes for fibers: bulk work and tools (qemu-img, mount ...) run in
 * these, so that nothing blocks the loop. */

#include <sys/types.h>

#include "base/error.h"
#include "base/macros.h"

/* A program that was started before there is work for it, and waits for its input: when that comes, what its start
 * takes is over. Zero is none. */
typedef struct ProcessSpare {
        pid_t pid;
        int input;
        int output;
        int error;
} ProcessSpare;

typedef struct ProcessSpec {
        char *const *argv;      /* argv[0] is looked up in PATH */
        char *const *envp;      /* NULL: ours */
        const void *input;      /* written to its stdin; NULL: /dev/null */
        size_t input_len;
        size_t output_max;      /* most bytes kept of stdout and of stderr each; 0: 1 MiB. More ends the process */
        uint64_t timeout;       /* microseconds, then SIGKILL; 0: for ever */
        ProcessSpare *spare;    /* of this argv and envp, begun for this input: used up, where there is one */
        bool wipe;              /* the output is a secret: no trace of it stays, once the result is done */
} ProcessSpec;

typedef struct ProcessResult {
        int status;             /* exit status, or 128 + signal */
        char *output;           /* stdout, NUL-terminated, owned */
        size_t output_len;
        char *error;            /* stderr, NUL-terminated, owned */
        size_t error_len;
} ProcessResult;

/* Wipes what it frees. */
void process_result_done(ProcessResult *r);
#define _cleanup_process_result_ _cleanup_(process_result_done)

/* Runs a child to its end, within a fiber. 0 once it has ended, whatever its status; negative errno
 * and e where it could not be started, was too talkative or too slow. It is killed then; one that does not
 * die of it, because it waits for a disk, is reaped when it does. */
int process_run(const ProcessSpec *spec, ProcessResult *ret, Error *e);

/* Starts a program (argv as above) that process_run() may take later. Nothing where there is one already. Negative
 * errno. */
int process_spare_begin(ProcessSpare *s, char *const argv[]);
/* Ends it, where there is one. */
void process_spare_end(ProcessSpare *s);

/* Like process_run(), and a status other than 0 is an error too: code 1, "NAME: last line of stderr". */
int process_check(const ProcessSpec *spec, ProcessResult *ret, Error *e);
