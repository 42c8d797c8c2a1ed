/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-host NAME: run by vm-host@NAME.service as root, with what is to be done to the host itself in the job NAME, lines
 * of KEY=VALUE:
 *
 *   pages    "CELL SIZE COUNT set": so many huge pages of SIZE KiB, of a NUMA node or (-1) of all; "add": so many more
 *   ksm      "FILE NUMBER", of /sys/kernel/mm/ksm
 *   suspend  "suspend 60": the host, ten seconds from now; it wakes after so many seconds, 0: when somebody wakes it
 *
 * They are done in their order, up to the first that fails. */

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/strings.h"

#define JOB_MAX (1024U * 1024U)
#define SUSPEND_UNIT "unitvirt-suspend"

static char *path_of(const char *name, const char *suffix) {
        return text_format("%s/host/jobs/%s.%s", path_run(), name, suffix);
}

/* --- huge pages --- */

static int read_number(const char *path, uint64_t *ret, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r = file_read(path, 64, &text, NULL);

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NONE, "Unable to read from: %s", path);
        text[strcspn(text, "\n")] = 0;
        return parse_u64(text, 10, ret) < 0
                       ? error_set(e, -EBADMSG, ERROR_OPERATION_FAILED, ORIGIN_NONE, "invalid number '%s' in '%s'",
                                   text, path)
                       : 0;
}

static int write_text(const char *path, const char *text, Error *e) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return error_set_errno(e, -errno, ORIGIN_NONE, "Unable to write to: %s", path);
        return 0;
}

/* A host without NUMA has the pages of its one node where those of all are. */
static char *pool_of(int cell, unsigned size) {
        _cleanup_free_ char *node = text_format("%s/devices/system/node/node%i/hugepages", path_sys(), cell);

        if (cell < 0 || (cell == 0 && node && access(node, F_OK) < 0))
                return text_format("%s/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages", path_sys(), size);
        return node ? text_format("%s/hugepages-%ukB/nr_hugepages", node, size) : NULL;
}

/* The kernel takes what it gets. */
static int set_pages(const char *value, Error *e) {
        _cleanup_free_ char *path = NULL;
        unsigned long long count;
        char how[8] = "", text[24];
        uint64_t have, got;
        unsigned size;
        int cell, r;

        if (sscanf(value, "%i %u %llu %7s", &cell, &size, &count, how) != 4)
                return -EBADMSG;
        path = pool_of(cell, size);
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0)
                return error_set(e, -ENOENT, ERROR_OPERATION_FAILED, ORIGIN_NONE,
                                 "page size %u is not available on node %i", size, cell);
        r = read_number(path, &have, e);
        if (r < 0)
                return r;
        if (streq(how, "add") && __builtin_add_overflow(count, have, &count))
                return error_set(e, -ERANGE, ERROR_INVALID_ARG, ORIGIN_NONE, "too many pages");
        snprintf(text, sizeof(text), "%llu", count);
        r = write_text(path, text, e);
        if (r >= 0)
                r = read_number(path, &got, e);
        if (r >= 0 && got != count)
                r = error_set(e, -ENOMEM, ERROR_OPERATION_FAILED, ORIGIN_NONE,
                              "Unable to allocate %llu pages. Allocated only %llu", count, (unsigned long long) got);
        return r;
}

/* --- what KSM does --- */

static int set_ksm(const char *value, Error *e) {
        _cleanup_free_ char *path = NULL;
        const char *number = strchr(value, ' ');
        int r;

        if (!number || strchr(value, '/'))
                return -EBADMSG;
        path = text_format("%s/kernel/mm/ksm/%.*s", path_sys(), (int) (number - value), value);
        r = path ? write_text(path, number + 1, e) : -ENOMEM;
        return r;
}

/* --- sleep --- */

static const struct {
        const char *word, *can, *name;
} sleeps[] = {
        { "suspend", "CanSuspend", "Suspend-to-RAM" },
        { "hibernate", "CanHibernate", "Suspend-to-Disk" },
        { "hybrid-sleep", "CanHybridSleep", "Hybrid-Suspend" },
};

/* logind knows what the host, its swap and its administrator allow. */
static int check_sleep(size_t i, Error *e) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *answer = "";
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_call_method(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
                                       "org.freedesktop.login1.Manager", sleeps[i].can, &error, &reply, "");
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &answer);
        if (r < 0)
                log_warning("logind does not say whether the host can sleep: %s", error.message ?: strerror(-r));
        else if (!streq(answer, "yes"))
                r = -EOPNOTSUPP;
        sd_bus_error_free(&error);
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
        return r < 0 ? error_set(e, r, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_NONE, "%s", sleeps[i].name) : 0;
}

static int set_alarm(const char *seconds, Error *e) {
        _cleanup_free_ char *path = text_format("%s/class/rtc/rtc0/wakealarm", path_sys());
        _cleanup_free_ char *text = text_format("+%s", seconds);
        int r;

        if (!path || !text)
                return -ENOMEM;
        r = write_text(path, "0", e); /* the one of before */
        return r < 0 ? r : write_text(path, text, e);
}

/* Once whoever asked has the answer. A second wish meets the unit of the first. */
static int sleep_soon(const char *word, Error *e) {
        char *argv[] = { (char *) "systemd-run", (char *) "--quiet", (char *) "--on-active=10s",
                         (char *) "--timer-property=AccuracySec=1s", (char *) "--collect",
                         (char *) "--unit=" SUSPEND_UNIT, (char *) "systemctl", (char *) word, NULL };
        int status, r;
        pid_t pid;

        r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
        if (r != 0)
                return error_set_errno(e, -r, ORIGIN_NONE, "cannot run systemd-run");
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0
                       ? 0
                       : error_set(e, -EBUSY, ERROR_OPERATION_INVALID, ORIGIN_NONE,
                                   "Suspend operation already in progress");
}

static int suspend_host(const char *value, Error *e) {
        const char *seconds = strchr(value, ' ');
        size_t i = 0;
        int r;

        while (seconds && i < ELEMENTSOF(sleeps) && !startswith(value, sleeps[i].word))
                i++;
        if (!seconds || i == ELEMENTSOF(sleeps))
                return -EBADMSG;
        r = check_sleep(i, e);
        if (r >= 0 && !streq(seconds + 1, "0"))
                r = set_alarm(seconds + 1, e);
        return r < 0 ? r : sleep_soon(sleeps[i].word, e);
}

/* --- the job --- */

static const struct {
        const char *key;
        int (*run)(const char *value, Error *e);
} verbs[] = { { "pages", set_pages }, { "ksm", set_ksm }, { "suspend", suspend_host } };

static int run_line(char *line, Error *e) {
        char *value;
        int r = keyfile_parse_line(line, &value);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].key, line))
                        return verbs[i].run(value, e);
        return -EBADMSG;
}

static int run(const char *name, Error *e) {
        _cleanup_free_ char *path = path_of(name, "job"), *text = NULL;
        char *rest, *line;
        int r = path ? file_read(path, JOB_MAX, &text, NULL) : -ENOMEM;

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NONE, "cannot read %s", path ?: name);
        rest = text;
        while (r >= 0 && (line = strsep(&rest, "\n")))
                r = *line ? run_line(line, e) : 0;
        return r;
}

int main(int argc, char **argv) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *path = NULL, *result = NULL;
        int r;

        log_open("vm-host", LOG_TARGET_AUTO);
        if (argc != 2 || strchr(argv[1], '/')) {
                log_error("usage: vm-host NAME (started by vm-host@NAME.service)");
                return EXIT_FAILURE;
        }
        r = run(argv[1], &e);
        if (r < 0)
                log_error("%s", error_text(&e, r));
        result = r < 0 ? error_to_text(&e, r) : strdup("ok");
        path = path_of(argv[1], "result");
        if (!path || !result || file_write_atomic(path, result, strlen(result), 0600, FILE_WRITE_NOSYNC) < 0)
                return EXIT_FAILURE;
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
