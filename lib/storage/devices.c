/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strings.h"
#include "disk.h"

#define MODULE "libunitvirt-storage-devices.so"

const PoolDevices *pool_devices(void) {
        static const PoolDevices *devices;
        _cleanup_free_ char *path = NULL;
        void *module;

        if (devices)
                return devices;
        path = text_format("%s/" MODULE, getenv("UNITVIRT_MODULES") ?: LIBEXECDIR);
        module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
        devices = module ? dlsym(module, "unitvirt_storage_devices_module") : NULL;
        if (!devices) {
                fprintf(stderr, "cannot load a module: %s\n", dlerror());
                exit(EXIT_FAILURE);
        }
        return devices;
}

int pool_device_content(const char *device, char **ret) {
        return pool_devices()->content(device, ret);
}

int disk_add_partition(const PoolSpec *s, uint64_t bytes, const char *name, Error *e) {
        return pool_devices()->add_partition(s, bytes, name, e);
}

int disk_remove_partition(const PoolSpec *s, const char *name, Error *e) {
        return pool_devices()->remove_partition(s, name, e);
}
