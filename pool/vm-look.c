/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-look: looks at volumes, for a daemon that must not wait for a disk: FOLDER NAME..., or "" and of each device PATH
 * NAME KEY ORIGIN TAKEN, the last three as they are known, TAKEN where that is not all of it, or --refresh FOLDER TABLE
 * for all that has changed since a pool's file was written. Prints lines of such a file (storage/table.h): "+VOLUME",
 * "-NAME", and for a folder the sizes of its file system. --sizes PATH... prints what the first of them that is there
 * has: allocated bytes, and its length; --image FORMAT PATH the same of a file or device, and, unless FORMAT is "", the
 * capacity that it has as an image of that format. --places PATH... prints for each "+PLACE" or, where nothing is
 * there, "-PLACE", and a NUL (storage/folder.h). --input: the arguments come by stdin, each with a NUL behind it. It
 * runs in the daemon's sandbox, and cannot but read there. */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "base/denied.h"
#include "base/fs.h"
#include "base/strings.h"
#include "image/probe.h"
#include "storage/folder.h"
#include "storage/sandbox.h"
#include "storage/scan.h"

static int print(const char *name, int r, const Volume *v, StrBuf *b) {
        _cleanup_free_ char *line = NULL;

        if (r < 0 && r != -ENOENT)
                return r;
        line = v ? volume_to_line(v) : volume_name_to_line(name);
        if (!line)
                return -ENOMEM;
        strbuf_addf(b, "%c%s\n", v ? '+' : '-', line);
        return 0;
}

static int look_in(const char *folder, char **names, StrBuf *b) {
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        PoolSizes s;
        int r;

        if (fd < 0)
                return -errno;
        for (; *names; names++) {
                _cleanup_volume_ Volume *v = NULL;

                r = scan_entry(fd, folder, *names, &v);
                r = print(*names, r, v, b);
                if (r < 0)
                        return r;
        }
        r = scan_sizes(folder, &s);
        if (r >= 0)
                strbuf_addf(b, "=%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s.capacity, s.allocation, s.available);
        return r;
}

static int add_known(Volume *v, const char *key, const char *origin, const char *taken) {
        if (*taken && parse_u64(taken, 10, &v->allocation) < 0)
                return -EINVAL;
        v->key = *key ? strdup(key) : NULL;
        v->backing = *origin ? strdup(origin) : NULL;
        return (*key && !v->key) || (*origin && !v->backing) ? -ENOMEM : 0;
}

static int look_at(char **words, StrBuf *b) {
        for (; words[0] && words[1] && words[2] && words[3] && words[4]; words += 5) {
                _cleanup_volume_ Volume *v = NULL;
                int r = scan_device(words[0], words[1], &v);

                if (r >= 0)
                        r = add_known(v, words[2], words[3], words[4]);
                if (r >= 0 || r == -ENOENT)
                        r = print(words[1], r, v, b);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Something in it: the pool's unit can look at that as the folder's owner. */
static bool was_denied(char *const *notes) {
        for (; notes && *notes; notes++)
                if (endswith(*notes, strerror(EACCES)))
                        return true;
        return false;
}

static int refresh(const char *folder, const char *file, StrBuf *b) {
        _cleanup_volume_table_ VolumeTable known = {}, found = {};
        _cleanup_strv_ char **notes = NULL;
        struct timespec now;
        int r;

        clock_gettime(CLOCK_BOOTTIME, &now);
        found.begun = (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
        r = volume_table_load(file, &known);
        if (r >= 0)
                r = scan_folder(folder, &known, &found, &notes);
        if (r >= 0 && was_denied(notes))
                r = -EACCES;
        return r < 0 ? r : volume_table_print_changes(&known, &found, notes, b);
}

/* Of the first of some files that there is; its content is not looked at. */
static int sizes(char **paths, StrBuf *b) {
        int r = -EINVAL;

        for (; *paths && r < 0; paths++) {
                struct stat st;

                r = lstat(*paths, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
                if (r >= 0)
                        strbuf_addf(b, "%" PRIu64 " %" PRIu64 "\n", (uint64_t) st.st_blocks * 512,
                                    (uint64_t) st.st_size);
        }
        return r;
}

static int image(const char *format, const char *path, StrBuf *b) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        uint64_t length, allocation;
        struct stat st;

        /* what may not be read may be looked at */
        if ((fd >= 0 ? fstat(fd, &st) : stat(path, &st)) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return -EINVAL;
        length = S_ISREG(st.st_mode) ? (uint64_t) st.st_size : fd >= 0 ? (uint64_t) lseek(fd, 0, SEEK_END) : 0;
        allocation = S_ISREG(st.st_mode) ? (uint64_t) st.st_blocks * 512 : length;
        strbuf_addf(b, "%" PRIu64 " %" PRIu64, allocation, length);
        if (streq(format, "raw"))
                strbuf_addf(b, " %" PRIu64, length);
        else if (*format && fd >= 0 && image_format_from_name(format) >= 0 &&
                 image_read_fd(fd, image_format_from_name(format), &info) >= 0)
                strbuf_addf(b, " %" PRIu64, info.capacity);
        strbuf_addc(b, '\n');
        return 0;
}

static int places(char **paths, StrBuf *b) {
        _cleanup_strv_ char **mute = NULL;
        int r = folder_mute_mounts(&mute);

        for (; *paths && r >= 0; paths++) {
                _cleanup_free_ char *place = NULL;
                bool there = true;

                r = folder_place(*paths, mute, &place, &there);
                if (r == -ELOOP)
                        r = (place = folder_plain(*paths)) ? 0 : -ENOMEM;
                if (r < 0)
                        return r;
                strbuf_addc(b, there ? '+' : '-');
                strbuf_addn(b, place, strlen(place) + 1);
        }
        return r;
}

/* A kernel without filters: the daemon's sandbox is what there is. */
static int confine(void) {
        int r = sandbox_only_read();

        return r == -EINVAL ? 0 : r;
}

static int run(char **args, StrBuf *b) {
        if (streq(args[0], "--refresh"))
                return args[1] && args[2] ? refresh(args[1], args[2], b) : -EINVAL;
        if (streq(args[0], "--sizes"))
                return sizes(args + 1, b);
        if (streq(args[0], "--image"))
                return args[1] && args[2] ? image(args[1], args[2], b) : -EINVAL;
        if (streq(args[0], "--places"))
                return places(args + 1, b);
        return *args[0] ? look_in(args[0], args + 1, b) : look_at(args + 1, b);
}

static void say_why(const char *folder, int r) {
        char *refuses = folder && (r == -EACCES || r == -EPERM) ? path_refuses(folder) : NULL;

        if (refuses)
                dprintf(STDERR_FILENO, "%s refuses\n", refuses);
        else
                dprintf(STDERR_FILENO, "%s\n", strerror(-r));
        free(refuses);
}

/* Paths of all pools at most. */
#define ARGS_MAX (4U * 1024U * 1024U)

/* NULL-terminated, in text, both the caller's. -EINVAL also where whoever began this has ended. */
static int read_args(char **text, char ***ret) {
        size_t len, n = 0;
        int r;

        *text = malloc(ARGS_MAX);
        if (!*text)
                return -ENOMEM;
        r = read_up_to(STDIN_FILENO, *text, ARGS_MAX, &len);
        if (r < 0)
                return r;
        if (len == 0 || (*text)[len - 1] != '\0')
                return -EINVAL;
        for (size_t i = 0; i < len; i++)
                n += (*text)[i] == '\0';
        *ret = calloc(n + 1, sizeof **ret);
        if (!*ret)
                return -ENOMEM;
        for (size_t i = 0, at = 0; i < n; i++, at += strlen(*text + at) + 1)
                (*ret)[i] = *text + at;
        return 0;
}

int main(int argc, char *argv[]) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char **args = argv + 1;
        int r = argc < 2 ? -EINVAL : confine();

        if (r >= 0 && streq(*args, "--input"))
                r = read_args(&text, &args);
        if (r >= 0)
                r = run(args, &b);
        if (r >= 0)
                r = b.failed ? -ENOMEM : write_all(STDOUT_FILENO, b.data, b.len);
        if (r < 0)
                say_why(argc > 1 && args[0] && streq(args[0], "--refresh") ? args[1] : NULL, r);
        _exit(r < 0 ? MIN(-r, 125) : EXIT_SUCCESS);
}
