/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is asked of vm-events: base/guest-events.h. */

#include "base/guest-events.h"

typedef struct EventsRequest {
        const char *verb, *guest; /* within the text */
        char *unit;               /* of the guest */
        int process;
        bool events[GUEST_EVENTS];
} EventsRequest;

void events_request_done(EventsRequest *q);
#define _cleanup_events_request_ _cleanup_(events_request_done)

/* Takes text apart, in place. -EINVAL for what is no request. */
int events_request_parse(char *text, EventsRequest *q);
