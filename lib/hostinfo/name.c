/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <netdb.h>

#include "base/macros.h"
#include "hostinfo/name.h"

int host_name(char **ret) {
        struct addrinfo hints = { .ai_flags = AI_CANONNAME | AI_NUMERICHOST };
        struct addrinfo *info = NULL;
        char name[256];

        if (gethostname(name, sizeof(name)) < 0)
                return -errno;
        name[sizeof(name) - 1] = 0;
        if (!strchr(name, '.') && getaddrinfo(name, NULL, &hints, &info) == 0)
                *ret = strdup(info->ai_canonname ?: name);
        else
                *ret = strdup(name);
        if (info)
                freeaddrinfo(info);
        return *ret ? 0 : -ENOMEM;
}
