/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/strings.h"
#include "program.h"

/* --- its file --- */

static bool read_header(const ProgramFile *f, Elf64_Ehdr *ret) {
        if (f->size < sizeof(*ret))
                return false;
        memcpy(ret, f->data, sizeof(*ret));
        return memcmp(ret->e_ident, ELFMAG, SELFMAG) == 0 && ret->e_ident[EI_CLASS] == ELFCLASS64 &&
               ret->e_phentsize == sizeof(Elf64_Phdr) && ret->e_phoff <= f->size &&
               ret->e_phnum <= (f->size - ret->e_phoff) / sizeof(Elf64_Phdr);
}

int program_open(const char *path, ProgramFile *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        ProgramFile f = {};
        struct stat st;
        Elf64_Ehdr h;
        void *data;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size == 0)
                return -ENOENT;
        data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        f = (ProgramFile) { data, (size_t) st.st_size };
        if (!read_header(&f, &h)) {
                program_close(&f);
                return -ENOENT;
        }
        *ret = f;
        return 0;
}

void program_close(ProgramFile *f) {
        if (f->data)
                (void) munmap((void *) f->data, f->size);
        *f = (ProgramFile) {};
}

/* A constant part, to be read and neither written nor executed: where the texts are. */
static bool is_constant(const Elf64_Phdr *p, size_t size) {
        return p->p_type == PT_LOAD && p->p_flags == PF_R && p->p_offset < size && p->p_filesz <= size - p->p_offset;
}

bool program_constants(const ProgramFile *f, size_t *at, const char **ret, size_t *ret_len) {
        Elf64_Ehdr h;

        if (!read_header(f, &h))
                return false;
        for (size_t i = MIN(*at, (size_t) h.e_phnum); i-- > 0;) {
                Elf64_Phdr p;

                memcpy(&p, f->data + h.e_phoff + i * sizeof(p), sizeof(p));
                if (!is_constant(&p, f->size))
                        continue;
                *at = i;
                *ret = (const char *) f->data + p.p_offset;
                *ret_len = p.p_filesz;
                return true;
        }
        return false;
}

/* --- what it prints --- */

int program_output(const char *path, const char *argument, const char *second, char *output, size_t size) {
        const char *argv[] = { path, argument, second, NULL };
        posix_spawn_file_actions_t actions;
        int pipe_fds[2], status, r;
        size_t len = 0;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        r = -posix_spawn(&pid, path, &actions, NULL, (char **) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        close(pipe_fds[1]);
        if (r < 0) {
                close(pipe_fds[0]);
                return r;
        }
        r = read_up_to(pipe_fds[0], output, size - 1, &len);
        output[len] = 0;
        close(pipe_fds[0]);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* --- what is remembered of it --- */

/* /usr/bin/qemu-system-x86_64 is remembered in emulator-usr-bin-qemu-system-x86_64. */
static char *cache_path(const char *kind, const char *program) {
        char *p = text_format("%s/qemu/%s%s", path_run(), kind, program);

        if (!p)
                return NULL;
        for (char *c = p + strlen(path_run()) + strlen("/qemu/"); *c; c++)
                *c = *c == '/' ? '-' : *c;
        return p;
}

/* The file's state as the beginning of a line. */
static int format_state(const char *program, char **ret) {
        struct stat st;

        if (program[0] != '/')
                return -EINVAL;
        if (stat(program, &st) < 0)
                return -errno;
        *ret = text_format("%lu %lu %lu.%09lu ", (unsigned long) st.st_ino, (unsigned long) st.st_size,
                           (unsigned long) st.st_mtim.tv_sec, (unsigned long) st.st_mtim.tv_nsec);
        return *ret ? 0 : -ENOMEM;
}

int program_recall(const char *kind, const char *program, size_t max, char **ret) {
        _cleanup_free_ char *path = NULL, *state = NULL, *text = NULL;
        const char *rest;
        size_t len;
        int r;

        r = format_state(program, &state);
        if (r < 0)
                return r;
        path = cache_path(kind, program);
        if (!path)
                return -ENOMEM;
        r = file_read(path, max, &text, &len);
        if (r < 0)
                return r;
        rest = startswith(text, state);
        if (!rest || !endswith(rest, "\n"))
                return -ENOENT;
        text[len - 1] = 0;
        *ret = strdup(rest);
        return *ret ? 0 : -ENOMEM;
}

int program_remember(const char *kind, const char *program, const char *text) {
        _cleanup_free_ char *path = NULL, *state = NULL, *whole = NULL;
        int r;

        r = format_state(program, &state);
        if (r < 0)
                return r;
        path = cache_path(kind, program);
        whole = text_format("%s%s\n", state, text);
        if (!path || !whole)
                return -ENOMEM;
        return file_write_atomic(path, whole, strlen(whole), 0644, FILE_WRITE_NOSYNC);
}
