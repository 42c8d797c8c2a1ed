/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/guest-exit.h"
#include "base/strings.h"

static const char *const names[_GUEST_END_MAX] = {
        [GUEST_END_UNKNOWN] = "unknown",
        [GUEST_END_SHUTDOWN] = "shutdown",
        [GUEST_END_DESTROYED] = "destroyed",
        [GUEST_END_CRASHED] = "crashed",
        [GUEST_END_MIGRATED] = "migrated",
        [GUEST_END_SAVED] = "saved",
        [GUEST_END_FAILED] = "failed",
};

static const struct {
        int status;
        GuestEnd end;
} statuses[] = {
        { GUEST_EXIT_SHUTDOWN,        GUEST_END_SHUTDOWN },
        { GUEST_EXIT_DESTROYED,       GUEST_END_DESTROYED },
        { GUEST_EXIT_SAVED,           GUEST_END_SAVED },
        { GUEST_EXIT_MIGRATED,        GUEST_END_MIGRATED },
        { GUEST_EXIT_CRASHED,         GUEST_END_CRASHED },
        { GUEST_EXIT_CRASHED_RESTART, GUEST_END_CRASHED },
        { GUEST_EXIT_QEMU_DIED,       GUEST_END_CRASHED },
};

const char *guest_end_to_string(GuestEnd end) {
        return (unsigned) end < _GUEST_END_MAX ? names[end] : names[GUEST_END_UNKNOWN];
}

GuestEnd guest_end_from_string(const char *s) {
        for (GuestEnd e = 0; s && e < _GUEST_END_MAX; e++)
                if (streq(names[e], s))
                        return e;
        return GUEST_END_UNKNOWN;
}

GuestEnd guest_end_from_service(const char *result, const char *code, const char *status) {
        unsigned n;

        /* A guest that outlived its time to shut down was killed on request, as by virsh destroy; one that never began
         * says so. */
        if (streq_ptr(result, "timeout")) {
                bool said = streq_ptr(code, "exited") && status && parse_uint(status, &n) >= 0;

                return said && n == GUEST_EXIT_START_FAILED ? GUEST_END_FAILED : GUEST_END_DESTROYED;
        }
        if (streq_ptr(result, "watchdog") || streq_ptr(result, "oom-kill"))
                return GUEST_END_CRASHED;
        if (!code || !status)
                return GUEST_END_FAILED;
        /* vm-run itself was killed. */
        if (streq(code, "killed") || streq(code, "dumped"))
                return streq_ptr(result, "success") ? GUEST_END_DESTROYED : GUEST_END_CRASHED;
        if (parse_uint(status, &n) < 0)
                return GUEST_END_FAILED;
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                if (statuses[i].status == (int) n)
                        return statuses[i].end;
        return GUEST_END_FAILED;
}
