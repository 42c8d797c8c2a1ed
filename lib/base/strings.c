/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <limits.h>
#include <sys/random.h>

#include "base/strings.h"

const char *endswith(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && strcmp(s + n - m, suffix) == 0 ? s + n - m : NULL;
}

char *text_formatv(const char *format, va_list ap) {
        char *s;

        return vasprintf(&s, format, ap) < 0 ? NULL : s;
}

char *text_format(const char *format, ...) {
        return TEXT_OF_ARGUMENTS(format);
}

static bool strbuf_reserve(StrBuf *b, size_t more) {
        size_t size = b->size ?: 64;
        char *p;

        if (b->failed || more > SIZE_MAX / 2 - b->len) {
                b->failed = true;
                return false;
        }
        while (size < b->len + more + 1)
                size *= 2;
        if (size == b->size)
                return true;
        p = realloc(b->data, size);
        if (!p) {
                b->failed = true;
                return false;
        }
        b->data = p;
        b->size = size;
        return true;
}

void strbuf_addn(StrBuf *b, const char *s, size_t n) {
        if (!strbuf_reserve(b, n))
                return;
        memcpy(b->data + b->len, s, n);
        b->len += n;
        b->data[b->len] = 0;
}

void strbuf_add(StrBuf *b, const char *s) {
        strbuf_addn(b, s, strlen(s));
}

void strbuf_addc(StrBuf *b, char c) {
        strbuf_addn(b, &c, 1);
}

void strbuf_addf(StrBuf *b, const char *format, ...) {
        va_list ap, again;
        int n;

        va_start(ap, format);
        va_copy(again, ap);
        n = vsnprintf(NULL, 0, format, ap);
        if (n < 0)
                b->failed = true;
        else if (strbuf_reserve(b, (size_t) n)) {
                vsnprintf(b->data + b->len, (size_t) n + 1, format, again);
                b->len += (size_t) n;
        }
        va_end(again);
        va_end(ap);
}

char *strbuf_take(StrBuf *b) {
        char *s;

        if (!b->failed && !b->data)
                strbuf_addn(b, "", 0);
        s = b->failed ? NULL : TAKE_PTR(b->data);
        strbuf_done(b);
        return s;
}

void strbuf_done(StrBuf *b) {
        free(b->data);
        *b = (StrBuf) {};
}

void strv_free(char **l) {
        for (char **p = l; p && *p; p++)
                free(*p);
        free(l);
}

size_t strv_length(char *const *l) {
        size_t n = 0;

        while (l && l[n])
                n++;
        return n;
}

bool strv_contains(char *const *l, const char *s) {
        for (; l && *l; l++)
                if (streq(*l, s))
                        return true;
        return false;
}

int strv_consume_at(char ***l, size_t n, char *s) {
        char **p;

        if (!s)
                return -ENOMEM;
        /* Grows in powers of two. */
        p = (n & (n + 1)) == 0 ? realloc(*l, (2 * n + 2) * sizeof(char *)) : *l;
        if (!p) {
                free(s);
                return -ENOMEM;
        }
        p[n] = s;
        p[n + 1] = NULL;
        *l = p;
        return 0;
}

int strv_consume(char ***l, char *s) {
        return strv_consume_at(l, strv_length(*l), s);
}

int strv_add(char ***l, const char *s) {
        return strv_consume(l, strdup(s));
}

int strv_addf(char ***l, const char *format, ...) {
        return strv_consume(l, TEXT_OF_ARGUMENTS(format));
}

int parse_u64(const char *s, int base, uint64_t *ret) {
        unsigned long long v;
        char *end;

        /* strtoull() would take signs and leading spaces. */
        if (!isxdigit((unsigned char) *s))
                return -EINVAL;
        errno = 0;
        v = strtoull(s, &end, base);
        if (errno > 0)
                return -errno;
        if (*end)
                return -EINVAL;
        *ret = v;
        return 0;
}

int parse_uint(const char *s, unsigned *ret) {
        uint64_t v;
        int r;

        r = parse_u64(s, 10, &v);
        if (r < 0)
                return r;
        if (v > UINT_MAX)
                return -ERANGE;
        *ret = (unsigned) v;
        return 0;
}

int parse_int(const char *s, int *ret) {
        bool negative = *s == '-';
        uint64_t v;
        int r;

        r = parse_u64(s + negative, 10, &v);
        if (r < 0)
                return r;
        if (v > INT_MAX)
                return -ERANGE;
        *ret = negative ? -(int) v : (int) v;
        return 0;
}

int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

int mac_parse(const char *s, uint8_t ret[6]) {
        if (!s)
                return -EINVAL;
        for (unsigned i = 0; i < 6; i++) {
                int value = hex_digit(*s);

                if (value < 0)
                        return -EINVAL;
                s++;
                if (hex_digit(*s) >= 0)
                        value = value * 16 + hex_digit(*s++);
                ret[i] = (uint8_t) value;
                if (*s++ != (i < 5 ? ':' : '\0'))
                        return -EINVAL;
        }
        return 0;
}

int uuid_parse(const char *s, uint8_t ret[16]) {
        uint8_t u[16];
        int n = 0;

        while (isspace((unsigned char) *s))
                s++;
        for (; n < 32; s++) {
                int digit = hex_digit(*s);

                if (*s == '-')
                        continue;
                if (digit < 0)
                        return digit;
                u[n / 2] = (uint8_t) (n % 2 ? u[n / 2] | digit : digit << 4);
                n++;
        }
        while (isspace((unsigned char) *s))
                s++;
        if (*s)
                return -EINVAL;
        memcpy(ret, u, sizeof u);
        return 0;
}

/* Each access check does this. */
void uuid_format(const uint8_t u[16], char ret[37]) {
        static const char hex[16] = "0123456789abcdef";
        char *p = ret;

        for (int i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                *p++ = hex[u[i] >> 4];
                *p++ = hex[u[i] & 15];
        }
        *p = 0;
}

int uuid_generate(uint8_t ret[16]) {
        if (getrandom(ret, 16, 0) != 16)
                return -errno;
        ret[6] = (uint8_t) ((ret[6] & 0x0f) | 0x40);
        ret[8] = (uint8_t) ((ret[8] & 0x3f) | 0x80);
        return 0;
}

void uuid_from_name(const char *name, uint8_t ret[16]) {
        const unsigned __int128 prime = ((unsigned __int128) 1 << 88) + 0x13b;
        unsigned __int128 h = ((unsigned __int128) 0x6c62272e07bb0142ULL << 64) + 0x62b821756295c58dULL;

        for (const char *p = name; *p; p++)
                h = (h ^ (uint8_t) *p) * prime;
        for (unsigned i = 0; i < 16; i++)
                ret[i] = (uint8_t) (h >> (8 * (15 - i)));
        ret[6] = (uint8_t) ((ret[6] & 0x0f) | 0x80);
        ret[8] = (uint8_t) ((ret[8] & 0x3f) | 0x80);
}
