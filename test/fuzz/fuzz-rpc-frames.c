/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes of a client, against a whole server with the test driver.
 *
 * The first byte of the input chooses: bit 0, the client has opened the connection before; bit 1, it reads nothing;
 * bits 2 and 3, how the rest is cut into pieces. */

#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/log.h"
#include "test-driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t opening[] = {
        /* auth_list */
        0, 0, 0, 28, 0x20, 0x00, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 66, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        /* connect_open("", 0) */
        0, 0, 0, 40, 0x20, 0x00, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
        0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
};

static Server *the_server(void) {
        static Server *server;
        static Listener listener;

        if (server)
                return server;
        log_set_max_level(LOG_ERR);
        if (server_new("virttestd", "test", test_drivers, n_test_drivers, &server, NULL) < 0)
                abort();
        listener = (Listener) { .server = server, .kind = SOCKET_MAIN, .fd = -EBADF };
        server->listeners = &listener;
        server->config.auth[SOCKET_MAIN] = AUTH_NONE;
        return server;
}

static void turn(Server *s, int fd, bool reads) {
        static char buf[1 << 20];

        for (int i = 0; i < 4; i++) {
                if (loop_run_once(s->loop, 0) < 0)
                        abort();
                if (reads)
                        while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
                                ;
        }
}

static void feed(Server *s, int fd, const uint8_t *data, size_t size, bool reads) {
        while (size > 0 && s->clients) {
                ssize_t n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

                turn(s, fd, reads);
                if (n <= 0)
                        return;
                data += n;
                size -= (size_t) n;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const size_t pieces[] = { SIZE_MAX, 1, 29, 1000 };
        Server *s = the_server();
        const Service *service = &s->services[SERVICE_MAIN];
        size_t piece;
        int fds[2];
        bool reads;

        if (size < 1)
                return 0;
        reads = !(data[0] & 2);
        piece = pieces[data[0] >> 2 & 3];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
                abort();
        if (client_new(s, &s->listeners[0], fds[0]) < 0)
                abort();
        if (data[0] & 1)
                feed(s, fds[1], opening, sizeof(opening), true);
        for (size_t i = 1; i < size; i += MIN(piece, size - i))
                feed(s, fds[1], data + i, MIN(piece, size - i), reads);

        close(fds[1]);
        if (s->clients)
                connection_close(s->clients->connection, 0);
        if (loop_stop_fibers(s->loop, 10000000) < 0)
                abort();
        turn(s, -1, false);
        /* Nothing of this client may be left. */
        if (s->clients || server_n_calls(s) > 0 || service->n_clients > 0 ||
            service->n_anonymous[0] > 0 || service->n_anonymous[1] > 0)
                abort();
        return 0;
}
