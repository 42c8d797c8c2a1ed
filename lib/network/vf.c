/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/vf.h"

#include <dirent.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "base/fs.h"
#include "base/strings.h"
#include "vf-private.h"

#define FUNCTIONS_MAX 4096U

/* --- sysfs --- */

static char *folder_of(const char *address, const char *file) {
        return text_format("%s/bus/pci/devices/%s%s%s", path_sys(), address, *file ? "/" : "", file);
}

int vf_list(const char *card, char ***ret) {
        _cleanup_free_ char *folder = text_format("%s/class/net/%s", path_sys(), card);
        _cleanup_strv_ char **list = NULL;
        unsigned i;

        if (!folder)
                return -ENOMEM;
        if (!*card || strchr(card, '/') || access(folder, F_OK) < 0)
                return -ENODEV;
        for (i = 0; i < FUNCTIONS_MAX; i++) {
                _cleanup_free_ char *path = text_format("%s/device/virtfn%u", folder, i);
                char *address = NULL;
                int r;

                r = path ? link_target_name(path, &address) : -ENOMEM;
                if (r == -ENOENT)
                        break;
                if (r >= 0)
                        r = strv_consume(&list, address);
                if (r < 0)
                        return r;
        }
        if (i == 0)
                return -ENOENT;
        *ret = TAKE_PTR(list);
        return 0;
}

/* The only entry of a folder; NULL where that is not there, or empty. */
static int first_entry(const char *path, char **ret) {
        DIR *d = opendir(path);
        const struct dirent *de;
        char *name = NULL;
        bool found = false;

        while (d && !found && (de = readdir(d)))
                if (de->d_name[0] != '.') {
                        found = true;
                        name = strdup(de->d_name);
                }
        if (d)
                closedir(d);
        if (found && !name)
                return -ENOMEM;
        *ret = name;
        return 0;
}

int vf_link(const char *address, char **ret) {
        _cleanup_free_ char *path = folder_of(address, "net");

        return path ? first_entry(path, ret) : -ENOMEM;
}

static int number_of(const char *card, const char *address, unsigned *ret) {
        _cleanup_strv_ char **list = NULL;
        int r = vf_list(card, &list);

        for (unsigned i = 0; r >= 0 && list[i]; i++)
                if (streq(list[i], address)) {
                        *ret = i;
                        return 0;
                }
        return r == -ENOMEM ? r : -EOPNOTSUPP;
}

int vf_find(const char *address, VfPlace *ret) {
        _cleanup_free_ char *folder = folder_of(address, ""), *net = folder_of(address, "physfn/net"), *card = NULL;
        VfPlace place;
        int r;

        if (!folder || !net)
                return -ENOMEM;
        if (access(folder, F_OK) < 0)
                return -ENODEV;
        r = first_entry(net, &card);
        if (r < 0)
                return r;
        if (!card || strlen(card) >= sizeof place.card)
                return -EOPNOTSUPP;
        r = number_of(card, address, &place.index);
        if (r < 0)
                return r;
        (void) snprintf(place.card, sizeof place.card, "%s", card);
        *ret = place;
        return 0;
}

/* --- the card --- */

typedef struct Reading {
        unsigned index;
        bool found;
        VfSettings settings;
} Reading;

/* One IFLA_VF_INFO: whose number stands in each part of it. */
static void read_info(Reading *r, struct nlattr *info) {
        struct nlattr *attrs[IFLA_VF_MAX + 1];
        const struct ifla_vf_mac *mac;
        const struct ifla_vf_vlan *vlan;

        if (nla_parse_nested(attrs, IFLA_VF_MAX, info, NULL) < 0 || !attrs[IFLA_VF_MAC] ||
            nla_len(attrs[IFLA_VF_MAC]) < (int) sizeof *mac)
                return;
        mac = nla_data(attrs[IFLA_VF_MAC]);
        if (mac->vf != r->index)
                return;
        r->found = true;
        memcpy(r->settings.mac, mac->mac, sizeof r->settings.mac);
        if (!attrs[IFLA_VF_VLAN] || nla_len(attrs[IFLA_VF_VLAN]) < (int) sizeof *vlan)
                return;
        vlan = nla_data(attrs[IFLA_VF_VLAN]);
        r->settings.vlan = vlan->vlan;
        r->settings.qos = vlan->qos;
}

static int read_card(const struct nlmsghdr *answer, void *userdata) {
        struct nlattr *attrs[IFLA_MAX + 1], *info;
        int rest;

        if (nlmsg_parse((struct nlmsghdr *) answer, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) < 0)
                return -EBADMSG;
        if (attrs[IFLA_VFINFO_LIST])
                nla_for_each_nested(info, attrs[IFLA_VFINFO_LIST], rest)
                        read_info(userdata, info);
        return 0;
}

int vf_answer_read(const struct nlmsghdr *answer, unsigned index, VfSettings *ret) {
        Reading reading = { .index = index };
        int r = read_card(answer, &reading);

        if (r < 0)
                return r;
        if (!reading.found)
                return -ENOENT;
        *ret = reading.settings;
        return 0;
}

Request vf_request_read(const char *card) {
        const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
        Request q = request_new(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, &header, sizeof header);

        request_put_text(&q, IFLA_IFNAME, card);
        request_put_u32(&q, IFLA_EXT_MASK, RTEXT_FILTER_VF);
        return q;
}

int vf_read(Netlink *n, const VfPlace *p, VfSettings *ret) {
        Reading reading = { .index = p->index };
        Request q = vf_request_read(p->card);
        int r = request_read(n, &q, read_card, &reading);

        if (r < 0)
                return r;
        if (!reading.found)
                return -ENOENT;
        *ret = reading.settings;
        return 0;
}

Request vf_request_set(const char *card, unsigned index, const VfSettings *s) {
        const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
        struct ifla_vf_mac mac = { .vf = index };
        const struct ifla_vf_vlan vlan = { .vf = index, .vlan = s->vlan, .qos = s->qos };
        Request q = request_new(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &header, sizeof header);
        struct nlattr *list, *info;

        memcpy(mac.mac, s->mac, sizeof s->mac);
        request_put_text(&q, IFLA_IFNAME, card);
        list = request_open(&q, IFLA_VFINFO_LIST);
        info = request_open(&q, IFLA_VF_INFO);
        request_put(&q, IFLA_VF_MAC, &mac, sizeof mac);
        request_put(&q, IFLA_VF_VLAN, &vlan, sizeof vlan);
        request_close(&q, info);
        request_close(&q, list);
        return q;
}

int vf_set(Netlink *n, const VfPlace *p, const VfSettings *s) {
        Request q = vf_request_set(p->card, p->index, s);

        return request_send(n, &q);
}

/* --- undoing --- */

char *vf_undo_value(const VfPlace *p, const VfSettings *s) {
        return text_format("%s %u %02x:%02x:%02x:%02x:%02x:%02x %u %u", p->card, p->index, s->mac[0], s->mac[1],
                           s->mac[2], s->mac[3], s->mac[4], s->mac[5], s->vlan, s->qos);
}

int vf_undo_parse(const char *value, VfPlace *place, VfSettings *s) {
        char mac[18], rest;

        if (sscanf(value, "%15s %u %17s %u %u%c", place->card, &place->index, mac, &s->vlan, &s->qos, &rest) != 5)
                return -EINVAL;
        return mac_parse(mac, s->mac);
}

/* A function that was never told an address has one of zeros, which some drivers say but do not take. */
static int set_again(Netlink *n, const VfPlace *place, VfSettings *s) {
        static const uint8_t zeros[6], instead[6] = { 0x02 };
        int r = vf_set(n, place, s);

        if (r != -EINVAL || memcmp(s->mac, zeros, sizeof zeros) != 0)
                return r;
        memcpy(s->mac, instead, sizeof instead);
        return vf_set(n, place, s);
}

int vf_undo(const char *value) {
        _cleanup_netlink_ Netlink *n = NULL;
        VfPlace place;
        VfSettings s;
        int r;

        r = vf_undo_parse(value, &place, &s);
        if (r >= 0)
                r = netlink_open(&n);
        if (r >= 0)
                r = set_again(n, &place, &s);
        return r == -ENODEV ? 0 : r;
}
