/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replay: gives a fuzz target the seeds, without libFuzzer and with any compiler, so that every build compiles each
 * target and every run of the unit tests tries what was once found.
 *
 *     replay-TARGET PATH...       files, and folders of them (below those, too)
 */

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/macros.h"

enum { INPUT_MAX = 16 * 1024 * 1024 };

int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path) {
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ uint8_t *exact = NULL;
        size_t size;
        int r;

        r = file_read(path, INPUT_MAX, &text, &size);
        if (r < 0)
                return r;
        /* of its own size, without the NUL that file_read() adds, so that the sanitizer sees a read beyond the end */
        exact = malloc(MAX(size, 1U));
        if (!exact)
                return -ENOMEM;
        if (size > 0)
                memcpy(exact, text, size);
        (void) LLVMFuzzerTestOneInput(exact, size);
        return 0;
}

int main(int argc, char *argv[]) {
        unsigned n = 0;
        FTSENT *entry;
        FTS *tree;

        if (argc < 2) {
                fprintf(stderr, "usage: %s PATH...\n", argv[0]);
                return EXIT_FAILURE;
        }
        if (LLVMFuzzerInitialize)
                (void) LLVMFuzzerInitialize(&argc, &argv);
        tree = fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, NULL);
        if (!tree)
                return EXIT_FAILURE;
        while ((entry = fts_read(tree)))
                switch (entry->fts_info) {
                case FTS_F:
                        if (replay(entry->fts_accpath) < 0) {
                                fprintf(stderr, "cannot read %s\n", entry->fts_path);
                                return EXIT_FAILURE;
                        }
                        n++;
                        break;
                case FTS_DNR:
                case FTS_ERR:
                case FTS_NS:
                        fprintf(stderr, "cannot read %s\n", entry->fts_path);
                        return EXIT_FAILURE;
                }
        fts_close(tree);
        printf("%u inputs\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
