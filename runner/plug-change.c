/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A card of a guest that runs gets another place: its tap goes from one bridge to another, or becomes another port of
 * the same one; or it gets other limits. QEMU learns nothing of it. While the port is changed the tap is down, so that
 * no frame passes by neither the old rules nor the new ones. */

#include <fcntl.h>
#include <sys/file.h>

#include "base/log.h"
#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "host/tap.h"
#include "host/undo.h"
#include "network/link.h"
#include "plug.h"

static int load_live(const char *guest, Definition **ret, Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LIVE, guest);

        return path ? definition_load(path, DEFINITION_UNCHECKED, ret, e) : -ENOMEM;
}

/* Is the element the same in both, or in neither? */
static bool same_element(const xmlNode *a, const xmlNode *b, const char *name) {
        _cleanup_free_ char *x = NULL, *y = NULL;
        const xmlNode *of_a = xml_child(a, name), *of_b = xml_child(b, name);

        if (!of_a || !of_b)
                return !of_a && !of_b;
        return xml_format(of_a, &x) >= 0 && xml_format(of_b, &y) >= 0 && streq(x, y);
}

/* But for its limits. */
static bool same_place(const xmlNode *a, const xmlNode *b) {
        static const char *const parts[] = { "source", "vlan", "virtualport", "port", "filterref" };

        if (!xml_attr_is(a, "type", xml_attr(b, "type") ?: ""))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (!same_element(a, b, parts[i]))
                        return false;
        return true;
}

static void report(const char *key, const char *value, int r, void *userdata) {
        log_warning("cannot undo %s of %s: %s", key, value, strerror(-r));
}

/* What was made for the old place goes before anything is made for the new one. */
static int leave(Prepare *p, const char *tap) {
        _cleanup_netlink_ Netlink *links = NULL;
        int r;

        r = netlink_open(&links);
        if (r >= 0)
                r = link_set_up(links, tap, false);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot take '%s' down", tap);
        r = undo_device(p->name, p->device, report, NULL);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot read what was made for %s", p->device);
        (void) link_set_master(links, tap, NULL); /* Open vSwitch has none */
        return 0;
}

static int enter(Prepare *p, xmlNode *interface, const char *tap) {
        PrepareFilter filter = { p, interface };
        int r = prepare_blame(p, prepare_filter(&filter, tap, &p->error), interface);

        return r < 0 ? r : prepare_connect(p, interface);
}

static int move(Prepare *p, xmlNode *old, xmlNode *interface, const char *tap) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r, again;

        r = leave(p, tap);
        if (r >= 0)
                r = enter(p, interface, tap);
        if (r >= 0)
                return r;
        error_move(&e, &p->error);
        again = leave(p, tap);
        if (again >= 0)
                again = enter(p, old, tap);
        if (again < 0)
                log_error("%s of the guest '%s' could not go back to where it was and is without a network: %s", tap,
                          p->name, error_text(&p->error, again));
        error_done(&p->error);
        error_move(&p->error, &e);
        return r;
}

static xmlNode *find_card(const Definition *d, const char *alias) {
        XML_FOREACH(interface, definition_devices(d), "interface")
                if (streq_ptr(device_alias(interface), alias))
                        return interface;
        return NULL;
}

/* A macvtap is made for its link, and QEMU has it open: it would be gone before there is another. */
static bool can_move(const xmlNode *old) {
        return !xml_attr_is(old, "type", "network") || xml_get(old, "source/@bridge");
}

/* The limits are set once more where nothing differs: a supervisor that comes after one that was killed asks for
 * that. */
static int stay(Prepare *p, const xmlNode *old, xmlNode *interface) {
        return same_element(old, interface, "coalesce") || !same_element(old, interface, "bandwidth")
                       ? prepare_change_limits(p, interface)
                       : 0;
}

static int gather_frames(Prepare *p, const xmlNode *old, const xmlNode *interface, const char *tap) {
        unsigned frames = 0;
        int r;

        if (same_element(old, interface, "coalesce"))
                return 0;
        (void) parse_uint(xml_get(interface, "coalesce/rx/frames/@max") ?: "0", &frames);
        r = tap_gather_frames(tap, frames);
        return r < 0 ? prepare_refuse(p, r, interface, "cannot have '%s' gather frames: %s", tap, strerror(-r)) : 0;
}

static int change(Prepare *p, Definition *live, json_t **ret) {
        xmlNode *interface = find_card(p->live, p->device), *old = find_card(live, p->device);
        const char *tap = xml_get(old, "target/@dev");
        _cleanup_free_ char *text = NULL;
        int r;

        if (!interface || !old || !tap)
                return error_set(&p->error, -ENODEV, ERROR_DEVICE_MISSING, ORIGIN_QEMU, "%s has no card %s", p->name,
                                 p->device);
        if (same_place(old, interface))
                r = stay(p, old, interface);
        else if (can_move(old))
                r = move(p, old, interface, tap);
        else
                r = prepare_refuse(p, -EOPNOTSUPP, interface,
                                   "the card is on a link of the host's by a macvtap, and keeps its place");
        if (r >= 0)
                r = gather_frames(p, old, interface, tap);
        if (r >= 0)
                r = xml_format(interface, &text);
        if (r >= 0) {
                *ret = json_pack("{s:s}", "device", text);
                r = *ret ? 0 : -ENOMEM;
        }
        return r;
}

/* A supervisor that comes after one that was killed asks for the same again, while the first of us may be at it yet. */
static int wait_for_others(const char *guest, int *ret, Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_PENDING, guest);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

        if (!path)
                return -ENOMEM;
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot read what is to be changed");
        *ret = TAKE_FD(fd);
        return 0;
}

int plug_change(Plug *plug, const char *guest, const char *device, json_t **ret, Error *e) {
        _cleanup_definition_ Definition *live = NULL;
        _cleanup_close_ int lock = -EBADF;
        Prepare *p = &plug->prepare;
        int r;

        *p = (Prepare) { .name = guest, .parcel_fd = -EBADF, .running = true, .device = device };
        r = wait_for_others(guest, &lock, &p->error);
        if (r >= 0)
                r = plug_load(plug, guest);
        if (r >= 0)
                r = load_live(guest, &live, &p->error);
        if (r >= 0)
                r = change(p, live, ret);
        if (r < 0 && error_is_set(&p->error))
                error_move(e, &p->error);
        return r;
}
