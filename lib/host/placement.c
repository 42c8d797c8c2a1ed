/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/placement.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strings.h"

#define NUMAD "/usr/bin/numad"
#define ANSWER_MAX 4096U

static int start(const char *request, int *ret_fd, pid_t *ret_pid) {
        char *const argv[] = { (char *) "numad", (char *) "-w", (char *) request, NULL };
        posix_spawn_file_actions_t actions;
        int ends[2], r;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        r = -posix_spawn(ret_pid, NUMAD, &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        if (r < 0)
                close(ends[0]);
        else
                *ret_fd = ends[0];
        return r;
}

static int read_answer(int fd, char text[static ANSWER_MAX]) {
        size_t n = 0;
        ssize_t k;

        while (n < ANSWER_MAX - 1 && (k = read(fd, text + n, ANSWER_MAX - 1 - n)) != 0) {
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                n += (size_t) k;
        }
        text[n] = 0;
        text[strcspn(text, " \n")] = 0;
        return 0;
}

int placement_ask(unsigned vcpus, uint64_t mib, char **ret_nodes, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        char request[64], text[ANSWER_MAX];
        int status = 0, r;
        pid_t pid = 0;

        if (access(NUMAD, X_OK) < 0)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "numad is not available on this host");
        (void) snprintf(request, sizeof request, "%u:%llu", vcpus, (unsigned long long) mib);
        r = start(request, &fd, &pid);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot run " NUMAD);
        r = read_answer(fd, text);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot wait for " NUMAD);
        if (r < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || !*text)
                return error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "Failed to query numad for the advisory nodeset");
        *ret_nodes = strdup(text);
        return *ret_nodes ? 0 : -ENOMEM;
}

static void add(StrBuf *b, const char *what) {
        strbuf_addf(b, "%s%s", b->len > 0 ? "," : "", what);
}

/* "Node 0 MemTotal:       0 kB" */
static bool has_memory(unsigned node) {
        _cleanup_free_ char *path = text_format("/sys/devices/system/node/node%u/meminfo", node), *text = NULL;
        const char *total;

        if (!path || file_read(path, 65536, &text, NULL) < 0)
                return false;
        total = strstr(text, "MemTotal:");
        return total && strtoull(total + strlen("MemTotal:"), NULL, 10) > 0;
}

int placement_cpus(const uint64_t nodes[static PLACEMENT_NODES_MAX / 64], char **ret_cpus, char **ret_nodes) {
        _cleanup_strbuf_ StrBuf cpus = {}, memory = {};

        for (unsigned i = 0; i < PLACEMENT_NODES_MAX; i++) {
                _cleanup_free_ char *path = NULL, *list = NULL;
                char number[16];

                if (!(nodes[i / 64] >> i % 64 & 1))
                        continue;
                path = text_format("/sys/devices/system/node/node%u/cpulist", i);
                if (!path)
                        return -ENOMEM;
                (void) snprintf(number, sizeof number, "%u", i);
                if (file_read(path, 65536, &list, NULL) >= 0 && (list[strcspn(list, "\n")] = 0, *list))
                        add(&cpus, list);
                if (has_memory(i))
                        add(&memory, number);
        }
        if (cpus.failed || memory.failed)
                return -ENOMEM;
        if (cpus.len == 0 || memory.len == 0)
                return -ENOENT;
        *ret_cpus = strbuf_take(&cpus);
        *ret_nodes = strbuf_take(&memory);
        if (*ret_cpus && *ret_nodes)
                return 0;
        free(TAKE_PTR(*ret_cpus));
        free(TAKE_PTR(*ret_nodes));
        return -ENOMEM;
}
