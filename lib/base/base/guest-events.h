/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What of a guest's work the kernel counts (<perf>, virsh perf): performance events, kept open by vm-events, a service
 * that systemd starts for the socket below (SOCK_SEQPACKET, root only). It outlives whoever asks, and ends when it has
 * been without a request and without an event for a while.
 *
 * One packet each way. The request is lines of KEY=VALUE (base/keyfile.h):
 *
 *   verb     "enable": the events are counted from now on, all of them or none, those that are counted already as
 *            before; "disable": they are not any more; "read": how far all that are counted have come; "forget": none
 *            of the guest's is counted any more
 *   guest    its name
 *   process  number of one of its unit's processes, which is counted with all that comes of it; for enable
 *   event    a name of the table below; for enable and disable, once for each
 *
 * The answer is lines, too: "error" (error_to_text()), or "done" and its verb, for read followed by a line for each
 * event that is counted, whose key is its name. */

#include <stdint.h>

#include "base/error.h"

#define EVENTS_SOCKET "events/socket" /* below path_run() */
#define EVENTS_PACKET_MAX 4096U

/* In the order in which libvirt has them. */
typedef struct GuestEvent {
        const char *name;
        int type;         /* PERF_TYPE_...; -1: the kernel counts no such thing any more */
        uint64_t config;
} GuestEvent;

#define GUEST_EVENTS 22U
extern const GuestEvent guest_events[GUEST_EVENTS];

/* Its place in the table; -ENOENT. */
int guest_event_find(const char *name);

/* A request; process 0 and events NULL are not said. The caller's; NULL without memory. */
char *guest_events_request(const char *verb, const char *guest, int process, const bool events[GUEST_EVENTS]);

/* Takes an answer apart: what is counted, and how far. Fills the error where it is one, or none. */
typedef struct GuestEventValues {
        bool counted[GUEST_EVENTS];
        uint64_t value[GUEST_EVENTS];
} GuestEventValues;
int guest_events_answer(char *text, GuestEventValues *ret, Error *e);
