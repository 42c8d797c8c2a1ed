/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "context.h"

#if CONTEXT_ASM

/* Pushes what a function must preserve on the System V ABI, changes stacks, pops. The control words of
 * the floating point units are not touched by anybody here and so not saved. */
void context_switch_asm(void **save_sp, void *load_sp);
__asm__(".text\n"
        ".globl context_switch_asm\n"
        ".hidden context_switch_asm\n"
        ".type context_switch_asm, @function\n"
        "context_switch_asm:\n"
        "        pushq %rbp\n"
        "        pushq %rbx\n"
        "        pushq %r12\n"
        "        pushq %r13\n"
        "        pushq %r14\n"
        "        pushq %r15\n"
        "        movq %rsp, (%rdi)\n"
        "        movq %rsi, %rsp\n"
        "        popq %r15\n"
        "        popq %r14\n"
        "        popq %r13\n"
        "        popq %r12\n"
        "        popq %rbx\n"
        "        popq %rbp\n"
        "        ret\n"
        ".size context_switch_asm, .-context_switch_asm\n");

void context_init(Context *c, void *stack, size_t size, void (*entry)(void)) {
        void **sp = (void **) ((char *) stack + size);

        /* At entry() the stack must be off by 8 from 16, as after a call; nobody returns to the zero. */
        *--sp = NULL;
        *--sp = (void *) entry;
        for (int i = 0; i < 6; i++)
                *--sp = NULL;
        c->sp = sp;
}

void context_switch(Context *from, Context *to) {
        context_switch_asm(&from->sp, to->sp);
}

#else

void context_init(Context *c, void *stack, size_t size, void (*entry)(void)) {
        getcontext(&c->uc);
        c->uc.uc_stack.ss_sp = stack;
        c->uc.uc_stack.ss_size = size;
        c->uc.uc_link = NULL;
        makecontext(&c->uc, entry, 0);
}

void context_switch(Context *from, Context *to) {
        swapcontext(&from->uc, &to->uc);
}

#endif
