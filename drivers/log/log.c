/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver behind virtlogd: libvirt's protocol for logs, for programs that are not ours. A client gets the writing
 * end of a pipe; what comes out of it goes to the file, within the limits of virtlogd.conf, until the last writer has
 * closed it. Guests of ours have their logs from their units. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/strings.h"
#include "config/daemon.h"
#include "base/rotate.h"
#include "rpc/driver.h"

/* What one writer may take of the loop's time at once. */
#define READ_AT_ONCE (64U * 1024U)

extern const Driver driver_log; /* what the module is loaded for */

typedef struct LogDriver LogDriver;

/* One pipe. */
typedef struct LogPipe {
        LogDriver *driver;
        RotatingFile file;
        int fd;
        sd_event_source *source;
        bool broken;            /* the file cannot be written, and that was told; the pipe is emptied all the same */
        struct LogPipe *next;
} LogPipe;

struct LogDriver {
        DriverHost *host;
        RotateLimits limits;
        LogPipe *pipes;
};

/* --- pipes --- */

static void pipe_free(LogPipe *p) {
        sd_event_source_disable_unref(p->source);
        closep(&p->fd);
        rotate_close(&p->file);
        free(p);
}

static void pipe_end(LogPipe *p) {
        LogDriver *d = p->driver;

        for (LogPipe **at = &d->pipes; *at; at = &(*at)->next)
                if (*at == p) {
                        *at = p->next;
                        break;
                }
        pipe_free(p);
        d->host->hold(d->host, -1);
}

/* A full disk is no reason to keep a guest waiting. */
static void pipe_write(LogPipe *p, const char *data, size_t len) {
        int r = rotate_write(&p->file, data, len);

        if (r < 0 && !p->broken)
                log_warning_errno(r, "cannot write %s: %s", p->file.path, strerror(-r));
        p->broken = r < 0;
}

static int on_data(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        LogPipe *p = userdata;
        char data[READ_AT_ONCE];
        ssize_t n = read(fd, data, sizeof data);

        if (n > 0)
                pipe_write(p, data, (size_t) n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                pipe_end(p);
        return 0;
}

static LogPipe *find_pipe(const LogDriver *d, const char *path) {
        for (LogPipe *p = d->pipes; p; p = p->next)
                if (streq(p->file.path, path))
                        return p;
        return NULL;
}

static int pipe_start(LogDriver *d, LogPipe *p, int fd) {
        int r;

        p->fd = fd;
        r = sd_event_add_io(loop_event(d->host->loop), &p->source, fd, EPOLLIN, on_data, p);
        if (r < 0)
                return r;
        p->next = d->pipes;
        d->pipes = p;
        d->host->hold(d->host, 1);
        return 0;
}

/* --- calls --- */

enum { TRUNCATE = VIR_LOG_MANAGER_PROTOCOL_DOMAIN_OPEN_LOG_FILE_TRUNCATE };

static int check_path(const char *path, Error *e) {
        if (*path == '/')
                return 0;
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_LOGGING, "'%s' is not absolute", path);
}

static int open_log(Call *c, const log_domain_open_log_file_args *args, log_domain_open_log_file_ret *ret, Error *e) {
        LogDriver *d = call_driver(c);
        int fds[2], r;
        LogPipe *p;

        r = call_check_flags(c, args->flags, TRUNCATE, e);
        if (r >= 0)
                r = check_path(args->path, e);
        if (r < 0)
                return r;
        if (find_pipe(d, args->path))
                return error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_LOGGING,
                                 "Cannot open log file: '%s': Device or resource busy", args->path);
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->driver = d;
        p->fd = p->file.fd = -EBADF;
        r = rotate_open(&p->file, args->path, &d->limits, args->flags & TRUNCATE, e);
        if (r >= 0 && pipe2(fds, O_CLOEXEC) < 0)
                r = -errno;
        if (r < 0) {
                pipe_free(p);
                return r;
        }
        /* the writer's end blocks, as a log file does not fail */
        (void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
        r = pipe_start(d, p, fds[0]);
        if (r < 0) {
                close(fds[1]);
                pipe_free(p);
                return r;
        }
        ret->pos.inode = p->file.inode;
        ret->pos.offset = p->file.offset;
        /* on failure the end is closed, and so is the pipe soon */
        return call_add_fd(c, fds[1], e);
}

static int get_position(Call *c, const log_domain_get_log_file_position_args *args,
                        log_domain_get_log_file_position_ret *ret, Error *e) {
        const LogPipe *p;
        int r = call_check_flags(c, args->flags, 0, e);

        if (r < 0)
                return r;
        p = find_pipe(call_driver(c), args->path);
        if (!p)
                return error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_LOGGING, "No open log file %s", args->path);
        ret->pos.inode = p->file.inode;
        ret->pos.offset = p->file.offset;
        return 0;
}

static int read_log(Call *c, const log_domain_read_log_file_args *args, log_domain_read_log_file_ret *ret, Error *e) {
        const LogDriver *d = call_driver(c);
        int r = call_check_flags(c, args->flags, 0, e);

        if (r >= 0)
                r = check_path(args->path, e);
        if (r < 0)
                return r;
        if (args->maxlen > LOG_STRING_MAX)
                return error_set(e, -E2BIG, ERROR_INTERNAL, ORIGIN_LOGGING,
                                 "Requested data len %llu is larger than maximum %d", (unsigned long long) args->maxlen,
                                 LOG_STRING_MAX);
        return rotate_read(args->path, d->limits.max_backups, args->pos.inode, args->pos.offset, args->maxlen,
                           &ret->data, e);
}

static int append(Call *c, const log_domain_append_log_file_args *args, log_domain_append_log_file_ret *ret, Error *e) {
        LogDriver *d = call_driver(c);
        RotatingFile file;
        LogPipe *p;
        int r = call_check_flags(c, args->flags, TRUNCATE, e);

        if (r >= 0)
                r = check_path(args->path, e);
        if (r < 0)
                return r;
        p = find_pipe(d, args->path);
        if (!p) {
                r = rotate_open(&file, args->path, &d->limits, args->flags & TRUNCATE, e);
                if (r < 0)
                        return r;
        }
        r = rotate_write(p ? &p->file : &file, args->message, strlen(args->message));
        if (!p)
                rotate_close(&file);
        return r < 0 ? error_set_errno(e, r, ORIGIN_LOGGING, "Unable to write to file: %s", args->path) : 0;
}

static const RpcHandler rows[] = {
        LOG_HANDLER(DOMAIN_OPEN_LOG_FILE, open_log),
        LOG_HANDLER(DOMAIN_GET_LOG_FILE_POSITION, get_position),
        LOG_HANDLER(DOMAIN_READ_LOG_FILE, read_log),
        LOG_HANDLER(DOMAIN_APPEND_LOG_FILE, append),
};

/* --- the driver --- */

static int read_limits(void *state, Error *e) {
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
        _cleanup_strv_ char **warnings = NULL;
        LogDriver *d = state;
        int r = daemon_config_load("virtlogd", NULL, &c, &warnings, e);

        if (r >= 0)
                d->limits = (RotateLimits) { c->max_size, c->max_backups };
        return r;
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        LogDriver *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->host = host;
        r = read_limits(d, e);
        if (r < 0) {
                free(d);
                return r;
        }
        *ret_state = d;
        return 0;
}

static void driver_stop(void *state) {
        LogDriver *d = state;

        while (d->pipes) {
                LogPipe *p = d->pipes;

                d->pipes = p->next;
                pipe_free(p);
        }
        free(d);
}

const Driver driver_log = {
        .name = "log",
        .class = DRIVER_LOG,
        .origin = ORIGIN_LOGGING,
        .handlers = rows,
        .n_handlers = ELEMENTSOF(rows),
        .start = driver_start,
        .stop = driver_stop,
        .reload = read_limits,
};
