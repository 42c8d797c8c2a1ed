/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One connection to a QEMU monitor (QMP, docs/interop/qmp-spec in QEMU's tree).
 *
 * Commands are asynchronous: qmp_execute() queues one, its callback is called exactly
 * once, with QEMU's answer, or with a negative errno when the connection ends or is
 * freed first. Nothing here blocks. What QEMU sends is not trusted: a message that is
 * too long or is no JSON object ends the connection with -EBADMSG or -EMSGSIZE, and one that floods is read slowly. */

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/macros.h"

#define QMP_MESSAGE_MAX (1024U * 1024U)      /* query-qmp-schema's answer is some 250 KiB */
#define QMP_TOKENS_MAX 50000U /* values in one message: each becomes some 200 bytes of memory; the same has 15000 */
#define QMP_DEPTH_MAX 1000U
#define QMP_QUEUE_MAX 1024U                  /* commands without an answer */
#define QMP_FDS_MAX 16U                      /* descriptors with one command */

typedef struct QmpClient QmpClient;

/* How a command ended. All pointers are borrowed for the time of the callback. */
typedef struct QmpResult {
        int r;              /* 0 answered; -EREMOTEIO refused by QEMU; else why there is no answer */
        json_t *ret;        /* QEMU's "return", any JSON value; where r is 0 */
        const char *class;  /* error class, where r is -EREMOTEIO */
        const char *desc;   /* error text, where r is -EREMOTEIO */
} QmpResult;

typedef void (*QmpReply)(QmpClient *c, const QmpResult *result, void *userdata);

/* What the owner of a connection is told. ready: the handshake is done, queued commands go out.
 * event: name, data (an object, never NULL) and QEMU's time in microseconds since the epoch.
 * closed: the connection is over, r is 0 for an orderly end by QEMU; all replies have been delivered; the owner
 * frees the client, which it may do in any of the three. */
typedef struct QmpHandler {
        void (*ready)(QmpClient *c, void *userdata);
        void (*event)(QmpClient *c, const char *name, json_t *data, uint64_t usec, void *userdata);
        void (*closed)(QmpClient *c, int r, void *userdata);
} QmpHandler;

/* Starts to speak on a connected stream socket, which is taken in any case. handler must outlive the client. */
int qmp_client_new(sd_event *event, int fd, const QmpHandler *handler, void *userdata, QmpClient **ret);

/* Ends the connection; replies still owed get -ECANCELED. Takes NULL, returns NULL. */
QmpClient *qmp_client_free(QmpClient *c);
DEFINE_CLEANUP(QmpClient *, qmp_client_free);

bool qmp_client_is_ready(const QmpClient *c);

/* Queues a command. arguments (may be NULL) is taken in any case; the descriptors are duplicated and go with
 * the command's first byte. reply may be NULL where nobody waits. -ENOTCONN once closed, -ENOBUFS with too many
 * unanswered commands. ret_id (may be NULL) is for qmp_cancel(). */
int qmp_execute(QmpClient *c, const char *command, json_t *arguments, const int *fds, size_t n_fds,
                QmpReply reply, void *userdata, uint64_t *ret_id);

/* The same with a whole request object ({"execute": ..., "arguments": ...}, an "id" in it is replaced). Taken. */
int qmp_execute_object(QmpClient *c, json_t *request, const int *fds, size_t n_fds,
                       QmpReply reply, void *userdata, uint64_t *ret_id);

/* The reply of command id is no longer wanted: its callback is not called any more. */
void qmp_cancel(QmpClient *c, uint64_t id);

/* Connects to the monitor socket name in the folder dir_fd, which belongs to the guest's user and is not trusted:
 * no symbolic link is followed, and the peer must run as uid, or as root at a socket of root's where nobody wants to
 * know its pid. *ret_fd is a non-blocking socket, *ret_pid (may be NULL) the process that listens. -ENOENT,
 * -ECONNREFUSED as connect(2); -EPERM for a foreign peer. */
int qmp_connect(int dir_fd, const char *name, uid_t uid, int *ret_fd, pid_t *ret_pid);

/* What reads the peer's bytes, for the fuzz target and tests: as if data had arrived. */
int qmp_client_feed(QmpClient *c, const char *data, size_t len);
