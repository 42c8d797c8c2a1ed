/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/strings.h"
#include "host/pci.h"
#include "nodedev.h"

/* --- the job --- */

#define FIELDS(X) X(verb) X(device) X(driver) X(uuid) X(parent) X(input) X(host) X(wwpn) X(wwnn)

static int set_field(NodedevJob *j, const char *key, const char *value) {
        struct {
                const char *key;
                char **to;
        } fields[] = {
#define FIELD(name) { #name, &j->name },
                FIELDS(FIELD)
#undef FIELD
        };

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (streq(fields[i].key, key)) {
                        free(*fields[i].to);
                        *fields[i].to = strdup(value);
                        return *fields[i].to ? 0 : -ENOMEM;
                }
        return -EINVAL;
}

int nodedev_job_parse(char *text, NodedevJob *ret) {
        char *line, *value;
        int r = 0;

        while (r >= 0 && (line = strsep(&text, "\n")))
                if (*line) {
                        r = keyfile_parse_line(line, &value);
                        if (r >= 0)
                                r = set_field(ret, line, value);
                }
        return r;
}

void nodedev_job_done(NodedevJob *j) {
#define FREE(name) free(j->name);
        FIELDS(FREE)
#undef FREE
}

/* --- programs --- */

/* What the program reads from stdin; NULL: nothing. */
static int input_of(const char *text) {
        int fd = text ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd < 0 || !text)
                return fd < 0 ? -errno : fd;
        if (write_all(fd, text, strlen(text)) >= 0 && lseek(fd, 0, SEEK_SET) == 0)
                return fd;
        close(fd);
        return -EIO;
}

static int run(const char *const *argv, const char *input, Error *e) {
        _cleanup_close_ int out = -EBADF, in = input_of(input);
        posix_spawn_file_actions_t actions;
        char text[1024] = "";
        size_t n = 0;
        int pipe_fds[2], status, r;
        pid_t pid;

        if (in < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
                return in < 0 ? in : -errno;
        out = pipe_fds[0];
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        (void) posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
        r = -posix_spawnp(&pid, argv[0], &actions, NULL, (char **) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        close(pipe_fds[1]);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NODEDEV, "cannot run %s", argv[0]);
        for (ssize_t got; n < sizeof text - 1 && (got = read(out, text + n, sizeof text - 1 - n)) > 0;)
                n += (size_t) got;
        text[n] = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        text[strcspn(text, "\n")] = 0;
        return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_NODEDEV, "%s: %s", argv[0], *text ? text : "failed");
}

/* --- PCI devices --- */

static int address_of(const NodedevJob *j, PciHostAddress *ret, Error *e) {
        if (j->device && pci_parse(j->device, ret) >= 0)
                return 0;
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NODEDEV, "'%s' is no address of a PCI device",
                         j->device ?: "");
}

/* Whoever takes one device of a group finds out here what else a guest would need. */
static void explain_group(const PciHostAddress *a) {
        _cleanup_free_ char *users = NULL;
        int r = pci_group_in_use(a, a, 1, &users);

        if (r == -EOPNOTSUPP)
                log_notice("%s is in no IOMMU group: guests cannot have it", pci_name(a).s);
        else if (r >= 0 && users)
                log_notice("the IOMMU group of %s is not viable for guests yet: the host uses %s of it", pci_name(a).s,
                           users);
}

static int detach(const NodedevJob *j, Error *e) {
        const char *driver = j->driver ?: "vfio-pci";
        PciHostAddress a;
        int r = address_of(j, &a, e);

        if (r < 0)
                return r;
        r = pci_detach(&a, driver, e);
        if (r >= 0)
                explain_group(&a);
        return r;
}

static int reattach(const NodedevJob *j, Error *e) {
        PciHostAddress a;
        int r = address_of(j, &a, e);

        return r < 0 ? r : pci_reattach(&a, e);
}

static int reset(const NodedevJob *j, Error *e) {
        PciHostAddress a;
        int r = address_of(j, &a, e);

        return r < 0 ? r : pci_reset(&a, e);
}

/* --- mediated devices: mdevctl knows where their files are, and how to make them --- */

static int mdevctl(const NodedevJob *j, const char *action, const char *option, Error *e) {
        _cleanup_free_ char *uuid = text_format("--uuid=%s", j->uuid ?: ""),
                            *parent = text_format("--parent=%s", j->parent ?: "");
        const char *argv[8] = { "mdevctl", action, uuid };
        size_t n = 3;

        if (!uuid || !parent)
                return -ENOMEM;
        if (j->parent)
                argv[n++] = parent;
        if (j->input)
                argv[n++] = "--jsonfile=/dev/stdin";
        if (option)
                argv[n++] = option;
        return run(argv, j->input, e);
}

static int mdev_define(const NodedevJob *j, Error *e) {
        return mdevctl(j, "define", NULL, e);
}

static int mdev_undefine(const NodedevJob *j, Error *e) {
        return mdevctl(j, "undefine", NULL, e);
}

static int mdev_start(const NodedevJob *j, Error *e) {
        return mdevctl(j, "start", NULL, e);
}

static int mdev_stop(const NodedevJob *j, Error *e) {
        return mdevctl(j, "stop", NULL, e);
}

static int mdev_auto(const NodedevJob *j, Error *e) {
        return mdevctl(j, "modify", "--auto", e);
}

static int mdev_manual(const NodedevJob *j, Error *e) {
        return mdevctl(j, "modify", "--manual", e);
}

/* Older versions of mdevctl change one attribute after the other; here it is all or nothing. */
static int mdev_modify(const NodedevJob *j, Error *e) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (!j->parent || !j->uuid || !j->input || strchr(j->parent, '/') || strchr(j->uuid, '/'))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NODEDEV, "a definition has a parent and a uuid");
        path = text_format("%s/%s/%s", getenv("UNITVIRT_MDEVCTL") ?: "/etc/mdevctl.d", j->parent, j->uuid);
        r = path ? file_write_atomic(path, j->input, strlen(j->input), 0644, 0) : -ENOMEM;
        return r < 0 ? error_set_errno(e, r, ORIGIN_NODEDEV, "cannot write '%s'", path ?: j->uuid) : 0;
}

static int mdev_modify_live(const NodedevJob *j, Error *e) {
        return mdevctl(j, "modify", "--live", e);
}

/* --- ports of Fibre Channel adapters --- */

static int write_port(const NodedevJob *j, const char *file, Error *e) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (!j->host || strchr(j->host, '/') || !j->wwpn || !j->wwnn)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NODEDEV, "a port has a host, wwpn and wwnn");
        path = text_format("%s/class/fc_host/%s/%s", getenv("UNITVIRT_SYS") ?: "/sys", j->host, file);
        text = text_format("%s:%s", j->wwpn, j->wwnn);
        if (!path || !text)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return error_set_errno(e, -errno, ORIGIN_NODEDEV, "Write of '%s' to '%s' failed", text, path);
        return 0;
}

static int port_create(const NodedevJob *j, Error *e) {
        return write_port(j, "vport_create", e);
}

static int port_delete(const NodedevJob *j, Error *e) {
        return write_port(j, "vport_delete", e);
}

/* --- the verbs --- */

static const struct {
        const char *verb;
        int (*run)(const NodedevJob *j, Error *e);
} verbs[] = {
        { "detach", detach },
        { "reattach", reattach },
        { "reset", reset },
        { "mdev-define", mdev_define },
        { "mdev-undefine", mdev_undefine },
        { "mdev-start", mdev_start },
        { "mdev-stop", mdev_stop },
        { "mdev-auto", mdev_auto },
        { "mdev-manual", mdev_manual },
        { "mdev-modify", mdev_modify },
        { "mdev-modify-live", mdev_modify_live },
        { "port-create", port_create },
        { "port-delete", port_delete },
};

int nodedev_job_run(const NodedevJob *j, Error *e) {
        for (size_t i = 0; j->verb && i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].verb, j->verb))
                        return verbs[i].run(j, e);
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NODEDEV, "no work is called '%s'", j->verb ?: "");
}
