/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "hotplug/thread-limits.h"

#include <inttypes.h>

#include "base/cgroup.h"
#include "base/fs.h"
#include "base/strings.h"
#include "hotplug/ask.h"
#include "object/unit.h"
#include "run/threads.h"
#include "run/unit-limits.h"

#define PERIOD_DEFAULT 100000U

static const struct {
        const char *group, *quota, *period;
        ThreadKind kind;
} kinds[] = {
        { "vcpu", "cputune/quota", "cputune/period", THREAD_VCPU },
        { "emulator", "cputune/emulator_quota", "cputune/emulator_period", THREAD_EMULATOR },
        { "iothread", "cputune/iothread_quota", "cputune/iothread_period", THREAD_IOTHREAD },
};

/* "50000 100000"; "max 100000" where there is no limit. */
static char *limit_of(const Definition *d, size_t i) {
        uint64_t quota = 0, period = PERIOD_DEFAULT;

        (void) xml_get_u64(definition_root(d), kinds[i].quota, &quota); /* a negative one is none */
        (void) xml_get_u64(definition_root(d), kinds[i].period, &period);
        period = period ?: PERIOD_DEFAULT;
        return quota > 0 ? text_format("%" PRIu64 " %" PRIu64, quota, period) : text_format("max %" PRIu64, period);
}

static bool is_none(const char *limit) {
        return startswith(limit, "max ");
}

/* --- the unit --- */

/* Before anything is changed: is there a controller that could limit threads? */
static int check_host(Error *e) {
        if (cgroup_host_has_controller("cpu"))
                return 0;
        return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                         "cgroup CPU controller is not mounted");
}

static int write_delegation(Guest *g, const char *unit, Error *e) {
        static const char text[] = "# Quotas of threads, which virsh has set while the guest runs.\n"
                                   "[Service]\nDelegate=cpu\n";
        _cleanup_free_ char *folder = text_format("/run/systemd/system/%s.d", unit), *path = NULL;
        int r;

        path = folder ? text_format("%s/45-threads.conf", folder) : NULL;
        if (!path)
                return -ENOMEM;
        r = unit_limits_promise_undo(g, path, e);
        if (r < 0)
                return r;
        r = mkdir_p(folder, 0755);
        if (r >= 0)
                r = file_write_atomic(path, text, sizeof(text) - 1, 0644, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot write %s", path) : 0;
}

/* systemd leaves a unit's group to others only where the unit says so. That the unit has a weight of its own, which is
 * the usual one, makes it give the group the controller now. */
static int ensure_delegation(Guest *g, const Definition *live, Error *e) {
        _cleanup_free_ char *unit = NULL;
        bool delegated = false;
        int r;

        r = object_unit(&g->object, &unit, e);
        if (r >= 0)
                r = systemd_unit_bool(g->driver->systemd, unit, "Service", "Delegate", &delegated, e);
        if (r < 0 || delegated)
                return r;
        r = write_delegation(g, unit, e);
        if (r >= 0)
                r = systemd_reload(g->driver->systemd, e);
        return r < 0 ? r : unit_limits_take_cpu(g, live, e);
}

/* --- threads --- */

static int limit_threads(Guest *g, size_t i, unsigned id, const char *limit, Error *e) {
        _cleanup_free_ char *threads = NULL, *group = NULL;
        _cleanup_error_ Error none = ERROR_INIT;
        int r;

        r = guest_list_threads(g, kinds[i].kind, id, &threads, &none);
        if (r == -ENOENT)
                return 0; /* a vCPU that is not plugged in */
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "%s", error_text(&none, r));
        group = kinds[i].kind == THREAD_EMULATOR ? strdup(kinds[i].group) : text_format("%s%u", kinds[i].group, id);
        return group ? plug_ask_limit(g, threads, group, limit, e) : -ENOMEM;
}

static int limit_kind(Guest *g, const Definition *d, size_t i, const char *limit, Error *e) {
        uint64_t vcpus = 1;
        int r = 0;

        if (kinds[i].kind == THREAD_EMULATOR)
                return limit_threads(g, i, 0, limit, e);
        if (kinds[i].kind == THREAD_IOTHREAD) {
                XML_FOREACH(t, xml_child(definition_root(d), "iothreadids"), "iothread") {
                        unsigned id = 0;

                        if (r >= 0 && xml_attr_uint(t, "id", &id) >= 0)
                                r = limit_threads(g, i, id, limit, e);
                }
                return r;
        }
        (void) xml_get_u64(definition_root(d), "vcpu", &vcpus);
        for (unsigned id = 0; r >= 0 && id < vcpus; id++)
                r = limit_threads(g, i, id, limit, e);
        return r;
}

int thread_limits_change(Guest *g, const Definition *before, const Definition *after, Error *e) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(kinds); i++) {
                _cleanup_free_ char *old = limit_of(before, i), *new = limit_of(after, i);

                if (!old || !new)
                        return -ENOMEM;
                if (streq(old, new) || (is_none(old) && is_none(new)))
                        continue;
                r = check_host(e);
                if (r >= 0)
                        r = ensure_delegation(g, after, e);
                if (r >= 0)
                        r = limit_kind(g, after, i, new, e);
        }
        return r;
}

static int limit_new(Guest *g, const Definition *live, ThreadKind kind, unsigned id, Error *e) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_free_ char *limit = NULL;

                if (kinds[i].kind != kind)
                        continue;
                limit = limit_of(live, i);
                if (!limit)
                        return -ENOMEM;
                return is_none(limit) ? 0 : limit_threads(g, i, id, limit, e);
        }
        return 0;
}

#define EVERY_CPU "0-4095"

static const char *pin_of(const Definition *d, const char *element, const char *attribute, unsigned id) {
        unsigned other;

        XML_FOREACH(pin, xml_child(definition_root(d), "cputune"), element)
                if (xml_attr_uint(pin, attribute, &other) >= 0 && other == id)
                        return xml_attr(pin, "cpuset");
        return NULL;
}

/* It was born by a thread of the emulator's, whose CPUs it would keep. */
static int pin_new(Guest *g, const Definition *live, ThreadKind kind, unsigned id, Error *e) {
        const xmlNode *root = definition_root(live);
        const char *cpus = kind == THREAD_VCPU ? pin_of(live, "vcpupin", "vcpu", id)
                                               : pin_of(live, "iothreadpin", "iothread", id);
        _cleanup_free_ char *threads = NULL;
        int r;

        cpus = cpus ?: xml_get(root, "vcpu/@cpuset");
        if (!cpus && !xml_find(root, "cputune/emulatorpin"))
                return 0;
        r = guest_list_threads(g, kind, id, &threads, e);
        return r < 0 ? r : plug_ask_pin(g, threads, cpus ?: EVERY_CPU, e);
}

static int tune_new(Guest *g, const Definition *live, ThreadKind kind, unsigned id, Error *e) {
        int r = limit_new(g, live, kind, id, e);

        return r < 0 ? r : pin_new(g, live, kind, id, e);
}

int thread_limits_of_vcpu(Guest *g, const Definition *live, unsigned id, Error *e) {
        return tune_new(g, live, THREAD_VCPU, id, e);
}

int thread_limits_of_iothread(Guest *g, const Definition *live, unsigned id, Error *e) {
        return tune_new(g, live, THREAD_IOTHREAD, id, e);
}
