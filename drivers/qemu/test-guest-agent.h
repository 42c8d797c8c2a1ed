/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An agent within the guest "web": one that answers, and several that lie. */

#include "test-host.h"

typedef struct FakeAgent {
        TestHost *host;
        int listener, fd;
        sd_event_source *accept_source, *read_source;
        char line[4096];
        size_t n;
        unsigned n_connections, wrong_numbers;
        bool silent;            /* at synchronisation */
        bool endless;           /* never ends its first line */
        bool forgetful;         /* hangs up at the first command */
        const char *before;     /* what an earlier client has left */
        const char *answer;     /* to every command; NULL: none */
        char asked[4096];       /* the commands that came */
} FakeAgent;

/* Defines the guest and starts it, with an agent's channel that is open or not. */
void agent_start(TestHost *h, FakeAgent *a, bool open);
void agent_stop(FakeAgent *a);
