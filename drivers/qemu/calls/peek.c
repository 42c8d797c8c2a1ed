/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A look at a guest's memory, and at its disks as the host has them. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "calls/calls.h"
#include "run/monitor.h"

#define MEMORY_VIRTUAL 1U /* virDomainMemoryFlags */
#define MEMORY_PHYSICAL 2U

/* --- memory --- */

/* QEMU opens the file by a path, and knows no sets of descriptors there: the number that it has is its own. It takes
 * what it is told for the length of the file, so an end that it does not reach is one that there is not. */
static int save_memory(Guest *g, int fd, const remote_domain_memory_peek_args *args, Error *e) {
        bool virtual = args->flags == MEMORY_VIRTUAL;
        _cleanup_(json_decrefp) json_t *set = NULL;
        char path[48];
        int r;

        r = guest_command_fds(g, json_pack("{s:s}", "execute", "add-fd"), &fd, 1, &set, false, e);
        if (r < 0)
                return r;
        snprintf(path, sizeof(path), "/proc/self/fd/%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(set, "fd")));
        r = guest_command(g, virtual ? "memsave" : "pmemsave",
                          json_pack("{s:I,s:I,s:s}", "val", (json_int_t) args->offset, "size", (json_int_t) args->size,
                                    "filename", path),
                          NULL, e);
        (void) guest_command(g, "remove-fd", json_pack("{s:O}", "fdset-id", json_object_get(set, "fdset-id")), NULL,
                             NULL);
        return r;
}

static int check_memory_peek(const remote_domain_memory_peek_args *args, Error *e) {
        if (args->flags != MEMORY_VIRTUAL && args->flags != MEMORY_PHYSICAL)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "flags parameter must be VIR_MEMORY_VIRTUAL or VIR_MEMORY_PHYSICAL");
        if (args->size > REMOTE_DOMAIN_MEMORY_PEEK_BUFFER_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "size %u exceeds maximum %i", args->size,
                                 REMOTE_DOMAIN_MEMORY_PEEK_BUFFER_MAX);
        /* an address of the kernel's half has its highest bit, and is negative to QEMU */
        if (args->flags == MEMORY_PHYSICAL && args->offset > INT64_MAX)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the offset is too large");
        return 0;
}

static int memory_peek(Call *c, Guest *g, const remote_domain_memory_peek_args *args,
                       remote_domain_memory_peek_ret *ret, Error *e) {
        _cleanup_close_ int fd = memfd_create("memory-peek", MFD_CLOEXEC);
        size_t n = 0;
        int r;

        r = check_memory_peek(args, e);
        if (r < 0)
                return r;
        /* whoever opens it by the descriptor is QEMU's user */
        if (fd < 0 || fchmod(fd, 0666) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot make a file for the memory");
        r = save_memory(g, fd, args, e);
        if (r < 0)
                return r;
        ret->buffer.buffer_val = malloc(MAX(args->size, 1U));
        if (!ret->buffer.buffer_val)
                return -ENOMEM;
        r = pread_up_to(fd, ret->buffer.buffer_val, args->size, 0, &n);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot read what QEMU gave");
        if (n != args->size)
                return error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "QEMU gave %zu bytes of %u", n,
                                 args->size);
        ret->buffer.buffer_len = args->size;
        return 0;
}

/* --- disks --- */

static int find_image(const Definition *d, const char *name, const char **ret, Error *e) {
        const xmlNode *disk = definition_disk(d, name);
        const char *format = xml_get(disk, "driver/@type") ?: "raw", *path = disk ? disk_path(disk) : NULL;

        if (!disk)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "invalid disk or path '%s'", name);
        if (xml_attr_is(disk, "type", "vhostuser"))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "peeking is not supported for vhostuser disk");
        if (!streq(format, "raw"))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "peeking is only supported for disk with 'raw' format not '%s'", format);
        if (!path || *path != '/')
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "storage file reading is not supported for storage type %s",
                                 xml_attr(disk, "type") ?: "file");
        *ret = path;
        return 0;
}

static int open_image(const char *path, Error *e) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot open '%s'", path);
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "'%s' is no image", path);
        return TAKE_FD(fd);
}

static int block_peek(Call *c, Guest *g, const remote_domain_block_peek_args *args, remote_domain_block_peek_ret *ret,
                      Error *e) {
        _cleanup_close_ int fd = -EBADF;
        const char *path = NULL;
        size_t n = 0;
        int r;

        if (args->size > REMOTE_DOMAIN_BLOCK_PEEK_BUFFER_MAX)
                return error_set(e, -EINVAL, ERROR_RPC, ORIGIN_RPC, "size %u exceeds maximum %i", args->size,
                                 REMOTE_DOMAIN_BLOCK_PEEK_BUFFER_MAX);
        r = find_image(call_definition(c), args->path, &path, e);
        if (r >= 0 && args->offset > INT64_MAX - REMOTE_DOMAIN_BLOCK_PEEK_BUFFER_MAX)
                r = error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the offset is too large");
        if (r < 0)
                return r;
        fd = open_image(path, e);
        if (fd < 0)
                return fd;
        ret->buffer.buffer_val = malloc(MAX(args->size, 1U));
        if (!ret->buffer.buffer_val)
                return -ENOMEM;
        r = pread_up_to(fd, ret->buffer.buffer_val, args->size, (off_t) args->offset, &n);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot read '%s'", path);
        if (n < args->size)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "'%s' starting from %llu has only %zu bytes available", path,
                                 (unsigned long long) args->offset, n);
        ret->buffer.buffer_len = args->size;
        return 0;
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_BLOCK_PEEK, block_peek, .needs = NEED_CURRENT),
        CALL(DOMAIN_MEMORY_PEEK, memory_peek, .flags = MEMORY_VIRTUAL | MEMORY_PHYSICAL,
             .needs = NEED_QUERY | NEED_LIVE),
};
const RpcTable qemu_peek_table = RPC_TABLE(rows);
