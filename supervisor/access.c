/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fine-grained access (access_drivers = ["polkit"]): polkit is asked about each permission that a call needs, under the
 * names that libvirt gave them, so that rules written for it keep working. */

#include "base/log.h"
#include "base/strings.h"
#include "server.h"

#define DETAILS_MAX 34U

/* "domain", "open_graphics" to org.libvirt.api.domain.open-graphics */
static char *action_name(const char *object, const char *permission) {
        char *name;

        name = text_format("org.libvirt.api.%s.%s", object, permission);
        if (!name)
                return NULL;
        for (char *p = name; *p; p++)
                if (*p == '_')
                        *p = '-';
        return name;
}

int client_access(Connection *conn, const char *object, const char *permission, const char *const *details, Error *e) {
        const char *all[DETAILS_MAX + 1];
        const Identity *who = connection_caller(conn);
        _cleanup_free_ char *action = NULL;
        const Client *c = connection_client(conn);
        unsigned n = 0;
        int r;

        if (!c)
                return error_set(e, -ENOTCONN, ERROR_ACCESS_DENIED, ORIGIN_ACCESS, "the client has gone");
        /* polkit says yes to root, whatever its rules are. */
        if (who->uid == 0 || who->uid == geteuid())
                return 1;
        if (who->pid <= 0 || who->pid_start == 0)
                return error_set(e, -EACCES, ERROR_ACCESS_DENIED, ORIGIN_ACCESS,
                                 "polkit decides about local users: log in by ssh");
        action = action_name(object, permission);
        if (!action)
                return -ENOMEM;
        all[n++] = "connect_driver";
        all[n++] = c->primary ? known_driver_title(c->primary) : "";
        while (n < DETAILS_MAX && details && *details)
                all[n++] = *details++;
        all[n] = NULL;
        r = polkit_check(c->server, who, action, all, false, e);
        if (r != -EACCES && r != -ECANCELED)
                return r < 0 ? r : 1;
        log_debug("user %u, process %d: %s is denied", who->uid, (int) who->pid, action);
        error_done(e);
        return 0;
}
