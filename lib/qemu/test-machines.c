/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>

#include "base/fs.h"
#include "base/strings.h"
#include "qemu/machines.h"

/* A program as small as the reader needs it: header, a part, texts as QEMU has them. */
typedef struct Program {
        Elf64_Ehdr header;
        Elf64_Phdr part;
        char text[320];
} Program;

static const Program program = {
        .header = {
                .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 },
                .e_phoff = offsetof(Program, part), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
        },
        .part = { .p_type = PT_LOAD, .p_flags = PF_R,
                  .p_offset = offsetof(Program, text), .p_filesz = sizeof(program.text) },
        .text = "pc-q35-4.0-machine\0pc-q35-4.0.1-machine\0none-machine\0pc-i440fx-9.2-machine\0"
                "pc-i440fx-10.0-machine\0pc-q35-rhel9.4.0-machine\0pc-q35-9.2-machine\0generic-pc-machine\0"
                "isapc-machine\0pc-q35-9.2-machine\0pc-q35--machines\0microvm-machine\0microvm-2-machine",
};

typedef struct Place {
        char folder[64], program[96];
} Place;

static int set_up(void **state) {
        Place *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        snprintf(p->folder, sizeof(p->folder), "/tmp/unitvirt-machines-XXXXXX");
        assert_non_null(mkdtemp(p->folder));
        assert_int_equal(setenv("UNITVIRT_RUN", p->folder, true), 0);
        snprintf(p->program, sizeof(p->program), "%s/qemu", p->folder);
        assert_int_equal(mkdir(p->program, 0755), 0);
        snprintf(p->program, sizeof(p->program), "%s/program", p->folder);
        *state = p;
        return 0;
}

static int tear_down(void **state) {
        Place *p = *state;
        _cleanup_free_ char *command = text_format("rm -r %s", p->folder);

        assert_int_equal(system(command), 0);
        free(p);
        return 0;
}

static void install(const Place *p, const void *data, size_t len) {
        assert_int_equal(file_write_atomic(p->program, data, len, 0755, FILE_WRITE_NOSYNC), 0);
}

static void expect(const Place *p, bool may_run, const char *wanted) {
        _cleanup_strv_ char **list = NULL;
        _cleanup_strbuf_ StrBuf b = {};

        assert_int_equal(qemu_machines_get(p->program, may_run, &list), 0);
        for (char **m = list; *m; m++)
                strbuf_addf(&b, "%s ", *m);
        assert_string_equal(b.data, wanted);
}

static void boards_are_found_in_the_program(void **state) {
        install(*state, &program, sizeof(program));
        expect(*state, false, "pc-i440fx-10.0 pc-i440fx-9.2 pc-q35-9.2 pc-q35-4.0.1 pc-q35-4.0 pc-q35-rhel9.4.0 "
               "microvm isapc ");
        /* and remembered, until the file is another one */
        expect(*state, false, "pc-i440fx-10.0 pc-i440fx-9.2 pc-q35-9.2 pc-q35-4.0.1 pc-q35-4.0 pc-q35-rhel9.4.0 "
               "microvm isapc ");
}

static void a_script_is_asked(void **state) {
        static const char script[] = "#!/bin/sh\n[ \"$1 $2\" = '-machine help' ] || exit 1\n"
                                     "printf 'Supported machines are:\\npc  Standard (alias of "
                                     "pc-i440fx-7.2)\\npc-i440fx-7.2 a\\nisapc b\\n'\n";
        _cleanup_strv_ char **list = NULL;

        install(*state, script, strlen(script));
        assert_int_equal(qemu_machines_get(((Place *) *state)->program, false, &list), -ENOENT);
        expect(*state, true, "pc-i440fx-7.2 isapc ");
        /* whoever may not run it knows it now */
        expect(*state, false, "pc-i440fx-7.2 isapc ");
        install(*state, &program, sizeof(program));
        expect(*state, false, "pc-i440fx-10.0 pc-i440fx-9.2 pc-q35-9.2 pc-q35-4.0.1 pc-q35-4.0 pc-q35-rhel9.4.0 "
               "microvm isapc ");
}

static void check(const Place *p, const char *machine, const char *emulator, int code, const char *words) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *xml =
                text_format("<domain type='qemu'><name>a</name><os>\n<type machine='%s'>hvm</type></os>\n"
                            "<devices><emulator>%s</emulator></devices></domain>",
                            machine, emulator);

        assert_int_equal(definition_parse(xml, strlen(xml), "/etc/a.xml", 0, &d, &e), 0);
        if (code == 0)
                assert_int_equal(qemu_emulator_check(d, false, &e), 0);
        else
                assert_true(qemu_emulator_check(d, false, &e) < 0);
        assert_int_equal(e.code, code);
        if (words)
                assert_non_null(strstr(e.detail, words));
}

static void what_cannot_start_is_named(void **state) {
        const Place *p = *state;

        install(p, &program, sizeof(program));
        check(p, "q35", p->program, 0, NULL);
        check(p, "pc-q35-rhel9.4.0", p->program, 0, NULL);
        check(p, "pc-q35-4.0", p->program, 0, NULL);
        check(p, "pc-q35-4.0.1", p->program, 0, NULL);
        check(p, "microvm", p->program, 0, NULL);
        check(p, "isapc", p->program, 0, NULL);
        check(p, "pc-q35-4", p->program, ERROR_CONFIG_UNSUPPORTED, NULL);
        check(p, "q35-9.2", p->program, ERROR_CONFIG_UNSUPPORTED, NULL);
        check(p, "pc-q35-9.2&#10;pc-q35-4.0.1", p->program, ERROR_CONFIG_UNSUPPORTED, NULL);
        check(p, "pc-q35-9.3", p->program, ERROR_CONFIG_UNSUPPORTED, "/etc/a.xml:2: /domain/os/type: ");
        check(p, "pc-i440fx-bionic", p->program, ERROR_CONFIG_UNSUPPORTED, "write 'pc'");
        check(p, "pc-q35-noble", p->program, ERROR_CONFIG_UNSUPPORTED, "write 'q35'");
        check(p, "q35", "/usr/bin/kvm-spice-of-no-host", ERROR_SYSTEM_ERROR,
              "/etc/a.xml:3: /domain/devices/emulator: ");
}

int main(void) {
        const struct CMUnitTest list[] = {
                cmocka_unit_test_setup_teardown(boards_are_found_in_the_program, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_script_is_asked, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_cannot_start_is_named, set_up, tear_down),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
