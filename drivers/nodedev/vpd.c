/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "vpd.h"

enum {
        TAG_NAME = 0x82,
        TAG_READ_ONLY = 0x90,
        TAG_READ_WRITE = 0x91,
        TAG_END = 0x78,         /* the length is in its low three bits */
};

void vpd_done(Vpd *v) {
        free(v->name);
        for (size_t i = 0; i < v->n; i++)
                free(v->fields[i].value);
        *v = (Vpd){};
}

/* What libvirt's schema allows. */
static bool is_text(uint8_t c) {
        return (c >= ' ' && c <= '_') || (c >= 'a' && c <= 'z');
}

/* Digits and capital letters. */
static bool is_index(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* Text that documents can have, with what pads it cut off; NULL for other bytes. */
static int text_of(const uint8_t *data, size_t n, char **ret) {
        *ret = NULL;
        while (n > 0 && (data[n - 1] == '\0' || data[n - 1] == ' '))
                n--;
        for (size_t i = 0; i < n; i++)
                if (!is_text(data[i]))
                        return 0;
        *ret = strndup((const char *) data, n);
        return *ret ? 1 : -ENOMEM;
}

/* What keywords there are, by the part that they stand in. */
static bool is_field(const char *keyword, bool writable) {
        static const char *const read_only[] = { "EC", "MN", "PN", "SN" };

        if (keyword[0] == 'V')
                return is_index(keyword[1]);
        if (writable)
                return keyword[0] == 'Y' && is_index(keyword[1]);
        for (size_t i = 0; i < ELEMENTSOF(read_only); i++)
                if (strcmp(read_only[i], keyword) == 0)
                        return true;
        return false;
}

static int add_field(Vpd *v, const char *keyword, bool writable, const uint8_t *data, size_t n) {
        VpdField *f = &v->fields[v->n];
        int r;

        if (v->n == VPD_FIELDS_MAX)
                return -EBADMSG;
        r = text_of(data, n, &f->value);
        if (r <= 0)
                return r;
        memcpy(f->keyword, keyword, sizeof f->keyword);
        f->writable = writable;
        v->n++;
        return 0;
}

/* The sum of all bytes up to the first one of RV is 0. */
static bool is_sum_right(const uint8_t *begin, const uint8_t *checksum) {
        uint8_t sum = 0;

        while (begin <= checksum)
                sum = (uint8_t) (sum + *begin++);
        return sum == 0;
}

/* One part: keyword (2), length (1), value; begin is that of all. */
static int parse_fields(Vpd *v, const uint8_t *begin, const uint8_t *data, size_t n, bool writable) {
        bool checked = writable;

        while (n >= 3) {
                const char keyword[3] = { (char) data[0], (char) data[1] };
                size_t length = data[2];
                int r = 0;

                if (length > n - 3)
                        return -EBADMSG;
                if (!writable && strcmp(keyword, "RV") == 0) {
                        checked = length > 0 && is_sum_right(begin, data + 3);
                        break;
                }
                /* the rest is there to be written to */
                if (writable && strcmp(keyword, "RW") == 0)
                        break;
                if (is_field(keyword, writable))
                        r = add_field(v, keyword, writable, data + 3, length);
                if (r < 0)
                        return r;
                data += 3 + length;
                n -= 3 + length;
        }
        return checked ? 0 : -EBADMSG;
}

static int parse_resource(Vpd *v, unsigned tag, const uint8_t *begin, const uint8_t *data, size_t n) {
        int r;

        switch (tag) {
        case TAG_NAME:
                if (v->name)
                        return -EBADMSG;
                r = text_of(data, n, &v->name);
                return r == 0 ? -EBADMSG : r;
        case TAG_READ_ONLY:
                return parse_fields(v, begin, data, n, false);
        case TAG_READ_WRITE:
                return parse_fields(v, begin, data, n, true);
        default:
                return 0;
        }
}

static int parse_all(const uint8_t *data, size_t n, Vpd *v) {
        size_t at = 0;

        while (at < n) {
                bool large = data[at] & 0x80;
                unsigned tag = large ? data[at] : data[at] & 0x78U;
                size_t head = large ? 3 : 1, length;
                int r;

                if (n - at < head)
                        return -EBADMSG;
                length = large ? data[at + 1] | (size_t) data[at + 2] << 8 : data[at] & 7U;
                if (!large && tag == TAG_END)
                        return v->name ? 0 : -EBADMSG;
                if ((!v->name && tag != TAG_NAME) || length > n - at - head)
                        return -EBADMSG;
                r = large ? parse_resource(v, tag, data, data + at + head, length) : 0;
                if (r < 0)
                        return r;
                at += head + length;
        }
        return -EBADMSG;
}

int vpd_parse(const uint8_t *data, size_t n, Vpd *ret) {
        _cleanup_vpd_ Vpd v = {};
        int r = parse_all(data, n, &v);

        if (r < 0)
                return r;
        *ret = v;
        v = (Vpd){};
        return 0;
}

bool vpd_is_begun(int fd) {
        uint8_t tag;

        return pread(fd, &tag, 1, 0) == 1 && tag == TAG_NAME;
}

/* Where the data ends, by the heads alone: devices answer four bytes at a time, and slowly. 0: it does not. */
static size_t find_end(int fd) {
        uint8_t head[3];
        size_t at = 0;

        while (at < VPD_MAX && pread(fd, head, 1, (off_t) at) == 1) {
                if (!(head[0] & 0x80)) {
                        if ((head[0] & 0x78U) == TAG_END)
                                return at + 1;
                        at += 1 + (head[0] & 7U);
                        continue;
                }
                if (pread(fd, head, sizeof head, (off_t) at) != sizeof head)
                        return 0;
                at += 3 + (head[1] | (size_t) head[2] << 8);
        }
        return 0;
}

int vpd_read(int fd, Vpd *ret) {
        size_t n = vpd_is_begun(fd) ? find_end(fd) : 0, got = 0;
        _cleanup_free_ uint8_t *data = NULL;

        if (n == 0 || n > VPD_MAX)
                return -EBADMSG;
        data = malloc(n);
        if (!data)
                return -ENOMEM;
        while (got < n) {
                ssize_t r = pread(fd, data + got, n - got, (off_t) got);

                if (r <= 0)
                        return r < 0 ? -errno : -EBADMSG;
                got += (size_t) r;
        }
        return vpd_parse(data, n, ret);
}
