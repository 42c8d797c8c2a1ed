/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What lies below an image that root's qemu-img is to read once: in folders of active pools, and nowhere else.
 *
 * Guests are another thing (lib/chain): they are started again and again and write to their images, so what was
 * accepted is kept, more places count, and a definition may name what a header may not. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "storage/job.h"
#include "storage/open.h"

bool path_is_below(const char *path, char *const *folders) {
        for (char *const *f = folders; f && *f; f++) {
                const char *rest = startswith(path, *f);

                if (rest && *rest == '/')
                        return true;
        }
        return false;
}

static int look(const char *path, const char *format, ImageInfo *ret, Error *e) {
        _cleanup_close_ int fd = image_open_strangers(path, O_RDONLY);
        ImageFormat f = format ? image_format_from_name(format) : _IMAGE_FORMAT_INVALID;
        int r;

        if (fd < 0)
                return error_set_errno(e, fd, ORIGIN_STORAGE, "cannot open '%s'", path);
        r = f >= 0 ? image_read_fd(fd, f, ret) : image_probe_fd(fd, ret);
        if (r < 0)
                return error_set(e, r, ERROR_OPERATION_INVALID, ORIGIN_STORAGE, "'%s' is no sound image: %s", path,
                                 ret->damage ?: strerror(-r));
        if (ret->features & IMAGE_NAMES_FILES)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                                 "parts of '%s' are in other files", path);
        return 0;
}

/* The next layer's path as the kernel sees it. */
static int step(const char *path, const ImageInfo *info, char *const *folders, char **ret, Error *e) {
        _cleanup_free_ char *next = NULL, *real = NULL;
        struct stat st;
        int r;

        r = image_backing_path(path, info->backing, &next);
        if (r == -EOPNOTSUPP)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                                 "the backing file '%s' of '%s' is no file", info->backing, path);
        if (r < 0)
                return r;
        real = realpath(next, NULL);
        if (!real || stat(real, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot access backing file '%s' of '%s'", next,
                                       path);
        if (!S_ISREG(st.st_mode) || !path_is_below(real, folders))
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_STORAGE,
                                 "the backing file '%s' of '%s' is in no active storage pool", real, path);
        *ret = TAKE_PTR(real);
        return 0;
}

int image_chain_check(const char *path, const char *format, char *const *folders, char ***layers, Error *e) {
        _cleanup_free_ char *at = strdup(path), *said = format ? strdup(format) : NULL;

        if (!at || (format && !said))
                return -ENOMEM;
        for (unsigned n = 0; n < IMAGE_CHAIN_MAX; n++) {
                _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
                char *next = NULL;
                int r;

                r = strv_add(layers, at);
                if (r >= 0)
                        r = look(at, said, &info, e);
                if (r < 0 || !info.backing)
                        return r;
                r = step(at, &info, folders, &next, e);
                if (r < 0)
                        return r;
                free(at);
                at = next;
                free(said);
                said = TAKE_PTR(info.backing_format);
        }
        return error_set(e, -ELOOP, ERROR_OPERATION_INVALID, ORIGIN_STORAGE, "'%s' has more than %u backing files",
                         path, IMAGE_CHAIN_MAX);
}
