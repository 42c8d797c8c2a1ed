/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fds.h"
#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "helper-key.h"
#include "host/sockets.h"
#include "notify.h"
#include "plan/helper.h"
#include "secret/secret.h"

#define STORE_TIMEOUT_MS 30000

static int read_usage(SecretValue *ret, Error *e) {
        static const struct {
                const char *variable;
                SecretUsageType type;
        } usages[] = { { "UNITVIRT_SECRET_ISCSI", SECRET_USAGE_ISCSI }, { "UNITVIRT_SECRET_CEPH", SECRET_USAGE_CEPH } };
        char uuid[37];

        for (size_t i = 0; i < ELEMENTSOF(usages); i++) {
                const char *usage = getenv(usages[i].variable);
                int r = usage ? secret_find(usages[i].type, usage, uuid, e) : 0;

                if (usage)
                        return r < 0 ? r : secret_read(uuid, ret, e);
        }
        return 0;
}

static int read_key_file(const char *path, SecretValue *ret, Error *e) {
        _cleanup_free_ char *data = NULL;
        size_t len = 0;
        int r = file_read(path, SECRET_VALUE_MAX, &data, &len);

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_DOMAIN, "cannot read the key in '%s'", path);
        r = secret_value_copy(data, len, ret);
        explicit_bzero(data, len);
        return r;
}

/* Without data: there is none. */
static int read_value(SecretValue *ret, Error *e) {
        const char *uuid = getenv("UNITVIRT_TPM_SECRET") ?: getenv("UNITVIRT_SECRET"),
                   *file = getenv("UNITVIRT_KEY_FILE");

        if (uuid)
                return secret_read(uuid, ret, e);
        return file ? read_key_file(file, ret, e) : read_usage(ret, e);
}

static int connect_agent(const char *path, int *ret, Error *e) {
        int r = socket_connect(path, ret);

        return r < 0 ? error_set_errno(e, r, ORIGIN_DOMAIN, "cannot connect to the agent at '%s'", path) : 0;
}

static int leave(const char *name, int fd) {
        _cleanup_close_ int notify_fd = notify_open();
        int r = notify_fd;

        if (r >= 0)
                r = notify_store_fd(notify_fd, name, fd);
        return r < 0 ? r : notify_wait(notify_fd, STORE_TIMEOUT_MS);
}

int helper_find_key(int *ret, Error *e) {
        const char *agent = getenv("UNITVIRT_AGENT");
        _cleanup_secret_value_ SecretValue v = {};
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = agent ? connect_agent(agent, &fd, e) : read_value(&v, e);
        if (r < 0 || (!agent && !v.data))
                return r;
        if (!agent)
                r = secret_value_to_fd(&v, MFD_CLOEXEC, &fd);
        if (r >= 0)
                r = leave(agent ? HELPER_AGENT_NAME : HELPER_KEY_NAME, fd);
        if (r >= 0)
                *ret = TAKE_FD(fd);
        return r;
}

/* --- the agent --- */

/* False at the end of one of them. */
static bool carry(int from, int to) {
        char data[4096];
        ssize_t n = read(from, data, sizeof data);

        return n > 0 && write_all(to, data, (size_t) n) >= 0;
}

/* One client after another: each asks and waits for its answer. */
_noreturn_ static void relay(int listening, int agent) {
        int client;

        while ((client = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                struct pollfd ends[] = { { .fd = client, .events = POLLIN }, { .fd = agent, .events = POLLIN } };
                bool open = true;

                while (open && poll(ends, ELEMENTSOF(ends), -1) > 0) {
                        if (ends[1].revents && !carry(agent, client))
                                _exit(EXIT_SUCCESS);
                        open = !ends[0].revents || carry(client, agent);
                }
                (void) close(client);
        }
        _exit(EXIT_SUCCESS);
}

int helper_offer_agent(const char *folder, int agent) {
        _cleanup_free_ char *path = text_format("%s/" HELPER_AGENT, folder);
        _cleanup_close_ int fd = -EBADF;
        int r = path ? socket_listen(path, &fd) : -ENOMEM;
        pid_t pid;

        if (r >= 0 && setenv("SSH_AUTH_SOCK", path, 1) < 0)
                r = -errno;
        pid = r < 0 ? -1 : fork();
        if (pid < 0)
                return r < 0 ? r : -errno;
        if (pid > 0)
                return 0;
        (void) signal(SIGTERM, SIG_DFL);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        relay(fd, agent);
}
