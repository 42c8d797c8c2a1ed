/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packets put together and taken apart. */

#include "rpc/packet.h"

#include <arpa/inet.h>

#include "base/strings.h"

uint32_t packet_word(const uint8_t *p) {
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return ntohl(v);
}

void packet_parse_header(const uint8_t *data, PacketHeader *ret) {
        *ret = (PacketHeader) {
                .program = packet_word(data + 4),
                .version = packet_word(data + 8),
                .procedure = (int32_t) packet_word(data + 12),
                .type = packet_word(data + 16),
                .serial = packet_word(data + 20),
                .status = packet_word(data + 24),
        };
}

int packet_begin(Buffer *b, const PacketHeader *h, size_t *ret_start) {
        uint32_t words[7] = {
                0,
                htonl(h->program),
                htonl(h->version),
                htonl((uint32_t) h->procedure),
                htonl(h->type),
                htonl(h->serial),
                htonl(h->status),
        };

        *ret_start = b->len;
        return buffer_add(b, words, sizeof(words));
}

void packet_set_size(uint8_t *packet, size_t size) {
        uint32_t be = htonl((uint32_t) size);

        memcpy(packet, &be, sizeof(be));
}

int packet_end(Buffer *b, size_t start) {
        size_t size = b->len - start;

        if (size > PACKET_SIZE_MAX)
                return -EMSGSIZE;
        packet_set_size(b->data + start, size);
        return 0;
}

int packet_add(Buffer *b, const PacketHeader *h, const void *payload, size_t len) {
        size_t start;
        int r;

        if (len > PACKET_PAYLOAD_MAX)
                return -EMSGSIZE;
        r = buffer_reserve(b, PACKET_HEADER_SIZE + len);
        if (r < 0)
                return r;
        (void) packet_begin(b, h, &start);
        (void) buffer_add(b, payload, len);
        return packet_end(b, start);
}

int packet_add_value(Buffer *b, const PacketHeader *h, xdrproc_t codec, const void *v) {
        size_t start;
        int r;

        r = packet_begin(b, h, &start);
        if (r < 0)
                return r;
        r = rpc_encode(b, PACKET_PAYLOAD_MAX, codec, v);
        if (r < 0) {
                b->len = start;
                return r;
        }
        return packet_end(b, start);
}

/* Clients that translate take the template and its words; ours are whole sentences, so the template is "%s" and
 * the detail its argument. For code 38 the third number is the errno. */
int packet_add_error(Buffer *b, const PacketHeader *h, int r, const Error *e) {
        _cleanup_error_ Error local = ERROR_INIT;
        char *template = (char *) "%s", *message, *detail;
        PacketHeader header = *h;
        rpc_error wire = { .level = 2, .int1 = -1, .int2 = -1 };

        if (!error_is_set(e)) {
                error_set_errno(&local, r, ORIGIN_RPC, "the call failed");
                e = &local;
        }
        message = e->message ?: e->detail;
        detail = e->detail;
        wire.code = e->code;
        wire.domain = e->origin;
        wire.message = message ? &message : NULL;
        wire.str1 = detail ? &template : NULL;
        wire.str2 = detail ? &detail : NULL;
        if (e->code == ERROR_SYSTEM_ERROR)
                wire.int1 = e->system;

        header.status = PACKET_ERROR;
        if (header.type == PACKET_CALL || header.type == PACKET_CALL_FDS || header.type == PACKET_REPLY_FDS)
                header.type = PACKET_REPLY;
        return packet_add_value(b, &header, (xdrproc_t) (void (*)(void)) xdr_rpc_error, &wire);
}
