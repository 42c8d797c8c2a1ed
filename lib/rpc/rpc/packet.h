/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packets: the frame around everything that travels, as bytes.
 *
 *      length  program  version  procedure  type  serial  status  payload
 *
 * seven big-endian words, length counts all of it. */

#include "base/error.h"
#include "rpc/codec.h"
#include "rpc/message.h"
#include "rpc/transport.h"

#define PACKET_HEADER_SIZE 28U
#define PACKET_PAYLOAD_MAX 33554408U
#define PACKET_SIZE_MAX (33554432U + 4U)

typedef enum PacketType {
        PACKET_CALL,
        PACKET_REPLY,
        PACKET_MESSAGE,
        PACKET_STREAM,
        PACKET_CALL_FDS,
        PACKET_REPLY_FDS,
        PACKET_STREAM_HOLE,
} PacketType;

typedef enum PacketStatus {
        PACKET_OK,
        PACKET_ERROR,
        PACKET_CONTINUE,
} PacketStatus;

typedef struct PacketHeader {
        uint32_t program;
        uint32_t version;
        int32_t procedure;
        uint32_t type;          /* PacketType */
        uint32_t serial;
        uint32_t status;        /* PacketStatus */
} PacketHeader;

/* A received packet; payload is without the count of descriptors and is borrowed. */
typedef struct Packet {
        PacketHeader header;
        const uint8_t *payload;
        size_t len;
        FdList *fds;            /* of this packet; whoever takes one puts -EBADF in its place */
} Packet;

/* Appends a header whose length is not known yet; *ret_start is its place for packet_end(). */
int packet_begin(Buffer *b, const PacketHeader *h, size_t *ret_start);
/* The length of a packet, header and all, into its beginning. */
void packet_set_size(uint8_t *packet, size_t size);
/* Writes the length; -EMSGSIZE where the packet is too large. */
int packet_end(Buffer *b, size_t start);
/* A whole packet of bytes. */
int packet_add(Buffer *b, const PacketHeader *h, const void *payload, size_t len);
/* A whole packet of one value. On failure the buffer is as before. */
int packet_add_value(Buffer *b, const PacketHeader *h, xdrproc_t codec, const void *v);
/* An error reply; r is the errno to tell where e is not filled. h's status is set. */
int packet_add_error(Buffer *b, const PacketHeader *h, int r, const Error *e);

/* Reads the header at data (PACKET_HEADER_SIZE bytes). */
void packet_parse_header(const uint8_t *data, PacketHeader *ret);
uint32_t packet_word(const uint8_t *p);
