/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hosts of systemd-networkd. It makes and configures links by files; what it has no call for, the end of a link, is
 * said to the kernel, and the files are kept from having effect meanwhile. */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "base/strings.h"
#include "model/interface.h"
#include "manager.h"
#include "snapshot.h"
#include "store.h"

#define BUS_NAME "org.freedesktop.network1"
#define BUS_PATH "/org/freedesktop/network1"
#define BUS_MANAGER "org.freedesktop.network1.Manager"
#define START_MS 30000

static int reload(Host *h, Error *e) {
        return bus_call(h, BUS_NAME, BUS_PATH, BUS_MANAGER, "Reload", NULL, e, NULL);
}

static int reconfigure(Host *h, const char *name, Error *e) {
        LinkFacts facts;
        int r = link_read(h->netlink, name, &facts);

        return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot find the link '%s'", name)
                     : bus_call(h, BUS_NAME, BUS_PATH, BUS_MANAGER, "ReconfigureLink", NULL, e, "i", facts.index);
}

/* --- waiting for what networkd does --- */

static int64_t now_ms(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void drain(int fd) {
        char buffer[32768];

        while (recv(fd, buffer, sizeof buffer, 0) > 0 || errno == EINTR)
                ;
}

/* changes: from before what makes the link come up. */
static int wait_until_up(Host *h, int changes, const char *name, Error *e) {
        int64_t until = now_ms() + START_MS;

        for (;;) {
                struct pollfd p = { .fd = changes, .events = POLLIN };
                int64_t left = until - now_ms();
                int r = host_link_is_up(h, name);

                if (r > 0)
                        return 0;
                if (left <= 0)
                        return error_set(e, -ETIMEDOUT, ERROR_OPERATION_FAILED, ORIGIN_INTERFACE,
                                         "systemd-networkd has not brought '%s' up in %d seconds: see 'networkctl "
                                         "status %s'", name, START_MS / 1000, name);
                (void) poll(&p, 1, (int) left);
                drain(changes);
        }
}

/* --- definitions --- */

static bool is_for_boot(const Definition *d) {
        return !streq(xml_get(definition_root(d), "start/@mode") ?: "onboot", "none");
}

/* Is it running by a definition that was there before? Then networkd keeps those files until the next start. */
static bool runs_by(Host *h, const Definition *old) {
        return old && host_link_is_up(h, definition_name(old)) > 0;
}

static int check(Host *h, const Definition *d, Error *e) {
        _cleanup_networkd_files_ NetworkdFiles files = {};

        return networkd_files_of(d, &files, e);
}

static int define(Host *h, const Definition *d, const Definition *old, Error *e) {
        _cleanup_networkd_files_ NetworkdFiles files = {};
        const char *name = definition_name(d);
        int r = networkd_files_of(d, &files, e);

        if (r < 0)
                return r;
        if (!is_for_boot(d)) {
                r = runs_by(h, old) ? store_write(STORE_RUN, name, &files, e) : 0;
                return r < 0 ? r : store_forget(STORE_ETC, name, e);
        }
        /* what is held back is there before the files are: no other's reload can come between */
        r = store_write(STORE_ETC, name, &files, e);
        return r < 0 || runs_by(h, old) ? r : store_hold(name, e);
}

static int undefine(Host *h, const Definition *d, Error *e) {
        const char *name = definition_name(d);
        int r = store_forget(STORE_ETC, name, e);

        return r < 0 ? r : store_forget(STORE_RUN, name, e);
}

/* --- starting and stopping --- */

static bool is_virtual(const Definition *d) {
        return d && !xml_attr_is(definition_root(d), "type", "ethernet");
}

static bool is_in_force(Host *h, const Definition *d) {
        return store_in_force(definition_name(d));
}

/* The files of a definition come into effect, whatever was interrupted before. */
static int put_in_force(const Definition *d, Error *e) {
        _cleanup_networkd_files_ NetworkdFiles files = {};
        const char *name = definition_name(d);
        int r = networkd_files_of(d, &files, e);

        if (r >= 0)
                r = store_write(is_for_boot(d) ? STORE_ETC : STORE_RUN, name, &files, e);
        return r < 0 ? r : store_release(name, e);
}

/* The hardware that a definition puts together, its own link aside. */
static void for_each_member(Host *h, const xmlNode *node, void (*f)(Host *h, const char *name)) {
        static const char *const paths[] = { "bridge", "bond" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                XML_FOREACH(member, xml_child(node, paths[i]), "interface") {
                        if (xml_attr_is(member, "type", "ethernet"))
                                f(h, xml_attr(member, "name"));
                        for_each_member(h, member, f);
                }
}

/* What it was brought up for is over; networkd brings it up again where it has a file of its own. */
static void switch_off(Host *h, const char *name) {
        int r = link_set_up(h->netlink, name, false);

        if (r < 0)
                log_debug("cannot switch %s off: %s", name, strerror(-r));
}

/* A reload leaves one alone that could not be configured before. */
static void configure_again(Host *h, const char *name) {
        _cleanup_error_ Error ignored = ERROR_INIT;

        if (host_link_is_up(h, name) >= 0 && reconfigure(h, name, &ignored) < 0)
                log_debug("%s", error_text(&ignored, -EIO));
}

static int start(Host *h, const char *name, const Definition *d, Error *e) {
        _cleanup_close_ int changes = link_changes_open();
        bool there = host_link_is_up(h, name) >= 0;
        int r = d ? put_in_force(d, e) : 0;

        if (r >= 0 && changes < 0)
                r = error_set_errno(e, changes, ORIGIN_INTERFACE, "cannot follow changes of links");
        if (r >= 0)
                r = reload(h, e);
        if (r < 0)
                return r;
        if (!there && !is_virtual(d))
                return error_set(e, -ENODEV, ERROR_OPERATION_FAILED, ORIGIN_INTERFACE, "there is no link '%s'", name);
        if (d)
                for_each_member(h, definition_root(d), configure_again);
        if (there) {
                r = link_set_up(h->netlink, name, true);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_INTERFACE, "cannot switch '%s' on", name);
                r = reconfigure(h, name, e);
        }
        return r < 0 ? r : wait_until_up(h, changes, name, e);
}

/* The links that a definition makes, the ones below others last. */
static int delete_links(Host *h, const xmlNode *node, Error *e) {
        static const char *const paths[] = { "bridge", "bond" };
        const char *name = xml_attr(node, "name");
        int r = 0;

        if (!xml_attr_is(node, "type", "ethernet"))
                r = link_delete(h->netlink, name);
        if (r < 0 && r != -ENODEV)
                return error_set_errno(e, r, ORIGIN_INTERFACE, "cannot remove '%s'", name);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                XML_FOREACH(member, xml_child(node, paths[i]), "interface") {
                        r = delete_links(h, member, e);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int stop(Host *h, const char *name, const Definition *d, Error *e) {
        int r;

        if (!is_virtual(d)) {
                r = link_set_up(h->netlink, name, false);
                return r < 0 ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot switch '%s' off", name) : 0;
        }
        r = is_for_boot(d) ? store_hold(name, e) : store_forget(STORE_RUN, name, e);
        if (r < 0)
                return r;
        /* first its members are let go: what looks for a bridge that has gone has failed for good */
        r = reload(h, e);
        if (r < 0)
                return r;
        for_each_member(h, definition_root(d), switch_off);
        return delete_links(h, definition_root(d), e);
}

/* --- transactions --- */

static int nothing(Host *h, Error *e) {
        return 0;
}

/* Before the files are restored: links of definitions that are others now go. The files bring back those that were
 * there. */
static int undo(Host *h, const Definition *d, Error *e) {
        const char *name = definition_name(d);
        int r;

        if (is_virtual(d))
                return delete_links(h, definition_root(d), e);
        r = snapshot_link(name) == 0 ? link_set_up(h->netlink, name, false) : 0;
        return r < 0 && r != -ENODEV ? error_set_errno(e, r, ORIGIN_INTERFACE, "cannot switch '%s' off", name) : 0;
}

static int restore_link(Host *h, int changes, const char *name, Error *e) {
        int up = host_link_is_up(h, name), r = 0;
        _cleanup_error_ Error unknown = ERROR_INIT;

        if (up < 0) {
                _cleanup_definition_ Definition *d = NULL;

                /* a link that others have removed is theirs to bring back */
                r = interface_definition_load(name, &d, e);
                return r == -ENOENT ? 0 : r < 0 ? r : wait_until_up(h, changes, name, e);
        }
        if (up > 0)
                return 0;
        r = link_set_up(h->netlink, name, true);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_INTERFACE, "cannot switch '%s' on", name);
        /* one that networkd has just made it has not heard of yet, and configures when it has */
        if (reconfigure(h, name, &unknown) < 0)
                log_debug("%s", error_text(&unknown, -EIO));
        return wait_until_up(h, changes, name, e);
}

static int rollback(Host *h, Error *e) {
        _cleanup_close_ int changes = link_changes_open();
        _cleanup_strv_ char **up = NULL;
        int r = changes < 0 ? changes : snapshot_links_up(&up);

        if (r < 0)
                return error_set_errno(e, r, ORIGIN_INTERFACE, "cannot read which links were up");
        r = reload(h, e);
        for (char **name = up; r >= 0 && name && *name; name++)
                r = restore_link(h, changes, *name, e);
        return r;
}

const Manager manager_networkd = {
        .name = "systemd-networkd", .check = check, .define = define, .undefine = undefine,
        .is_in_force = is_in_force, .start = start, .stop = stop,
        .begin = nothing, .commit = nothing, .undo = undo, .rollback = rollback,
};
