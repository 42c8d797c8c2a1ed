/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "secret/file.h"
#include "secret/secret.h"

#define UUID "11111111-2222-3333-4444-555555555555"

static char root[] = "/tmp/test-secret-XXXXXX";

static void write_file(const char *name, const char *text, mode_t mode) {
        _cleanup_free_ char *path = text_format("%s/%s", root, name), *folder = strdup(path);

        *strrchr(folder, '/') = '\0';
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_int_equal(file_write_atomic(path, text, strlen(text), mode, FILE_WRITE_NOSYNC), 0);
}

/* A systemd-creds that seals by a word in front, the name among it, and opens only what it sealed under that name. */
static const char sealer[] = "#!/bin/sh\n"
                             "case $2 in\n"
                             "encrypt) [ \"$3\" = --with-key=host ] || exit 1; printf 'sealed %s\\n' \"$1\"; cat ;;\n"
                             "decrypt) read -r line; [ \"$line\" = \"sealed $1\" ] || exit 1; cat ;;\n"
                             "esac\n";

static int set_up(void **state) {
        static const struct {
                const char *variable, *path;
        } moved[] = {
                { "UNITVIRT_ETC", "ETC" },      { "UNITVIRT_RUN", "RUN" },
                { "UNITVIRT_LIB", "LIB" },      { "UNITVIRT_SYSTEMD_CREDS", "sealer" },
                { "UNITVIRT_HOST_KEY", "key" },
        };

        assert_non_null(mkdtemp(root));
        for (size_t i = 0; i < ELEMENTSOF(moved); i++) {
                _cleanup_free_ char *path = text_format("%s/%s", root, moved[i].path);

                setenv(moved[i].variable, path, 1);
        }
        write_file("sealer", sealer, 0755);
        write_file("key", "key", 0400);
        return 0;
}

static int tear_down(void **state) {
        _cleanup_free_ char *command = text_format("rm -rf '%s'", root);

        strcpy(root + strlen(root) - 6, "XXXXXX");
        return system(command);
}

static void base64_is_libvirts(void **state) {
        static const struct {
                const char *text;
                int r;
                const char *value;
                size_t len;
        } rows[] = {
                { "", 0, "", 0 },
                { "Zg==", 0, "f", 1 },
                { "Zm8=\n", 0, "fo", 2 },
                { "Zm9v", 0, "foo", 3 },
                { "Zm9v\nYg==", 0, "foob", 4 },
                { "AP8A", 0, "\0\377\0", 3 },
                { "Zg=", -EBADMSG, NULL, 0 },
                { "Z===", -EBADMSG, NULL, 0 },
                { "Zg==Zg==", -EBADMSG, NULL, 0 },
                { "Z=9v", -EBADMSG, NULL, 0 },
                { "Zm9*", -EBADMSG, NULL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_secret_value_ SecretValue v = {}, text = {};

                assert_int_equal(secret_value_from_base64(rows[i].text, strlen(rows[i].text), &v), rows[i].r);
                if (rows[i].r < 0)
                        continue;
                assert_int_equal(v.len, rows[i].len);
                assert_memory_equal(v.data, rows[i].value, v.len);
                assert_int_equal(v.data[v.len], 0);
                assert_int_equal(secret_value_to_base64(&v, &text), 0);
                assert_true(strcspn(rows[i].text, "\n") == text.len || strchr(rows[i].text, '\n'));
                secret_value_done(&v);
                assert_int_equal(secret_value_from_base64((const char *) text.data, text.len, &v), 0);
                assert_int_equal(v.len, rows[i].len);
        }
}

static void value_is(const char *expected) {
        _cleanup_secret_value_ SecretValue v = {};
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        r = secret_read(UUID, &v, &e);
        if (!expected) {
                assert_true(r < 0);
                return;
        }
        assert_int_equal(r, 0);
        assert_int_equal(v.len, strlen(expected));
        assert_memory_equal(v.data, expected, v.len);
}

/* The plain file counts until it is gone, so that no moment is between two values. */
static void values_change_from_one_form_to_the_other(void **state) {
        static const char sealed[] = "sealed --name=" UUID "\nsecond";

        assert_true(secret_can_seal());
        value_is(NULL);
        write_file("ETC/secrets/" UUID ".base64", "Zmlyc3Q=", 0600);
        value_is("first");
        write_file("LIB/secrets/" UUID ".cred", sealed, 0600);
        value_is("first");
        assert_int_equal(secret_file_write(UUID, false, SECRET_SEALED, sealed, strlen(sealed)), 0);
        value_is("second");
        assert_int_equal(secret_file_write(UUID, false, SECRET_PLAIN, "dGhpcmQ=", 8), 0);
        value_is("third");
        assert_int_equal(secret_file_remove(UUID, false), 0);
        value_is(NULL);
        assert_int_equal(secret_file_write(UUID, true, SECRET_SEALED, sealed, strlen(sealed)), 0);
        value_is("second");
        assert_int_equal(secret_file_remove(UUID, true), 0);
        value_is(NULL);
}

static void a_value_of_another_secret_is_refused(void **state) {
        static const char sealed[] = "sealed --name=99999999-2222-3333-4444-555555555555\nx";

        assert_int_equal(secret_file_write(UUID, false, SECRET_SEALED, sealed, strlen(sealed)), 0);
        value_is(NULL);
}

static void files_are_roots_alone(void **state) {
        _cleanup_free_ char *path = secret_file(UUID, false, SECRET_PLAIN);
        struct stat st;

        assert_int_equal(secret_file_write(UUID, false, SECRET_PLAIN, "Zg==", 4), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777U, 0600);
        *strrchr(path, '/') = '\0';
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777U, 0700);
}

static void secrets_are_found_by_what_they_are_for(void **state) {
        _cleanup_error_ Error e = ERROR_INIT;
        char uuid[37];

        write_file("ETC/secrets/" UUID ".xml",
                   "<secret><uuid>" UUID "</uuid><usage type='ceph'><name>client.a</name></usage></secret>", 0600);
        write_file("ETC/secrets/broken.xml", "<secret><uuid>", 0600);
        assert_int_equal(secret_find(SECRET_USAGE_CEPH, "client.a", uuid, &e), 0);
        assert_string_equal(uuid, UUID);
        assert_int_equal(secret_find(SECRET_USAGE_ISCSI, "client.a", uuid, &e), -ENOENT);
        assert_int_equal(e.code, ERROR_NO_SECRET);
}

#define secret_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void test_file(void **state) {
        _cleanup_secret_value_ SecretValue v = {};
        _cleanup_close_ int fd = -EBADF;
        char text[16] = "";

        assert_int_equal(secret_value_copy("geheim", 6, &v), 0);
        assert_int_equal(secret_value_to_fd(&v, MFD_CLOEXEC, &fd), 0);
        assert_int_equal(pread(fd, text, sizeof(text), 0), 6);
        assert_string_equal(text, "geheim");
        assert_int_equal(write(fd, "x", 1), -1);
        assert_int_equal(ftruncate(fd, 0), -1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file),
                cmocka_unit_test(base64_is_libvirts),
                secret_test(values_change_from_one_form_to_the_other),
                secret_test(a_value_of_another_secret_is_refused),
                secret_test(files_are_roots_alone),
                secret_test(secrets_are_found_by_what_they_are_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
