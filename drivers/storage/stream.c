/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Upload and download: between the client's stream and the unit that has the volume open, through a pipe, and a socket
 * that says what is in it (storage/job.h). As a rule the bytes go from the one to the other without being looked at
 * here. A transfer lives as long as either end: the stream, or the fiber that waits for the unit. */

#include "storage.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fds.h"
#include "base/socket.h"
#include "base/strings.h"
#include "rpc/link.h"
#include "rpc/stream.h"

_Static_assert(FRAME_DATA_MAX == STREAM_CHUNK, "what a unit reads at once is one packet");

/* The kernel's limit for who has no right to more. */
#define PIPE_SIZE (1 << 20)

/* A client that sends holes, or single bytes, would fill memory otherwise. */
#define PENDING_MAX (4U << 20)

typedef struct Transfer {
        unsigned n_ref;
        StorageDriver *driver;
        Pool *pool;                     /* with a reference */
        VolumeJob *job;
        char *id;
        Stream *stream;                 /* NULL once it has ended */
        int listener, fd;
        sd_event_source *accept, *io;
        PipeEnd *pipe;                  /* our end */
        int other_end;                  /* until the unit has it */
        IoWatch room;                   /* of an upload: while receive() waits for room in the pipe */
        size_t promised;                /* ... what the unit expects, and receive() brings */
        size_t ready;                   /* of a download: what is in the pipe, and not sent */
        StrBuf pending;                 /* frames for the unit, from the place on */
        size_t at;
        JobFrame frame;                 /* the unit's, which is being read */
        size_t frame_have;
        bool finishing;                 /* the client has sent all: the unit's end is the answer */
        bool begun, ended, over;        /* of a download: the client can take data; all has come; the unit has ended */
        bool full;                      /* ... it cannot take more just now */
        uint64_t hole;                  /* ... behind what is in the pipe */
} Transfer;

static void stop_listening(Transfer *t) {
        _cleanup_free_ char *path = volume_job_path(t->id, "sock");

        t->accept = sd_event_source_disable_unref(t->accept);
        if (t->listener < 0)
                return;
        close(t->listener);
        t->listener = -EBADF;
        if (path)
                (void) unlink(path);
}

static void stop_waiting(Transfer *t) {
        loop_unwatch(t->driver->host->loop, &t->room);
}

static void transfer_unref(Transfer *t) {
        if (--t->n_ref > 0)
                return;
        if (t->id)
                stop_listening(t);
        sd_event_source_disable_unref(t->io);
        if (t->fd >= 0)
                close(t->fd);
        closep(&t->other_end);
        stop_waiting(t);
        pipe_end_unref(t->pipe);
        strbuf_done(&t->pending);
        volume_job_free(t->job);
        object_unref(&t->pool->object);
        free(t->id);
        free(t);
}

/* The unit sees the end of the connection and of the pipe, and, without an 'E' before, takes that for the client's.
 * What a download's unit has left in the pipe before its 'E' is still to be sent. */
static void hang_up(Transfer *t) {
        t->io = sd_event_source_disable_unref(t->io);
        stop_waiting(t);
        if (!t->ended)
                t->pipe = pipe_end_unref(t->pipe);
        if (t->fd >= 0)
                close(t->fd);
        t->fd = -EBADF;
}

/* Frames of an upload's unit are always welcome. */
static void poll_for_what_is_due(Transfer *t) {
        bool in = t->job->verb == VOLUME_UPLOAD || (t->begun && !t->full && t->stream);
        uint32_t events = (in ? EPOLLIN : 0) | (t->at < t->pending.len ? EPOLLOUT : 0);

        if (!t->io)
                return;
        (void) sd_event_source_set_io_events(t->io, events);
        (void) sd_event_source_set_enabled(t->io, events ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* The unit has gone: the fiber tells why. */
static void poll_no_more(Transfer *t) {
        t->io = sd_event_source_disable_unref(t->io);
}

/* True when all is out. A broken pipe is the unit's failure, which the fiber tells. */
static bool flush(Transfer *t) {
        while (t->fd >= 0 && t->at < t->pending.len) {
                ssize_t n = send(t->fd, t->pending.data + t->at, t->pending.len - t->at, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN)
                        poll_no_more(t);
                if (n < 0)
                        return false;
                t->at += (size_t) n;
        }
        if (t->fd < 0)
                return false;
        t->pending.len = t->at = 0;
        return true;
}

static int send_frame(Transfer *t, char type, uint64_t len) {
        JobFrame f = { type, htole64(len) };

        strbuf_addn(&t->pending, (const char *) &f, sizeof f);
        if (t->pending.failed)
                return -ENOMEM;
        (void) flush(t);
        poll_for_what_is_due(t);
        return 0;
}

/* 1: a whole frame is there; 0: it is not; negative: the unit has gone. */
static int read_frame(Transfer *t) {
        while (t->frame_have < sizeof t->frame) {
                ssize_t n =
                        recv(t->fd, (char *) &t->frame + t->frame_have, sizeof t->frame - t->frame_have, MSG_DONTWAIT);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                if (n == 0)
                        return -ECONNRESET;
                t->frame_have += (size_t) n;
        }
        t->frame_have = 0;
        return 1;
}

/* --- upload --- */

static void on_room(IoWatch *w, uint32_t events) {
        Transfer *t = container_of(w, Transfer, room);

        stop_waiting(t);
        if (t->stream)
                stream_resume(t->stream);
}

static ssize_t wait_for_room(Transfer *t) {
        t->room = (IoWatch) { .func = on_room, .fd = t->pipe->fd };
        return loop_watch(t->driver->host->loop, &t->room, EPOLLOUT);
}

/* The pipe takes something even before the unit is there. */
static bool can_take(const Transfer *t) {
        return t->pipe && t->pending.len <= PENDING_MAX;
}

/* What could not pass unread: of a client behind TLS, say. Where nobody reads the pipe any more, the fiber tells
 * why. */
static ssize_t on_data(Stream *s, const void *data, size_t len, Error *e) {
        Transfer *t = stream_userdata(s);
        ssize_t n;
        int r;

        if (!can_take(t) || t->room.on)
                return 0;
        n = write(t->pipe->fd, data, t->promised > 0 ? MIN(len, t->promised) : len);
        if (n < 0)
                return errno == EAGAIN ? wait_for_room(t) : 0;
        if (t->promised > 0) {
                t->promised -= (size_t) n;
                return n;
        }
        r = send_frame(t, 'D', (uint64_t) n);
        return r < 0 ? r : n;
}

static PipeEnd *on_pipe(Stream *s, size_t len) {
        Transfer *t = stream_userdata(s);

        return can_take(t) && send_frame(t, 'D', len) >= 0 ? t->pipe : NULL;
}

static void on_unpiped(Stream *s, size_t left) {
        Transfer *t = stream_userdata(s);

        t->promised = left;
}

static int on_hole(Stream *s, uint64_t length, Error *e) {
        Transfer *t = stream_userdata(s);

        if (t->pending.len > PENDING_MAX)
                return error_set(e, -ENOBUFS, ERROR_OPERATION_FAILED, ORIGIN_STORAGE, "too many holes at once");
        return send_frame(t, 'H', length);
}

static int on_finish(Stream *s, Error *e) {
        Transfer *t = stream_userdata(s);
        int r;

        t->finishing = true;
        r = send_frame(t, 'E', 0);
        return r < 0 ? r : -EINPROGRESS;
}

static void on_upload_io(Transfer *t, uint32_t events) {
        /* it has nothing to say but that it has gone */
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                poll_no_more(t);
                return;
        }
        (void) flush(t);
        poll_for_what_is_due(t);
        if (t->stream && !t->finishing)
                stream_resume(t->stream);
}

static void on_closed(Stream *s) {
        Transfer *t = stream_userdata(s);

        t->stream = NULL;
        if (!t->finishing && !t->ended)
                hang_up(t);
        transfer_unref(t);
}

static const StreamOps upload_ops = { .receive = on_data,
                                      .pipe = on_pipe,
                                      .unpiped = on_unpiped,
                                      .hole = on_hole,
                                      .finish = on_finish,
                                      .closed = on_closed };

/* --- download --- */

/* What is in the pipe, or a hole, to the client: true when it has taken all. */
static bool pass_on(Transfer *t) {
        while (t->ready > 0) {
                ssize_t n = t->pipe ? stream_send_pipe(t->stream, t->pipe, t->ready) : -EPIPE;

                if (n <= 0)
                        return false;
                t->ready -= (size_t) n;
        }
        if (t->hole > 0 && stream_send_hole(t->stream, t->hole) < 0)
                return false;
        t->hole = 0;
        return true;
}

/* The client learns of the end when the volume is nobody's any more: the next thing that it does may be a delete. */
static void end_download(Transfer *t) {
        if (t->ended && t->over && t->stream)
                (void) stream_send_eof(t->stream);
}

static int one_frame(Transfer *t) {
        int r = read_frame(t);

        if (r <= 0)
                return r;
        switch (t->frame.type) {
        case 'D':
                t->ready += le64toh(t->frame.length);
                return 1;
        case 'H':
                t->hole = le64toh(t->frame.length);
                return 1;
        case 'E':
                t->ended = true;
                end_download(t);
                return 1;
        default:
                return -EBADMSG;
        }
}

/* As much as there is and the client takes, and no more than some frames at a time: others want their turn. */
static void pump(Transfer *t) {
        int r = 1;

        t->full = !pass_on(t);
        for (unsigned i = 0; i < 16 && r > 0 && !t->full && t->fd >= 0 && !t->ended; i++) {
                r = one_frame(t);
                t->full = r > 0 && !pass_on(t);
        }
        if (r < 0 || t->ended)
                hang_up(t);
        poll_for_what_is_due(t);
}

static int on_writable(Stream *s, Error *e) {
        Transfer *t = stream_userdata(s);

        t->begun = true;
        pump(t);
        return 0;
}

static const StreamOps download_ops = { .writable = on_writable, .closed = on_closed };

/* --- both --- */

static void on_download_io(Transfer *t, uint32_t events) {
        (void) flush(t);
        if (t->begun && t->stream && !t->full)
                pump(t);
        else if (events & (EPOLLHUP | EPOLLERR))
                poll_no_more(t);
        else
                poll_for_what_is_due(t);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Transfer *t = userdata;

        t->n_ref++;
        if (t->job->verb == VOLUME_DOWNLOAD)
                on_download_io(t, events);
        else
                on_upload_io(t, events);
        transfer_unref(t);
        return 0;
}

static int make_pipe(Transfer *t) {
        bool upload = t->job->verb == VOLUME_UPLOAD;
        int p[2], own;

        if (pipe2(p, O_CLOEXEC) < 0)
                return -errno;
        own = p[upload];
        t->other_end = p[!upload];
        /* a smaller one does as well */
        (void) fcntl(own, F_SETPIPE_SZ, PIPE_SIZE);
        t->pipe = pipe_end_new(own);
        return !t->pipe ? -ENOMEM : fcntl(own, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int give_pipe(Transfer *t) {
        ssize_t n = send_fds(t->fd, "", 1, &t->other_end, 1, MSG_DONTWAIT);

        if (n < 0)
                return (int) n;
        close(t->other_end);
        t->other_end = -EBADF;
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Transfer *t = userdata;

        t->fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (t->fd < 0)
                return 0;
        stop_listening(t);
        if (!t->stream || give_pipe(t) < 0 ||
            sd_event_add_io(loop_event(t->driver->host->loop), &t->io, t->fd, 0, on_io, t) < 0) {
                hang_up(t);
                return 0;
        }
        on_io(t->io, t->fd, 0, t);
        return 0;
}

static int listen_for_unit(Transfer *t, Error *e) {
        _cleanup_free_ char *path = volume_job_path(t->id, "sock");
        struct sockaddr_un a;
        int r = path ? unix_address(path, &a) : -ENOMEM;

        if (r < 0)
                return r;
        t->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (t->listener < 0 || bind(t->listener, (struct sockaddr *) &a, sizeof a) < 0 || listen(t->listener, 1) < 0)
                return error_set_errno(e, -errno, ORIGIN_STORAGE, "cannot listen at '%s'", path);
        r = sd_event_add_io(loop_event(t->driver->host->loop), &t->accept, t->listener, EPOLLIN, on_connection, t);
        return r < 0 ? error_set_errno(e, r, ORIGIN_STORAGE, "cannot listen at '%s'", path) : 0;
}

/* The unit has ended: an upload is confirmed, or fails; a download has ended when its 'E' has come too. */
static void transfer_fiber(void *userdata) {
        Transfer *t = userdata;
        _cleanup_error_ Error e = ERROR_INIT;
        int r = pool_job(t->driver, t->pool, t->job, t->id, &e);

        if (r >= 0 && t->job->verb == VOLUME_UPLOAD && !t->finishing)
                r = error_set(&e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_STORAGE, "the upload ended early");
        if (t->stream && t->finishing)
                stream_finish_reply(t->stream, r, &e);
        else if (t->stream && r < 0)
                stream_fail(t->stream, r, &e);
        t->over = true;
        if (r >= 0 && t->job->verb == VOLUME_DOWNLOAD)
                end_download(t);
        transfer_unref(t);
}

static int transfer_new(Call *c, Pool *p, VolumeJob *j, Transfer **ret, Error *e) {
        Transfer *t = calloc(1, sizeof *t);
        int r;

        if (!t)
                return -ENOMEM;
        *t = (Transfer){ .n_ref = 1,
                         .driver = call_driver(c),
                         .pool = pool_of(object_ref(&p->object)),
                         .job = j,
                         .listener = -EBADF,
                         .fd = -EBADF,
                         .other_end = -EBADF };
        t->id = job_id(j->verb);
        j->stream = t->id ? strdup(t->id) : NULL;
        /* another process does it */
        j->weight = 0;
        r = j->stream ? make_pipe(t) : -ENOMEM;
        if (r >= 0)
                r = listen_for_unit(t, e);
        if (r < 0) {
                transfer_unref(t);
                return r;
        }
        *ret = t;
        return 0;
}

/* Takes j. */
static int begin(Call *c, Pool *p, VolumeJob *j, Error *e) {
        Transfer *t;
        int r;

        r = transfer_new(c, p, j, &t, e);
        if (r < 0)
                return r;
        r = stream_open(c, j->verb == VOLUME_UPLOAD ? &upload_ops : &download_ops, t, &t->stream);
        if (r < 0) {
                transfer_unref(t);
                return error_set_errno(e, r, ORIGIN_STREAMS, "cannot open a stream");
        }
        t->n_ref++;
        r = fiber_spawn(call_loop(c), transfer_fiber, t, NULL);
        if (r < 0)
                transfer_unref(t);
        return r;
}

static int transfer(Call *c, const remote_nonnull_storage_vol *vol, JobVerb verb, uint64_t offset, uint64_t length,
                    uint32_t flags, Error *e) {
        _cleanup_work_ Work w = {};
        int r;

        r = work_begin(c, vol, flags, verb, &w, e);
        if (r < 0)
                return r;
        if (w.volume->type != VOLUME_FILE && w.volume->type != VOLUME_BLOCK)
                return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_STORAGE, "volumes of type %s have no content",
                                 volume_type_name(w.volume->type));
        if (offset > INT64_MAX || length > INT64_MAX)
                return error_set(e, -ERANGE, ERROR_INVALID_ARG, ORIGIN_STORAGE, "offset or length is too large");
        w.job->offset = offset;
        w.job->length = length;
        return begin(c, w.pool, TAKE_PTR(w.job), e);
}

static int upload(Call *c, const remote_storage_vol_upload_args *args, rpc_void *ret, Error *e) {
        return transfer(c, &args->vol, VOLUME_UPLOAD, args->offset, args->length, args->flags, e);
}

static int download(Call *c, const remote_storage_vol_download_args *args, rpc_void *ret, Error *e) {
        return transfer(c, &args->vol, VOLUME_DOWNLOAD, args->offset, args->length, args->flags, e);
}

static const RpcHandler rows[] = {
        PLAIN(STORAGE_VOL_UPLOAD, upload, .flags = STREAM_SPARSE),
        PLAIN(STORAGE_VOL_DOWNLOAD, download, .flags = STREAM_SPARSE),
};
const RpcTable storage_table_stream = RPC_TABLE(rows);
