/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a file of leases, and as one of guests' MACs. What was read is written so that it is read again
 * alike. */

#include "base/strings.h"
#include "network/leases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_leases_ LeaseList l = {}, again = {};
        _cleanup_free_ char *text = NULL, *init = NULL, *macs = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        (void) macs_change((const char *) data, size, "guest", "52:54:00:00:00:01", true, NULL, &macs);
        if (leases_parse((const char *) data, size, &l, &e) < 0)
                return 0;
        if (leases_for_dnsmasq(&l, &init) < 0 || leases_format(&l, &text) < 0)
                return 0;
        if (leases_parse(text, strlen(text), &again, &e) < 0 || again.n != l.n)
                abort();
        return 0;
}
