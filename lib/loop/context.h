/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Switching between stacks. swapcontext() would do, but sets the signal mask with a system call at every switch;
 * ours keeps what the calling convention asks for and nothing else. Other machines, and
 * a build with -DFIBER_UCONTEXT, take swapcontext(). */

#include "base/macros.h"

#if defined(__x86_64__) && !defined(FIBER_UCONTEXT)
#define CONTEXT_ASM 1
typedef struct Context {
        void *sp;
} Context;
#else
#define CONTEXT_ASM 0
#include <ucontext.h>
typedef struct Context {
        ucontext_t uc;
} Context;
#endif

/* Makes a context that will run entry() on the stack, which must never return. */
void context_init(Context *c, void *stack, size_t size, void (*entry)(void));
void context_switch(Context *from, Context *to);
