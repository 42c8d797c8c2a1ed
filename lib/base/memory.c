/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A library maps what its start and its first use touch, and with each page the kernel maps the fifteen around it:
 * libxml2 with ICU and the C++ library is 2.5 MiB in a process after the first document, of which the next one needs a
 * third. */

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/memory.h"

#define SEGMENTS_MAX 8U /* of one file; there are four or five */
#define STACK_MOST (512U * 1024U)
#define STACK_LEFT (16U * 1024U)

/* Segments that the file says are never written hold the file's bytes and nothing else: relocations go to those with
 * PF_W (ELF, "Program Header"; RELRO is a part of these). The headers are in the first of them: they are read before
 * it goes, or they would bring it back. */
static int unmap_segments(struct dl_phdr_info *object, size_t size, void *userdata) {
        uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
        ElfW(Phdr) list[SEGMENTS_MAX];
        size_t n = 0;

        for (unsigned i = 0; i < object->dlpi_phnum && n < ELEMENTSOF(list); i++)
                if (object->dlpi_phdr[i].p_type == PT_LOAD && !(object->dlpi_phdr[i].p_flags & PF_W))
                        list[n++] = object->dlpi_phdr[i];
        for (size_t i = 0; i < n; i++) {
                uintptr_t begin = (object->dlpi_addr + list[i].p_vaddr) & ~(page - 1);

                /* the kernel's own object refuses, which is as well */
                (void) madvise((void *) begin, object->dlpi_addr + list[i].p_vaddr + list[i].p_memsz - begin,
                               MADV_DONTNEED);
        }
        return 0;
}

/* What calls that go deep, or have a large buffer, have left below. The kernel maps nothing else so close under the
 * stack that it made (stack_guard_gap), and where nothing is, nothing happens. */
static void unmap_stack(void) {
        uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
        uintptr_t end = ((uintptr_t) __builtin_frame_address(0) - STACK_LEFT) & ~(page - 1);

        (void) madvise((void *) (end - STACK_MOST), STACK_MOST, MADV_DONTNEED);
}

void memory_give_back(void) {
        malloc_trim(0);
        (void) dl_iterate_phdr(unmap_segments, NULL);
        unmap_stack();
}

void kept_memory_drop(KeptMemory *k) {
        if (k->data)
                (void) munmap(k->data, k->size);
        *k = (KeptMemory) {};
}

int kept_memory_take(KeptMemory *k, size_t size) {
        void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (data == MAP_FAILED)
                return -ENOMEM;
        kept_memory_drop(k);
        *k = (KeptMemory) { data, size };
        return 0;
}
