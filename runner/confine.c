/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU runs as the same user as vm-run. The unit keeps it from the rest of the host; here is what keeps it from vm-run,
 * whose words the service manager believes, in addition to vm-run's memory being closed (PR_SET_DUMPABLE): no signal
 * reaches another process, directly or by way of a descriptor's owner, nor a limit, priority or affinity of vm-run's.
 *
 * A filter of system calls does it on each kernel. Landlock, where it is and is new enough, does the same from the
 * other side, and keeps a QEMU that has the host's network from the abstract sockets that are there, and from TCP where
 * the definition needs none; and it keeps one that makes no files of its own from making any. Descriptors are limited
 * to what the definition needs and some, which bounds terminals and the like too. */

#include "confine.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/seccomp.h"
#include "landlock.h"

typedef enum RuleKind {
        RULE_DENY,      /* the call */
        RULE_SELF_ONLY, /* unless the argument is QEMU's own process */
        RULE_SELF_OR_0, /* ... or 0 */
        RULE_NOT_US,    /* where the argument is vm-run */
        RULE_NOT,       /* where the argument is this value */
} RuleKind;

typedef struct Rule {
        long call;
        RuleKind kind;
        unsigned argument;
        uint32_t value;
} Rule;

#define F_SETOWN_NUMBER 8
#define F_SETOWN_EX_NUMBER 15
#define FIOSETOWN_NUMBER 0x8901
#define SIOCSPGRP_NUMBER 0x8902

static const Rule rules[] = {
        { SYS_kill,               RULE_SELF_ONLY, 0, 0 },
        { SYS_tgkill,             RULE_SELF_ONLY, 0, 0 },
        { SYS_rt_sigqueueinfo,    RULE_SELF_ONLY, 0, 0 },
        { SYS_rt_tgsigqueueinfo,  RULE_SELF_ONLY, 0, 0 },
        { SYS_prlimit64,          RULE_SELF_OR_0, 0, 0 },
        { SYS_tkill,              RULE_NOT_US,    0, 0 },
        { SYS_sched_setaffinity,  RULE_NOT_US,    0, 0 },
        { SYS_sched_setscheduler, RULE_NOT_US,    0, 0 },
        { SYS_sched_setparam,     RULE_NOT_US,    0, 0 },
        { SYS_sched_setattr,      RULE_NOT_US,    0, 0 },
        { SYS_setpriority,        RULE_NOT_US,    1, 0 },
        { SYS_ioprio_set,         RULE_NOT_US,    1, 0 },
        { SYS_pidfd_send_signal,  RULE_DENY,      0, 0 },
        { SYS_process_vm_readv,   RULE_DENY,      0, 0 },
        { SYS_process_vm_writev,  RULE_DENY,      0, 0 },
        { SYS_kcmp,               RULE_DENY,      0, 0 },
        { SYS_fcntl,              RULE_NOT,       1, F_SETOWN_NUMBER },
        { SYS_fcntl,              RULE_NOT,       1, F_SETOWN_EX_NUMBER },
        { SYS_ioctl,              RULE_NOT,       1, FIOSETOWN_NUMBER },
        { SYS_ioctl,              RULE_NOT,       1, SIOCSPGRP_NUMBER },
};

/* Where its folder is sealed: attributes of the folder itself take of the memory that all such folders have in common.
 * Only QEMU's 9p server sets any. */
static const Rule sealed_rules[] = {
        { SYS_setxattr,  RULE_DENY, 0, 0 },
        { SYS_lsetxattr, RULE_DENY, 0, 0 },
        { SYS_fsetxattr, RULE_DENY, 0, 0 },
};

#define RULE_STEPS 6U
#define IO_URING_STEPS 2U
#define FILTER_MAX (4U + (ELEMENTSOF(rules) + ELEMENTSOF(sealed_rules)) * RULE_STEPS + IO_URING_STEPS + 1U)

static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static const struct sock_filter deny = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
static const struct sock_filter missing = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
static const struct sock_filter load_call = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));

static struct sock_filter load_argument(unsigned n) {
        /* the lower half: processes and commands have 32 bits, on machines of this order of bytes */
        return (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (uint32_t) (offsetof(struct seccomp_data, args) + n * sizeof(uint64_t)));
}

static struct sock_filter equals(uint32_t value, uint8_t then, uint8_t otherwise) {
        return (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise);
}

/* The steps of one rule; what follows finds the call's number loaded. */
static size_t add_rule(struct sock_filter *f, const Rule *rule, uint32_t self, uint32_t us) {
        size_t n = 0;

        if (rule->kind == RULE_DENY) {
                f[n++] = equals((uint32_t) rule->call, 0, 1);
                f[n++] = deny;
                return n;
        }
        f[n++] = equals((uint32_t) rule->call, 0, rule->kind == RULE_SELF_OR_0 ? 5 : 4);
        f[n++] = load_argument(rule->argument);
        switch (rule->kind) {
        case RULE_SELF_ONLY:
                f[n++] = equals(self, 1, 0);
                break;
        case RULE_SELF_OR_0:
                f[n++] = equals(0, 2, 0);
                f[n++] = equals(self, 1, 0);
                break;
        default:
                f[n++] = equals(rule->kind == RULE_NOT ? rule->value : us, 0, 1);
        }
        f[n++] = deny;
        f[n++] = load_call;
        return n;
}

static int filter_calls(const Launch *l, pid_t us) {
        struct sock_filter f[FILTER_MAX];
        struct sock_fprog program = { .filter = f };
        size_t n = 0;

        /* the unit ends what makes calls of another architecture */
        f[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
        f[n++] = equals(SECCOMP_ARCH, 1, 0);
        f[n++] = allow;
        f[n++] = load_call;
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                n += add_rule(f + n, &rules[i], (uint32_t) getpid(), (uint32_t) us);
        for (size_t i = 0; l->sealed && i < ELEMENTSOF(sealed_rules); i++)
                n += add_rule(f + n, &sealed_rules[i], (uint32_t) getpid(), (uint32_t) us);
        if (!l->io_uring) {
                f[n++] = equals(SYS_io_uring_setup, 0, 1);
                f[n++] = missing;
        }
        f[n++] = allow;
        program.len = (unsigned short) n;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                return -errno;
        return 0;
}

/* It may lower its limits, and not raise them. */
static int limit(int resource, rlim_t wanted) {
        struct rlimit now;

        if (getrlimit(resource, &now) < 0)
                return -errno;
        now.rlim_cur = MIN(now.rlim_cur, wanted);
        now.rlim_max = MIN(now.rlim_max, wanted);
        return setrlimit(resource, &now) < 0 ? -errno : 0;
}

int confine_qemu(const Launch *l, const char *folder, pid_t us) {
        const LandlockWish wish = {
                .connects = l->connects, .listens = l->listens, .sealed = l->sealed ? folder : NULL
        };
        struct rlimit core;
        int r = 0;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || getrlimit(RLIMIT_CORE, &core) < 0)
                return -errno;
        r = limit(RLIMIT_CORE, core.rlim_cur);
        if (r >= 0 && l->max_files > 0)
                r = limit(RLIMIT_NOFILE, (rlim_t) l->max_files);
        if (r >= 0)
                r = landlock_restrict(&wish);
        if (r < 0)
                return r;
        r = filter_calls(l, us);
        /* a kernel without seccomp: the unit's filter was without effect too */
        return r == -EINVAL ? 0 : r;
}
