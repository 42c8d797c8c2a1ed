/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/mman.h>

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
