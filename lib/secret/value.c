/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "secret/value.h"

static size_t mapping_size(size_t len) {
        size_t page = (size_t) sysconf(_SC_PAGESIZE);

        return (len + page) / page * page; /* with the 0 behind it */
}

int secret_value_new(size_t len, SecretValue *ret) {
        size_t size = mapping_size(len);
        void *p;

        /* Twice: base64 of a value is one. */
        if (len > 2 * SECRET_VALUE_MAX)
                return -E2BIG;
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
                return -ENOMEM;
        (void) mlock(p, size);
        (void) madvise(p, size, MADV_DONTDUMP);
        (void) madvise(p, size, MADV_WIPEONFORK);
        *ret = (SecretValue){ .data = p, .len = len };
        return 0;
}

int secret_value_copy(const void *data, size_t len, SecretValue *ret) {
        int r;

        r = secret_value_new(len, ret);
        if (r >= 0)
                memcpy(ret->data, data, len);
        return r;
}

void secret_value_done(SecretValue *v) {
        if (!v->data)
                return;
        explicit_bzero(v->data, v->len);
        (void) munmap(v->data, mapping_size(v->len));
        *v = (SecretValue){};
}

int secret_value_to_fd(const SecretValue *v, unsigned flags, int *ret) {
        _cleanup_close_ int fd = memfd_create("secret", flags | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, (const char *) v->data, v->len);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

/* base64 */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool is_space(char c) {
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* One unit of four digits; how many bytes it held, or -EBADMSG. */
static int decode_unit(const char unit[4], uint8_t out[3]) {
        uint32_t bits = 0;
        int n = 3;

        for (int i = 0; i < 4; i++) {
                const char *d = unit[i] ? strchr(digits, unit[i]) : NULL;

                if (unit[i] == '=' && i >= 2 && (i == 3 || unit[3] == '='))
                        n = MIN(n, i - 1);
                else if (!d)
                        return -EBADMSG;
                bits = bits << 6 | (d ? (uint32_t) (d - digits) : 0);
        }
        out[0] = (uint8_t) (bits >> 16);
        out[1] = (uint8_t) (bits >> 8);
        out[2] = (uint8_t) bits;
        return n;
}

int secret_value_from_base64(const char *text, size_t len, SecretValue *ret) {
        _cleanup_secret_value_ SecretValue v = {};
        uint8_t out[3] = {};
        char unit[4] = {};
        size_t n = 0, in_unit = 0;
        int last = 3, r;

        r = secret_value_new(len / 4 * 3 + 3, &v);
        if (r < 0)
                return r;
        for (size_t i = 0; i < len; i++) {
                if (is_space(text[i]))
                        continue;
                if (last < 3)
                        return -EBADMSG; /* something behind the padding */
                unit[in_unit++] = text[i];
                if (in_unit < 4)
                        continue;
                in_unit = 0;
                last = decode_unit(unit, out);
                if (last < 0)
                        return last;
                memcpy(v.data + n, out, (size_t) last);
                n += (size_t) last;
        }
        r = in_unit > 0 ? -EBADMSG : n > SECRET_VALUE_MAX ? -E2BIG : secret_value_copy(v.data, n, ret);
        explicit_bzero(out, sizeof(out));
        explicit_bzero(unit, sizeof(unit));
        return r;
}

int secret_value_to_base64(const SecretValue *v, SecretValue *ret) {
        size_t n = 0;
        int r;

        r = secret_value_new((v->len + 2) / 3 * 4, ret);
        if (r < 0)
                return r;
        for (size_t i = 0; i < v->len; i += 3) {
                size_t left = v->len - i;
                uint32_t bits = (uint32_t) v->data[i] << 16 | (left > 1 ? (uint32_t) v->data[i + 1] << 8 : 0) |
                                (left > 2 ? v->data[i + 2] : 0);

                ret->data[n++] = (uint8_t) digits[bits >> 18];
                ret->data[n++] = (uint8_t) digits[bits >> 12 & 63U];
                ret->data[n++] = left > 1 ? (uint8_t) digits[bits >> 6 & 63U] : '=';
                ret->data[n++] = left > 2 ? (uint8_t) digits[bits & 63U] : '=';
        }
        return 0;
}
