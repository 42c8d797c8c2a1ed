/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netlink-private.h"
#include "network/shape.h"

#define SHAPE_ROOT TC_H_MAKE(1U << 16, 0U)
#define SHAPE_CLASS(minor) TC_H_MAKE(1U << 16, (uint32_t) (minor))

/* Minor numbers of classes: all that the link sends; below it what nothing is guaranteed to, and then one for each card
 * with a floor. */
enum { SHAPE_ALL = 1, SHAPE_REST = 2, SHAPE_FIRST_FLOOR = 3 };

Request tc_request(int type, int flags, int index, uint32_t parent, uint32_t handle, uint32_t info);

/* Makes a class, or changes it. */
int shape_class(Netlink *n, int index, uint32_t parent, uint32_t class, const Rate *rate);
