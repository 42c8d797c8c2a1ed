/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "thread-groups.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/macros.h"
#include "base/strings.h"

#define GROUP "guest"
#define TEXT_MAX (16U * 1024U)
#define ROUNDS_MAX 100U /* of looking for processes that were started meanwhile */

static int read_at(int folder, const char *file, char text[static TEXT_MAX]) {
        _cleanup_close_ int fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, TEXT_MAX - 1) : -1;

        if (n < 0)
                return -errno;
        text[n] = 0;
        return 0;
}

static int write_at(int group, const char *file, const char *text) {
        _cleanup_close_ int fd = openat(group, file, O_WRONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = write(fd, text, strlen(text));
        return n < 0 ? -errno : (size_t) n < strlen(text) ? -EIO : 0;
}

static int write_number(int group, const char *file, pid_t number) {
        char text[16];

        (void) snprintf(text, sizeof text, "%i", number);
        return write_at(group, file, text);
}

/* What of a group's path ("/machine.slice/vm@web.service/guest") is the unit's; NULL: it is another's. */
static char *path_of_unit(const char *group, const char *unit) {
        size_t n = strlen(unit);

        for (const char *p = group; (p = strstr(p, unit)); p += n)
                if (p > group && p[-1] == '/' && (p[n] == '/' || p[n] == '\n' || !p[n]))
                        return text_format("%s%.*s", cgroup_root(), (int) (p - group + (ptrdiff_t) n), group);
        return NULL;
}

int cgroup_open_unit(pid_t process, const char *unit, int *ret_fd) {
        _cleanup_free_ char *path = NULL;
        char text[TEXT_MAX], file[48];
        const char *line;
        int fd, r;

        (void) snprintf(file, sizeof file, process > 0 ? "/proc/%i/cgroup" : "/proc/self/cgroup", process);
        r = read_at(AT_FDCWD, file, text);
        if (r < 0)
                return r;
        line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
        if (!line)
                return -EOPNOTSUPP;
        line = strchr(line, '/');
        *strchrnul(line, '\n') = 0;
        path = path_of_unit(line, unit);
        if (!path)
                return -EPERM;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -EOPNOTSUPP : -errno;
        *ret_fd = fd;
        return 0;
}

static int open_group(int parent, const char *name, int *ret) {
        int fd;

        if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

int thread_groups_enter(int unit, pid_t process) {
        _cleanup_close_ int guest = -EBADF;
        int r;

        r = open_group(unit, GROUP, &guest);
        return r < 0 ? r : write_number(guest, "cgroup.procs", process);
}

int thread_groups_enter_all(int unit) {
        for (unsigned i = 0; i < ROUNDS_MAX; i++) {
                char text[TEXT_MAX], *rest = text, *word;
                bool any = false;
                int r;

                r = read_at(unit, "cgroup.procs", text);
                while (r >= 0 && (word = strsep(&rest, "\n"))) {
                        int process;

                        if (parse_int(word, &process) < 0 || process <= 0)
                                continue;
                        any = true;
                        r = thread_groups_enter(unit, process);
                        r = r == -ESRCH ? 0 : r;
                }
                if (r < 0 || !any)
                        return r;
        }
        return -EBUSY;
}

int thread_groups_open(int unit, int *ret) {
        int r;

        r = write_at(unit, "cgroup.subtree_control", "+cpu");
        return r < 0 ? r : open_group(unit, GROUP, ret);
}

/* Only below a group whose children are of threads may there be processes beside them: so that is what this one is
 * made first. */
int thread_groups_limit(int guest, const char *name, const char *limit, pid_t thread) {
        _cleanup_close_ int group = -EBADF;
        int r;

        r = open_group(guest, name, &group);
        if (r >= 0)
                r = write_at(group, "cgroup.type", "threaded");
        if (r >= 0)
                r = write_at(guest, "cgroup.subtree_control", "+cpu");
        if (r >= 0)
                r = write_at(group, "cpu.max", limit);
        if (r >= 0)
                r = write_number(group, "cgroup.threads", thread);
        return r == -ESRCH ? 0 : r;
}

bool thread_groups_has(int guest, const char *name) {
        return faccessat(guest, name, F_OK, 0) >= 0;
}

void thread_groups_remove(int unit) {
        int guest = openat(unit, GROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        DIR *dir = guest >= 0 ? fdopendir(guest) : NULL;
        struct dirent *d;

        if (!dir) {
                if (guest >= 0)
                        close(guest);
                return;
        }
        while ((d = readdir(dir)))
                if (d->d_type == DT_DIR && d->d_name[0] != '.')
                        (void) unlinkat(guest, d->d_name, AT_REMOVEDIR);
        closedir(dir);
        (void) unlinkat(unit, GROUP, AT_REMOVEDIR);
        (void) write_at(unit, "cgroup.subtree_control", "-cpu");
}
