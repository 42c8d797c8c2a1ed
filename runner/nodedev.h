/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What vm-nodedev does: the verbs, and where a job and its result are. */

#include "base/error.h"

/* The lines of a job, KEY=VALUE (base/keyfile.h). */
typedef struct NodedevJob {
        char *verb, *device, *driver;
        char *uuid, *parent, *input;    /* of a mediated device; input: its JSON */
        char *host, *wwpn, *wwnn;       /* of a port */
} NodedevJob;

int nodedev_job_parse(char *text, NodedevJob *ret);
void nodedev_job_done(NodedevJob *j);
/* Does it; fills e. */
int nodedev_job_run(const NodedevJob *j, Error *e);
