/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>

#include "base/fs.h"
#include "base/strings.h"
#include "qemu/version.h"

/* A program as small as the reader needs it: header, two parts, a text in the last. */
typedef struct Program {
        Elf64_Ehdr header;
        Elf64_Phdr parts[2];
        char code[32];
        char text[96];
} Program;

static const Program program = {
        .header = {
                .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 },
                .e_phoff = offsetof(Program, parts), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
        },
        .parts = {
                { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = offsetof(Program, code), .p_filesz = 32 },
                { .p_type = PT_LOAD, .p_flags = PF_R, .p_offset = offsetof(Program, text), .p_filesz = 96 },
        },
        .code = "QEMU emulator version 1.1.1",
        .text = "something\0QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright",
};

static int read_bytes(const void *data, size_t len, unsigned *ret) {
        char folder[] = "/tmp/unitvirt-version-XXXXXX", path[64];
        int r;

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/qemu", folder);
        assert_int_equal(file_write_atomic(path, data, len, 0700, FILE_WRITE_NOSYNC), 0);
        r = qemu_version_read(path, ret);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
        return r;
}

static void the_text_is_found_in_a_program(void **state) {
        unsigned version = 0;

        assert_int_equal(read_bytes(&program, sizeof(program), &version), 0);
        assert_int_equal(version, 7002022);
}

static void other_files_have_no_version(void **state) {
        static const char script[] = "#!/bin/sh\nexec QEMU emulator version 9.9.9\n";
        unsigned version = 0;
        Program p = program;

        assert_int_equal(read_bytes(script, sizeof(script), &version), -ENOENT);
        assert_int_equal(read_bytes("", 0, &version), -ENOENT);
        assert_int_equal(read_bytes(&p, offsetof(Program, text) + 8, &version), -ENOENT);
        assert_int_equal(read_bytes(&p, offsetof(Program, parts), &version), -ENOENT);
        p.header.e_phnum = UINT16_MAX;
        assert_int_equal(read_bytes(&p, sizeof(p), &version), -ENOENT);
        p = program;
        p.header.e_phoff = UINT64_MAX - 8;
        assert_int_equal(read_bytes(&p, sizeof(p), &version), -ENOENT);
        p = program;
        p.parts[1].p_filesz = UINT64_MAX - 8;
        assert_int_equal(read_bytes(&p, sizeof(p), &version), -ENOENT);
        p = program;
        strcpy(p.text, "QEMU emulator version of none");
        assert_int_equal(read_bytes(&p, sizeof(p), &version), -EBADMSG);
        assert_int_equal(qemu_version_read("/nonexistent/qemu", &version), -ENOENT);
        assert_int_equal(version, 0);
}

int main(void) {
        const struct CMUnitTest list[] = {
                cmocka_unit_test(the_text_is_found_in_a_program),
                cmocka_unit_test(other_files_have_no_version),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
