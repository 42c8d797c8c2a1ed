/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parts that only some daemons need, with the libraries they bring along (drivers, TLS, SASL), are modules. What they
 * share with the program (lib/base to lib/rpc) is the program's, so that there is one log, one loop and one hub of
 * events. */

#include <dlfcn.h>

#include "base/log.h"
#include "base/strings.h"
#include "server.h"

static char *module_path(const char *file) {
        return text_format("%s/%s", getenv("UNITVIRT_MODULES") ?: LIBEXECDIR, file);
}

int server_load_module(const char *file, const char *symbol, const void **ret) {
        _cleanup_free_ char *path = module_path(file);
        void *module, *s;

        if (!path)
                return log_oom();
        module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        s = module ? dlsym(module, symbol) : NULL;
        if (!s)
                return log_error_errno(-ENOENT, "cannot load a module: %s", dlerror());
        *ret = s;
        return 0;
}

static char *driver_file(const char *name) {
        return text_format("libunitvirt-driver-%s.so", name);
}

bool server_driver_is_installed(const char *name) {
        _cleanup_free_ char *file = driver_file(name), *path = file ? module_path(file) : NULL;

        return path && access(path, F_OK) >= 0;
}

int server_load_driver(const char *name, const Driver **ret) {
        _cleanup_free_ char *file = driver_file(name), *path = NULL, *symbol = NULL;
        const void *driver;
        int r;

        path = file ? module_path(file) : NULL;
        symbol = text_format("driver_%s", name);
        if (!path || !symbol)
                return log_oom();
        *ret = NULL;
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return 0;
        r = server_load_module(file, symbol, &driver);
        if (r >= 0)
                *ret = driver;
        return r;
}

bool server_has_listener(const Server *s, SocketKind kind) {
        for (size_t i = 0; i < s->n_listeners; i++)
                if (s->listeners[i].kind == kind)
                        return true;
        return false;
}
