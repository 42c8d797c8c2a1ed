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

/* Segments that the file says are never written hold the file's bytes and nothing else: relocations go to those with
 * PF_W (ELF, "Program Header"; RELRO is a part of these). */
static int unmap_segments(struct dl_phdr_info *object, size_t size, void *userdata) {
        uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);

        for (unsigned i = 0; i < object->dlpi_phnum; i++) {
                const ElfW(Phdr) *h = &object->dlpi_phdr[i];
                uintptr_t begin = (object->dlpi_addr + h->p_vaddr) & ~(page - 1);

                if (h->p_type != PT_LOAD || h->p_flags & PF_W)
                        continue;
                /* the kernel's own object refuses, which is as well */
                (void) madvise((void *) begin, object->dlpi_addr + h->p_vaddr + h->p_memsz - begin, MADV_DONTNEED);
        }
        return 0;
}

void memory_give_back(void) {
        malloc_trim(0);
        (void) dl_iterate_phdr(unmap_segments, NULL);
}
