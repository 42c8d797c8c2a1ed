/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the supervisor asks of vm-plug: base/guest-plug.h. */

#include "base/macros.h"

typedef struct PlugRequest {
        char *verb, *guest, *device, *version;
        char *threads, *cpus, *group, *limit; /* in place of a device: threads and cpus, or threads, group and limit */
        char *vcpu;                             /* in place of cpus */
        char *frames;                           /* with a device */
        unsigned set;
} PlugRequest;

void plug_request_done(PlugRequest *q);
#define _cleanup_plug_request_ _cleanup_(plug_request_done)

/* Takes text apart. Names that are there are parts of a path each; -EINVAL for what is no request. */
int plug_request_parse(char *text, PlugRequest *q);
