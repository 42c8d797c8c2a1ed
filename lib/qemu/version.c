/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/strings.h"
#include "qemu/version.h"

/* /usr/bin/qemu-system-x86_64 is remembered in emulator-usr-bin-qemu-system-x86_64. */
static char *cache_path(const char *emulator) {
        char *p;

        p = text_format("%s/qemu/emulator%s", path_run(), emulator);
        if (!p)
                return NULL;
        for (char *c = p + strlen(path_run()) + strlen("/qemu/"); *c; c++)
                *c = *c == '/' ? '-' : *c;
        return p;
}

/* The file's state as a line of text, followed by the version. */
static int format_state(const char *emulator, char **ret) {
        struct stat st;

        if (emulator[0] != '/')
                return -EINVAL;
        if (stat(emulator, &st) < 0)
                return -errno;
        return asprintf(ret, "%lu %lu %lu.%09lu ", (unsigned long) st.st_ino, (unsigned long) st.st_size,
                        (unsigned long) st.st_mtim.tv_sec, (unsigned long) st.st_mtim.tv_nsec) < 0 ? -ENOMEM : 0;
}

int qemu_version_cached(const char *emulator, unsigned *ret) {
        _cleanup_free_ char *path = NULL, *state = NULL, *text = NULL;
        const char *rest;
        int r;

        r = format_state(emulator, &state);
        if (r < 0)
                return r;
        path = cache_path(emulator);
        if (!path)
                return -ENOMEM;
        r = file_read(path, 256, &text, NULL);
        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = 0;
        rest = startswith(text, state);
        return rest && parse_uint(rest, ret) >= 0 ? 0 : -ENOENT;
}

int qemu_version_store(const char *emulator, unsigned version) {
        _cleanup_free_ char *path = NULL, *state = NULL;
        _cleanup_strbuf_ StrBuf text = {};
        int r;

        r = format_state(emulator, &state);
        if (r < 0)
                return r;
        path = cache_path(emulator);
        strbuf_addf(&text, "%s%u\n", state, version);
        if (!path || text.failed)
                return -ENOMEM;
        return file_write_atomic(path, text.data, text.len, 0644, FILE_WRITE_NOSYNC);
}

int qemu_version_parse(const char *output, unsigned *ret) {
        const char *p = strstr(output, "version ");
        unsigned major, minor, micro = 0;

        if (!p || sscanf(p, "version %u.%u.%u", &major, &minor, &micro) < 2 || major > 999 || minor > 999 || micro > 999)
                return -EBADMSG;
        *ret = major * 1000000U + minor * 1000U + micro;
        return 0;
}

/* A constant part of a program, to be read and neither written nor executed: where its texts are. */
static bool is_constant(const Elf64_Phdr *p, size_t size) {
        return p->p_type == PT_LOAD && p->p_flags == PF_R && p->p_offset < size && p->p_filesz <= size - p->p_offset;
}

/* Copies the beginning of what "--version" prints. The texts come behind the names of symbols, so the last part is
 * looked at first. */
static int find_text(const uint8_t *file, size_t size, char *ret, size_t ret_size) {
        static const char begin[] = "QEMU emulator version ";
        Elf64_Ehdr h;

        if (size < sizeof(h))
                return -ENOENT;
        memcpy(&h, file, sizeof(h));
        if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_phentsize != sizeof(Elf64_Phdr) ||
            h.e_phoff > size || h.e_phnum > (size - h.e_phoff) / sizeof(Elf64_Phdr))
                return -ENOENT;
        for (size_t i = h.e_phnum; i-- > 0;) {
                const uint8_t *end, *text;
                Elf64_Phdr p;

                memcpy(&p, file + h.e_phoff + i * sizeof(p), sizeof(p));
                if (!is_constant(&p, size))
                        continue;
                end = file + p.p_offset + p.p_filesz;
                text = memmem(file + p.p_offset, p.p_filesz, begin, strlen(begin));
                if (!text)
                        continue;
                snprintf(ret, ret_size, "%.*s", (int) MIN((size_t) (end - text), ret_size), (const char *) text);
                return 0;
        }
        return -ENOENT;
}

int qemu_version_read(const char *emulator, unsigned *ret) {
        _cleanup_close_ int fd = open(emulator, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        char text[64];
        void *file;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size == 0)
                return -ENOENT;
        file = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file == MAP_FAILED)
                return -errno;
        r = find_text(file, (size_t) st.st_size, text, sizeof(text));
        (void) munmap(file, (size_t) st.st_size);
        return r < 0 ? r : qemu_version_parse(text, ret);
}

static int run_program(const char *emulator, char *output, size_t size) {
        const char *argv[] = { emulator, "--version", NULL };
        posix_spawn_file_actions_t actions;
        int pipe_fds[2], status, r;
        size_t n = 0;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        r = -posix_spawn(&pid, emulator, &actions, NULL, (char **) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        close(pipe_fds[1]);
        for (ssize_t got = 1; r >= 0 && n + 1 < size && got > 0; n += got > 0 ? (size_t) got : 0)
                got = read(pipe_fds[0], output + n, size - n - 1);
        output[n] = 0;
        close(pipe_fds[0]);
        if (r < 0)
                return r;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int qemu_version_get(const char *emulator, unsigned *ret) {
        char output[1024];
        int r;

        if (qemu_version_cached(emulator, ret) >= 0)
                return 0;
        r = qemu_version_read(emulator, ret);
        if (r < 0) {
                r = run_program(emulator, output, sizeof(output));
                if (r >= 0)
                        r = qemu_version_parse(output, ret);
        }
        if (r >= 0)
                (void) qemu_version_store(emulator, *ret);
        return r;
}
