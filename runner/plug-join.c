/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The thread of a vCPU that is plugged in comes to the groups of resctrl that vm-prepare has made for it, and runs by
 * the scheduler that the definition has for it. */

#include <fcntl.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/resctrl.h"
#include "base/strings.h"
#include "model/definition.h"
#include "model/resctrl.h"
#include "plan/names.h"
#include "plug.h"
#include "schedule.h"
#include "unit-process.h"

#define VCPUS_MAX 4096U

typedef struct Joining {
        const char *id, *guest, *thread;
        unsigned vcpu;
} Joining;

static bool is_about(const xmlNode *node, unsigned vcpu) {
        return cpuset_holds(xml_attr(node, "vcpus"), vcpu, VCPUS_MAX);
}

static int put_into(const char *group, const char *thread, Error *e) {
        _cleanup_free_ char *path = group ? text_format("%s/tasks", group) : NULL;
        _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -EBADF;

        if (!path)
                return -ENOMEM;
        /* one that ends meanwhile is no error */
        return fd >= 0 && (dprintf(fd, "%s\n", thread) >= 0 || errno == ESRCH)
                       ? 0
                       : error_set_errno(e, -errno, ORIGIN_RESCTRL, "cannot put a thread into %s", group);
}

/* Below a group come only threads that are in it. */
static int join_tune(const Joining *j, const xmlNode *tune, Error *e) {
        const char *part = resctrl_part(tune);
        int r = 0;

        if (part) {
                _cleanup_free_ char *group = resctrl_monitor_path(j->id, j->guest, part, part);

                r = put_into(group, j->thread, e);
        }
        XML_FOREACH(monitor, tune, "monitor") {
                const char *vcpus = xml_attr(monitor, "vcpus");
                _cleanup_free_ char *group = vcpus ? resctrl_monitor_path(j->id, j->guest, part, vcpus) : NULL;

                if (r >= 0 && !(part && streq_ptr(part, vcpus)) && is_about(monitor, j->vcpu))
                        r = put_into(group, j->thread, e);
        }
        return r;
}

static int schedule(const Joining *j, const xmlNode *sched, pid_t thread, Error *e) {
        const char *name = xml_attr(sched, "scheduler") ?: "";
        int r = thread_schedule(thread, name, xml_attr(sched, "priority"));

        /* one that ends meanwhile is no error */
        return r >= 0 || r == -ESRCH ? 0
                                     : error_set_errno(e, r, ORIGIN_QEMU,
                                                       "cannot have vcpu %u run by the scheduler %s", j->vcpu, name);
}

static int load_live(const char *guest, Definition **ret, Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LIVE, guest), *text = NULL;
        size_t len;
        int r = path ? file_read(path, XML_MAX_BYTES, &text, &len) : -ENOMEM;

        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot read what runs")
                     : definition_parse(text, len, NULL, DEFINITION_UNCHECKED, ret, e);
}

int plug_join(const char *guest, const char *threads, const char *vcpu, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *unit = NULL;
        Joining j = { .guest = guest, .thread = threads };
        int thread, r;

        if (parse_int(threads, &thread) < 0 || thread <= 0 || parse_uint(vcpu, &j.vcpu) < 0)
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "'%s' is no thread of a vCPU '%s'", threads,
                                 vcpu);
        r = unit_name_for_guest(guest, &unit);
        if (r >= 0 && !process_is_in_unit(thread, unit))
                r = error_set(e, -EPERM, ERROR_INTERNAL, ORIGIN_QEMU, "thread %i is none of %s", thread, unit);
        if (r >= 0)
                r = load_live(guest, &d, e);
        if (r < 0)
                return r;
        j.id = xml_attr(definition_root(d), "id") ?: "0";
        XML_FOREACH(tune, xml_child(definition_root(d), "cputune"), NULL)
                if (r < 0 || !is_about(tune, j.vcpu))
                        continue;
                else if (xml_is(tune, "vcpusched"))
                        r = schedule(&j, tune, thread, e);
                else if (xml_is(tune, "cachetune") || xml_is(tune, "memorytune"))
                        r = join_tune(&j, tune, e);
        return r;
}
