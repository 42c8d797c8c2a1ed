/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few string helpers that libc does not give. */

#include <stdarg.h>

#include "base/macros.h"

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Like streq(), and two NULLs are equal. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* What follows prefix in s, or NULL where s does not begin with it. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* The place of suffix at the end of s, or NULL. */
const char *endswith(const char *s, const char *suffix);

/* A new text as printf() would print it; NULL without memory. */
char *text_format(const char *format, ...) _printf_(1, 2);
char *text_formatv(const char *format, va_list ap) _printf_(1, 0);

/* The same of a function's own "format, ...". */
#define TEXT_OF_ARGUMENTS(format)                                                                            \
        ({                                                                                                   \
                va_list _ap;                                                                                 \
                char *_text;                                                                                 \
                va_start(_ap, format);                                                                       \
                _text = text_formatv(format, _ap);                                                           \
                va_end(_ap);                                                                                 \
                _text;                                                                                       \
        })

/* A growing text. Errors stick: append as you like, ask once with strbuf_take(). */
typedef struct StrBuf {
        char *data;   /* NUL-terminated once something was added */
        size_t len;
        size_t size;
        bool failed;
} StrBuf;

void strbuf_add(StrBuf *b, const char *s);
void strbuf_addn(StrBuf *b, const char *s, size_t n);
void strbuf_addc(StrBuf *b, char c);
void strbuf_addf(StrBuf *b, const char *format, ...) _printf_(2, 3);
/* Gives the text away (never NULL unless memory ran out) and empties the buffer. */
char *strbuf_take(StrBuf *b);
void strbuf_done(StrBuf *b);
#define _cleanup_strbuf_ _cleanup_(strbuf_done)

/* A NULL-terminated list of owned strings. */
void strv_free(char **l);
DEFINE_CLEANUP(char **, strv_free);
#define _cleanup_strv_ _cleanup_(strv_freep)
size_t strv_length(char *const *l);
bool strv_contains(char *const *l, const char *s);
/* Appends; strv_add() copies s, strv_consume() takes it (and frees it on failure). -ENOMEM or 0. */
int strv_add(char ***l, const char *s);
int strv_consume(char ***l, char *s);
/* The same for one who knows the length n: thousands of names are not counted again for each. */
int strv_consume_at(char ***l, size_t n, char *s);
int strv_addf(char ***l, const char *format, ...) _printf_(2, 3);

/* Whole-string numbers; -EINVAL for anything else, -ERANGE when too large. */
int parse_u64(const char *s, int base, uint64_t *ret);
int parse_uint(const char *s, unsigned *ret);
int parse_int(const char *s, int *ret);
/* The value of one hex digit of either case; -EINVAL where it is none. */
int hex_digit(char c);

/* "52:54:00:12:34:56" to bytes; each part one or two hex digits of either case. -EINVAL for NULL and all else. */
int mac_parse(const char *s, uint8_t ret[6]);

/* 32 hex digits with or without hyphens (and surrounding spaces) to 16 bytes; -EINVAL otherwise. */
int uuid_parse(const char *s, uint8_t ret[16]);
/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", 36 characters and a NUL. */
void uuid_format(const uint8_t uuid[16], char ret[37]);
/* A random (version 4) UUID. */
int uuid_generate(uint8_t ret[16]);
/* The UUID of a guest whose definition, written by hand, has none: always the same for the same name (version 8, a
 * 128-bit FNV-1a hash), so that every program and every restart agrees. */
void uuid_from_name(const char *name, uint8_t ret[16]);
