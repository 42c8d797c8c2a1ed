/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ownership by attribute: a local that owns something says so where it is
 * declared, and gives it away with TAKE_PTR() or TAKE_FD(). */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _unused_ __attribute__((unused))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _sentinel_ __attribute__((sentinel))
#define _noreturn_ __attribute__((noreturn))
#define _warn_unused_ __attribute__((warn_unused_result))

/* Defines FUNCp(), the cleanup form of FUNC() for variables of TYPE. */
#define DEFINE_CLEANUP(type, func)                                                                           \
        static inline void func##p(type *p) {                                                                \
                if (*p)                                                                                      \
                        func(*p);                                                                            \
        }                                                                                                    \
        struct cleanup_swallows_semicolon_##func

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                fclose(*f);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define TAKE_GENERIC(var, none)                                                                              \
        ({                                                                                                   \
                typeof(var) *_pvar = &(var);                                                                 \
                typeof(var) _value = *_pvar;                                                                 \
                *_pvar = (none);                                                                             \
                _value;                                                                                      \
        })
#define TAKE_PTR(ptr) TAKE_GENERIC(ptr, NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, -EBADF)

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
/* <sys/param.h> has its own, which evaluate twice, and other headers bring it along. */
#undef MIN
#undef MAX
#define MIN(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); _a < _b ? _a : _b; })
#define MAX(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })
#define container_of(ptr, type, member) ((type *) ((char *) (ptr) - offsetof(type, member)))

/* Restores errno when the scope ends: for cleanup code between a failure and its report. */
static inline void errno_restorep(int *saved) {
        errno = *saved;
}
#define PROTECT_ERRNO _cleanup_(errno_restorep) _unused_ int _saved_errno_ = errno
