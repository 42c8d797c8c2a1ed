/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/changes.h"

#include <endian.h>
#include <fcntl.h>

#include "base/strings.h"

/* QEMU's docs/interop/qcow2.rst, version 3: clusters of 64 KiB; the header in the first one, a table of one block of
 * reference counts in the second, that block in the third, and the table of the guest's clusters, which is all holes,
 * behind them. */
#define CLUSTER 65536U
#define GUEST_BYTES_PER_ENTRY ((uint64_t) CLUSTER * (CLUSTER / sizeof(uint64_t)))
/* As many as the one block of reference counts has room for, with all that the table below could need. */
#define ENTRIES_MAX (CLUSTER / sizeof(uint64_t) * 64)

typedef struct Qcow2Header {
        uint32_t magic, version;
        uint64_t backing_file;
        uint32_t backing_length, cluster_bits;
        uint64_t size;
        uint32_t encryption, l1_entries;
        uint64_t l1_table, refcount_table;
        uint32_t refcount_clusters, snapshots;
        uint64_t snapshot_table, incompatible, compatible, autoclear;
        uint32_t refcount_order, length;
} Qcow2Header;
_Static_assert(sizeof(Qcow2Header) == 104, "no room between the fields");

static int write_at(int fd, const void *data, size_t len, off_t at) {
        ssize_t n = pwrite(fd, data, len, at);

        return n < 0 ? -errno : (size_t) n < len ? -ENOSPC : 0;
}

int changes_format(int fd, uint64_t size) {
        uint64_t entries = (size + GUEST_BYTES_PER_ENTRY - 1) / GUEST_BYTES_PER_ENTRY;
        unsigned table = (unsigned) ((entries * sizeof(uint64_t) + CLUSTER - 1) / CLUSTER);
        uint64_t block = htobe64(2 * CLUSTER);
        uint16_t used = htobe16(1);
        Qcow2Header header = {
                .magic = htobe32(0x514649fb),
                .version = htobe32(3),
                .cluster_bits = htobe32(16),
                .size = htobe64(size),
                .l1_entries = htobe32((uint32_t) entries),
                .l1_table = htobe64(3 * CLUSTER),
                .refcount_table = htobe64(CLUSTER),
                .refcount_clusters = htobe32(1),
                .refcount_order = htobe32(4),
                .length = htobe32(sizeof(header)),
        };
        int r;

        if (size > UINT64_MAX - GUEST_BYTES_PER_ENTRY || entries > ENTRIES_MAX)
                return -EFBIG;
        if (ftruncate(fd, (off_t) (3 + table) * CLUSTER) < 0)
                return -errno;
        r = write_at(fd, &header, sizeof(header), 0);
        if (r >= 0)
                r = write_at(fd, &block, sizeof(block), CLUSTER);
        for (unsigned i = 0; r >= 0 && i < 3 + table; i++)
                r = write_at(fd, &used, sizeof(used), 2 * CLUSTER + (off_t) (i * sizeof(used)));
        return r;
}

/* Not every file system has files without a name. */
static int open_unnamed(const char *folder, const char *beside) {
        int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        _cleanup_free_ char *name = NULL;

        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
                return fd >= 0 ? fd : -errno;
        name = text_format("%s.TRANSIENT-XXXXXX", beside);
        if (!name)
                return -ENOMEM;
        fd = mkostemp(name, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        (void) unlink(name);
        return fd;
}

int changes_open(const char *beside, uint64_t size, int *ret, Error *e) {
        const char *slash = strrchr(beside, '/');
        _cleanup_free_ char *folder = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        folder = slash == beside ? strdup("/") : strndup(beside, slash ? (size_t) (slash - beside) : 0);
        if (!folder)
                return -ENOMEM;
        fd = open_unnamed(folder, beside);
        r = fd < 0 ? fd : changes_format(fd, size);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot make a file for the changes of '%s'", beside);
        *ret = TAKE_FD(fd);
        return 0;
}
