/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/filter.h"

#include "base/strings.h"
#include "filter/port.h"

int filter_undo(const char *value) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *dev = strdup(value);
        char *owner = dev ? strchr(dev, ' ') : NULL;

        if (!owner || strchr(dev, '/'))
                return dev ? -EINVAL : -ENOMEM;
        *owner++ = '\0';
        return filter_port_unbind(dev, owner, &e);
}
