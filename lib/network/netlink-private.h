/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "network/link.h"

/* Messages are built in one go: a failure to add to one (memory) sticks and comes out of request_send(). */
typedef struct Request {
        struct nl_msg *msg;
        bool failed;
} Request;

Request request_new(int type, int flags, const void *header, size_t len);
void request_put(Request *q, int attribute, const void *data, size_t len);
void request_put_u8(Request *q, int attribute, uint8_t value);
void request_put_u32(Request *q, int attribute, uint32_t value);
void request_put_text(Request *q, int attribute, const char *text);
struct nlattr *request_open(Request *q, int attribute);
void request_close(Request *q, struct nlattr *nest);

/* Sends, frees, and waits for the kernel's answer. */
int request_send(Netlink *n, Request *q);

/* The same, for a request of data: each message of the answer goes to the function until it returns something else than
 * 0, which is what comes out. */
typedef int (*AnswerFunc)(const struct nlmsghdr *answer, void *userdata);
int request_read(Netlink *n, Request *q, AnswerFunc f, void *userdata);

/* The messages of network/link.h about VLANs, for their test: many kernels' bridges filter none. */
Request bridge_create_request(const BridgeSettings *s);
Request vlan_add_request(int port, uint16_t vlan, bool native, bool tagged);
Request vlan_remove_request(int port, uint16_t vlan);

/* The index of a link; -ENODEV, -EINVAL for what is no name of one. */
int link_index(const char *name);
