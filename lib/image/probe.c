/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which format an image has: a row a mark. */

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "bytes.h"

static const char *const names[_IMAGE_FORMAT_MAX] = {
        [IMAGE_RAW] = "raw",
        [IMAGE_DIR] = "dir",
        [IMAGE_BOCHS] = "bochs",
        [IMAGE_CLOOP] = "cloop",
        [IMAGE_DMG] = "dmg",
        [IMAGE_ISO] = "iso",
        [IMAGE_VPC] = "vpc",
        [IMAGE_VDI] = "vdi",
        [IMAGE_PLOOP] = "ploop",
        [IMAGE_COW] = "cow",
        [IMAGE_QCOW] = "qcow",
        [IMAGE_QCOW2] = "qcow2",
        [IMAGE_QED] = "qed",
        [IMAGE_VMDK] = "vmdk",
};

const char *image_format_name(ImageFormat format) {
        return format >= 0 && format < _IMAGE_FORMAT_MAX ? names[format] : NULL;
}

ImageFormat image_format_from_name(const char *name) {
        for (ImageFormat f = 0; name && f < _IMAGE_FORMAT_MAX; f++)
                if (streq(names[f], name))
                        return f;
        return _IMAGE_FORMAT_INVALID;
}

bool image_format_has_backing(ImageFormat format) {
        return format == IMAGE_COW || format == IMAGE_QCOW || format == IMAGE_QCOW2 || format == IMAGE_QED ||
               format == IMAGE_VMDK;
}

void image_info_done(ImageInfo *info) {
        free(info->backing);
        free(info->backing_format);
        free(info->data_file);
        *info = IMAGE_INFO_INIT;
}

int head_text(const Head *h, uint64_t at, uint64_t n, ImageInfo *info, char **ret) {
        const char *text = (const char *) h->data + at;
        size_t len;

        if (!head_has(h, at, n))
                return damaged(info, "a name in its header is cut short");
        len = strnlen(text, (size_t) n);
        for (size_t i = 0; i < len; i++)
                if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f)
                        return damaged(info, "a name in its header has control characters");
        if (len == 0)
                return 0;
        *ret = strndup(text, len);
        return *ret ? 0 : -ENOMEM;
}

int head_capacity(ImageInfo *info, uint64_t count, uint64_t unit) {
        if (__builtin_mul_overflow(count, unit, &info->capacity) || info->capacity > INT64_MAX) {
                info->capacity = 0;
                return damaged(info, "its size is impossible");
        }
        return 0;
}

static int bochs_read(const Head *h, ImageInfo *info) {
        info->version = le32(h, 64);
        if (!head_has(h, 0, 96))
                return damaged(info, "its header is cut short");
        return head_capacity(info, le64(h, info->version == 0x10000 ? 84 : 88), 1);
}

static int cloop_read(const Head *h, ImageInfo *info) {
        if (!head_has(h, 0, 136))
                return damaged(info, "its header is cut short");
        info->cluster_size = be32(h, 128);
        return head_capacity(info, be32(h, 132), info->cluster_size);
}

static int vpc_read(const Head *h, ImageInfo *info) {
        if (!head_has(h, 0, 512))
                return damaged(info, "its header is cut short");
        return head_capacity(info, be64(h, 48), 1);
}

static int vdi_read(const Head *h, ImageInfo *info) {
        if (!head_has(h, 0, 400))
                return damaged(info, "its header is cut short");
        info->cluster_size = le32(h, 376);
        return head_capacity(info, le64(h, 368), 1);
}

static int ploop_read(const Head *h, ImageInfo *info) {
        if (!head_has(h, 0, 64))
                return damaged(info, "its header is cut short");
        return head_capacity(info, le64(h, 36), 512);
}

static int cow_read(const Head *h, ImageInfo *info) {
        int r;

        if (!head_has(h, 0, 1048))
                return damaged(info, "its header is cut short");
        r = head_capacity(info, be64(h, 1036), 1);
        if (r < 0)
                return r;
        return head_text(h, 8, 1024, info, &info->backing);
}

/* What is a file system on a CD to the guest is the whole file. */
static int whole_read(const Head *h, ImageInfo *info) {
        return head_capacity(info, h->size, 1);
}

static bool version_be_1(const Head *h) {
        return be32(h, 4) == 1;
}

static bool version_be_2(const Head *h) {
        return be32(h, 4) == 2;
}

static bool version_qcow2(const Head *h) {
        return be32(h, 4) == 2 || be32(h, 4) == 3;
}

static bool version_bochs(const Head *h) {
        return le32(h, 64) == 0x10000 || le32(h, 64) == 0x20000;
}

static bool version_vpc(const Head *h) {
        return be32(h, 12) == 0x10000;
}

static bool version_vdi(const Head *h) {
        return le32(h, 68) == 0x10001;
}

static bool version_ploop(const Head *h) {
        return le32(h, 16) == 2;
}

static bool version_vmdk(const Head *h) {
        return le32(h, 4) >= 1 && le32(h, 4) <= 3;
}

#define ISO_AT 32769U
#define CLOOP_MARK "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n"

static const struct Mark {
        ImageFormat format;
        unsigned at;
        unsigned len;
        const char *bytes;
        bool (*version)(const Head *h);   /* NULL: any */
        int (*read)(const Head *h, ImageInfo *info);
} marks[] = {
        { IMAGE_QCOW2, 0, 4, "QFI\xfb", version_qcow2, qcow2_read },
        { IMAGE_QCOW, 0, 4, "QFI\xfb", version_be_1, qcow_read },
        { IMAGE_QED, 0, 4, "QED\0", NULL, qed_read },
        { IMAGE_VMDK, 0, 4, "KDMV", version_vmdk, vmdk_read },
        { IMAGE_VMDK, 0, 4, "COWD", version_vmdk, vmdk_read },
        { IMAGE_VMDK, 0, 21, "# Disk DescriptorFile", NULL, vmdk_read_descriptor },
        { IMAGE_COW, 0, 4, "OOOM", version_be_2, cow_read },
        { IMAGE_VPC, 0, 8, "conectix", version_vpc, vpc_read },
        { IMAGE_BOCHS, 0, 22, "Bochs Virtual HD Image", version_bochs, bochs_read },
        { IMAGE_CLOOP, 0, sizeof CLOOP_MARK - 1, CLOOP_MARK, NULL, cloop_read },
        { IMAGE_PLOOP, 0, 16, "WithouFreSpacExt", version_ploop, ploop_read },
        { IMAGE_PLOOP, 0, 16, "WithoutFreeSpace", version_ploop, ploop_read },
        { IMAGE_VDI, 64, 4, "\x7f\x10\xda\xbe", version_vdi, vdi_read },
        { IMAGE_ISO, ISO_AT, 5, "CD001", NULL, whole_read },
};

static bool mark_fits(const struct Mark *m, const Head *h) {
        return head_has(h, m->at, m->len) && memcmp(h->data + m->at, m->bytes, m->len) == 0 &&
               (!m->version || m->version(h));
}

#define LUKS_PAYLOAD 104U   /* version 1: where the data begins, in sectors */
#define LUKS1_HEADER 592U

/* A raw image that is encrypted as a whole. Version 2 has the place of its data in JSON; its capacity is then the
 * file's. */
static int raw_read(const Head *h, ImageInfo *info) {
        uint64_t payload = 0;

        if (head_has(h, 0, LUKS1_HEADER) && memcmp(h->data, "LUKS\xba\xbe", 6) == 0 &&
            (be16(h, 6) == 1 || be16(h, 6) == 2)) {
                info->encryption = IMAGE_LUKS;
                info->version = be16(h, 6);
                if (info->version == 1)
                        payload = (uint64_t) be32(h, LUKS_PAYLOAD) * 512;
        }
        info->capacity = h->size > payload ? h->size - payload : 0;
        return 0;
}

static int read_mark(const struct Mark *m, const Head *h, ImageInfo *info) {
        info->format = m->format;
        return m->read(h, info);
}

int image_probe(const uint8_t *head, size_t len, uint64_t size, ImageInfo *ret) {
        Head h = { head, MIN(len, (size_t) IMAGE_HEAD_MAX), size };

        *ret = IMAGE_INFO_INIT;
        for (size_t i = 0; i < ELEMENTSOF(marks); i++)
                if (mark_fits(&marks[i], &h))
                        return read_mark(&marks[i], &h, ret);
        return raw_read(&h, ret);
}

int image_read(const uint8_t *head, size_t len, uint64_t size, ImageFormat format, ImageInfo *ret) {
        Head h = { head, MIN(len, (size_t) IMAGE_HEAD_MAX), size };
        bool has_marks = false;

        *ret = IMAGE_INFO_INIT;
        ret->format = format;
        if (format == IMAGE_RAW)
                return raw_read(&h, ret);
        for (size_t i = 0; i < ELEMENTSOF(marks); i++) {
                if (marks[i].format != format)
                        continue;
                if (mark_fits(&marks[i], &h))
                        return read_mark(&marks[i], &h, ret);
                has_marks = true;
        }
        ret->capacity = size;
        return has_marks ? damaged(ret, "it does not have that format's mark") : 0;
}

static int size_of(int fd, const struct stat *st, uint64_t *ret) {
        off_t end;

        if (S_ISDIR(st->st_mode))
                return -EISDIR;
        if (S_ISREG(st->st_mode)) {
                *ret = (uint64_t) st->st_size;
                return 0;
        }
        if (!S_ISBLK(st->st_mode))
                return -EINVAL;
        end = lseek(fd, 0, SEEK_END);
        if (end < 0)
                return -errno;
        *ret = (uint64_t) end;
        return 0;
}

/* Thousands of images are looked at in a row, so of raw ones only the first block and the place of the mark of ISO 9660
 * are read, and of the others the first block where that holds their header. */
#define FIRST_READ 4096U

/* Formats whose readers say that a header is damaged where the part that was read does not hold all of it. A VMDK's
 * descriptor is a text, which has no mark at its end. */
static bool says_where_it_ends(ImageFormat format) {
        return format != IMAGE_VMDK;
}

static int is_iso(int fd) {
        char mark[5];
        ssize_t n = pread(fd, mark, sizeof mark, ISO_AT);

        if (n < 0)
                return -errno;
        return n == sizeof mark && memcmp(mark, "CD001", sizeof mark) == 0;
}

static int look(int fd, ImageFormat format, struct stat *st, ImageInfo *ret) {
        _cleanup_free_ uint8_t *head = NULL;
        uint8_t first[FIRST_READ];
        uint64_t size = 0;
        size_t len = 0, more = 0;
        int r;

        *ret = IMAGE_INFO_INIT;
        r = pread_up_to(fd, (char *) first, sizeof first, 0, &len);
        if (r >= 0)
                r = fstat(fd, st) < 0 ? -errno : size_of(fd, st, &size);
        if (r < 0)
                return r;
        if (format == IMAGE_RAW || len < sizeof first)
                return format < 0 ? image_probe(first, len, size, ret) : image_read(first, len, size, format, ret);
        if (format < 0) {
                r = image_probe(first, len, size, ret);
                if (ret->format == IMAGE_RAW && r >= 0 && size > ISO_AT) {
                        r = is_iso(fd);
                        if (r > 0)
                                ret->format = IMAGE_ISO;
                        return MIN(r, 0);
                }
                if (ret->format == IMAGE_RAW || (r >= 0 && says_where_it_ends(ret->format)))
                        return r;
                image_info_done(ret);
        }
        head = malloc(IMAGE_HEAD_MAX);
        if (!head)
                return -ENOMEM;
        memcpy(head, first, len);
        r = pread_up_to(fd, (char *) head + len, IMAGE_HEAD_MAX - len, (off_t) len, &more);
        if (r < 0)
                return r;
        len += more;
        return format < 0 ? image_probe(head, len, size, ret) : image_read(head, len, size, format, ret);
}

int image_probe_stat(int fd, struct stat *ret_st, ImageInfo *ret) {
        return look(fd, _IMAGE_FORMAT_INVALID, ret_st, ret);
}

int image_probe_fd(int fd, ImageInfo *ret) {
        struct stat st;

        return look(fd, _IMAGE_FORMAT_INVALID, &st, ret);
}

int image_read_fd(int fd, ImageFormat format, ImageInfo *ret) {
        struct stat st;

        return look(fd, format, &st, ret);
}

int image_backing_path(const char *path, const char *backing, char **ret) {
        const char *slash = strrchr(path, '/'), *plain = startswith(backing, "file:") ?: backing;

        /* QEMU's rule: what has a colon before its first slash is no path */
        if (plain[strcspn(plain, ":/")] == ':')
                return -EOPNOTSUPP;
        if (*plain == '/' || !slash)
                *ret = strdup(plain);
        else
                *ret = text_format("%.*s/%s", (int) (slash - path), path, plain);
        return *ret ? 0 : -ENOMEM;
}
