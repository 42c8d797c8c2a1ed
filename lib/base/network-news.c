/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/network-news.h"

#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"

void network_news(const char *network) {
        _cleanup_free_ char *path = text_format("%s/" NETWORK_NEWS_SOCKET, path_run());
        _cleanup_close_ int fd = path ? unix_connect(path, SOCK_DGRAM) : -ENOMEM;

        if (fd >= 0)
                (void) send(fd, network, strlen(network), MSG_DONTWAIT | MSG_NOSIGNAL);
}
