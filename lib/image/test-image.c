/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "image/probe.h"

/* Headers as qemu-img 7.2 writes them; the fuzzer's seeds. */
#define SEEDS TEST_SEEDS "/"

typedef struct Seed {
        const char *file;
        ImageFormat format;
        uint64_t capacity;
        const char *backing, *backing_format;
        unsigned version;
        uint64_t cluster_size;
        unsigned features;
        ImageEncryption encryption;
        const char *data_file;
} Seed;

#define M (1024ULL * 1024)
static const Seed seeds[] = {
        { "qcow2-overlay", IMAGE_QCOW2, 64 * M, "base.qcow2", "qcow2", 3, 65536, IMAGE_LAZY_REFCOUNTS },
        { "qcow2-old", IMAGE_QCOW2, 10 * M, NULL, NULL, 2, 4096 },
        { "qcow2-extended-l2", IMAGE_QCOW2, 1024 * M, NULL, NULL, 3, 131072, IMAGE_EXTENDED_L2 },
        { "qcow2-luks", IMAGE_QCOW2, M, NULL, NULL, 3, 65536, 0, IMAGE_LUKS },
        { "qcow2-data-file", IMAGE_QCOW2, M, NULL, NULL, 3, 65536, IMAGE_NAMES_FILES, IMAGE_PLAIN, "df.raw" },
        { "qcow2-shadow", IMAGE_QCOW2, M, "/etc/shadow", "raw", 3, 65536 },
        { "qcow2-nbd", IMAGE_QCOW2, M, "nbd://127.0.0.1/x", "raw", 3, 65536 },
        { "qcow", IMAGE_QCOW, 64 * M, "base.qcow2", NULL, 1, 512 },
        { "qed", IMAGE_QED, 64 * M, "base.qcow2", NULL, 0, 65536 },
        { "vmdk", IMAGE_VMDK, 20 * M, NULL, NULL, 1, 65536 },
        { "vmdk-child", IMAGE_VMDK, 20 * M, "base.vmdk", "vmdk", 1, 65536 },
        { "vmdk-flat", IMAGE_VMDK, 20 * M, NULL, NULL, 0, 0, IMAGE_NAMES_FILES },
        { "vdi", IMAGE_VDI, 20 * M, NULL, NULL, 0, M },
        { "vpc", IMAGE_VPC, 20994048 },
        { "ploop", IMAGE_PLOOP, 20 * M },
        { "luks", IMAGE_RAW, 1000, NULL, NULL, 1, 0, 0, IMAGE_LUKS },
};

#define LUKS_PAYLOAD 2068480U

static void read_seed(const char *name, uint8_t **ret, size_t *ret_len) {
        _cleanup_free_ char *path = text_format("%s%s", SEEDS, name);
        char *data;

        assert_int_equal(file_read(path, IMAGE_HEAD_MAX, &data, ret_len), 0);
        *ret = (uint8_t *) data;
}

static void assert_text_equal(const char *a, const char *b) {
        if (!streq_ptr(a, b))
                fail_msg("\"%s\" instead of \"%s\"", a ?: "(null)", b ?: "(null)");
}

static void assert_info(const ImageInfo *info, const Seed *s) {
        assert_string_equal(image_format_name(info->format), image_format_name(s->format));
        assert_int_equal(info->capacity, s->capacity);
        assert_text_equal(info->backing, s->backing);
        assert_text_equal(info->backing_format, s->backing_format);
        assert_text_equal(info->data_file, s->data_file);
        assert_int_equal(info->version, s->version);
        assert_int_equal(info->cluster_size, s->cluster_size);
        assert_int_equal(info->features, s->features);
        assert_int_equal(info->encryption, s->encryption);
}

static uint64_t size_of_seed(const Seed *s, size_t len) {
        return s->encryption == IMAGE_LUKS && s->format == IMAGE_RAW ? LUKS_PAYLOAD + s->capacity : len;
}

static void what_qemu_img_wrote_is_recognised(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(seeds); i++) {
                const Seed *s = &seeds[i];
                _cleanup_image_info_ ImageInfo probed = IMAGE_INFO_INIT, known = IMAGE_INFO_INIT;
                _cleanup_free_ uint8_t *head = NULL;
                size_t len;

                read_seed(s->file, &head, &len);
                assert_int_equal(image_probe(head, len, size_of_seed(s, len), &probed), 0);
                assert_info(&probed, s);
                assert_int_equal(image_read(head, len, size_of_seed(s, len), s->format, &known), 0);
                assert_info(&known, s);
        }
}

static int file_of(const void *data, size_t len, off_t at, off_t size) {
        int fd = memfd_create("image", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, size), 0);
        assert_int_equal(pwrite(fd, data, len, at), len);
        return fd;
}

static void files_are_read_as_far_as_needed(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(seeds); i++) {
                const Seed *s = &seeds[i];
                _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
                _cleanup_free_ uint8_t *head = NULL;
                _cleanup_close_ int fd = -EBADF;
                uint64_t size;
                size_t len;

                read_seed(s->file, &head, &len);
                size = s->format == IMAGE_RAW ? size_of_seed(s, len) : 10 * M;
                fd = file_of(head, len, 0, (off_t) size);
                assert_int_equal(image_probe_fd(fd, &info), 0);
                assert_info(&info, s);
        }
}

static void marks_at_other_places(void **state) {
        static const struct {
                const char *bytes;
                off_t at;
                ImageFormat format;
        } cases[] = {
                { "CD001", 32769, IMAGE_ISO },
                { "CD001", 32768, IMAGE_RAW },
                { "koly", 99488, IMAGE_RAW },   /* a dmg's mark is at the end: never guessed */
                { "QFI\xfb", 0, IMAGE_RAW },    /* without a version it is chance */
                { "QFI\xfb", 512, IMAGE_RAW },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
                _cleanup_close_ int fd = file_of(cases[i].bytes, strlen(cases[i].bytes), cases[i].at, 100000);

                assert_int_equal(image_probe_fd(fd, &info), 0);
                assert_int_equal(info.format, cases[i].format);
                assert_int_equal(info.capacity, 100000);
        }
}

static void empty_and_short_ones_are_raw(void **state) {
        for (off_t size = 0; size < 4; size++) {
                _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
                _cleanup_close_ int fd = file_of("QFI", (size_t) size, 0, size);

                assert_int_equal(image_probe_fd(fd, &info), 0);
                assert_int_equal(info.format, IMAGE_RAW);
                assert_int_equal(info.capacity, size);
        }
}

static void raw_stays_raw_whatever_is_on_it(void **state) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        _cleanup_free_ uint8_t *head = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t len;

        read_seed("qcow2-shadow", &head, &len);
        fd = file_of(head, len, 0, 1 << 20);
        assert_int_equal(image_read_fd(fd, IMAGE_RAW, &info), 0);
        assert_int_equal(info.format, IMAGE_RAW);
        assert_int_equal(info.capacity, 1 << 20);
        assert_null(info.backing);
}

static void another_format_than_the_one_said(void **state) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        _cleanup_free_ uint8_t *head = NULL;
        size_t len;

        read_seed("vmdk", &head, &len);
        assert_int_equal(image_read(head, len, len, IMAGE_QCOW2, &info), -EBADMSG);
        assert_string_equal(info.damage, "it does not have that format's mark");
        assert_int_equal(info.format, IMAGE_QCOW2);
}

/* One header with some bytes exchanged. */
static void headers_that_lie_are_refused(void **state) {
        static const struct {
                const char *file;
                size_t at, len;
                const char *bytes;
                const char *damage;
        } cases[] = {
                { "qcow2-overlay", 8, 8, "\0\0\0\0\0\0\xff\xf0",
                  "the name of its backing file lies beyond the header" },
                { "qcow2-overlay", 8, 8, "\xff\xff\xff\xff\xff\xff\xff\xff",
                  "the name of its backing file lies beyond the header" },
                { "qcow2-overlay", 16, 4, "\0\0\x04\x01", "the name of its backing file is too long" },
                { "qcow2-overlay", 16, 4, "\xff\xff\xff\xff", "the name of its backing file is too long" },
                { "qcow2-overlay", 20, 4, "\0\0\0\x08", "its cluster size is impossible" },
                { "qcow2-overlay", 20, 4, "\0\0\0\x40", "its cluster size is impossible" },
                { "qcow2-overlay", 24, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", "its size is impossible" },
                { "qcow2-overlay", 32, 4, "\0\0\0\x03", "it is encrypted in an unknown way" },
                { "qcow2-overlay", 100, 4, "\0\0\0\x10", "the length of its header is impossible" },
                { "qcow2-overlay", 100, 4, "\xff\xff\xff\xff", "the length of its header is impossible" },
                { "qcow2-overlay", 116, 4, "\xff\xff\xff\xff", "an extension of its header is cut short" },
                { "qed", 4, 4, "\x01\0\0\0", "its cluster size is impossible" },
                { "qed", 60, 4, "\xff\xff\xff\xff", "the name of its backing file is too long" },
                { "qed", 56, 4, "\xff\xff\xff\x7f", "the name of its backing file lies beyond the header" },
                { "vmdk", 12, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", "its size is impossible" },
                { "vmdk", 28, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", "its descriptor lies beyond the header" },
                { "vdi", 368, 8, "\0\0\0\0\0\0\0\xff", "its size is impossible" },
                { "ploop", 36, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", "its size is impossible" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
                _cleanup_free_ uint8_t *head = NULL;
                size_t len;

                read_seed(cases[i].file, &head, &len);
                assert_true(cases[i].at + cases[i].len <= len);
                memcpy(head + cases[i].at, cases[i].bytes, cases[i].len);
                assert_int_equal(image_probe(head, len, len, &info), -EBADMSG);
                assert_text_equal(info.damage, cases[i].damage);
        }
}

/* The format of the base behind an extension that reaches beyond what is read at first. */
static void long_headers_are_read_whole(void **state) {
        static const uint8_t extension[8] = { 0x12, 0x34, 0x56, 0x78 };
        _cleanup_free_ uint8_t *head = NULL;
        size_t len;

        read_seed("qcow2-overlay", &head, &len);
        for (uint32_t n = 3900 & ~7U; n < 4200; n += 8) {
                _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
                _cleanup_close_ int fd = file_of(head, 112, 0, 1 << 20);
                uint64_t backing = htobe64(0x210 + 8 + n);
                uint32_t length = htobe32(n);

                assert_int_equal(pwrite(fd, &backing, sizeof backing, 8), sizeof backing);
                assert_int_equal(pwrite(fd, extension, sizeof extension, 112), sizeof extension);
                assert_int_equal(pwrite(fd, &length, sizeof length, 116), sizeof length);
                assert_int_equal(pwrite(fd, head + 112, len - 112, 120 + n), len - 112);
                assert_int_equal(image_probe_fd(fd, &info), 0);
                assert_text_equal(info.backing, "base.qcow2");
                assert_text_equal(info.backing_format, "qcow2");
        }
}

static void names_with_control_characters_are_refused(void **state) {
        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
        _cleanup_free_ uint8_t *head = NULL;
        uint8_t *name;
        size_t len;

        read_seed("qcow2-overlay", &head, &len);
        name = memmem(head, len, "base.qcow2", 10);
        assert_non_null(name);
        name[3] = '\n';
        assert_int_equal(image_probe(head, len, len, &info), -EBADMSG);
        assert_string_equal(info.damage, "a name in its header has control characters");
}

/* Every length, so that a reader beyond the end is caught by the sanitizer. */
static void cut_headers_are_survived(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(seeds); i++) {
                _cleanup_free_ uint8_t *head = NULL;
                size_t len;

                read_seed(seeds[i].file, &head, &len);
                for (size_t n = 0; n < len; n += 1 + n / 64) {
                        _cleanup_image_info_ ImageInfo info = IMAGE_INFO_INIT;
                        _cleanup_free_ uint8_t *cut = malloc(n ?: 1);

                        assert_non_null(cut);
                        memcpy(cut, head, n);
                        (void) image_probe(cut, n, n, &info);
                }
        }
}

static void names_of_formats(void **state) {
        for (ImageFormat f = 0; f < _IMAGE_FORMAT_MAX; f++)
                assert_int_equal(image_format_from_name(image_format_name(f)), f);
        assert_int_equal(image_format_from_name("vhdx"), _IMAGE_FORMAT_INVALID);
        assert_int_equal(image_format_from_name(NULL), _IMAGE_FORMAT_INVALID);
        assert_null(image_format_name(_IMAGE_FORMAT_INVALID));
}

static void paths_of_backing_files(void **state) {
        static const struct {
                const char *image, *backing, *path;
        } cases[] = {
                { "/a/b.qcow2", "c.raw", "/a/c.raw" },
                { "/a/b.qcow2", "../c.raw", "/a/../c.raw" },
                { "/a/b.qcow2", "/c.raw", "/c.raw" },
                { "/a/b.qcow2", "file:c.raw", "/a/c.raw" },
                { "/a/b.qcow2", "./x:y", "/a/./x:y" },
                { "/a/b.qcow2", "x:y", NULL },
                { "/a/b.qcow2", "json:{}", NULL },
                { "/a/b.qcow2", "nbd://h/x", NULL },
                { "b.qcow2", "c.raw", "c.raw" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = NULL;

                assert_int_equal(image_backing_path(cases[i].image, cases[i].backing, &path),
                                 cases[i].path ? 0 : -EOPNOTSUPP);
                assert_text_equal(path, cases[i].path);
        }
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(what_qemu_img_wrote_is_recognised),
                cmocka_unit_test(files_are_read_as_far_as_needed),
                cmocka_unit_test(marks_at_other_places),
                cmocka_unit_test(empty_and_short_ones_are_raw),
                cmocka_unit_test(raw_stays_raw_whatever_is_on_it),
                cmocka_unit_test(another_format_than_the_one_said),
                cmocka_unit_test(headers_that_lie_are_refused),
                cmocka_unit_test(long_headers_are_read_whole),
                cmocka_unit_test(names_with_control_characters_are_refused),
                cmocka_unit_test(cut_headers_are_survived),
                cmocka_unit_test(names_of_formats),
                cmocka_unit_test(paths_of_backing_files),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
