/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stream that copies between its client and a descriptor: a guest's console, a channel, a file. */

#include <fcntl.h>
#include <sys/epoll.h>

#include "rpc/server.h"

typedef struct FdStream {
        Stream *stream;
        int fd;
        sd_event_source *source;
        bool is_file;           /* always ready: epoll refuses it, a defer source stands in */
        bool reads;             /* from fd to the client */
        bool stalled;           /* the client's queue is long */
        bool ended;             /* fd has no more */
        bool want_write;        /* data of the client waits for fd */
} FdStream;

static void fd_stream_poll(FdStream *f) {
        bool in = f->reads && !f->stalled && !f->ended;

        if (f->is_file) {
                (void) sd_event_source_set_enabled(f->source, in || f->want_write ? SD_EVENT_ON : SD_EVENT_OFF);
                loop_touch(stream_connection(f->stream)->loop);
        } else if (in || f->want_write || !f->ended) {
                (void) sd_event_source_set_enabled(f->source, SD_EVENT_ON);
                (void) sd_event_source_set_io_events(f->source, (in ? EPOLLIN : 0) | (f->want_write ? EPOLLOUT : 0));
        }
        /* The kernel goes on to report a hang-up that was seen already. */
        if (!f->is_file && ((f->ended && !f->want_write) || (f->stalled && !f->want_write)))
                (void) sd_event_source_set_enabled(f->source, SD_EVENT_OFF);
}

/* A pty whose other end is closed says EIO where a pipe says end of file. */
static int fd_stream_read(FdStream *f) {
        char buf[64 * 1024];
        ssize_t n, sent;

        if (link_pending(stream_connection(f->stream)->link) > LINK_OUT_HIGH) {
                /* Registers for writable(). */
                (void) stream_send(f->stream, buf, 0);
                f->stalled = true;
                return 0;
        }
        n = read(f->fd, buf, sizeof(buf));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0 && errno != EIO)
                return -errno;
        if (n <= 0) {
                f->ended = true;
                return stream_send_eof(f->stream);
        }
        sent = stream_send(f->stream, buf, (size_t) n);
        return sent < 0 ? (int) sent : 0;
}

static void fd_stream_pump(FdStream *f, uint32_t revents) {
        Stream *s = f->stream;
        int r = 0;

        if (f->reads && !f->ended && !f->stalled && revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
                r = fd_stream_read(f);
        if (r < 0) {
                stream_fail(s, r, NULL);
                return;
        }
        if (f->want_write && revents & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
                f->want_write = false;
                fd_stream_poll(f);
                /* May end the stream, and f with it. */
                stream_resume(s);
                return;
        }
        fd_stream_poll(f);
}

static int on_fd(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        fd_stream_pump(userdata, revents);
        return 0;
}

static int on_file(sd_event_source *s, void *userdata) {
        fd_stream_pump(userdata, EPOLLIN | EPOLLOUT);
        return 0;
}

static ssize_t fd_receive(Stream *s, const void *data, size_t len, Error *e) {
        FdStream *f = stream_userdata(s);
        ssize_t n;

        n = write(f->fd, data, len);
        if (n >= 0)
                return n;
        if (errno != EAGAIN && errno != EINTR)
                return error_set_errno(e, -errno, ORIGIN_STREAMS, "cannot write to stream");
        f->want_write = true;
        fd_stream_poll(f);
        return 0;
}

static int fd_writable(Stream *s, Error *e) {
        FdStream *f = stream_userdata(s);

        f->stalled = false;
        fd_stream_poll(f);
        return 0;
}

static void fd_closed(Stream *s) {
        FdStream *f = stream_userdata(s);

        sd_event_source_disable_unref(f->source);
        close(f->fd);
        free(f);
}

static const StreamOps read_ops = {
        .writable = fd_writable,
        .closed = fd_closed,
};

static const StreamOps write_ops = {
        .receive = fd_receive,
        .writable = fd_writable,
        .closed = fd_closed,
};

/* Nothing is polled for until the stream begins. */
static int fd_stream_watch(FdStream *f, Loop *l) {
        int r, flags = fcntl(f->fd, F_GETFL);

        if (flags < 0 || fcntl(f->fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(loop_event(l), &f->source, f->fd, 0, on_fd, f);
        if (r == -EPERM) {
                f->is_file = true;
                r = sd_event_add_defer(loop_event(l), &f->source, on_file, f);
        }
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(f->source, SD_EVENT_OFF);
}

int stream_open_fd(Call *c, int fd, Error *e) {
        _cleanup_close_ int own = fd;
        FdStream *f = calloc(1, sizeof(*f));
        uint8_t flags = call_procedure(c)->flags;
        int r;

        if (!f)
                return -ENOMEM;
        *f = (FdStream) { .fd = own, .reads = flags & RPC_STREAM_OUT };
        r = fd_stream_watch(f, call_loop(c));
        if (r >= 0)
                r = stream_open(c, flags & RPC_STREAM_IN ? &write_ops : &read_ops, f, &f->stream);
        if (r < 0) {
                sd_event_source_disable_unref(f->source);
                free(f);
                return error_set_errno(e, r, ORIGIN_STREAMS, "cannot open a stream");
        }
        TAKE_FD(own);
        return 0;
}
