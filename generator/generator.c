/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd.generator(7): definitions in, drop-ins out, nothing else. Each guest has a drop-in for its
 * vm@NAME.service; one whose definition is broken has a drop-in with which the unit fails and says why. The links of
 * autostart/ become Wants= of machines.target. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "model/definition.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "guests.h"
#include "sockets.h"

#define WANTS "machines.target.wants"
/* More definitions than this are worth another process. */
#define SHARE_MIN 500U
#define SHARES_MAX ((size_t) 4)

typedef struct Generator {
        const char *unit_dir;    /* where units of normal priority go */
        char *definitions;       /* /etc/libvirt/qemu */
        char **names;            /* guests, sorted */
        size_t n_names;
        char **autostart;        /* the same, of those with a link */
} Generator;

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* First pass: the names, without a look into the files. "x.xml" is guest x; anything else is none of ours. */
static int list_names(const char *dir, const char *suffix, char ***ret, size_t *ret_n) {
        _cleanup_strv_ char **names = NULL;
        struct dirent *entry;
        size_t n = 0;
        DIR *d;
        int r = 0;

        d = opendir(dir);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        while (r >= 0 && (entry = readdir(d))) {
                const char *end = endswith(entry->d_name, suffix);

                if (!end || end == entry->d_name || entry->d_name[0] == '.')
                        continue;
                r = strv_consume_at(&names, n, strndup(entry->d_name, (size_t) (end - entry->d_name)));
                n++;
        }
        (void) closedir(d);
        if (r < 0)
                return r;
        if (names)
                qsort(names, n, sizeof(char *), compare_names);
        *ret = TAKE_PTR(names);
        if (ret_n)
                *ret_n = n;
        return 0;
}

static int load(const char *path, const char *name, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_load(path, 0, &d, e);
        if (r < 0)
                return r;
        if (!streq(definition_name(d), name))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_DOMAIN,
                                 "%s: the guest in it is called '%s': the file must be called %s.xml", path, definition_name(d),
                                 definition_name(d));
        *ret = TAKE_PTR(d);
        return 0;
}

static int make_plan(const Generator *g, const char *name, Plan **ret) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *path = NULL;
        int r;

        path = text_format("%s/%s.xml", g->definitions, name);
        if (!path)
                return -ENOMEM;
        r = load(path, name, &d, &e);
        if (r >= 0)
                r = plan_build(d, ret, &e);
        if (r >= 0)
                return 0;
        log_warning("%s", error_text(&e, r));
        return plan_build_broken(name, error_text(&e, r), ret);
}

/* Second pass, one guest. */
static int write_guest(const Generator *g, const char *name) {
        _cleanup_plan_ Plan *plan = NULL;
        int r;

        r = make_plan(g, name, &plan);
        if (r < 0)
                return log_error_errno(r, "cannot make a unit for guest '%s': %s", name, strerror(-r));
        r = plan_write_dropin(plan, g->unit_dir);
        if (r < 0)
                return log_error_errno(r, "cannot write the drop-in of %s: %s", plan_unit(plan), strerror(-r));
        return 0;
}

/* One guest that cannot be written must not keep the others from starting. */
static int write_guests(const Generator *g, size_t first, size_t end) {
        int r, result = 0;

        for (size_t i = first; i < end; i++) {
                r = write_guest(g, g->names[i]);
                result = result ?: r;
        }
        return result;
}

static int wait_for_share(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -EIO;
}

/* Guests have nothing to do with each other, so thousands of them are shared out to the processors. A share that no
 * process can be made for is done here. */
static int write_all_guests(const Generator *g) {
        long n = g->n_names < SHARE_MIN ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
        size_t shares = n < 1 ? 1 : MIN((size_t) n, SHARES_MAX), done = 0;
        pid_t pids[SHARES_MAX] = {};
        int r, result = 0;

        for (size_t i = 0; i < shares; i++) {
                size_t end = g->n_names * (i + 1) / shares;

                if (i + 1 < shares)
                        pids[i] = fork();
                if (pids[i] == 0 && i + 1 < shares)
                        _exit(write_guests(g, done, end) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
                if (pids[i] <= 0) {
                        r = write_guests(g, done, end);
                        result = result ?: r;
                }
                done = end;
        }
        for (size_t i = 0; i < shares; i++)
                if (pids[i] > 0) {
                        r = wait_for_share(pids[i]);
                        result = result ?: r;
                }
        return result;
}

static int link_wanted(const Generator *g, const char *name) {
        _cleanup_free_ char *unit = NULL, *dir = NULL, *path = NULL;
        int r;

        /* an autostart link may outlive its definition */
        if (!g->names || !bsearch(&name, g->names, g->n_names, sizeof(char *), compare_names))
                return 0;
        r = unit_name_for_guest(name, &unit);
        if (r < 0)
                return log_error_errno(r, "guest '%s' cannot have a unit: %s", name, strerror(-r));
        if (asprintf(&dir, "%s/" WANTS, g->unit_dir) < 0 || asprintf(&path, "%s/%s", dir, unit) < 0)
                return log_oom();
        r = mkdir_p(dir, 0755);
        if (r >= 0 && symlink(UNITDIR "/vm@.service", path) < 0 && errno != EEXIST)
                r = -errno;
        return r < 0 ? log_error_errno(r, "cannot link %s: %s", path, strerror(-r)) : 0;
}

/* systemd drops a generator's folder from its search path when it stays empty, and would not see the drop-in of the
 * first guest that is defined later. */
static int keep_folder(const Generator *g) {
        _cleanup_free_ char *dir = NULL;
        int r;

        dir = text_format("%s/vm@.service.d", g->unit_dir);
        if (!dir)
                return log_oom();
        r = mkdir_p(dir, 0755);
        return r < 0 ? log_error_errno(r, "cannot make %s: %s", dir, strerror(-r)) : 0;
}

static int generate(Generator *g) {
        _cleanup_free_ char *autostart = NULL;
        _cleanup_strv_ char **once = NULL;
        int r, first;

        if (asprintf(&g->definitions, "%s/qemu", path_etc()) < 0 || asprintf(&autostart, "%s/autostart", g->definitions) < 0)
                return log_oom();
        r = keep_folder(g);
        if (r < 0)
                return r;
        r = list_names(g->definitions, ".xml", &g->names, &g->n_names);
        if (r >= 0)
                r = list_names(autostart, ".xml", &g->autostart, NULL);
        if (r >= 0)
                r = list_names(autostart, ".xml.once", &once, NULL);
        if (r < 0)
                return log_error_errno(r, "cannot list %s: %s", g->definitions, strerror(-r));
        first = write_all_guests(g);
        for (char **n = g->autostart; n && *n; n++) {
                r = link_wanted(g, *n);
                first = first ?: r;
        }
        for (char **n = once; n && *n; n++) {
                r = link_wanted(g, *n);
                first = first ?: r;
        }
        r = guests_generate(g->unit_dir);
        first = first ?: r;
        r = sockets_generate(g->unit_dir);
        return first ?: r;
}

int main(int argc, char **argv) {
        Generator g = {};
        int r;

        /* With a terminal somebody tries it by hand; at boot the journal is not there yet. */
        log_open("unitvirt-generator", isatty(STDERR_FILENO) || getenv("UNITVIRT_ETC") ? LOG_TARGET_AUTO : LOG_TARGET_KMSG);
        if (argc != 4 && argc != 2) {
                log_error("usage: unitvirt-generator NORMAL-DIR [EARLY-DIR LATE-DIR]");
                return EXIT_FAILURE;
        }
        g.unit_dir = argv[1];
        r = generate(&g);
        free(g.definitions);
        strv_free(g.names);
        strv_free(g.autostart);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
