/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd-networkd configures each link that a file of its fits, and takes away addresses that it did not set. On hosts
 * whose file fits any link ([Match] Name=*) it would ask our own dnsmasq for an address. So there is a file that comes
 * before: 05-unitvirt.network, which the package has, for bridges called virbr*, and one for each other bridge, for as
 * long as its network runs. NetworkManager leaves bridges alone that others have made. */

#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "start.h"

#define NETWORKD "/run/systemd/network"
/* There since networkd ran first. */
#define NETWORKD_STATE "/run/systemd/netif/state"

static char *file_of(const char *bridge) {
        return text_format(NETWORKD "/05-unitvirt-of-%s.network", bridge);
}

/* Name= is a pattern. */
static bool is_plain(const char *bridge) {
        return !strpbrk(bridge, "*?[]!");
}

/* Where it does not work the network starts nevertheless, as on a host without such files. */
int managers_keep_off(NetworkStart *s) {
        _cleanup_free_ char *path = file_of(s->bridge), *text = NULL;
        int r;

        if (!*s->bridge || startswith(s->bridge, "virbr") || !is_plain(s->bridge))
                return 0;
        text = text_format("# of a virtual network, while it runs\n[Match]\nName=%s\n\n[Link]\nUnmanaged=yes\n",
                           s->bridge);
        r = path && text ? undo_add(&s->undo, UNDO_MANAGERS, s->bridge) : -ENOMEM;
        if (r < 0)
                return r;
        r = mkdir_p(NETWORKD, 0755);
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
        if (r >= 0 && access(NETWORKD_STATE, F_OK) == 0)
                r = bus_reload_networkd();
        if (r < 0)
                log_warning_errno(r, "cannot tell systemd-networkd to leave %s alone, ignoring: %s", s->bridge,
                                  strerror(-r));
        return 0;
}

int managers_let_go(const char *bridge) {
        _cleanup_free_ char *path = file_of(bridge);

        return path ? file_remove(path) : -ENOMEM;
}
