/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Upload and download: between the client's stream and the unit that has the volume open, over a socket, in frames
 * (storage/job.h). A transfer lives as long as either end: the stream, or the fiber that waits for the unit. */

#include "storage.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/strings.h"
#include "rpc/stream.h"

#define BUFFER_SIZE (256U * 1024)
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
        StrBuf pending;                 /* frames for the unit, from the place on */
        size_t at;
        bool finishing;                 /* the client has sent all: the unit's end is the answer */
        bool begun, ended, over;        /* of a download: the client can take data; all has come; the unit has ended */
        JobFrame frame;                 /* of a download: the one that is being read */
        size_t frame_have;
        uint64_t left;                  /* of its data, or of its hole */
        char *buffer;                   /* read and not taken yet */
        size_t have, taken;
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
        strbuf_done(&t->pending);
        free(t->buffer);
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

static void poll_for(Transfer *t, uint32_t events) {
        if (!t->io)
                return;
        (void) sd_event_source_set_io_events(t->io, events);
        (void) sd_event_source_set_enabled(t->io, events ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* --- upload --- */

/* True when all is out. A broken pipe is the unit's failure, which the fiber tells. */
static bool flush(Transfer *t) {
        while (t->fd >= 0 && t->at < t->pending.len) {
                ssize_t n = send(t->fd, t->pending.data + t->at, t->pending.len - t->at, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        poll_for(t, errno == EAGAIN ? EPOLLOUT : 0);
                        return false;
                }
                t->at += (size_t) n;
        }
        if (t->fd < 0)
                return false;
        poll_for(t, 0);
        t->pending.len = t->at = 0;
        return true;
}

static void add_frame(Transfer *t, char type, const void *data, uint64_t len) {
        JobFrame f = { type, htole64(len) };

        strbuf_addn(&t->pending, (const char *) &f, sizeof f);
        if (data)
                strbuf_addn(&t->pending, data, (size_t) len);
}

static ssize_t on_data(Stream *s, const void *data, size_t len, Error *e) {
        Transfer *t = stream_userdata(s);
        size_t n = MIN(len, (size_t) JOB_FRAME_MAX);

        if (!flush(t))
                return 0;
        add_frame(t, 'D', data, n);
        if (t->pending.failed)
                return -ENOMEM;
        (void) flush(t);
        return (ssize_t) n;
}

static int on_hole(Stream *s, uint64_t length, Error *e) {
        Transfer *t = stream_userdata(s);

        if (t->pending.len > PENDING_MAX)
                return error_set(e, -ENOBUFS, ERROR_OPERATION_FAILED, ORIGIN_STORAGE, "too many holes at once");
        add_frame(t, 'H', NULL, length);
        if (t->pending.failed)
                return -ENOMEM;
        (void) flush(t);
        return 0;
}

static int on_finish(Stream *s, Error *e) {
        Transfer *t = stream_userdata(s);

        t->finishing = true;
        add_frame(t, 'E', NULL, 0);
        (void) flush(t);
        return t->pending.failed ? -ENOMEM : -EINPROGRESS;
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

/* What is in the buffer, or a hole, to the client: true when it has taken all. */
static bool pass_on(Transfer *t) {
        while (t->taken < t->have) {
                ssize_t n = stream_send(t->stream, t->buffer + t->taken, t->have - t->taken);

                if (n <= 0)
                        return false;
                t->taken += (size_t) n;
        }
        t->have = t->taken = 0;
        if (t->frame.type == 'H' && t->left > 0) {
                if (stream_send_hole(t->stream, t->left) < 0)
                        return false;
                t->left = 0;
        }
        return true;
}

/* 1: a whole header is there; 0: it is not; negative: the unit has gone. */
static int read_header(Transfer *t) {
        while (t->frame_have < sizeof t->frame) {
                ssize_t n =
                        recv(t->fd, (char *) &t->frame + t->frame_have, sizeof t->frame - t->frame_have, MSG_DONTWAIT);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                if (n == 0)
                        return -ECONNRESET;
                t->frame_have += (size_t) n;
        }
        return 1;
}

static int read_data(Transfer *t) {
        ssize_t n = recv(t->fd, t->buffer, (size_t) MIN(t->left, (uint64_t) BUFFER_SIZE), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        t->have = (size_t) n;
        t->left -= (uint64_t) n;
        return 1;
}

/* The client learns of the end when the volume is nobody's any more: the next thing that it does may be a delete. */
static void end_download(Transfer *t) {
        if (t->ended && t->over && t->stream)
                (void) stream_send_eof(t->stream);
}

static int one_frame(Transfer *t) {
        int r;

        if (t->left > 0)
                return read_data(t);
        t->frame_have = 0;
        r = read_header(t);
        if (r <= 0)
                return r;
        t->left = t->frame.type == 'E' ? 0 : le64toh(t->frame.length);
        if (t->frame.type == 'E') {
                t->ended = true;
                end_download(t);
        }
        return 1;
}

/* As much as there is and the client takes, and no more than some frames at a time: others want their turn. */
static void pump(Transfer *t) {
        int r = 1;

        for (unsigned i = 0; i < 16 && r > 0 && t->stream && t->fd >= 0 && !t->ended; i++) {
                if (!pass_on(t)) {
                        poll_for(t, 0);
                        return;
                }
                r = one_frame(t);
        }
        if (r < 0 || t->ended)
                hang_up(t);
        else if (t->stream)
                poll_for(t, EPOLLIN);
}

static int on_writable(Stream *s, Error *e) {
        Transfer *t = stream_userdata(s);

        t->begun = true;
        pump(t);
        return 0;
}

static const StreamOps download_ops = { .writable = on_writable, .closed = on_closed };

/* --- both --- */

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Transfer *t = userdata;

        t->n_ref++;
        if (t->job->verb == VOLUME_DOWNLOAD) {
                if (t->begun && t->stream)
                        pump(t);
                else
                        poll_for(t, 0);
        } else if (events & (EPOLLHUP | EPOLLERR))
                poll_for(t, 0);
        else if (flush(t) && t->stream && !t->finishing)
                stream_resume(t->stream);
        transfer_unref(t);
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Transfer *t = userdata;
        int r;

        t->fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (t->fd < 0)
                return 0;
        (void) sd_event_source_set_enabled(t->accept, SD_EVENT_OFF);
        if (!t->stream) {
                hang_up(t);
                return 0;
        }
        r = sd_event_add_io(loop_event(t->driver->host->loop), &t->io, t->fd, 0, on_io, t);
        if (r < 0) {
                hang_up(t);
                return 0;
        }
        if (t->job->verb == VOLUME_DOWNLOAD) {
                if (t->begun)
                        pump(t);
        } else if (flush(t) && !t->finishing)
                stream_resume(t->stream);
        return 0;
}

static int listen_for_unit(Transfer *t, Error *e) {
        _cleanup_free_ char *path = volume_job_path(t->id, "sock");
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int r;

        if (!path || strlen(path) >= sizeof a.sun_path)
                return -ENAMETOOLONG;
        strcpy(a.sun_path, path);
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
                         .fd = -EBADF };
        t->id = job_id(j->verb);
        t->buffer = j->verb == VOLUME_DOWNLOAD ? malloc(BUFFER_SIZE) : NULL;
        r = t->id && (t->buffer || j->verb != VOLUME_DOWNLOAD) ? listen_for_unit(t, e) : -ENOMEM;
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
