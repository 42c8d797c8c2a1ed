/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calls/facts.h"

const GuestArch guest_arches[N_GUEST_ARCHES] = {
        { "x86_64", "64", "/usr/bin/qemu-system-x86_64", "x86_64" },
        { "i686", "32", "/usr/bin/qemu-system-i386", "i386" },
};

void document_attr_int(DocumentWriter *w, DocumentElement *n, const char *name, long value) {
        document_attrf(w, n, name, "%li", value);
}

int facts_read(QemuDriver *d, Facts *ret, Error *e) {
        int r;

        r = driver_host_facts(d, &ret->host, e);
        if (r < 0)
                return r;
        snprintf(ret->version, sizeof(ret->version), "%u.%u.%u", ret->host.qemu_version / 1000000U,
                 ret->host.qemu_version / 1000U % 1000U, ret->host.qemu_version % 1000U);
        ret->caps = qemu_caps_for(ret->version, "x86_64");
        if (!ret->caps)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "QEMU %s is not supported",
                                 ret->version);
        return 0;
}
