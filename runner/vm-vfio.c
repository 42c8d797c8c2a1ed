/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-vfio INSTANCE: run by vm-vfio@INSTANCE.service as root, before the first device of the host is plugged into a
 * guest that had none at its start. QEMU opens such devices itself, by VFIO, and pins the guest's memory for them. So
 * its view of the host gets /dev/vfio, and it may lock as much as it likes: what a guest that has such a device at its
 * start has by its unit. Which of the groups there it may open, the nodes' owners and DeviceAllow= say. Done twice it
 * is no harm. */

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/guest-files.h"
#include "base/log.h"
#include "base/strings.h"
#include "plan/names.h"
#include "unit-process.h"
#include "view.h"

#define FOLDER "/dev/vfio"

typedef struct Guest {
        char *name, *unit;
        uid_t uid;      /* its user */
} Guest;

static void guest_done(Guest *g) {
        free(g->name);
        free(g->unit);
}

static int find_guest(const char *instance, Guest *ret) {
        _cleanup_free_ char *user = NULL, *folder = NULL;
        struct stat st;
        int r;

        r = guest_of_instance(instance, &ret->name);
        if (r >= 0)
                r = unit_name_for_guest(ret->name, &ret->unit);
        if (r >= 0)
                r = user_name_for_guest(ret->name, &user);
        folder = r >= 0 ? guest_folder(user) : NULL;
        if (r < 0 || !folder)
                return r < 0 ? r : -ENOMEM;
        if (stat(folder, &st) < 0)
                return -errno;
        ret->uid = st.st_uid;
        return 0;
}

/* --- its processes --- */

/* Not of /proc's folder: of a process that nobody shall look into, that is root's. */
static bool has_uid(pid_t pid, uid_t uid) {
        _cleanup_free_ char *path = text_format("/proc/%i/status", pid);
        _cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
        char line[256];
        unsigned own;

        while (f && fgets(line, sizeof line, f))
                if (sscanf(line, "Uid: %u", &own) == 1)
                        return own == uid;
        return false;
}

/* Those of its user: commands of the unit that root runs have another view of the host. */
static bool is_guests(const Guest *g, pid_t pid) {
        return process_is_in_unit(pid, g->unit) && has_uid(pid, g->uid);
}

/* VFIO pins all of the guest's memory. Where the host is a container that may not let it, what there is may do, as with
 * LimitMEMLOCK=. */
static int raise_limit(pid_t pid) {
        const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

        return prlimit(pid, RLIMIT_MEMLOCK, &all, NULL) < 0 && errno != ESRCH ? -errno : 0;
}

/* All may lock memory; one of them, whose view is that of all, is *ret. */
static int find_processes(const Guest *g, int *ret) {
        _cleanup_close_ int found = -EBADF;
        DIR *dir = opendir("/proc");
        struct dirent *d;
        int r = 0;

        if (!dir)
                return log_error_errno(-errno, "cannot look at processes: %m");
        while ((d = readdir(dir))) {
                _cleanup_close_ int process = -EBADF;
                int pid;

                if (parse_int(d->d_name, &pid) < 0 || pid <= 0 || !is_guests(g, pid))
                        continue;
                process = (int) syscall(SYS_pidfd_open, pid, 0);
                /* its number may have been another's by now */
                if (process < 0 || !is_guests(g, pid))
                        continue;
                r = raise_limit(pid);
                if (found < 0)
                        found = TAKE_FD(process);
        }
        closedir(dir);
        if (r < 0)
                log_warning_errno(r, "cannot let the guest lock all of its memory, proceeding without: %s",
                                  strerror(-r));
        if (found < 0)
                return log_error_errno(-ESRCH, "the guest %s has no process", g->name);
        *ret = TAKE_FD(found);
        return 0;
}

static int show_folder(int process) {
        int r = view_show(process, FOLDER);

        if (r == -ENOENT)
                return log_error_errno(r, "there is no " FOLDER ": is the module vfio there?");
        return r < 0 ? log_error_errno(r, "cannot show " FOLDER " to the guest: %s", strerror(-r)) : 0;
}

int main(int argc, char **argv) {
        _cleanup_(guest_done) Guest guest = {};
        _cleanup_close_ int process = -EBADF;
        int r;

        log_open("vm-vfio", LOG_TARGET_AUTO);
        if (argc != 2) {
                log_error("usage: vm-vfio INSTANCE (started by vm-vfio@INSTANCE.service)");
                return EXIT_FAILURE;
        }
        r = find_guest(argv[1], &guest);
        if (r < 0)
                log_error_errno(r, "no guest %s runs: %s", argv[1], strerror(-r));
        if (r >= 0)
                r = find_processes(&guest, &process);
        if (r >= 0)
                r = show_folder(process);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
