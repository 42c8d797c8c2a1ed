/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A guest says to its card which frames it wants. That of a card on a macvtap is for the host to know, too: the kernel
 * passes on what is for the macvtap's own address and groups. Only a card that the definition trusts may have it
 * changed. */

#include "base/guest-files.h"
#include "base/strings.h"
#include "network/link.h"
#include "plug.h"

static int find_link(const char *guest, const char *device, char ret[IFNAMSIZ], Error *e) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LIVE, guest);
        _cleanup_definition_ Definition *live = NULL;
        int r = path ? definition_load(path, DEFINITION_UNCHECKED, &live, e) : -ENOMEM;

        if (r < 0)
                return r;
        XML_FOREACH(card, definition_devices(live), "interface") {
                const char *dev = xml_get(card, "target/@dev");

                if (!streq_ptr(device_alias(card), device) || !dev || strlen(dev) >= IFNAMSIZ)
                        continue;
                if (!xml_attr_is(card, "trustGuestRxFilters", "yes"))
                        return error_set(e, -EPERM, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                         "%s of %s is not trusted with what it receives", device, guest);
                strcpy(ret, dev);
                return 0;
        }
        return error_set(e, -ENODEV, ERROR_DEVICE_MISSING, ORIGIN_QEMU, "%s has no card %s", guest, device);
}

static int check_kind(const char *link, Error *e) {
        _cleanup_netlink_ Netlink *n = NULL;
        LinkFacts facts = {};
        int r = netlink_open(&n);

        if (r >= 0)
                r = link_read(n, link, &facts);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot look at the link '%s'", link);
        return streq(facts.kind, "macvtap") ? 0
                                            : error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                                        "'%s' is no macvtap", link);
}

int plug_receive(const char *guest, const char *device, char *frames, Error *e) {
        bool groups = false, all = false;
        char link[IFNAMSIZ], *rest = frames, *word = strsep(&rest, " ");
        uint8_t mac[6];
        int r;

        if (mac_parse(word, mac) < 0 || mac[0] & 1)
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_QEMU, "'%s' is no address of a card", word);
        while ((word = strsep(&rest, " "))) {
                groups |= streq(word, "groups");
                all |= streq(word, "all");
        }
        r = find_link(guest, device, link, e);
        if (r >= 0)
                r = check_kind(link, e);
        if (r < 0)
                return r;
        r = link_set_receive(link, mac, groups, all);
        return r < 0 ? error_set_errno(e, r, ORIGIN_QEMU, "cannot change what '%s' receives", link) : 0;
}
