/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/files.h"

#include "base/fs.h"
#include "base/strings.h"

static const struct {
        const char *(*base)(void);
        const char *folder, *suffix;
} files[_NETWORK_FILE_MAX] = {
        [NETWORK_FILE_PERSISTENT] = { path_etc, "qemu/networks", ".xml" },
        [NETWORK_FILE_TRANSIENT] = { path_run, "network/transient", ".xml" },
        [NETWORK_FILE_LIVE] = { path_run, "network", ".xml" },
        [NETWORK_FILE_ERROR] = { path_run, "network", ".error" },
        [NETWORK_FILE_NOTICE] = { path_run, "network", ".notice" },
        [NETWORK_FILE_RULES] = { path_run, "network", ".rules" },
        [NETWORK_FILE_UNDO] = { path_run, "network", ".undo" },
        [NETWORK_FILE_ENVIRONMENT] = { path_run, "network", ".environment" },
        [NETWORK_FILE_COMPLAINT] = { path_run, "network", ".dnsmasq" },
        [NETWORK_FILE_CONFIG] = { path_lib, "dnsmasq", ".conf" },
        [NETWORK_FILE_DHCP_HOSTS] = { path_lib, "dnsmasq", ".hostsfile" },
        [NETWORK_FILE_DNS_HOSTS] = { path_lib, "dnsmasq", ".addnhosts" },
};

char *network_file(NetworkFile file, const char *name) {
        return text_format("%s/%s/%s%s", files[file].base(), files[file].folder, name, files[file].suffix);
}

char *network_dnsmasq_folder(void) {
        return text_format("%s/dnsmasq", path_lib());
}

char *network_leases_file(const char *bridge) {
        return text_format("%s/dnsmasq/%s.status", path_lib(), bridge);
}

char *network_macs_file(const char *bridge) {
        return text_format("%s/dnsmasq/%s.macs", path_lib(), bridge);
}
