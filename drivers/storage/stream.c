/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Upload and download: between the client's stream and the unit that has the volume open, through memory that both
 * have, and a socket (storage/job.h). A transfer lives as long as either end: the stream, or the fiber that waits for
 * the unit. */

#include "storage.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fds.h"
#include "base/socket.h"
#include "base/strings.h"
#include "rpc/stream.h"

_Static_assert(RING_PIECE == STREAM_CHUNK, "a piece is one packet");

/* A client that sends holes only would fill memory otherwise. */
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
        Ring ring;
        int ring_fd;                    /* until the unit has it */
        StrBuf pending;                 /* frames for the unit, from the place on */
        size_t at;
        JobFrame frame;                 /* the unit's, which is being read */
        size_t frame_have;
        bool finishing;                 /* the client has sent all: the unit's end is the answer */
        bool begun, ended, over;        /* of a download: the client can take data; all has come; the unit has ended */
        bool full;                      /* ... it cannot take more just now */
        uint64_t hole;                  /* ... behind what is in the ring */
        size_t unsaid;                  /* went out of the ring, and the unit was not told yet */
} Transfer;

static void transfer_unref(Transfer *t) {
        if (--t->n_ref > 0)
                return;
        sd_event_source_disable_unref(t->accept);
        sd_event_source_disable_unref(t->io);
        if (t->listener >= 0)
                close(t->listener);
        if (t->fd >= 0)
                close(t->fd);
        if (t->ring_fd >= 0)
                close(t->ring_fd);
        ring_done(&t->ring);
        strbuf_done(&t->pending);
        volume_job_free(t->job);
        object_unref(&t->pool->object);
        free(t->id);
        free(t);
}

/* The unit sees the end of the connection, and, without an 'E' before, takes that for the client's. */
static void hang_up(Transfer *t) {
        t->io = sd_event_source_disable_unref(t->io);
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

static ssize_t on_data(Stream *s, const void *data, size_t len, Error *e) {
        Transfer *t = stream_userdata(s);
        size_t n = flush(t) ? ring_put(&t->ring, data, len) : 0;
        int r = n > 0 ? send_frame(t, 'D', n) : 0;

        return r < 0 ? r : (ssize_t) n;
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

static int take_acknowledgements(Transfer *t) {
        int r;

        while ((r = read_frame(t)) > 0) {
                r = t->frame.type == 'A' ? ring_went_out(&t->ring, le64toh(t->frame.length)) : -EBADMSG;
                if (r < 0)
                        break;
        }
        return r;
}

static void on_upload_io(Transfer *t, uint32_t events) {
        if (events & (EPOLLHUP | EPOLLERR) || (events & EPOLLIN && take_acknowledgements(t) < 0)) {
                poll_no_more(t);
                return;
        }
        (void) flush(t);
        poll_for_what_is_due(t);
        if (t->stream && !t->finishing && ring_room(&t->ring) > 0)
                stream_resume(t->stream);
}

static void on_closed(Stream *s) {
        Transfer *t = stream_userdata(s);

        t->stream = NULL;
        if (!t->finishing && !t->ended)
                hang_up(t);
        transfer_unref(t);
}

static const StreamOps upload_ops = { .receive = on_data, .hole = on_hole, .finish = on_finish, .closed = on_closed };

/* --- download --- */

/* The unit is told after a while. */
static void count_what_went_out(Transfer *t, size_t n) {
        t->ring.out += n;
        t->unsaid += n;
        if (t->unsaid < RING_ACK)
                return;
        (void) send_frame(t, 'A', t->unsaid);
        t->unsaid = 0;
}

/* What is in the ring, or a hole, to the client: true when it has taken all. */
static bool pass_on(Transfer *t) {
        while (ring_used(&t->ring) > 0) {
                size_t len;
                const char *data = ring_content(&t->ring, &len);
                ssize_t n = stream_send(t->stream, data, len);

                if (n <= 0)
                        return false;
                count_what_went_out(t, (size_t) n);
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
                r = ring_came_in(&t->ring, le64toh(t->frame.length));
                return r < 0 ? r : 1;
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

static int give_ring(Transfer *t) {
        ssize_t n = send_fds(t->fd, "", 1, &t->ring_fd, 1, MSG_DONTWAIT);

        if (n < 0)
                return (int) n;
        close(t->ring_fd);
        t->ring_fd = -EBADF;
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Transfer *t = userdata;

        t->fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (t->fd < 0)
                return 0;
        (void) sd_event_source_set_enabled(t->accept, SD_EVENT_OFF);
        if (!t->stream || give_ring(t) < 0 ||
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
                         .ring_fd = -EBADF };
        t->id = job_id(j->verb);
        r = t->id ? ring_new(&t->ring, &t->ring_fd) : -ENOMEM;
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
