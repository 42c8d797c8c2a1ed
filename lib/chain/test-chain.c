/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each case is a folder of images, and what is below one of them. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "chain/chain.h"

#define UUID "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

static char dir[64];

static const char *at(const char *file) {
        static char paths[4][128];
        static unsigned n;
        char *path = paths[n++ % ELEMENTSOF(paths)];

        snprintf(path, sizeof paths[0], "%s/%s", dir, file);
        return path;
}

static void put(const char *file, const void *data, size_t len) {
        int fd = open(at(file), O_WRONLY | O_CREAT, 0600); /* the same inode, as a guest would */

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(write(fd, data, len), len);
        assert_int_equal(ftruncate(fd, 262144), 0);
        close(fd);
}

/* A qcow2 image of version 3; format NULL: it does not say. */
static void put_qcow2(const char *file, const char *backing, const char *format) {
        uint8_t head[1024] = "QFI\xfb\0\0\0\3";
        size_t n = format ? strlen(format) : 0, place = 104;

        head[23] = 16;                       /* clusters of 64 KiB */
        head[29] = 16;                       /* 1 MiB */
        head[39] = 1;                        /* one entry of the L1 table ... */
        head[45] = 3;                        /* ... at 192 KiB */
        head[53] = 1;                        /* refcounts at 64 KiB */
        head[59] = 1;
        head[99] = 4;
        head[103] = 104;
        if (format) {
                memcpy(head + place, "\xe2\x79\x2a\xca", 4);
                head[place + 7] = (uint8_t) n;
                memcpy(head + place + 8, format, n);
                place += 8 + ((n + 7) & ~(size_t) 7);
        }
        place += 8;
        if (backing) {
                head[14] = (uint8_t) (place >> 8);
                head[15] = (uint8_t) place;
                head[19] = (uint8_t) strlen(backing);
                memcpy(head + place, backing, strlen(backing));
        }
        put(file, head, sizeof head);
}

static int set_up(void **state) {
        static const char *const folders[] = {
                "etc",      "etc/qemu",   "etc/storage", "run",       "run/qemu", "run/qemu/transient", "lib",
                "lib/qemu", "lib/images", "disks",       "elsewhere", "pool",     "pool/deep",          "added"
        };
        strcpy(dir, "/tmp/test-chain-XXXXXX");
        assert_non_null(mkdtemp(dir));
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                assert_int_equal(mkdir(at(folders[i]), 0700), 0);
        setenv("UNITVIRT_ETC", at("etc"), 1);
        setenv("UNITVIRT_RUN", at("run"), 1);
        setenv("UNITVIRT_LIB", at("lib"), 1);
        return 0;
}

static int tear_down(void **state) {
        char command[128];

        snprintf(command, sizeof command, "rm -rf %s", dir);
        return system(command);
}

/* What is below disks/top: its path below dir and its format in ret, or the error. */
static int step(char *const *folders, bool save, char ret[256], Error *e) {
        _cleanup_chain_layer_ ChainLayer layer = {};
        _cleanup_chain_ Chain *c = NULL;
        int r;

        assert_int_equal(chain_open("web", UUID, folders, &c), 0);
        r = chain_next(c, at("disks/top"), "qcow2", &layer, e);
        snprintf(ret, 256, "%s", "");
        if (r > 0)
                snprintf(ret, 256, "%s %s", startswith(layer.path, dir) ? layer.path + strlen(dir) + 1 : layer.path,
                         layer.format);
        if (r >= 0 && save)
                assert_int_equal(chain_save(c), 0);
        return r;
}

static void is(const char *wanted) {
        _cleanup_error_ Error e = {};
        char text[256];
        int r = step(NULL, true, text, &e);

        if (r < 0)
                print_error("%s\n", error_text(&e, r));
        assert_true(r >= 0);
        assert_string_equal(text, wanted);
}

static void is_refused(ErrorCode code, const char *words, const char *more) {
        _cleanup_error_ Error e = {};
        char text[256];

        assert_true(step(NULL, true, text, &e) < 0);
        if (!strstr(e.message, words) || !strstr(e.message, more) || (int) code != e.code)
                print_error("%i: %s\n", e.code, e.message);
        assert_int_equal(e.code, code);
        assert_non_null(strstr(e.message, words));
        assert_non_null(strstr(e.message, more));
}

static void ordinary_chains_are_followed(void **state) {
        put_qcow2("disks/base", NULL, NULL);
        put_qcow2("disks/top", "base", "qcow2");
        is("disks/base qcow2");
        is("disks/base qcow2");
        put_qcow2("lib/images/base", NULL, NULL);
        unlink(at("disks/top"));
        put_qcow2("disks/top", at("lib/images/base"), "qcow2");
        is("lib/images/base qcow2");
        unlink(at("disks/top"));
        put_qcow2("disks/top", NULL, NULL);
        is("");
}

static void a_header_that_changed_is_refused(void **state) {
        put_qcow2("disks/base", NULL, NULL);
        put_qcow2("disks/other", NULL, NULL);
        put_qcow2("disks/top", "base", "qcow2");
        is("disks/base qcow2");
        put_qcow2("disks/top", "other", "qcow2");
        is_refused(ERROR_OPERATION_INVALID, "/disks/other' as its backing file, and it was '", "/disks/base'");
        is_refused(ERROR_OPERATION_INVALID, "<backingStore type='file'><format type='qcow2'/><source file='",
                   "/disks/other'/></backingStore>");
        put_qcow2("disks/top", "base", "raw");
        is_refused(ERROR_OPERATION_INVALID, "of format 'raw', and it was 'qcow2'", "/disks/base'");
        put_qcow2("disks/top", "base", "qcow2");
        is("disks/base qcow2");
        /* somebody of the host made it anew: QEMU cannot */
        assert_int_equal(rename(at("disks/top"), at("disks/kept")), 0);
        put_qcow2("disks/top", "other", "qcow2");
        is("disks/other qcow2");
}

static void an_image_without_a_backing_file_does_not_get_one(void **state) {
        put_qcow2("disks/base", NULL, NULL);
        put_qcow2("disks/top", NULL, NULL);
        is("");
        put_qcow2("disks/top", "base", "qcow2");
        is_refused(ERROR_OPERATION_INVALID, "/disks/base' as its backing file, and it had none", "<backingStore");
}

static void what_we_write_ourselves_is_recorded(void **state) {
        _cleanup_chain_ Chain *c = NULL;

        put_qcow2("elsewhere/base", NULL, NULL);
        put_qcow2("disks/top", "../elsewhere/base", "qcow2");
        is_refused(ERROR_OPERATION_INVALID, "storage folder", "elsewhere/base");
        assert_int_equal(chain_open("web", UUID, NULL, &c), 0);
        assert_int_equal(chain_accept(c, at("disks/top"), at("disks/../elsewhere/base"), "qcow2"), 0);
        assert_int_equal(chain_save(c), 0);
        is("disks/../elsewhere/base qcow2");
        assert_int_equal(chain_forget(UUID), 0);
        assert_int_equal(chain_forget(UUID), 0);
        is_refused(ERROR_OPERATION_INVALID, "storage folder", "elsewhere/base");
}

static void the_record_is_roots_alone(void **state) {
        struct stat st;

        put_qcow2("disks/top", NULL, NULL);
        is("");
        assert_int_equal(stat(at("lib/qemu/chains/" UUID), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(at("lib/qemu/chains"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
}

static void places_that_hold_no_images_are_refused(void **state) {
        static const struct {
                const char *backing, *words;
        } bad[] = {
                { "/etc/passwd",        "is no place for images" },
                { "/proc/1/environ",    "is no place for images" },
                { "/sys/kernel/notes",  "is no place for images" },
                { "../elsewhere/base",  "is in no storage folder" },
                { "deeper/base",        "is in no storage folder" },
                { ".hidden",            "is hidden" },
                { "link",               "/passwd' and is no place for images" },
                { "/dev/null",          "is a character device" },
        };

        assert_int_equal(mkdir(at("disks/deeper"), 0700), 0);
        assert_int_equal(symlink("/etc/passwd", at("disks/link")), 0);
        put("disks/deeper/base", "", 0);
        put("elsewhere/base", "", 0);
        put("disks/.hidden", "", 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_error_ Error e = {};
                char text[256];

                unlink(at("disks/top"));
                put_qcow2("disks/top", bad[i].backing, "raw");
                assert_true(step(NULL, true, text, &e) < 0);
                if (!strstr(e.message, bad[i].words))
                        print_error("%s: %s\n", bad[i].backing, e.message);
                assert_non_null(strstr(e.message, bad[i].words));
        }
}

static void a_link_that_is_turned_round_is_looked_at_again(void **state) {
        put("disks/one", "", 0);
        put("elsewhere/two", "", 0);
        assert_int_equal(symlink("one", at("disks/base")), 0);
        put_qcow2("disks/top", "base", "raw");
        is("disks/base raw");
        assert_int_equal(unlink(at("disks/base")), 0);
        assert_int_equal(symlink("../elsewhere/two", at("disks/base")), 0);
        is_refused(ERROR_OPERATION_INVALID, "is in no storage folder", "elsewhere/two");
}

static void pools_and_the_configuration_add_folders(void **state) {
        _cleanup_free_ char *pool = NULL, *added = strdup(at("added"));
        char *folders[] = { added, NULL }, text[256];
        _cleanup_error_ Error e = {};

        put("pool/deep/base", "", 0);
        put("added/base", "", 0);
        put_qcow2("disks/top", "../pool/deep/base", "raw");
        is_refused(ERROR_OPERATION_INVALID, "storage folder", "deep/base");
        pool = text_format("<pool type='dir'><name>p</name><target><path>%s</path></target></pool>", at("pool"));
        assert_int_equal(file_write_atomic(at("etc/storage/p.xml"), pool, strlen(pool), 0600, FILE_WRITE_NOSYNC), 0);
        is("disks/../pool/deep/base raw");
        unlink(at("disks/top"));
        put_qcow2("disks/top", "../added/base", "raw");
        is_refused(ERROR_OPERATION_INVALID, "storage folder", "added/base");
        assert_int_equal(step(folders, false, text, &e), 1);
}

static void put_guest(const char *file, const char *name, const char *extra) {
        _cleanup_free_ char *text =
                text_format("<domain type='qemu'><name>%s</name><devices><disk type='file'><source file='%s'/>"
                            "<target dev='vda'/>%s</disk></devices></domain>",
                            name, at("disks/base"), extra);

        assert_int_equal(file_write_atomic(at(file), text, strlen(text), 0600, FILE_WRITE_NOSYNC), 0);
}

static void images_that_other_guests_write_to_are_refused(void **state) {
        put("disks/base", "", 0);
        assert_int_equal(link(at("disks/base"), at("disks/same")), 0);
        put_qcow2("disks/top", "same", "raw");
        put_guest("etc/qemu/web.xml", "web", "");
        put_guest("etc/qemu/reader.xml", "reader", "<readonly/>");
        is("disks/same raw");
        assert_int_equal(chain_forget(UUID), 0);
        put_guest("run/qemu/transient/db.xml", "db", "");
        is_refused(ERROR_OPERATION_INVALID, "is written to by the guest 'db'", "/disks/same'");
}

static void put_text(const char *file, const char *text) {
        assert_int_equal(file_write_atomic(at(file), text, strlen(text), 0600, FILE_WRITE_NOSYNC), 0);
}

/* By whatever name their definitions call them, and what they were given while they run. */
static void images_of_other_guests_have_many_names(void **state) {
        static const char *const cases[][2] = {
                { "etc/qemu/db.xml", "<disk type='volume' device='disk'><source pool='p' volume='base'/></disk>" },
                { "run/qemu/db.xml", "<disk type='file' device='disk'><source file='DISKS/base'/></disk>" },
                { "etc/qemu/db.xml", "<memory model='nvdimm'><source><path>DISKS/base</path></source></memory>" },
        };
        _cleanup_free_ char *pool = text_format("<pool type='dir'><name>p</name><target><path>%s</path></target>"
                                                "</pool>", at("disks"));

        (void) mkdir(at("etc/storage"), 0700);
        put_text("etc/storage/p.xml", pool);
        put("disks/base", "", 0);
        put_qcow2("disks/top", "base", "raw");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *rest = strstr(cases[i][1], "DISKS");
                _cleanup_free_ char *device =
                        rest ? text_format("%.*s%s%s", (int) (rest - cases[i][1]), cases[i][1], at("disks"), rest + 5)
                             : strdup(cases[i][1]);
                _cleanup_free_ char *text = text_format("<domain type='qemu'><name>db</name><devices>%s</devices>"
                                                        "</domain>", device);

                put_text(cases[i][0], text);
                is_refused(ERROR_OPERATION_INVALID, "is written to by the guest 'db'", "/disks/base'");
                unlink(at(cases[i][0]));
        }
        is("disks/base raw");
}

static void a_base_of_unknown_format_is_looked_at(void **state) {
        put("disks/base", "plain", 5);
        put_qcow2("disks/top", "base", NULL);
        is("disks/base raw");
        unlink(at("disks/top"));
        put_qcow2("disks/base", NULL, NULL);
        put_qcow2("disks/top", "base", NULL);
        is("disks/base qcow2");
        unlink(at("disks/top"));
        put_qcow2("disks/base", "/etc/passwd", "raw");
        put_qcow2("disks/top", "base", NULL);
        is_refused(ERROR_OPERATION_INVALID, "/disks/base', which looks like qcow2", "'/etc/passwd'");
}

static void words_that_are_no_formats_are_refused(void **state) {
        put("disks/base", "", 0);
        put_qcow2("disks/top", "base", "blkdebug");
        is_refused(ERROR_CONFIG_UNSUPPORTED, "the format 'blkdebug', which is not supported", "/disks/base'");
        unlink(at("disks/top"));
        put_qcow2("disks/top", "nbd://127.0.0.1/x", "raw");
        is_refused(ERROR_CONFIG_UNSUPPORTED, "'nbd://127.0.0.1/x'", "is not supported");
        put("disks/top", "no header", 9);
        is_refused(ERROR_CONFIG_UNSUPPORTED, "it is no sound qcow2 image", "/disks/top'");
}

static void a_broken_record_is_no_empty_one(void **state) {
        Chain *c = NULL;

        assert_int_equal(mkdir(at("lib/qemu/chains"), 0700), 0);
        assert_int_equal(file_write_atomic(at("lib/qemu/chains/" UUID), "id=1\n", 5, 0600, FILE_WRITE_NOSYNC), 0);
        assert_int_equal(chain_open("web", UUID, NULL, &c), -EBADMSG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest all[] = {
                TEST(ordinary_chains_are_followed),
                TEST(a_header_that_changed_is_refused),
                TEST(an_image_without_a_backing_file_does_not_get_one),
                TEST(what_we_write_ourselves_is_recorded),
                TEST(the_record_is_roots_alone),
                TEST(places_that_hold_no_images_are_refused),
                TEST(a_link_that_is_turned_round_is_looked_at_again),
                TEST(pools_and_the_configuration_add_folders),
                TEST(images_that_other_guests_write_to_are_refused),
                TEST(images_of_other_guests_have_many_names),
                TEST(a_base_of_unknown_format_is_looked_at),
                TEST(words_that_are_no_formats_are_refused),
                TEST(a_broken_record_is_no_empty_one),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
