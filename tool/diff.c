/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* unitvirt diff: what a running guest, its definition and its unit say differently, and when it applies. Asks neither
 * daemon nor QEMU. */

#include <getopt.h>
#include <systemd/sd-bus.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "qemu/live.h"
#include "running.h"
#include "tool.h"

static const char *shown(const char *v) {
        return !v ? "(none)" : *v ? v : "(there)";
}

static int print_difference(const Difference *d, void *userdata) {
        bool *any = userdata;

        *any = true;
        printf("%s: %s -> %s  [%s]\n", d->path, shown(d->before), shown(d->after),
               live_way(d) == LIVE_NOT ? "at the next start" : "live, by systemctl reload");
        return 0;
}

/* --- drop-ins --- */

static bool is_ours(const char *path) {
        const char *name = strrchr(path, '/');

        return name && streq(name, "/10-unitvirt.conf");
}

/* Whether it is what the live definition says: a limit that a client has set for this run. */
static bool is_known(const Plan *live, const char *line) {
        size_t n;
        const PlanSetting *s = plan_settings(live, &n);

        for (size_t i = 0; i < n; i++) {
                const char *value = startswith(line, s[i].key);

                if (value && *value == '=' && streq(value + 1, s[i].value))
                        return true;
        }
        return false;
}

/* The lines of an administrator's file, or of systemctl set-property, each with the file that it is in. */
static int print_dropin(const char *path, const Plan *live, bool *any) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;
        size_t len;

        if (is_ours(path) || file_read(path, 1U << 20, &text, &len) < 0)
                return 0;
        for (rest = text; (line = strsep(&rest, "\n"));) {
                line += strspn(line, " \t");
                if (!*line || strchr("#;[", *line) || is_known(live, line))
                        continue;
                *any = true;
                printf("%s: %s  [of the unit, whatever the definition says]\n", path, line);
        }
        return 0;
}

static int plan_of_live(const char *name, Plan **ret, Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LIVE, name);
        _cleanup_definition_ Definition *live = NULL;
        int r = path ? definition_load(path, DEFINITION_UNCHECKED, &live, e) : -ENOMEM;

        return r < 0 ? r : plan_build(live, ret, e);
}

static int print_dropins(const char *name, bool *any, Error *e) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *unit = NULL, *path = NULL;
        _cleanup_strv_ char **files = NULL;
        _cleanup_plan_ Plan *live = NULL;
        int r;

        r = plan_of_live(name, &live, e);
        if (r < 0)
                return r;
        r = unit_name_for_guest(name, &unit);
        if (r >= 0)
                r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_get_property_strv(bus, "org.freedesktop.systemd1", path, "org.freedesktop.systemd1.Unit",
                                             "DropInPaths", &error, &files);
        if (r < 0)
                return error_set(e, r, ERROR_SYSTEM_ERROR, ORIGIN_QEMU, "systemd does not say which drop-ins '%s' "
                                 "has: %s", name, error.message ?: strerror(-r));
        for (char **f = files; r >= 0 && f && *f; f++)
                r = print_dropin(*f, live, any);
        return r;
}

int verb_diff(int argc, char **argv) {
        static const struct option options[] = { {} };
        _cleanup_error_ Error e = ERROR_INIT;
        bool any = false;
        int r;

        if (getopt_long(argc, argv, "", options, NULL) >= 0 || optind + 1 != argc)
                return tool_usage(argv[0]);
        r = running_differences(argv[optind], print_difference, &any, &e);
        if (r >= 0)
                r = print_dropins(argv[optind], &any, &e);
        if (r < 0) {
                fprintf(stderr, "unitvirt: %s\n", error_text(&e, r));
                return TOOL_USAGE;
        }
        return any ? TOOL_FAILED : TOOL_OK;
}
