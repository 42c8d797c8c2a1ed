/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-lease VERB MAC ADDRESS [HOSTNAME]: dnsmasq's script (--dhcp-script=), run by dnsmasq, as its user, for each change
 * of a lease. It keeps BRIDGE.status, and at dnsmasq's start ("init") prints the leases of before. Words and variables:
 * dnsmasq(8). */

#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/network-news.h"
#include "base/strings.h"
#include "network/files.h"
#include "network/leases.h"
#include "notify.h"

static int store(const char *path, const LeaseList *l) {
        _cleanup_free_ char *text = NULL;
        int r = leases_format(l, &text);

        return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0644, 0);
}

static const char *variable(const char *name) {
        const char *value = getenv(name);

        return value && *value ? value : NULL;
}

/* "vm-dnsmasq@default.service: 3 leases in use". A network that has just started and has none is no news: whoever hears
 * of it is a process in a sandbox, which costs as much as a fifth of the start. */
static void tell(const LeaseList *l, bool begins) {
        _cleanup_close_ int fd = notify_open();
        const char *network = variable("UNITVIRT_NETWORK");

        (void) notify_send(fd, "STATUS=%zu lease%s in use", l->n, l->n == 1 ? "" : "s");
        (void) notify_wait(fd, 1000);
        if (network && !(begins && l->n == 0))
                network_news(network);
}

/* For IPv6, dnsmasq's first word is the client's DUID, and its MAC, if it knows it, a variable. */
static int change(LeaseList *l, const char *verb, const char *id, const char *ip, const char *hostname) {
        const char *iaid = variable("DNSMASQ_IAID"), *expiry = variable("DNSMASQ_LEASE_EXPIRES");
        uint64_t end = 0;
        Lease lease = {
                .ip = (char *) ip, .mac = (char *) (iaid ? variable("DNSMASQ_MAC") : id), .hostname = (char *) hostname,
                .client_id = (char *) (iaid ? id : variable("DNSMASQ_CLIENT_ID")), .iaid = (char *) iaid,
                .server_duid = (char *) variable("DNSMASQ_SERVER_DUID"),
        };

        if (streq(verb, "del")) {
                (void) leases_remove(l, ip);
                return 0;
        }
        if (expiry && parse_u64(expiry, 10, &end) >= 0)
                lease.expiry = (int64_t) end;
        if (!hostname)
                lease.hostname = (char *) variable("DNSMASQ_SUPPLIED_HOSTNAME");
        return leases_put(l, &lease);
}

static int print_for_dnsmasq(const LeaseList *l) {
        _cleanup_free_ char *text = NULL;
        int r = leases_for_dnsmasq(l, &text);

        return r < 0 ? r : write_all(STDOUT_FILENO, text, strlen(text));
}

static int run(int argc, char **argv, const char *path) {
        _cleanup_leases_ LeaseList l = {};
        _cleanup_error_ Error e = ERROR_INIT;
        const char *verb = argv[1];
        int r;

        r = leases_read(path, &l, &e);
        if (r == -EBADMSG) {
                /* such a file would never be right again, and no guest would get an address */
                log_warning("%s, beginning a new one", error_text(&e, r));
                r = 0;
        }
        if (r < 0)
                return log_error_errno(r, "%s", error_text(&e, r));
        leases_expire(&l, time(NULL));
        if (streq(verb, "init"))
                r = print_for_dnsmasq(&l);
        else if (argc < 4)
                return log_error_errno(-EINVAL, "vm-lease %s: MAC and address are missing", verb);
        else
                r = change(&l, verb, argv[2], argv[3], argc > 4 ? argv[4] : NULL);
        if (r >= 0)
                r = store(path, &l);
        tell(&l, streq(verb, "init"));
        return r < 0 ? log_error_errno(r, "cannot keep leases in %s: %s", path, strerror(-r)) : 0;
}

int main(int argc, char **argv) {
        static const char *const verbs[] = { "init", "add", "old", "del" };
        const char *bridge = variable("VIR_BRIDGE_NAME") ?: variable("DNSMASQ_INTERFACE");
        _cleanup_free_ char *path = NULL;

        log_open("vm-lease", LOG_TARGET_AUTO);
        (void) umask(0022);
        if (argc < 2 || !bridge || strchr(bridge, '/')) {
                log_error("usage: vm-lease init|add|old|del MAC ADDRESS [HOSTNAME] (run by dnsmasq for a bridge)");
                return EXIT_FAILURE;
        }
        path = network_leases_file(bridge);
        for (size_t i = 0; path && i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i], argv[1]))
                        return run(argc, argv, path) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        return EXIT_SUCCESS;   /* tftp and the like: nothing that is kept here */
}
