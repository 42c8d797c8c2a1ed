/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-interface: changes of the host's interfaces, as root, outside of the daemon, which may write nothing of the
 * host's.
 *
 * "run ID" (vm-interface@ID.service) does what the job ID says: verb, name, document (base/keyfile.h); ID.result is
 * "ok", or an error's text. "expire" (vm-interface-expire.service) rolls back what was begun and neither committed nor
 * rolled back in time. "boot" (vm-interface-boot.service) does the same before the network comes up. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/strings.h"
#include "model/interface.h"
#include "manager.h"
#include "snapshot.h"
#include "store.h"

#define JOB_MAX (8U * 1024U * 1024U)
#define TIMER "vm-interface-expire.timer"

typedef struct Job {
        char *verb, *name, *document;
        Host host;
} Job;

static void job_done(Job *j) {
        free(j->verb);
        free(j->name);
        free(j->document);
        netlink_close(j->host.netlink);
        sd_bus_flush_close_unref(j->host.bus);
}

static int connect_host(Host *h, Error *e) {
        int r = sd_bus_open_system(&h->bus);

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_INTERFACE, "cannot connect to the system bus");
        r = netlink_open(&h->netlink);
        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot ask for the host's links") : 0;
}

/* --- the verbs --- */

static int load_or_none(const char *name, Definition **ret, Error *e) {
        int r = interface_definition_load(name, ret, e);

        return r == -ENOENT ? 0 : r;
}

/* A definition of before that cannot be read any more is replaced. */
static int define(Job *j, Error *e) {
        _cleanup_definition_ Definition *d = NULL, *old = NULL;
        _cleanup_error_ Error unreadable = ERROR_INIT;
        const Manager *manager = NULL;
        int r;

        r = definition_parse_as(&document_interface, j->document ?: "", strlen(j->document ?: ""), NULL, 0, &d, e);
        if (r >= 0)
                r = definition_normalise(d, NULL, e);
        if (r >= 0)
                r = manager_find(&j->host, definition_name(d), d, &manager, e);
        if (r >= 0)
                r = manager->check(&j->host, d, e);
        if (r < 0)
                return r;
        if (load_or_none(definition_name(d), &old, &unreadable) < 0)
                log_warning("%s, replacing it", error_text(&unreadable, -EBADMSG));
        r = store_save(d, e);
        return r < 0 ? r : manager->define(&j->host, d, old, e);
}

static int find(Job *j, Definition **ret_definition, const Manager **ret, Error *e) {
        int r = load_or_none(j->name, ret_definition, e);

        return r < 0 ? r : manager_find(&j->host, j->name, *ret_definition, ret, e);
}

static int undefine(Job *j, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        const Manager *manager = NULL;
        int r = find(j, &d, &manager, e);

        if (r >= 0 && !d)
                r = error_set(e, -ENOENT, ERROR_OPERATION_INVALID, ORIGIN_INTERFACE,
                              "interface '%s' was not defined here: what configures it are files of others", j->name);
        if (r >= 0)
                r = manager->undefine(&j->host, d, e);
        return r < 0 ? r : store_remove(j->name, e);
}

static int start(Job *j, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        const Manager *manager = NULL;
        int r = find(j, &d, &manager, e);

        if (r >= 0 && d && host_link_is_up(&j->host, j->name) > 0 && manager->is_in_force(&j->host, d))
                r = error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_INTERFACE,
                              "interface '%s' is already running", j->name);
        return r < 0 ? r : manager->start(&j->host, j->name, d, e);
}

static int stop(Job *j, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        const Manager *manager = NULL;
        int r = find(j, &d, &manager, e);

        return r < 0 ? r : manager->stop(&j->host, j->name, d, e);
}

static int set_timer(Host *h, bool on, Error *e) {
        return bus_call(h, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                        on ? "RestartUnit" : "StopUnit", NULL, e, "ss", TIMER, "replace");
}

/* The timer runs before there is anything to roll back: no change is ever left without it. */
static int begin(Job *j, Error *e) {
        const Manager *manager = NULL;
        int r = manager_find(&j->host, NULL, NULL, &manager, e);

        if (r >= 0 && !snapshot_is_there())
                r = set_timer(&j->host, true, e);
        if (r >= 0)
                r = snapshot_take(e);
        if (r < 0)
                return r;
        r = manager->begin(&j->host, e);
        if (r < 0)
                (void) snapshot_drop(NULL);
        return r;
}

static int finish(Job *j, Error *e) {
        _cleanup_error_ Error ignored = ERROR_INIT;
        int r = snapshot_drop(e);

        if (r >= 0 && set_timer(&j->host, false, &ignored) < 0)
                log_warning("%s, ignoring", error_text(&ignored, -EIO));
        return r;
}

static int commit(Job *j, Error *e) {
        _cleanup_error_ Error ignored = ERROR_INIT;
        const Manager *manager = NULL;
        int r = snapshot_is_there() ? manager_find(&j->host, NULL, NULL, &manager, e) : 0;

        if (r >= 0 && manager && manager->commit(&j->host, &ignored) < 0)
                log_warning("%s, ignoring", error_text(&ignored, -EIO));
        return r < 0 ? r : finish(j, e);
}

static int undo_definition(const char *path, const char *file, void *userdata) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        const char *end = endswith(file, ".xml");
        _cleanup_free_ char *name = end ? strndup(file, (size_t) (end - file)) : NULL;
        const Manager *manager = NULL;
        Host *h = userdata;
        int r;

        if (!name || snapshot_has_definition(name))
                return 0;
        r = interface_definition_load(name, &d, &e);
        if (r >= 0)
                r = manager_find(h, name, d, &manager, &e);
        if (r >= 0)
                r = manager->undo(h, d, &e);
        if (r < 0)
                log_warning("%s, going on with the rollback", error_text(&e, r));
        return 0;
}

static int rollback(Job *j, Error *e) {
        _cleanup_free_ char *folder = text_format("%s/interface", path_etc());
        const Manager *manager = NULL;
        int r = 0;

        if (!snapshot_is_there())
                return snapshot_drop(e);
        r = manager_find(&j->host, NULL, NULL, &manager, e);
        if (r >= 0)
                r = folder ? store_each(folder, undo_definition, &j->host) : -ENOMEM;
        if (r >= 0)
                r = snapshot_restore_files(snapshot_is_old(), e);
        if (r >= 0)
                r = manager->rollback(&j->host, e);
        return r < 0 ? r : finish(j, e);
}

/* --- jobs --- */

static const struct {
        const char *verb;
        int (*run)(Job *j, Error *e);
} verbs[] = {
        { "define", define }, { "undefine", undefine }, { "start", start },       { "stop", stop },
        { "begin", begin },   { "commit", commit },     { "rollback", rollback },
};

/* One after the other, of all processes. */
static int lock_all(void) {
        _cleanup_free_ char *folder = text_format("%s/interface", path_run()), *path = text_format("%s/lock", folder);
        int r = folder && path ? mkdir_p(folder, 0700) : -ENOMEM;

        return r < 0 ? r : file_open_locked(path);
}

static int run_job(Job *j, Error *e) {
        _cleanup_close_ int lock = lock_all();
        int r = lock < 0 ? error_set_errno(e, lock, ORIGIN_INTERFACE, "cannot lock the host's interfaces")
                         : connect_host(&j->host, e);

        if (r < 0)
                return r;
        for (size_t i = 0; j->verb && i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].verb, j->verb))
                        return verbs[i].run(j, e);
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_INTERFACE, "no work is called '%s'", j->verb ?: "");
}

static int parse(char *text, Job *j) {
        const struct {
                const char *key;
                char **to;
        } fields[] = { { "verb", &j->verb }, { "name", &j->name }, { "document", &j->document } };
        char *line, *value;

        while ((line = strsep(&text, "\n"))) {
                if (!*line)
                        continue;
                if (keyfile_parse_line(line, &value) < 0)
                        return -EINVAL;
                for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                        if (streq(fields[i].key, line) && !*fields[i].to && !(*fields[i].to = strdup(value)))
                                return -ENOMEM;
        }
        if (j->name && strchr(j->name, '/'))
                return -EINVAL;
        return 0;
}

static char *job_path(const char *id, const char *suffix) {
        return text_format("%s/interface/jobs/%s.%s", path_run(), id, suffix);
}

static int run(const char *id) {
        _cleanup_free_ char *path = job_path(id, "job"), *to = job_path(id, "result"), *text = NULL, *result = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_(job_done) Job j = {};
        int r;

        r = path && to && !strchr(id, '/') ? file_read(path, JOB_MAX, &text, NULL) : -EINVAL;
        if (r >= 0)
                r = parse(text, &j);
        if (r < 0)
                return log_error_errno(r, "cannot read the job %s: %s", id, strerror(-r));
        r = run_job(&j, &e);
        if (r < 0)
                log_error("%s", error_text(&e, r));
        result = r < 0 ? error_to_text(&e, r) : strdup("ok");
        if (!result || file_write_atomic(to, result, strlen(result), 0600, FILE_WRITE_NOSYNC) < 0)
                return log_error_errno(-EIO, "cannot write %s", to);
        return r;
}

static int expire(void) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_(job_done) Job j = { .verb = strdup("rollback") };
        int r;

        if (!snapshot_is_there())
                return 0;
        log_warning("changes of interfaces were begun and not committed in time: they are rolled back");
        r = run_job(&j, &e);
        return r < 0 ? log_error_errno(r, "cannot roll back: %s", error_text(&e, r)) : 0;
}

/* Nobody manages a link yet, so the files are all. */
static int boot(void) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = snapshot_is_there() ? snapshot_restore_files(true, &e) : 0;

        if (!snapshot_is_there())
                return 0;
        if (r >= 0)
                r = snapshot_drop(&e);
        if (r < 0)
                return log_error_errno(r, "cannot roll back: %s", error_text(&e, r));
        log_warning("changes of interfaces were begun and not committed before the boot: they were rolled back");
        return 0;
}

int main(int argc, char **argv) {
        int r = -EINVAL;

        log_open("vm-interface", LOG_TARGET_AUTO);
        if (argc == 3 && streq(argv[1], "run"))
                r = run(argv[2]);
        else if (argc == 2 && streq(argv[1], "expire"))
                r = expire();
        else if (argc == 2 && streq(argv[1], "boot"))
                r = boot();
        else
                log_error("usage: vm-interface run ID | expire | boot");
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
