/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/undo-list.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/keyfile.h"
#include "base/strings.h"


int undo_add_for(const char *name, const char *device, const char *key, const char *value) {
        _cleanup_free_ char *whole = device ? text_format("%s@%s", key, device) : strdup(key);

        return whole ? undo_add(name, whole, value) : -ENOMEM;
}

int undo_add(const char *name, const char *key, const char *value) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_UNDO, name), *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_close_ int fd = -EBADF;

        keyfile_add(&b, key, value);
        text = strbuf_take(&b);
        if (!path || !text)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        return write_all(fd, text, strlen(text));
}

static char *read_list(const char *name) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_UNDO, name);
        char *text = NULL;

        return path && file_read(path, UNDO_LIST_MAX, &text, NULL) >= 0 ? text : NULL;
}

bool undo_is_listed(const char *name, const char *key, const char *value) {
        _cleanup_free_ char *list = read_list(name);
        _cleanup_strbuf_ StrBuf line = {};

        keyfile_add(&line, key, value);
        if (!list || line.failed)
                return false;
        for (const char *at = list; (at = strstr(at, line.data)); at++)
                if (at == list || at[-1] == '\n')
                        return true;
        return false;
}

bool undo_is_listed_for(const char *name, const char *device) {
        _cleanup_free_ char *list = read_list(name), *mark = text_format("@%s=", device);

        return list && mark && strstr(list, mark);
}
