/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-filter: work on the rules of network filters that belongs to no guest's start or end, as root.
 *
 * "run ID" (vm-filter@ID.service) does what a daemon asks for: ID is VERB-NUMBER, the document is in ID.xml, and
 * ID.result is "ok", or an error's text (filter/port.h).
 *
 * check    could the rules of all taps be made with this filter? apply    makes them, from the filters on the disk
 * refresh  the same tap by tap; one whose filter is broken keeps its rules bind     gives a tap the rules of this
 * binding unbind   takes them away
 *
 * "guard" (vm-filter.service, started by vm-filter.socket when the host's rules were changed) puts back what is
 * missing. It stays as long as changes come, since those who load rules do so in many steps, and ends once it is
 * quiet. */

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "filter/bind.h"
#include "model/kind.h"

#define EVENTS_FD 3
#define QUIET_MS 1500
#define GATHER_MS 50
#define TRIES 40U /* where rules cannot be put back: a minute */

/* --- jobs --- */

static int load(const char *id, const DocumentKind *kind, Definition **ret, Error *e) {
        _cleanup_free_ char *path = filter_job_path(id, "xml");
        int r;

        r = path ? definition_load_as(kind, path, 0, ret, e) : -ENOMEM;
        return r < 0 ? r : definition_normalise(*ret, NULL, e);
}

static int check(const char *id, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r = load(id, &document_filter, &d, e);

        return r < 0 ? r : filter_ports_rebuild(d, true, e);
}

static int apply(const char *id, Error *e) {
        return filter_ports_rebuild(NULL, false, e);
}

static void warn(const char *text) {
        log_warning("%s; the rules stay as they are", text);
}

static int refresh(const char *id, Error *e) {
        return filter_ports_refresh(warn, e);
}

static int bind_port(const char *id, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r = load(id, &document_filterbinding, &d, e);

        return r < 0 ? r : filter_port_bind(d, e);
}

static int unbind_port(const char *id, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r = load(id, &document_filterbinding, &d, e);

        return r < 0 ? r : filter_port_unbind(definition_name(d), NULL, e);
}

static const struct {
        const char *name;
        int (*run)(const char *id, Error *e);
} verbs[] = {
        { "check-", check },   { "apply-", apply },        { "refresh-", refresh },
        { "bind-", bind_port }, { "unbind-", unbind_port },
};

static int write_result(const char *id, const Error *e, int r) {
        _cleanup_free_ char *path = filter_job_path(id, "result"), *text = r < 0 ? error_to_text(e, r) : strdup("ok"),
                            *line = text ? text_format("%s\n", text) : NULL;

        return path && line ? file_write_atomic(path, line, strlen(line), 0600, FILE_WRITE_NOSYNC) : -ENOMEM;
}

static int run(const char *id) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = -EINVAL;

        umask(0077);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (startswith(id, verbs[i].name) && !strchr(id, '/'))
                        r = verbs[i].run(id, &e);
        if (r < 0)
                log_error("%s", error_text(&e, r));
        return write_result(id, &e, r) < 0 || r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- guard --- */

/* Reads all events away; whether the buffer ran over does not matter, as none is looked at. */
static void drain(void) {
        static char buffer[65536];

        while (recv(EVENTS_FD, buffer, sizeof buffer, MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
                ;
}

static void say(const char *text) {
        log_warning("%s", text);
}

/* Taps that are off because of what went wrong are tried again for a while, and at the next change. */
static int guard(void) {
        struct pollfd events = { .fd = EVENTS_FD, .events = POLLIN };
        unsigned tries = 0;
        int r;

        if (!streq_ptr(getenv("LISTEN_FDS"), "1")) {
                log_error("vm-filter guard is started by vm-filter.socket");
                return EXIT_FAILURE;
        }
        do {
                _cleanup_error_ Error e = ERROR_INIT;

                (void) poll(NULL, 0, GATHER_MS);
                drain();
                r = filter_ports_restore(say, &e);
                if (r < 0 && tries++ == 0)
                        log_error("cannot put the rules of guests' filters back: %s", error_text(&e, r));
                else if (r > 0)
                        log_info("put the rules of guests' filters back");
                tries = r < 0 ? tries : 0;
        } while (poll(&events, 1, QUIET_MS) > 0 || (tries > 0 && tries < TRIES));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        log_open("vm-filter", LOG_TARGET_AUTO);
        if (argc == 3 && streq(argv[1], "run"))
                return run(argv[2]);
        if (argc == 2 && streq(argv[1], "guard"))
                return guard();
        log_error("usage: vm-filter run ID | guard");
        return EXIT_FAILURE;
}
