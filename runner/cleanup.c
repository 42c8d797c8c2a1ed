/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-cleanup NAME: run by vm@NAME.service as root after the guest's end (ExecStopPost=+), however it came.
 *
 * vm-cleanup --late NAME: run by vm-cleanup@NAME.service, to make up for one that was killed or was never started (a
 * unit that was masked meanwhile has no ExecStopPost=). It does nothing while a run of the guest lives. */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/guest-exit.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "host/enter.h"
#include "leftovers.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "thread-groups.h"

#define ERROR_TEXT_MAX 4096U
/* For a cleanup that has begun, or a vm-prepare that has been killed. */
#define LOCK_PATIENCE_MS 5000U

/* Written before anything is removed: whoever sees NAME.xml vanish finds the reason. */
static void write_last(const char *name, GuestEnd end) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LAST, name), *text = NULL;
        struct timespec t;
        int r;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        if (!path || asprintf(&text, "reason=%s\nwhen=%" PRIu64 "\n", guest_end_to_string(end),
                              (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000) < 0)
                return;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        if (r < 0)
                log_warning_errno(r, "cannot write %s: %s", path, strerror(-r));
}

/* vm-run left the cause of a failed start in the folder of the guest's user, whose content is not to be trusted. What a
 * helper has said before, because of which QEMU failed, counts more. */
static void keep_error(const char *name, const char *dir) {
        _cleanup_free_ char *from = NULL, *to = guest_file(GUEST_FILE_ERROR, name), *text = NULL;

        if (!dir || !to || access(to, F_OK) >= 0 || asprintf(&from, "%s/" GUEST_FOLDER_ERROR, dir) < 0)
                return;
        if (file_read_strangers(from, ERROR_TEXT_MAX, &text) >= 0)
                (void) file_write_atomic(to, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
}

/* A transient guest leaves nothing behind. */
static void forget_transient(const char *name) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_TRANSIENT, name);
        int r;

        if (!path || unlink(path) < 0)
                return;
        r = plan_remove_dropin(name, "/run/systemd/system");
        if (r < 0)
                log_warning_errno(r, "cannot remove the settings of the unit: %s", strerror(-r));
}

static bool run_exited_with(int wanted) {
        int status;

        return streq_ptr(getenv("EXIT_CODE"), "exited") && parse_int(getenv("EXIT_STATUS") ?: "", &status) >= 0 &&
                status == wanted;
}

/* A start that failed early leaves nothing; $EXIT_CODE is that of vm-run. */
static bool is_of_this_run(const char *name) {
        return leftovers_exist(name) || !getenv("EXIT_CODE") || run_exited_with(GUEST_EXIT_START_FAILED);
}

/* Nobody knows how it ended, unless somebody could still say so. */
static bool is_last_known(const char *name) {
        _cleanup_free_ char *last = guest_file(GUEST_FILE_LAST, name), *launch = guest_file(GUEST_FILE_LAUNCH, name);
        struct stat at_end, at_start;

        return last && launch && stat(last, &at_end) >= 0 &&
               (stat(launch, &at_start) < 0 || at_end.st_mtim.tv_sec > at_start.st_mtim.tv_sec ||
                (at_end.st_mtim.tv_sec == at_start.st_mtim.tv_sec &&
                 at_end.st_mtim.tv_nsec >= at_start.st_mtim.tv_nsec));
}

/* systemd would not start anything in a group that has limits of threads below it. */
static void remove_thread_groups(const char *name) {
        _cleanup_free_ char *unit = NULL;
        _cleanup_close_ int group = -EBADF;

        if (unit_name_for_guest(name, &unit) >= 0 && cgroup_open_unit(0, unit, &group) >= 0)
                thread_groups_remove(group);
}

/* By the guest's own unit, in the moment of its end. The cleanup that the failure of the run before has asked for may
 * come only now, on a busy machine, and be for this one: where it was first, the guest may have been created again
 * since, and its definition is the next run's. While it is at work it is waited for; but this is not left undone. */
static int clean_up(const char *name) {
        GuestEnd end = guest_end_from_service(getenv("SERVICE_RESULT"), getenv("EXIT_CODE"), getenv("EXIT_STATUS"));
        _cleanup_close_ int lock = -EBADF;

        (void) leftovers_lock_soon(name, LOCK_PATIENCE_MS, &lock);
        if (end == GUEST_END_FAILED)
                keep_error(name, getenv("RUNTIME_DIRECTORY"));
        write_last(name, end);
        remove_thread_groups(name);
        leftovers_undo(name);
        if (!run_exited_with(GUEST_EXIT_CRASHED_RESTART) && is_of_this_run(name))
                forget_transient(name);
        leftovers_remove(name);
        return EXIT_SUCCESS;
}

/* By anybody, at any time. */
static int clean_up_late(const char *name) {
        _cleanup_close_ int lock = -EBADF;
        int r;

        mount_points_mend();
        r = leftovers_lock(name, false, &lock);
        if (r == -EWOULDBLOCK)
                return EXIT_SUCCESS;
        if (r < 0)
                return log_error_errno(r, "cannot tell whether the guest runs: %s", strerror(-r)) < 0;
        if (!leftovers_exist(name))
                return EXIT_SUCCESS;
        log_notice("the guest's unit ended without a cleanup, which is done now");
        if (!is_last_known(name))
                write_last(name, GUEST_END_CRASHED);
        leftovers_undo(name);
        forget_transient(name);
        leftovers_remove(name);
        return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *name = NULL;
        bool late = argc == 3 && streq(argv[1], "--late");
        int r;

        log_open("vm-cleanup", LOG_TARGET_AUTO);
        if (argc != 2 && !late) {
                log_error("usage: vm-cleanup [--late] NAME (started by vm@NAME.service, vm-cleanup@NAME.service)");
                return EXIT_FAILURE;
        }
        r = host_enter();
        if (r < 0)
                return log_error_errno(r, "cannot enter the host's namespaces: %s", strerror(-r)) < 0;
        r = guest_of_instance(argv[argc - 1], &name);
        if (r < 0)
                return log_error_errno(r, "cannot tell which guest %s is: %s", argv[argc - 1], strerror(-r)) < 0;
        return late ? clean_up_late(name) : clean_up(name);
}
