/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "schedule.h"

#include <errno.h>
#include <sched.h>

#include "base/strings.h"

int thread_schedule(pid_t thread, const char *name, const char *priority) {
        static const struct {
                const char *name;
                int policy;
        } policies[] = { { "fifo", SCHED_FIFO }, { "rr", SCHED_RR }, { "batch", SCHED_BATCH }, { "idle", SCHED_IDLE } };
        struct sched_param param = {};

        if (priority && parse_int(priority, &param.sched_priority) < 0)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(policies); i++)
                if (streq(policies[i].name, name))
                        return sched_setscheduler(thread, policies[i].policy, &param) < 0 ? -errno : 0;
        return -EINVAL;
}
