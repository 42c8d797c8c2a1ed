/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Streams: bytes beside the calls of a connection (console, volume upload and
 * download, screenshot, tunnelled migration).
 *
 * A handler of a procedure marked RPC_STREAM_IN or _OUT opens one with
 * stream_open(); it begins when the call's reply is sent, and vanishes with a
 * call that fails. Mostly stream_open_fd() is all that is needed.
 *
 * The protocol has no flow control: what the client sends and ops->receive()
 * does not take is kept, and after a few packets the connection is read no
 * further; what a driver sends is refused while the client's queue is long. */

#include "base/error.h"
#include "rpc/call.h"

#define STREAM_CHUNK 262120U /* most data in one packet, as libvirt's ends do it */

typedef struct Stream Stream;
struct PipeEnd; /* rpc/link.h */

typedef struct StreamOps {
        /* Data of the client. Returns how many bytes were taken; fewer than len: the rest is offered again after
         * stream_resume(). Negative (with e filled) ends the stream with that error. */
        ssize_t (*receive)(Stream *s, const void *data, size_t len, Error *e);
        /* The next len bytes can go into a pipe without being read, as they come: the end to write to, which stays the
         * owner's; NULL: they come by receive(). May be NULL. */
        struct PipeEnd *(*pipe)(Stream *s, size_t len);
        /* There was no room in the pipe for long: the last left bytes of those that were to go there come by receive()
         * after all. With pipe(). */
        void (*unpiped)(Stream *s, size_t left);
        /* A hole of the client; NULL: refused. */
        int (*hole)(Stream *s, uint64_t length, Error *e);
        /* stream_send() would succeed again, after it said -EAGAIN; also called once when the stream begins. */
        int (*writable)(Stream *s, Error *e);
        /* The client has finished (virStreamFinish). 0: confirmed to it; negative: it gets e; -EINPROGRESS: later, by
         * stream_finish_reply(). The stream ends. NULL: confirmed. */
        int (*finish)(Stream *s, Error *e);
        /* Last call in any case, also after a client's abort, its end or an error: free userdata. */
        void (*closed)(Stream *s);
} StreamOps;

/* The stream of this call. -EINVAL where the procedure opens none or has one already. */
int stream_open(Call *c, const StreamOps *ops, void *userdata, Stream **ret);
/* A stream that copies between the client and fd (a pty, a socket, a file), in the directions of the procedure. Takes
 * fd, also on failure. */
int stream_open_fd(Call *c, int fd, Error *e);

void *stream_userdata(const Stream *s);
Connection *stream_connection(const Stream *s);

/* Queues data for the client: how much was taken, at most STREAM_CHUNK; -EAGAIN: wait for ops->writable(). */
ssize_t stream_send(Stream *s, const void *data, size_t len);
/* The same of what is in a pipe. */
ssize_t stream_send_pipe(Stream *s, struct PipeEnd *end, size_t len);
int stream_send_hole(Stream *s, uint64_t length);
/* No more data will come: the client reads its end. */
int stream_send_eof(Stream *s);
/* Ends the stream with an error for the client. The stream is gone after this. */
void stream_fail(Stream *s, int r, const Error *e);
/* receive() can take more. */
void stream_resume(Stream *s);
/* The answer to a finish that said -EINPROGRESS; r < 0: e tells why. The stream is gone after this. */
void stream_finish_reply(Stream *s, int r, const Error *e);
