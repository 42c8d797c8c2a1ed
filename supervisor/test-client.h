/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A client of a few lines, blocking, for tests. Everything that goes wrong ends the test. */

#include "rpc/packet.h"
#include "rpc/procedure.h"

typedef struct TestClient {
        int fd;
        uint32_t serial;
        int n_events;           /* messages that came between replies */
        PacketHeader event;     /* the last one */
        Buffer event_body;
        rpc_error error;        /* of the last call that failed */
} TestClient;

typedef struct TestPacket {
        PacketHeader header;
        Buffer body;            /* the payload */
} TestPacket;

void test_connect(TestClient *c, const char *path);
void test_close(TestClient *c);
/* Opens the connection: auth_list, connect_open. */
void test_open(TestClient *c, const char *path, const char *uri, unsigned flags);

void test_send(TestClient *c, const void *data, size_t len);
void test_send_call(TestClient *c, uint32_t program, int32_t procedure, xdrproc_t codec, const void *args);
/* False at the end of the connection. */
bool test_receive(TestClient *c, TestPacket *ret);
/* 0, or the code of the error, with c->error filled. Events that come before the reply are counted. */
int test_call(TestClient *c, uint32_t program, int32_t procedure, const RpcCodec *codec, const void *args, void *ret);
#define test_remote(c, NAME, args, ret) \
        test_call(c, REMOTE_PROGRAM, REMOTE_PROC_##NAME, &remote_codec_##NAME, args, ret)
/* True where the server closes the connection within a few seconds. */
bool test_is_closed(TestClient *c);
