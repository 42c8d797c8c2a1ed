/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An installed program as a source of facts: the constant texts in its file, what it prints, and what is remembered of
 * it for as long as its file stays what it is. */

#include "base/macros.h"

typedef struct ProgramFile {
        const uint8_t *data;
        size_t size;
} ProgramFile;

/* Maps the file. errno of opening; -ENOENT for what is no ELF program of 64 bits. */
int program_open(const char *path, ProgramFile *ret);
void program_close(ProgramFile *f);
#define _cleanup_program_ _cleanup_(program_close)

/* The part of the file with constant data that stands before *at (SIZE_MAX: the last), and sets *at for the next call.
 * False where there is none. */
bool program_constants(const ProgramFile *f, size_t *at, const char **ret, size_t *ret_len);

/* Runs it with one argument or two (the second NULL) and gives the beginning of what it prints; waits for it. errno of
 * starting it; -EIO where it fails. */
int program_output(const char *path, const char *argument, const char *second, char *output, size_t size);

/* What was remembered of the program under a kind ("emulator", "machines"), a text without its last line break. -ENOENT
 * where nothing is, or the file has changed. */
int program_recall(const char *kind, const char *path, size_t max, char **ret);

/* Remembers text. Only root can; whoever cannot goes on without. */
int program_remember(const char *kind, const char *path, const char *text);
