/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks and clients outlive the process: a guest of somebody else's may not lose its lock, nor its life, because this
 * daemon is replaced or killed. systemd keeps a copy of each descriptor from the moment it is there; the file says what
 * they are:
 *
 *     space=PATH
 *     client=ID PEER OWNER STARTED RESTRICTED BUSY NAME
 *     in=SPACE
 *     lock=ID OWNER STARTED SHARED TEMPORARY NAME
 *
 * What is in one place only was about to come or to go: it is dropped. */

#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "base/fs.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/strings.h"
#include "lock.h"

#define STATE_MAX (16U * 1024U * 1024U)
#define EXITING 0x4U      /* PF_EXITING of the kernel's, among the flags in /proc/PID/stat */

/* --- processes --- */

static bool read_process(pid_t pid, char *ret_state, unsigned *ret_flags, uint64_t *ret_started) {
        _cleanup_free_ char *path = text_format("/proc/%d/stat", (int) pid), *text = NULL;
        const char *after;

        if (pid <= 0 || !path || file_read(path, 4096, &text, NULL) < 0)
                return false;
        /* the name of the program, in brackets, may be anything */
        after = strrchr(text, ')');
        return after && sscanf(after, ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                                      "%" SCNu64, ret_state, ret_flags, ret_started) == 3;
}

LockOwner owner_of_pid(pid_t pid) {
        LockOwner o = { .pid = pid };
        unsigned flags;
        char state;

        if (!read_process(pid, &state, &flags, &o.started))
                o.started = 0;
        return o;
}

bool owner_equal(const LockOwner *a, const LockOwner *b) {
        return a->pid == b->pid && a->started == b->started;
}

bool owner_is_ending(const LockOwner *o) {
        uint64_t started;
        unsigned flags;
        char state;

        return !read_process(o->pid, &state, &flags, &started) || started != o->started || state == 'Z' ||
               state == 'X' || flags & EXITING;
}

/* --- with systemd --- */

void keep_fd(const char *kind, uint64_t id, int fd) {
        _cleanup_free_ char *text = text_format("FDSTORE=1\nFDNAME=%s-%" PRIu64, kind, id);

        if (fd >= 0 && text)
                (void) sd_pid_notify_with_fds(0, false, text, &fd, 1);
}

void keep_forget(const char *kind, uint64_t id) {
        (void) sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s-%" PRIu64, kind, id);
}

/* --- the file --- */

static char *state_file(void) {
        return text_format("%s/virtlockd.state", path_run());
}

static void add_line(StrBuf *b, const char *key, const char *name, char *numbers) {
        _cleanup_free_ char *own = numbers, *value = numbers ? text_format("%s %s", numbers, name) : NULL;

        if (value)
                keyfile_add(b, key, value);
        else
                b->failed = true;
}

static void add_client(StrBuf *b, const LockClient *c) {
        add_line(b, "client", c->name,
                 text_format("%" PRIu64 " %d %d %" PRIu64 " %d %d", c->id,
                             (int) connection_identity(c->connection)->pid, (int) c->owner.pid, c->owner.started,
                             c->restricted, c->busy));
}

static void add_lease(StrBuf *b, const Lease *l) {
        keyfile_add(b, "in", l->space);
        add_line(b, "lock", l->name,
                 text_format("%" PRIu64 " %d %" PRIu64 " %d %d", l->id, (int) l->owner.pid, l->owner.started,
                             l->shared, l->temporary));
}

void keep_save(const LockDriver *d) {
        _cleanup_free_ char *path = state_file(), *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        if (d->restoring || d->leaving)
                return;
        for (char **s = d->spaces; s && *s; s++)
                keyfile_add(&b, "space", *s);
        for (const LockClient *c = d->clients; c; c = c->next)
                add_client(&b, c);
        for (const Lease *l = d->leases; l; l = l->next)
                add_lease(&b, l);
        text = strbuf_take(&b);
        r = path && text ? file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;
        if (r < 0)
                log_warning_errno(r, "cannot write %s, locks would be lost with this process: %m", path);
}

/* --- the next process --- */

typedef struct Restore {
        LockDriver *driver;
        char *in;               /* the lockspace of the next lock */
} Restore;

static int stored(const LockDriver *d, const char *kind, uint64_t id) {
        _cleanup_free_ char *name = text_format("%s-%" PRIu64, kind, id);

        return name && d->host->stored ? d->host->stored(d->host, name) : -EBADF;
}

static void see_id(LockDriver *d, uint64_t id) {
        d->last_id = MAX(d->last_id, id);
}

static void restore_lease(Restore *s, char *value) {
        int pid, shared, temporary, at = 0;
        Lease l = {};

        if (sscanf(value, "%" SCNu64 " %d %" SCNu64 " %d %d%n", &l.id, &pid, &l.owner.started, &shared, &temporary,
                   &at) < 5 || value[at] != ' ' || !s->in)
                return;
        see_id(s->driver, l.id);
        l.fd = stored(s->driver, "lock", l.id);
        if (l.fd < 0)
                return;
        l.owner.pid = pid;
        l.shared = shared;
        l.temporary = temporary;
        l.space = strdup(s->in);
        l.name = strdup(value + at + 1);
        if (lease_restore(s->driver, &l) < 0)
                log_oom();
}

static int adopt(LockDriver *d, LockClient *c, int fd) {
        int r = d->host->adopt(d->host, fd, &c->connection);

        if (r < 0)
                return r;
        connection_set_data(c->connection, &driver_lock, c);
        c->next = d->clients;
        d->clients = c;
        return 0;
}

/* Whose connection is closed already, or waits for an answer that nobody knows, is a client that has gone. */
static void restore_client(Restore *s, char *value) {
        LockClient *c = calloc(1, sizeof(*c));
        int peer, pid, restricted, busy, at = 0, fd;

        if (!c)
                return;
        if (sscanf(value, "%" SCNu64 " %d %d %" SCNu64 " %d %d%n", &c->id, &peer, &pid, &c->owner.started, &restricted,
                   &busy, &at) < 6 || value[at] != ' ') {
                free(c);
                return;
        }
        see_id(s->driver, c->id);
        c->driver = s->driver;
        c->name = strdup(value + at + 1);
        c->owner.pid = pid;
        c->restricted = restricted;
        c->registered = true;
        fd = stored(s->driver, "client", c->id);
        if (fd < 0 || !c->name || adopt(s->driver, c, fd) < 0)
                client_gone(c, peer);
        else if (busy)
                connection_close(c->connection, -ECONNRESET);
}

static void restore_space(Restore *s, char *value) {
        if (!strv_contains(s->driver->spaces, value) && strv_add(&s->driver->spaces, value) < 0)
                log_oom();
}

static void restore_in(Restore *s, char *value) {
        free(s->in);
        s->in = strdup(value);
}

static const struct {
        const char *key;
        void (*restore)(Restore *s, char *value);
        bool late;              /* once all locks are there */
} lines[] = {
        { "space", restore_space, false },
        { "in", restore_in, false },
        { "lock", restore_lease, false },
        { "client", restore_client, true },
};

static void restore_lines(Restore *s, char *text, bool late) {
        char *line;

        while ((line = strsep(&text, "\n"))) {
                char *value;

                if (keyfile_parse_line(line, &value) < 0)
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                        if (lines[i].late == late && streq(lines[i].key, line))
                                lines[i].restore(s, value);
        }
}

void keep_restore(LockDriver *d) {
        _cleanup_free_ char *path = state_file(), *text = NULL, *again = NULL;
        Restore s = { .driver = d };

        if (!path || file_read(path, STATE_MAX, &text, NULL) < 0)
                return;
        again = strdup(text);
        if (!again)
                return;
        d->restoring = true;
        restore_lines(&s, text, false);
        restore_lines(&s, again, true);
        d->restoring = false;
        free(s.in);
        keep_save(d);
}
