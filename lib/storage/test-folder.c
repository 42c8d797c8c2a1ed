/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "storage/tool.h"

char folder[] = "/tmp/test-storage-XXXXXX";

char *in_folder(const char *name) {
        return text_format("%s/%s", folder, name);
}

void write_file(const char *name, const void *data, size_t len, off_t size) {
        _cleanup_free_ char *path = in_folder(name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, len), len);
        assert_int_equal(ftruncate(fd, size), 0);
}

int make_folder(void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;

        return TOOL(10, NULL, &e, "rm", "-rf", "--", folder);
}
