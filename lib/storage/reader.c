/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever reads what others made may read, and write to what it has open: a filter of system calls, which costs
 * microseconds where a network and a file system of its own would cost milliseconds. */

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/seccomp.h"
#include "storage/sandbox.h"

static const long calls[] = {
        SYS_newfstatat, SYS_openat,   SYS_pread64,        SYS_close,        SYS_read,          SYS_write,
        SYS_fstat,      SYS_lseek,    SYS_getdents64,     SYS_mmap,         SYS_munmap,        SYS_mremap,
        SYS_mprotect,   SYS_madvise,  SYS_brk,            SYS_statx,        SYS_statfs,        SYS_fstatfs,
        SYS_readlinkat, SYS_getcwd,   SYS_fcntl,          SYS_futex,        SYS_getrandom,     SYS_clock_gettime,
        SYS_exit,       SYS_exit_group, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall,
        SYS_sigaltstack, SYS_gettid, SYS_faccessat,
#ifdef SYS_access
        SYS_access,
#endif
#ifdef SYS_readlink
        SYS_readlink,
#endif
};

/* What makes an opening more than one to read. O_TRUNC needs no O_WRONLY. */
#define MORE_THAN_READING (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
#define OPENAT_FLAGS 2U

#define LOAD(field) ((struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t) (field)))
#define RETURN(value) ((struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (value)))
#define IF(kind, value, then, otherwise) \
        ((struct sock_filter) BPF_JUMP(BPF_JMP | (kind) | BPF_K, (uint32_t) (value), (then), (otherwise)))

int sandbox_only_read(void) {
        struct sock_filter f[10 + 2 * ELEMENTSOF(calls)];
        struct sock_fprog program = { .filter = f };
        size_t n = 0;

        f[n++] = LOAD(offsetof(struct seccomp_data, arch));
        f[n++] = IF(BPF_JEQ, SECCOMP_ARCH, 1, 0);
        f[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
        f[n++] = LOAD(offsetof(struct seccomp_data, nr));
        f[n++] = IF(BPF_JEQ, SYS_openat, 0, 3);
        f[n++] = LOAD(offsetof(struct seccomp_data, args) + OPENAT_FLAGS * sizeof(uint64_t));
        f[n++] = IF(BPF_JSET, MORE_THAN_READING, 0, 1);
        f[n++] = RETURN(SECCOMP_RET_ERRNO | EROFS);
        f[n++] = LOAD(offsetof(struct seccomp_data, nr));
        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                f[n++] = IF(BPF_JEQ, calls[i], 0, 1);
                f[n++] = RETURN(SECCOMP_RET_ALLOW);
        }
        f[n++] = RETURN(SECCOMP_RET_ERRNO | EPERM);
        program.len = (unsigned short) n;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                return -errno;
        return 0;
}
