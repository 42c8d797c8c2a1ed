/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-network-status: started by vm-network-status.socket when guests have come to a network or left it, or its leases
 * are other ones, and gone when all is quiet. "systemctl status vm-network@NAME" says then how many there are.
 *
 * The unit of a network has no process that could say it (sd_notify(3)), and dnsmasq's script, which alone knows of
 * leases, is not root: so it is said by the unit's description, which lasts as long as the unit is loaded. */

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "network/files.h"
#include "network/leases.h"
#include "network/network.h"
#include "plan/names.h"
#include "start.h"

#define NEWS_FD 3
#define QUIET_MS 1500
#define GATHER_MS 500 /* whatever comes meanwhile is one change */
#define PORT_MAX 65536U
#define NAMES_MAX 4096U

/* The owner of a port, from the file that vm-prepare has written; the caller's. */
static char *owner_of(const char *path) {
        _cleanup_free_ char *text = NULL;
        const char *begin, *end;

        if (file_read(path, PORT_MAX, &text, NULL) < 0)
                return NULL;
        begin = strstr(text, "<owner>");
        begin = begin ? strstr(begin, "<name>") : NULL;
        end = begin ? strstr(begin, "</name>") : NULL;
        return end ? strndup(begin + strlen("<name>"), (size_t) (end - begin) - strlen("<name>")) : NULL;
}

/* Each once, however many cards it has there. */
static size_t count_guests(const char *network) {
        _cleanup_free_ char *folder = text_format("%s/network/%s.ports", path_run(), network);
        _cleanup_strv_ char **guests = NULL;
        DIR *d = folder ? opendir(folder) : NULL;
        const struct dirent *de;

        while (d && (de = readdir(d))) {
                _cleanup_free_ char *path = text_format("%s/%s", folder, de->d_name), *guest = NULL;

                guest = path && endswith(de->d_name, ".xml") ? owner_of(path) : NULL;
                if (guest && !strv_contains(guests, guest))
                        (void) strv_add(&guests, guest);
        }
        if (d)
                closedir(d);
        return strv_length(guests);
}

static size_t count_leases(const char *bridge) {
        _cleanup_free_ char *path = network_leases_file(bridge);
        _cleanup_leases_ LeaseList l = {};
        _cleanup_error_ Error e = ERROR_INIT;

        if (!path || leases_read(path, &l, &e) < 0)
                return 0;
        leases_expire(&l, time(NULL));
        return l.n;
}

static const char *s_of(size_t n) {
        return n == 1 ? "" : "s";
}

/* "Virtual Network default: 2 guests, 3 leases" */
static int describe(const char *name, const xmlNode *network, char **ret) {
        const char *bridge = network_bridge(network);
        _cleanup_strbuf_ StrBuf b = {};
        size_t guests = count_guests(name), leases = 0;

        strbuf_addf(&b, "Virtual Network %s: %zu guest%s", name, guests, s_of(guests));
        if (bridge && network_needs_dnsmasq(network)) {
                leases = count_leases(bridge);
                strbuf_addf(&b, ", %zu lease%s", leases, s_of(leases));
        }
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

static int update(const char *name) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_LIVE, name), *description = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        int r;

        r = path ? network_load(NETWORK_FILE_LIVE, name, &doc, NULL) : -ENOMEM;
        if (r >= 0)
                r = describe(name, xml_root(doc), &description);
        if (r >= 0)
                r = bus_describe_network(name, description);
        /* it has ended meanwhile */
        if (r >= 0 && access(path, F_OK) < 0)
                bus_undescribe_network(name);
        return r == -ENOENT ? 0 : r;
}

/* All that is there, each name once. Who sends is dnsmasq's script too, which is nobody to be trusted. */
static void take_names(char ***names) {
        char name[1024];
        ssize_t n;

        while ((n = recv(NEWS_FD, name, sizeof name - 1, MSG_DONTWAIT)) > 0 || (n < 0 && errno == EINTR)) {
                if (n <= 0)
                        continue;
                name[n] = 0;
                if (*name != '.' && !strchr(name, '/') && strv_length(*names) < NAMES_MAX &&
                    !strv_contains(*names, name))
                        (void) strv_add(names, name);
        }
}

int main(int argc, char **argv) {
        struct pollfd news = { .fd = NEWS_FD, .events = POLLIN };

        log_open("vm-network-status", LOG_TARGET_AUTO);
        if (!streq_ptr(getenv("LISTEN_FDS"), "1")) {
                log_error("usage: vm-network-status (started by vm-network-status.socket)");
                return EXIT_FAILURE;
        }
        do {
                _cleanup_strv_ char **names = NULL;

                (void) poll(NULL, 0, GATHER_MS);
                take_names(&names);
                for (char **name = names; name && *name; name++) {
                        int r = update(*name);

                        if (r < 0)
                                log_warning_errno(r, "cannot say what guests network '%s' has, ignoring: %s", *name,
                                                  strerror(-r));
                }
        } while (poll(&news, 1, QUIET_MS) > 0);
        return EXIT_SUCCESS;
}
