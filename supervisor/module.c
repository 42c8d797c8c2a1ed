/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parts that only some daemons need, with the libraries they bring along (TLS, SASL), are modules. */

#include <dlfcn.h>

#include "base/log.h"
#include "base/strings.h"
#include "server.h"

int server_load_module(const char *file, const char *symbol, const void **ret) {
        _cleanup_free_ char *path = NULL;
        void *module, *s;

        path = text_format("%s/%s", getenv("UNITVIRT_MODULES") ?: LIBEXECDIR, file);
        if (!path)
                return log_oom();
        module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        s = module ? dlsym(module, symbol) : NULL;
        if (!s)
                return log_error_errno(-ENOENT, "cannot load a module: %s", dlerror());
        *ret = s;
        return 0;
}

bool server_has_listener(const Server *s, SocketKind kind) {
        for (size_t i = 0; i < s->n_listeners; i++)
                if (s->listeners[i].kind == kind)
                        return true;
        return false;
}
