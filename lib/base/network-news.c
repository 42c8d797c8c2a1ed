/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/network-news.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/fs.h"

void network_news(const char *network) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/" NETWORK_NEWS_SOCKET, path_run());

        if (fd >= 0 && n > 0 && (size_t) n < sizeof address.sun_path)
                (void) sendto(fd, network, strlen(network), MSG_DONTWAIT | MSG_NOSIGNAL,
                              (const struct sockaddr *) &address, sizeof address);
}
