/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "config/names.h"

#define UNIX_SOCKETS (1U << SUFFIX_MAIN | 1U << SUFFIX_RO | 1U << SUFFIX_ADMIN)
#define ALL_SOCKETS (UNIX_SOCKETS | 1U << SUFFIX_TCP | 1U << SUFFIX_TLS)
#define HELPER_SOCKETS (1U << SUFFIX_MAIN | 1U << SUFFIX_ADMIN)

const DaemonName daemon_names[] = {
        { "libvirtd", NULL, "libvirt", ALL_SOCKETS },
        { "virtproxyd", NULL, "libvirt", ALL_SOCKETS },
        { "virtqemud", "qemu", "virtqemud", UNIX_SOCKETS },
        { "virtxend", "xen", "virtxend", UNIX_SOCKETS },
        { "virtnetworkd", "network", "virtnetworkd", UNIX_SOCKETS },
        { "virtstoraged", "storage", "virtstoraged", UNIX_SOCKETS },
        { "virtnodedevd", "nodedev", "virtnodedevd", UNIX_SOCKETS },
        { "virtnwfilterd", "nwfilter", "virtnwfilterd", UNIX_SOCKETS },
        { "virtsecretd", "secret", "virtsecretd", UNIX_SOCKETS },
        { "virtinterfaced", "interface", "virtinterfaced", UNIX_SOCKETS },
        { "virtlogd", "log", "virtlogd", HELPER_SOCKETS },
        { "virtlockd", "lock", "virtlockd", HELPER_SOCKETS },
};
const size_t n_daemon_names = ELEMENTSOF(daemon_names);

const char *const socket_suffixes[_SUFFIX_MAX] = {
        [SUFFIX_MAIN] = "",    [SUFFIX_RO] = "-ro",   [SUFFIX_ADMIN] = "-admin",
        [SUFFIX_TCP] = "-tcp", [SUFFIX_TLS] = "-tls",
};

const DaemonName *daemon_by_name(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(daemon_names); i++)
                if (streq(daemon_names[i].name, name))
                        return &daemon_names[i];
        return NULL;
}

char *daemon_socket_path(const DaemonName *d, SocketSuffix s, const char *folder) {
        static const char *const ends[] = {
                [SUFFIX_MAIN] = "-sock", [SUFFIX_RO] = "-sock-ro", [SUFFIX_ADMIN] = "-admin-sock"
        };

        return text_format("%s/%s%s", folder, d->socket, ends[s]);
}

char *daemon_socket_unit(const DaemonName *d, SocketSuffix s) {
        return text_format("%s%s.socket", d->name, socket_suffixes[s]);
}
