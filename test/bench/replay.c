/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replay: the cheapest server that can be: it answers each call with recorded bytes, unseen.
 *
 *     replay record SOCKET REAL FILE      listens on SOCKET, forwards one client's calls to REAL, notes both sides
 *     replay serve SOCKET FILE            answers any number of clients from FILE; SOCKET "-": the one that systemd
 *     passed
 *
 * FILE is a sequence of call, reply, call, reply, ... frames. A call is answered by the reply of the recorded call of
 * the same procedure; where a procedure was called with different arguments, by that with the same arguments. Only
 * the serial number of the answer is changed. What a real server can lose against this one is its own work.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
        HEADER = 28,                    /* length word included */
        FRAME_MAX = 8 * 1024 * 1024,
        PAIRS_MAX = 4096,
        EVENTS_MAX = 64,
        PASSED = 3,                     /* descriptor; sd_listen_fds(3) */
};

/* Words of a frame, in network order. */
enum { WORD_LENGTH, WORD_PROGRAM, WORD_VERSION, WORD_PROCEDURE, WORD_TYPE, WORD_SERIAL, WORD_STATUS };

typedef struct Frame {
        uint32_t size;
        uint8_t *data;
} Frame;

typedef struct Pair {
        Frame call, reply;
} Pair;

static Pair pairs[PAIRS_MAX];
static size_t n_pairs;

static uint32_t word(const uint8_t *frame, int i) {
        uint32_t v;

        memcpy(&v, frame + 4 * i, 4);
        return v;
}

static void die(const char *what) {
        fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
        exit(1);
}

static int open_socket(const char *path, int listening) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
                die(path);
        strcpy(address.sun_path, path);
        if (listening) {
                unlink(path);
                if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 64) < 0)
                        die(path);
        } else if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                die(path);
        return fd;
}

static int read_all(int fd, uint8_t *data, size_t size) {
        while (size > 0) {
                ssize_t n = read(fd, data, size);

                if (n <= 0)
                        return -1;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

static int write_all(int fd, const uint8_t *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0)
                        return -1;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

/* A whole frame from a blocking descriptor; -1 at its end. */
static int read_frame(int fd, Frame *frame) {
        uint32_t length;

        if (read_all(fd, (uint8_t *) &length, 4) < 0)
                return -1;
        frame->size = ntohl(length);
        if (frame->size < HEADER || frame->size > FRAME_MAX)
                return -1;
        frame->data = malloc(frame->size);
        if (!frame->data)
                die("memory");
        memcpy(frame->data, &length, 4);
        return read_all(fd, frame->data + 4, frame->size - 4);
}

static int record(const char *path, const char *real, const char *file) {
        int listener = open_socket(path, 1), client, server, out;
        Frame call, reply;

        puts("ready");
        fflush(stdout);
        client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        server = open_socket(real, 0);
        out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (client < 0 || out < 0)
                die(file);
        while (read_frame(client, &call) >= 0) {
                if (write_all(server, call.data, call.size) < 0)
                        break;
                do {
                        if (read_frame(server, &reply) < 0)
                                return 1;
                        if (write_all(client, reply.data, reply.size) < 0)
                                return 1;
                } while (ntohl(word(reply.data, WORD_TYPE)) != 1);
                if (write_all(out, call.data, call.size) < 0 || write_all(out, reply.data, reply.size) < 0)
                        die(file);
        }
        return 0;
}

static void load(const char *file) {
        int fd = open(file, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                die(file);
        while (n_pairs < PAIRS_MAX && read_frame(fd, &pairs[n_pairs].call) >= 0 &&
               read_frame(fd, &pairs[n_pairs].reply) >= 0)
                n_pairs++;
        close(fd);
}

/* The answer: the pair of the same arguments, else the last one of the procedure. */
static Pair *find_pair(const uint8_t *call, uint32_t size) {
        Pair *found = NULL;

        for (size_t i = 0; i < n_pairs; i++) {
                if (word(pairs[i].call.data, WORD_PROGRAM) != word(call, WORD_PROGRAM) ||
                    word(pairs[i].call.data, WORD_PROCEDURE) != word(call, WORD_PROCEDURE))
                        continue;
                found = &pairs[i];
                if (found->call.size == size && memcmp(found->call.data + HEADER, call + HEADER, size - HEADER) == 0)
                        break;
        }
        return found;
}

/* One readiness of one client: a client of this benchmark has one call under way, so its frame comes whole. */
static int answer(int fd) {
        static uint8_t call[65536];
        uint32_t serial;
        ssize_t n = read(fd, call, sizeof(call));
        Pair *pair;

        if (n < HEADER || ntohl(word(call, WORD_LENGTH)) != (uint32_t) n)
                return -1;
        pair = find_pair(call, (uint32_t) n);
        if (!pair)
                return -1;
        serial = word(call, WORD_SERIAL);
        memcpy(pair->reply.data + 4 * WORD_SERIAL, &serial, 4);
        return write_all(fd, pair->reply.data, pair->reply.size);
}

static _Noreturn void serve(const char *path, const char *file) {
        int listener = strcmp(path, "-") == 0 ? PASSED : open_socket(path, 1), loop = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event e = { .events = EPOLLIN, .data.fd = listener }, events[EVENTS_MAX];

        load(file);
        if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, listener, &e) < 0)
                die("epoll");
        puts("ready");
        fflush(stdout);
        for (;;) {
                int n = epoll_wait(loop, events, EVENTS_MAX, -1);

                for (int i = 0; i < n; i++) {
                        int fd = events[i].data.fd;

                        if (fd == listener) {
                                e.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                                if (e.data.fd >= 0)
                                        (void) epoll_ctl(loop, EPOLL_CTL_ADD, e.data.fd, &e);
                        } else if (answer(fd) < 0)
                                close(fd);
                }
        }
}

int main(int argc, char **argv) {
        if (argc == 5 && strcmp(argv[1], "record") == 0)
                return record(argv[2], argv[3], argv[4]);
        if (argc == 4 && strcmp(argv[1], "serve") == 0)
                serve(argv[2], argv[3]);
        fprintf(stderr, "usage: replay record SOCKET REAL FILE | replay serve SOCKET FILE\n");
        return 2;
}
