/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a request to vm-plug, which is root. What it takes for a guest and a device cannot lead elsewhere. */

#include <stdint.h>

#include "base/guest-plug.h"
#include "base/strings.h"
#include "plug-request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *s) {
        if (!s || !*s || *s == '.' || strchr(s, '/'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_plug_request_ PlugRequest q = {};
        char text[PLUG_REQUEST_MAX + 1];

        /* as it comes from the socket */
        if (size > PLUG_REQUEST_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = 0;
        if (plug_request_parse(text, &q) < 0)
                return 0;
        check_name(q.guest);
        if (q.device)
                check_name(q.device);
        if (q.group)
                check_name(q.group);
        /* with threads comes one thing alone: CPUs, a limit, or which vCPU it is */
        if (!q.verb || !q.device != !!q.threads ||
            (q.threads && !!q.cpus + !!q.vcpu + (q.group && q.limit) != 1))
                abort();
        return 0;
}
