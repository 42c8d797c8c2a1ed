/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* XDR over bytes that are all there (decoding) and over a growing buffer (encoding). */

#include <arpa/inet.h>

#include "rpc/codec.h"

#define BUFFER_SIZE_MIN 256U

static void buffer_free_data(Buffer *b) {
        if (b->wipe && b->data)
                explicit_bzero(b->data, b->size);
        free(b->data);
}

void buffer_done(Buffer *b) {
        buffer_free_data(b);
        *b = (Buffer) { .wipe = b->wipe };
}

/* As realloc(), which would leave what it copied. */
static uint8_t *buffer_grow(Buffer *b, size_t size) {
        uint8_t *p;

        if (!b->wipe)
                return realloc(b->data, size);
        p = malloc(size);
        if (!p)
                return NULL;
        if (b->len > 0)
                memcpy(p, b->data, b->len);
        buffer_free_data(b);
        return p;
}

int buffer_reserve(Buffer *b, size_t n) {
        size_t size = MAX(b->size, BUFFER_SIZE_MIN);
        uint8_t *p;

        if (n <= b->size - b->len)
                return 0;
        if (n > SIZE_MAX / 2 - b->len)
                return -ENOMEM;
        while (size - b->len < n)
                size *= 2;

        p = buffer_grow(b, size);
        if (!p)
                return -ENOMEM;
        b->data = p;
        b->size = size;
        return 0;
}

int buffer_add(Buffer *b, const void *data, size_t n) {
        int r;

        r = buffer_reserve(b, n);
        if (r < 0)
                return r;
        if (n > 0)
                memcpy(b->data + b->len, data, n);
        b->len += n;
        return 0;
}

bool_t xdr_rpc_void(XDR *xdrs, rpc_void *v) {
        return TRUE;
}

/* Takes the place of libtirpc's, which sanitizers intercept and then do not find where it is linked statically. Both
 * orders of bytes are those of whole numbers. */
bool_t xdr_double(XDR *xdrs, double *v) {
        uint64_t bits;

        memcpy(&bits, v, sizeof(bits));
        if (!xdr_uint64_t(xdrs, &bits))
                return FALSE;
        memcpy(v, &bits, sizeof(bits));
        return TRUE;
}

/* The bytes that are left to decode. x_handy counts down, as libtirpc's memory streams do it. */
static uint32_t bytes_left(XDR *xdrs) {
        return (uint32_t) xdrs->x_handy;
}

/* Reads a count and checks it against its limit and, unit bytes being the least an element takes, against what is
 * left. */
static bool decode_count(XDR *xdrs, unsigned *n, unsigned max, unsigned unit) {
        uint32_t v;

        if (!xdr_u_int32_t(xdrs, &v))
                return false;
        if (v > max || v > bytes_left(xdrs) / unit)
                return false;
        *n = v;
        return true;
}

static bool encode_count(XDR *xdrs, unsigned n, unsigned max) {
        uint32_t v = n;

        return n <= max && xdr_u_int32_t(xdrs, &v);
}

/* Elements of an array take four bytes each at least: there are no empty ones in the protocol. */
bool_t rpc_xdr_array(XDR *xdrs, char **data, unsigned *n, unsigned max, unsigned size, xdrproc_t element) {
        if (xdrs->x_op == XDR_ENCODE) {
                if (!encode_count(xdrs, *n, max) || (*n > 0 && !*data))
                        return FALSE;
        } else if (xdrs->x_op == XDR_DECODE) {
                unsigned k;

                if (!decode_count(xdrs, &k, max, 4))
                        return FALSE;
                *n = 0;
                *data = NULL;
                if (k == 0)
                        return TRUE;
                *data = calloc(k, size);
                if (!*data)
                        return FALSE;
                *n = k;
        }

        /* Freeing goes on after an element that was not decoded whole, such as a union without its kind. */
        for (unsigned i = 0; *data && i < *n; i++)
                if (!element(xdrs, *data + (size_t) i * size) && xdrs->x_op != XDR_FREE)
                        return FALSE;
        if (xdrs->x_op == XDR_FREE) {
                free(*data);
                *data = NULL;
                *n = 0;
        }
        return TRUE;
}

bool_t rpc_xdr_bytes(XDR *xdrs, char **data, unsigned *n, unsigned max) {
        unsigned k;

        switch (xdrs->x_op) {
        case XDR_ENCODE:
                return encode_count(xdrs, *n, max) && (*n == 0 || (*data && xdr_opaque(xdrs, *data, *n)));
        case XDR_DECODE:
                if (!decode_count(xdrs, &k, max, 1))
                        return FALSE;
                *n = 0;
                *data = NULL;
                if (k == 0)
                        return TRUE;
                *data = malloc(k);
                if (!*data)
                        return FALSE;
                *n = k;
                return xdr_opaque(xdrs, *data, k);
        default:
                /* Bytes may be the value of a secret. */
                if (*data)
                        explicit_bzero(*data, *n);
                free(*data);
                *data = NULL;
                *n = 0;
                return TRUE;
        }
}

/* A string with a NUL inside is refused: all our code, and every client's, would see half of it. */
bool_t rpc_xdr_string(XDR *xdrs, char **s, unsigned max) {
        unsigned n;

        switch (xdrs->x_op) {
        case XDR_ENCODE:
                if (!*s || strlen(*s) > max)
                        return FALSE;
                n = (unsigned) strlen(*s);
                return encode_count(xdrs, n, max) && xdr_opaque(xdrs, *s, n);
        case XDR_DECODE:
                if (!decode_count(xdrs, &n, max, 1))
                        return FALSE;
                *s = malloc((size_t) n + 1);
                if (!*s)
                        return FALSE;
                (*s)[n] = '\0';
                if (!xdr_opaque(xdrs, *s, n)) {
                        (*s)[0] = '\0';
                        return FALSE;
                }
                return strlen(*s) == n;
        default:
                free(*s);
                *s = NULL;
                return TRUE;
        }
}

/* The encoding stream: x_private is the Buffer, x_handy counts the bytes still allowed, x_public
 * points to a flag that says they ran out. */
static void *encode_room(XDR *xdrs, unsigned n) {
        Buffer *b = xdrs->x_private;
        void *p;

        if (n > bytes_left(xdrs)) {
                *xdrs->x_public = true;
                return NULL;
        }
        if (buffer_reserve(b, n) < 0)
                return NULL;
        p = b->data + b->len;
        b->len += n;
        xdrs->x_handy -= n;
        return p;
}

static bool_t encode_long(XDR *xdrs, const long *v) {
        uint32_t be = htonl((uint32_t) *v);
        void *p = encode_room(xdrs, 4);

        if (p)
                memcpy(p, &be, 4);
        return !!p;
}

static bool_t encode_bytes(XDR *xdrs, const char *data, u_int n) {
        void *p = encode_room(xdrs, n);

        if (p && n > 0)
                memcpy(p, data, n);
        return !!p;
}

/* The decoding stream: x_private is the next byte, x_handy how many there are. */
static bool_t decode_long(XDR *xdrs, long *v) {
        uint32_t be;

        if (bytes_left(xdrs) < 4)
                return FALSE;
        memcpy(&be, xdrs->x_private, 4);
        *v = (int32_t) ntohl(be);
        xdrs->x_private = (char *) xdrs->x_private + 4;
        xdrs->x_handy -= 4;
        return TRUE;
}

static bool_t decode_bytes(XDR *xdrs, char *data, u_int n) {
        if (n > bytes_left(xdrs))
                return FALSE;
        if (n > 0)
                memcpy(data, xdrs->x_private, n);
        xdrs->x_private = (char *) xdrs->x_private + n;
        xdrs->x_handy -= n;
        return TRUE;
}

static u_int no_position(XDR *xdrs) {
        return 0;
}

static bool_t no_seek(XDR *xdrs, u_int position) {
        return FALSE;
}

static int32_t *no_inline(XDR *xdrs, u_int n) {
        return NULL;
}

static void no_destroy(XDR *xdrs) {
}

static bool_t no_control(XDR *xdrs, int request, void *info) {
        return FALSE;
}

/* One table for both: x_op says which half is asked. */
static const struct xdr_ops stream_ops = {
        .x_getlong = decode_long,
        .x_putlong = encode_long,
        .x_getbytes = decode_bytes,
        .x_putbytes = encode_bytes,
        .x_getpostn = no_position,
        .x_setpostn = no_seek,
        .x_inline = no_inline,
        .x_destroy = no_destroy,
        .x_control = no_control,
};

int rpc_encode(Buffer *b, size_t max, xdrproc_t codec, const void *v) {
        char too_large = false;
        XDR xdrs = {
                .x_op = XDR_ENCODE,
                .x_ops = &stream_ops,
                .x_public = &too_large,
                .x_private = b,
                .x_handy = (u_int) MIN(max, (size_t) INT32_MAX),
        };
        size_t before = b->len;

        if (codec(&xdrs, (void *) v))
                return 0;
        b->len = before;
        return too_large ? -EMSGSIZE : -EINVAL;
}

int rpc_decode(const void *data, size_t len, xdrproc_t codec, void *v) {
        XDR xdrs = {
                .x_op = XDR_DECODE,
                .x_ops = &stream_ops,
                .x_private = (void *) data,
                .x_handy = (u_int) len,
        };

        if (len > INT32_MAX)
                return -EBADMSG;
        if (codec(&xdrs, v) && xdrs.x_handy == 0)
                return 0;
        rpc_free(codec, v);
        return -EBADMSG;
}

void rpc_free(xdrproc_t codec, void *v) {
        XDR xdrs = { .x_op = XDR_FREE, .x_ops = &stream_ops };

        codec(&xdrs, v);
}
