/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virt-ssh-helper [-r] URI: what a client's ssh runs here for qemu+ssh://. Finds the socket that a local client with
 * that URI would use, and copies bytes both ways. Connections forwarded by it have the rights of the user who logged
 * in. */

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "config/names.h"

#define COPY_SIZE 65536U

typedef struct Uri {
        char *text;         /* owned; the others lie in it */
        const char *scheme; /* "qemu"; "" where there is none */
        const char *path;   /* "/system" */
        char *query;        /* "" where there is none */
} Uri;

static int uri_parse(const char *s, Uri *ret) {
        char *text = strdup(s), *p;

        if (!text)
                return -ENOMEM;
        *ret = (Uri) { .text = text, .scheme = "", .path = "/system", .query = strchr(text, '\0') };
        p = strstr(text, "://");
        if (!p)
                return *text ? -EINVAL : 0;
        *p = '\0';
        ret->scheme = text;
        text[strcspn(text, "+")] = '\0';
        p += 3;
        p += strcspn(p, "/?");
        ret->path = *p == '/' ? p : "/";
        p = strchr(p, '?');
        if (p) {
                *p = '\0';
                ret->query = p + 1;
        }
        return 0;
}

/* The value of a parameter, in a copy; NULL where it is absent. */
static char *uri_parameter(const Uri *u, const char *name) {
        size_t n = strlen(name);

        for (const char *p = u->query; *p; p += strcspn(p, "&"), p += *p == '&')
                if (strncmp(p, name, n) == 0 && p[n] == '=')
                        return strndup(p + n + 1, strcspn(p + n + 1, "&"));
        return NULL;
}

static const DaemonName *daemon_by_driver(const char *driver) {
        for (size_t i = 0; i < n_daemon_names; i++)
                if (daemon_names[i].driver && streq(daemon_names[i].driver, driver))
                        return &daemon_names[i];
        return NULL;
}

static char *user_folder(void) {
        const char *dir = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
        char *path = NULL;
        int r;

        r = dir ? asprintf(&path, "%s/libvirt", dir) : asprintf(&path, "%s/.cache/libvirt", home ?: "");
        return r < 0 ? NULL : path;
}

/* The daemon's own socket where there is one, else the old one: the rule of local clients. */
static char *find_socket(const Uri *u, const char *folder, SocketSuffix suffix) {
        static const char *const probed[] = { "xen", "qemu" };
        _cleanup_free_ char *mode = uri_parameter(u, "mode");
        char *path;

        for (size_t i = 0; i < ELEMENTSOF(probed) && !(mode && streq(mode, "legacy")); i++) {
                const DaemonName *d = daemon_by_driver(*u->scheme ? u->scheme : probed[i]);

                path = d ? daemon_socket_path(d, suffix, folder) : NULL;
                if (path && (access(path, F_OK) == 0 || (mode && streq(mode, "direct"))))
                        return path;
                free(path);
        }
        return daemon_socket_path(daemon_by_name("libvirtd"), suffix, folder);
}

/* 1: bytes went over, 0: the end, negative: broken. */
static int copy_some(int from, int to) {
        char buffer[COPY_SIZE];
        ssize_t n;
        int r;

        n = read(from, buffer, sizeof(buffer));
        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        if (n == 0)
                return 0;
        r = write_all(to, buffer, (size_t) n);
        return r < 0 ? r : 1;
}

/* Until the daemon closes: a client that has said its last may still wait for answers. */
static int copy_both(int fd) {
        struct pollfd fds[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = fd, .events = POLLIN },
        };
        int r;

        for (;;) {
                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        return -errno;
                if (fds[0].revents) {
                        r = copy_some(STDIN_FILENO, fd);
                        if (r < 0)
                                return r;
                        if (r == 0) {
                                (void) shutdown(fd, SHUT_WR);
                                fds[0].fd = -1;
                        }
                }
                if (fds[1].revents) {
                        r = copy_some(fd, STDOUT_FILENO);
                        if (r <= 0)
                                return r;
                }
                fds[0].revents = fds[1].revents = 0;
        }
}

static int run(const char *text, bool readonly) {
        _cleanup_free_ char *folder = NULL, *path = NULL, *own = NULL;
        _cleanup_close_ int fd = -EBADF;
        bool session;
        Uri u;
        int r;

        r = uri_parse(text, &u);
        own = u.text;
        if (r < 0)
                return log_error_errno(r, "'%s' is no URI of a hypervisor", text);
        session = streq(u.path, "/session") && geteuid() != 0;
        folder = session ? user_folder() : strdup(path_run());
        path = uri_parameter(&u, "socket");
        if (!path && folder)
                path = find_socket(&u, folder, readonly && !session ? SUFFIX_RO : SUFFIX_MAIN);
        if (!path)
                return log_oom();
        fd = unix_connect(path, SOCK_STREAM);
        if (fd < 0)
                return log_error_errno(fd, "cannot connect to %s: %s", path, strerror(-fd));
        r = copy_both(fd);
        return r < 0 ? log_error_errno(r, "connection to %s: %s", path, strerror(-r)) : 0;
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "readonly", no_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' }, {},
        };
        bool readonly = false;
        int c;

        log_open("virt-ssh-helper", LOG_TARGET_AUTO);
        while ((c = getopt_long(argc, argv, "rh", options, NULL)) >= 0)
                if (c == 'r')
                        readonly = true;
                else {
                        fprintf(c == 'h' ? stdout : stderr, "Usage: virt-ssh-helper [-r|--readonly] URI\n");
                        return c == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
                }
        if (argc - optind != 1) {
                fprintf(stderr, "Usage: virt-ssh-helper [-r|--readonly] URI\n");
                return EXIT_FAILURE;
        }
        return run(argv[optind], readonly) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
