/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dump-files.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strings.h"

#define DATE_FORMAT "-%Y-%m-%d-%H:%M:%S"
/* A digit for each d. */
#define DATE_PATTERN "-dddd-dd-dd-dd:dd:dd"

typedef struct DumpFile {
        char *name;
        uint64_t bytes;
        struct timespec when;
} DumpFile;

int dump_path(const char *prefix, time_t when, char **ret) {
        char date[32];
        struct tm tm;

        if (!localtime_r(&when, &tm) || strftime(date, sizeof date, DATE_FORMAT, &tm) == 0)
                return -EINVAL;
        *ret = text_format("%s%s", prefix, date);
        if (!*ret)
                return -ENOMEM;
        return 0;
}

bool dump_name_is_valid(const char *name) {
        size_t len = strlen(name), n = strspn(name, "0123456789");
        const char *date;

        /* at least one character of a name between its two hyphens */
        if (n == 0 || name[n] != '-' || len < n + 2 + strlen(DATE_PATTERN))
                return false;
        date = name + len - strlen(DATE_PATTERN);
        for (size_t i = 0; date[i]; i++)
                if (DATE_PATTERN[i] == 'd' ? !isdigit((unsigned char) date[i]) : date[i] != DATE_PATTERN[i])
                        return false;
        return true;
}

/* --- the limit --- */

static int oldest_first(const void *x, const void *y) {
        const DumpFile *a = x, *b = y;

        if (a->when.tv_sec != b->when.tv_sec)
                return a->when.tv_sec < b->when.tv_sec ? -1 : 1;
        if (a->when.tv_nsec != b->when.tv_nsec)
                return a->when.tv_nsec < b->when.tv_nsec ? -1 : 1;
        return strcmp(a->name, b->name);
}

static int list_dumps(DIR *dir, DumpFile **files, size_t *n, uint64_t *bytes) {
        struct dirent *entry;

        while ((entry = readdir(dir))) {
                struct stat st;
                DumpFile *more;
                char *name;

                if (!dump_name_is_valid(entry->d_name) ||
                    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                more = reallocarray(*files, *n + 1, sizeof(DumpFile));
                if (!more)
                        return -ENOMEM;
                *files = more;
                name = strdup(entry->d_name);
                if (!name)
                        return -ENOMEM;
                (*files)[(*n)++] = (DumpFile) { name, (uint64_t) st.st_blocks * 512, st.st_mtim };
                *bytes += (uint64_t) st.st_blocks * 512;
        }
        return 0;
}

int dump_files_prune(const char *folder, uint64_t limit, const char *keep) {
        DumpFile *files = NULL;
        uint64_t bytes = 0;
        size_t n = 0;
        DIR *dir;
        int r;

        dir = opendir(folder);
        if (!dir)
                return -errno;
        r = list_dumps(dir, &files, &n, &bytes);
        if (r >= 0 && n > 0)
                qsort(files, n, sizeof(DumpFile), oldest_first);
        for (size_t i = 0; r >= 0 && i < n && bytes > limit; i++) {
                if (streq(files[i].name, keep))
                        continue;
                if (unlinkat(dirfd(dir), files[i].name, 0) < 0)
                        r = -errno;
                else
                        log_info("removed %s/%s: dumps take more than the %" PRIu64 " bytes of auto_dump_max_size",
                                 folder, files[i].name, limit);
                bytes -= files[i].bytes;
        }
        for (size_t i = 0; i < n; i++)
                free(files[i].name);
        free(files);
        closedir(dir);
        return r;
}
