/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd.generator(7): definitions in, units out, nothing else. Each guest, network and pool (the rows of plan/kind.h)
 * has a drop-in for its unit; one whose definition is broken has a drop-in with which the unit fails and says why. The
 * links of autostart/ become Wants= of the kind's target. Two passes a kind: the
 * names first, then each is translated; for what refers to something else, that one's name is all it needs. */

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
#include "plan/pools.h"
#include "guests.h"
#include "mounts.h"
#include "sockets.h"

/* More definitions than this are worth another process. */
#define SHARE_MIN 500U
#define SHARES_MAX ((size_t) 4)

/* Everything of one kind. */
typedef struct Group {
        const PlanKind *kind;
        const char *unit_dir;    /* where units of normal priority go */
        char *definitions;       /* "/etc/libvirt/qemu" */
        char **names;            /* sorted */
        size_t n_names;
        char **autostart, **once; /* the same, of those with a link */
        size_t n_autostart;
        bool has_udev;           /* devices get units here */
        const PoolPlaces *pools; /* of all that there are, for guests */
} Group;

static void group_done(Group *g) {
        free(g->definitions);
        strv_free(g->names);
        strv_free(g->autostart);
        strv_free(g->once);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* First pass: the names, without a look into the files. "x.xml" is x; anything else is none of ours. */
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

static int load(const Group *g, const char *path, const char *name, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r;

        r = definition_load_as(g->kind->document, path, 0, &d, e);
        if (r < 0)
                return r;
        if (!streq(definition_name(d), name))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, g->kind->unit->origin,
                                 "%s: the %s in it is called '%s': the file must be called %s.xml", path,
                                 g->kind->unit->word, definition_name(d), definition_name(d));
        *ret = TAKE_PTR(d);
        return 0;
}

static int make_plan(const Group *g, const char *name, Plan **ret) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *path = NULL;
        int r;

        path = text_format("%s/%s.xml", g->definitions, name);
        if (!path)
                return -ENOMEM;
        r = load(g, path, name, &d, &e);
        if (r >= 0)
                r = plan_build(d, ret, &e);
        if (r >= 0)
                return plan_after_pools(*ret, d, g->pools);
        log_warning("%s", error_text(&e, r));
        return plan_build_broken_as(g->kind->unit, name, error_text(&e, r), ret);
}

/* A link in the folder of what the kind's target wants. Its target says nothing, and for a device there is no file. */
static int link_from_target(const Group *g, const char *unit, const char *target) {
        _cleanup_free_ char *dir = text_format("%s/%s.wants", g->unit_dir, g->kind->unit->target), *path = NULL;
        int r;

        path = dir ? text_format("%s/%s", dir, unit) : NULL;
        if (!path)
                return log_oom();
        r = mkdir_p(dir, 0755);
        if (r >= 0 && symlink(target, path) < 0 && errno != EEXIST)
                r = -errno;
        return r < 0 ? log_error_errno(r, "cannot link %s: %s", path, strerror(-r)) : 0;
}

/* Whether it starts at boot: by libvirt's link, or enabled as a unit. */
static bool starts_at_boot(const Group *g, const char *name, const Plan *plan) {
        _cleanup_free_ char *enabled = NULL;

        if (g->autostart && bsearch(&name, g->autostart, g->n_autostart, sizeof(char *), compare_names))
                return true;
        enabled = text_format("/etc/systemd/system/%s.wants/%s", g->kind->unit->target, plan_unit(plan));
        return enabled && access(enabled, F_OK) >= 0;
}

/* Devices that a unit is ordered behind are waited for at boot, when machines.target is started and no other time. */
static int want_devices(const Group *g, const char *name, const Plan *plan) {
        const PlanSetting *settings;
        int r = 0;
        size_t n;

        if (!g->has_udev || !starts_at_boot(g, name, plan))
                return 0;
        settings = plan_settings(plan, &n);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (streq(settings[i].key, "After") && endswith(settings[i].value, ".device"))
                        r = link_from_target(g, settings[i].value, settings[i].value);
        return r;
}

/* Second pass, one thing. */
static int write_unit(const Group *g, const char *name) {
        _cleanup_plan_ Plan *plan = NULL;
        int r;

        r = make_plan(g, name, &plan);
        if (r < 0)
                return log_error_errno(r, "cannot make a unit for %s '%s': %s", g->kind->unit->word, name,
                                       strerror(-r));
        r = plan_write_dropin(plan, g->unit_dir);
        if (r < 0)
                return log_error_errno(r, "cannot write the drop-in of %s: %s", plan_unit(plan), strerror(-r));
        return want_devices(g, name, plan);
}

/* One that cannot be written must not keep the others from starting. */
static int write_units(const Group *g, size_t first, size_t end) {
        int r, result = 0;

        for (size_t i = first; i < end; i++) {
                r = write_unit(g, g->names[i]);
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

/* What is written for one has nothing to do with the others, so thousands of guests are shared out to the processors. A
 * share that no process can be made for is done here. */
static int write_all_units(const Group *g) {
        long n = g->n_names < SHARE_MIN ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
        size_t shares = n < 1 ? 1 : MIN((size_t) n, SHARES_MAX), done = 0;
        pid_t pids[SHARES_MAX] = {};
        int r, result = 0;

        for (size_t i = 0; i < shares; i++) {
                size_t end = g->n_names * (i + 1) / shares;

                if (i + 1 < shares)
                        pids[i] = fork();
                if (pids[i] == 0 && i + 1 < shares)
                        _exit(write_units(g, done, end) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
                if (pids[i] <= 0) {
                        r = write_units(g, done, end);
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

static int link_wanted(const Group *g, const char *name) {
        const UnitKind *unit_kind = g->kind->unit;
        _cleanup_free_ char *unit = NULL, *template = NULL;
        int r;

        /* an autostart link may outlive its definition */
        if (!g->names || !bsearch(&name, g->names, g->n_names, sizeof(char *), compare_names))
                return 0;
        r = unit_name_for(unit_kind, name, &unit);
        if (r < 0)
                return log_error_errno(r, "%s '%s' cannot have a unit: %s", unit_kind->word, name, strerror(-r));
        template = text_format(UNITDIR "/%s%s", unit_kind->prefix, unit_kind->suffix);
        return template ? link_from_target(g, unit, template) : log_oom();
}

static int link_all_wanted(const Group *g) {
        char **const lists[] = { g->autostart, g->once };
        int r, first = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (char **n = lists[i]; n && *n; n++) {
                        r = link_wanted(g, *n);
                        first = first ?: r;
                }
        return first;
}

/* systemd drops a generator's folder from its search path when it stays empty, and would not see the drop-in of the
 * first guest that is defined later. */
static int keep_folder(const char *unit_dir) {
        _cleanup_free_ char *dir = NULL;
        int r;

        dir = text_format("%s/vm@.service.d", unit_dir);
        if (!dir)
                return log_oom();
        r = mkdir_p(dir, 0755);
        return r < 0 ? log_error_errno(r, "cannot make %s: %s", dir, strerror(-r)) : 0;
}

static int group_list(Group *g) {
        _cleanup_free_ char *autostart = NULL;
        int r;

        g->definitions = text_format("%s/%s", path_etc(), g->kind->folder);
        autostart = text_format("%s/%s/autostart", path_etc(), g->kind->folder);
        if (!g->definitions || !autostart)
                return log_oom();
        r = list_names(g->definitions, ".xml", &g->names, &g->n_names);
        if (r >= 0)
                r = list_names(autostart, ".xml", &g->autostart, &g->n_autostart);
        if (r >= 0)
                r = list_names(autostart, ".xml.once", &g->once, NULL);
        return r < 0 ? log_error_errno(r, "cannot list %s: %s", g->definitions, strerror(-r)) : 0;
}

/* One kind that cannot be listed or written does not keep the others from it. */
static int generate_group(const PlanKind *kind, const char *unit_dir, bool has_udev, const PoolPlaces *pools) {
        _cleanup_(group_done) Group g = { .kind = kind, .unit_dir = unit_dir, .has_udev = has_udev, .pools = pools };
        int r, first;

        first = group_list(&g);
        if (first < 0)
                return first;
        first = write_all_units(&g);
        r = link_all_wanted(&g);
        return first ?: r;
}

static void warn_of_pool(const char *name, const char *text) {
        log_warning("storage pool '%s': %s", name, text);
}

static int generate(const char *unit_dir) {
        /* systemd-udevd.service has the same condition: none runs in most containers, and waiting there is in vain */
        bool has_udev = access(getenv("UNITVIRT_SYS") ?: "/sys", W_OK) >= 0;
        _cleanup_pool_places_ PoolPlaces *pools = NULL;
        const PlanKind *kind;
        int r, first;

        r = keep_folder(unit_dir);
        if (r < 0)
                return r;
        first = pool_places_load(&pools);
        if (first < 0)
                log_error_errno(first, "cannot read the storage pools' definitions: %s", strerror(-first));
        else
                pool_places_tell(pools, warn_of_pool);
        for (size_t i = 0; (kind = plan_kind_at(i)); i++) {
                r = generate_group(kind, unit_dir, has_udev, pools);
                first = first ?: r;
        }
        r = guests_generate(unit_dir);
        first = first ?: r;
        r = mounts_generate(unit_dir);
        first = first ?: r;
        r = sockets_generate(unit_dir);
        return first ?: r;
}

int main(int argc, char **argv) {
        /* With a terminal somebody tries it by hand; at boot the journal is not there yet. */
        log_open("unitvirt-generator",
                 isatty(STDERR_FILENO) || getenv("UNITVIRT_ETC") ? LOG_TARGET_AUTO : LOG_TARGET_KMSG);
        if (argc != 4 && argc != 2) {
                log_error("usage: unitvirt-generator NORMAL-DIR [EARLY-DIR LATE-DIR]");
                return EXIT_FAILURE;
        }
        return generate(argv[1]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
