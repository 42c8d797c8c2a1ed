/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a set of rules: messages for the kernel, each as long as it says, or an error with words. */

#include <linux/netlink.h>

#include "base/strings.h"
#include "network/ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size), *messages = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        size_t len = 0, at = 0;
        int r;

        if (!text)
                return 0;
        r = ruleset_compile(text, &messages, &len, &e);
        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                abort();
        while (r >= 0 && at < len) {
                struct nlmsghdr header;

                if (len - at < sizeof header)
                        abort();
                memcpy(&header, messages + at, sizeof header);
                if (header.nlmsg_len < sizeof header || header.nlmsg_len > len - at)
                        abort();
                at += NLMSG_ALIGN(header.nlmsg_len);
        }
        return 0;
}
