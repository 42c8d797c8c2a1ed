/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-plug: started by vm-plug.socket as root, to open what a device needs that is plugged into a guest that runs; see
 * base/guest-plug.h for what is said. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/guest-plug.h"
#include "base/log.h"
#include "base/strings.h"
#include "host/undo.h"
#include "plan/names.h"
#include "plug-request.h"
#include "plug.h"
#include "serve.h"

/* Without a request for so long it ends: the next one starts it again. */
#define IDLE_MS 15000

/* --- the answer --- */

static int answer(int connection, json_t *reply, const int *fds, size_t n_fds) {
        _cleanup_free_ char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
        size_t len = text ? strlen(text) : 0;
        ssize_t n;

        if (!text || len > PLUG_ANSWER_MAX)
                return text ? -EMSGSIZE : -ENOMEM;
        n = send_fds(connection, text, len, fds, n_fds, 0);
        return n < 0 ? (int) n : 0;
}

static void refuse(int connection, const PlugRequest *q, const Error *e, int r) {
        _cleanup_free_ char *text = error_to_text(e, r);
        json_t *reply = json_pack("{s:s}", "error", text ?: "out of memory");

        log_error("guest %s, %s %s: %s", q->guest, q->device ? "device" : "threads", q->device ?: q->threads,
                  error_text(e, r));
        (void) answer(connection, reply, NULL, 0);
        json_decref(reply);
}

/* --- the verbs --- */

static int attach(const PlugRequest *q, int connection, Error *e) {
        _cleanup_(plug_done) Plug plug = {};
        json_t *reply = NULL;
        int r;

        r = plug_open(&plug, q->guest, q->device, q->version ?: "", q->set, &reply, e);
        if (r >= 0) {
                log_info("guest %s: opened what %s needs", q->guest, q->device);
                r = answer(connection, reply, plug.fds, plug.n_fds);
        }
        if (r < 0)
                (void) undo_device(q->guest, q->device, NULL, NULL);
        json_decref(reply);
        return r;
}

/* That it is done: there is nothing more to say. */
static int answer_done(int connection) {
        json_t *reply = json_object();
        int r = answer(connection, reply, NULL, 0);

        json_decref(reply);
        return r;
}

static void report(const char *key, const char *value, int r, void *userdata) {
        log_warning("cannot undo %s of %s: %s", key, value, strerror(-r));
}

static int release(const PlugRequest *q, int connection, Error *e) {
        int r = undo_device(q->guest, q->device, report, NULL);

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot read what is to be undone for %s", q->device);
        return answer_done(connection);
}

static int change(const PlugRequest *q, int connection, Error *e) {
        _cleanup_(plug_done) Plug plug = {};
        json_t *reply = NULL;
        int r;

        r = plug_change(&plug, q->guest, q->device, &reply, e);
        if (r >= 0) {
                log_info("guest %s: changed %s", q->guest, q->device);
                r = answer(connection, reply, NULL, 0);
        }
        json_decref(reply);
        return r;
}

static int pin(const PlugRequest *q, int connection, Error *e) {
        int r = q->cpus ? plug_pin(q->guest, q->threads, q->cpus, e) : -EINVAL;

        return r < 0 ? r : answer_done(connection);
}

static int join(const PlugRequest *q, int connection, Error *e) {
        int r = q->vcpu ? plug_join(q->guest, q->threads, q->vcpu, e) : -EINVAL;

        return r < 0 ? r : answer_done(connection);
}

static int limit(const PlugRequest *q, int connection, Error *e) {
        int r = plug_limit(q->guest, q->threads, q->group, q->limit, e);

        return r < 0 ? r : answer_done(connection);
}

static int receive(const PlugRequest *q, int connection, Error *e) {
        int r = q->frames ? plug_receive(q->guest, q->device, q->frames, e) : -EINVAL;

        return r < 0 ? r : answer_done(connection);
}

static int lock(const PlugRequest *q, int connection, Error *e) {
        _cleanup_(plug_done) Plug plug = {};
        int r = plug_lock(&plug, q->guest, q->device, e);

        return r < 0 ? r : answer_done(connection);
}

static int unlock(const PlugRequest *q, int connection, Error *e) {
        _cleanup_(plug_done) Plug plug = {};
        int r = plug_unlock(&plug, q->guest, q->device, e);

        return r < 0 ? r : answer_done(connection);
}

static const struct {
        const char *verb;
        int (*run)(const PlugRequest *q, int connection, Error *e);
        bool of_threads, of_groups;
} verbs[] = {
        { "attach", attach, false, false },
        { "release", release, false, false },
        { "change", change, false, false },
        { "receive", receive, false, false },
        { "lock", lock, false, false },
        { "unlock", unlock, false, false },
        { "pin", pin, true, false },
        { "join", join, true, false },
        { "limit", limit, true, true },
};

static int run_verb(const PlugRequest *q, int connection, Error *e) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].verb, q->verb) && verbs[i].of_threads == !q->device &&
                    verbs[i].of_groups == !!q->group)
                        return verbs[i].run(q, connection, e);
        return error_set(e, -EOPNOTSUPP, ERROR_NO_SUPPORT, ORIGIN_QEMU, "vm-plug knows no verb '%s' of that", q->verb);
}

/* --- connections --- */

static bool is_root(int connection) {
        struct ucred peer;
        socklen_t len = sizeof peer;

        return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) >= 0 && peer.uid == geteuid();
}

static int serve(int connection, void *userdata) {
        _cleanup_plug_request_ PlugRequest q = {};
        _cleanup_error_ Error e = ERROR_INIT;
        char text[PLUG_REQUEST_MAX + 1];
        ssize_t n;
        int r;

        if (!is_root(connection))
                return log_error_errno(-EPERM, "somebody who is not root asked");
        n = recv(connection, text, sizeof text - 1, 0);
        if (n <= 0)
                return n < 0 ? -errno : 0;
        text[n] = 0;
        r = plug_request_parse(text, &q);
        if (r < 0)
                return log_error_errno(r, "a request that is none: %s", strerror(-r));
        r = run_verb(&q, connection, &e);
        if (r < 0)
                refuse(connection, &q, &e, r);
        return r;
}

int main(int argc, char **argv) {
        int r;

        log_open("vm-plug", LOG_TARGET_AUTO);
        if (argc != 1) {
                log_error("usage: vm-plug (started by vm-plug.socket)");
                return EXIT_FAILURE;
        }
        if (sd_listen_fds(true) != 1) {
                log_error("vm-plug is started by vm-plug.socket");
                return EXIT_FAILURE;
        }
        r = serve_connections(SD_LISTEN_FDS_START, IDLE_MS, NULL, serve, NULL);
        if (r < 0)
                log_error_errno(r, "cannot wait for requests: %s", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
