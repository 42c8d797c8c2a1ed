/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A link as a document. libvirt's schema knows four types; what it does not have a place for is left out: a bridge has
 * no address of its own, and a bond without members or a vlan on a link of another namespace is no bond and no vlan
 * there. */

#include "base/fs.h"
#include "base/strings.h"
#include "interface.h"
#include "model/writer.h"

typedef struct Description {
        Netlink *netlink;
        const HostLink *links;
        size_t n;
        bool as_definition;     /* not what it is, but what would make it so again */
        DocumentWriter *w;
} Description;

static const HostLink *link_at(const Description *d, int index) {
        for (size_t i = 0; index > 0 && i < d->n; i++)
                if (d->links[i].facts.index == index)
                        return &d->links[i];
        return NULL;
}

static bool has_members(const Description *d, const HostLink *l) {
        for (size_t i = 0; i < d->n; i++)
                if (d->links[i].facts.master == l->facts.index)
                        return true;
        return false;
}

typedef struct LinkType LinkType;

static void add_bridge(Description *d, DocumentElement *e, const HostLink *l);
static void add_bond(Description *d, DocumentElement *e, const HostLink *l);
static void add_vlan(Description *d, DocumentElement *e, const HostLink *l);
static void add_mac(Description *d, DocumentElement *e, const HostLink *l);

static bool is_vlan(const Description *d, const HostLink *l) {
        return link_at(d, l->lower);
}

static bool always(const Description *d, const HostLink *l) {
        return true;
}

static const struct LinkType {
        const char *type, *kind;
        bool has_state;                                           /* <link> */
        bool (*is)(const Description *d, const HostLink *l);      /* beside the kind */
        void (*add)(Description *d, DocumentElement *e, const HostLink *l);
} types[] = {
        { "bridge", "bridge", false, always, add_bridge },
        { "bond", "bond", true, has_members, add_bond },
        { "vlan", "vlan", true, is_vlan, add_vlan },
        { "ethernet", NULL, true, always, add_mac },
};

static const LinkType *type_of(const Description *d, const HostLink *l) {
        const LinkType *t = types;

        while (t->kind && !(streq(t->kind, l->facts.kind) && t->is(d, l)))
                t++;
        return t;
}

/* The kernel knows a speed only of some links, and says -1 where it does not. */
static void add_speed(Description *d, DocumentElement *link, const char *name) {
        _cleanup_free_ char *path = text_format("/sys/class/net/%s/speed", name), *text = NULL;
        int speed;

        if (!path || file_read(path, 64, &text, NULL) < 0)
                return;
        text[strcspn(text, "\n")] = 0;
        if (parse_int(text, &speed) >= 0 && speed > 0)
                document_attrf(d->w, link, "speed", "%d", speed);
}

static void add_state(Description *d, DocumentElement *e, const HostLink *l) {
        /* IF_OPER_x of linux/if.h */
        static const char *const states[] = { "unknown", "notpresent", "down", "lowerlayerdown",
                                              "testing", "dormant",    "up" };
        DocumentElement *link = document_add(d->w, e, "link", NULL);

        add_speed(d, link, l->name);
        document_attr(d->w, link, "state", l->state < ELEMENTSOF(states) ? states[l->state] : "unknown");
}

static void add_mac(Description *d, DocumentElement *e, const HostLink *l) {
        const uint8_t *m = l->facts.mac;

        if (l->has_mac)
                document_attrf(d->w, document_add(d->w, e, "mac", NULL), "address", "%02x:%02x:%02x:%02x:%02x:%02x",
                               m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* What stands in each <interface>, on its own and within another one. */
static DocumentElement *begin(Description *d, DocumentElement *parent, const HostLink *l, const LinkType *t) {
        DocumentElement *e = parent ? document_add(d->w, parent, "interface", NULL) : NULL;

        if (!parent && document_begin("interface", &d->w, &e) < 0)
                return NULL;
        document_attr(d->w, e, "type", t->type);
        document_attr(d->w, e, "name", l->name);
        return e;
}

static void add_members(Description *d, DocumentElement *e, const HostLink *l, bool plain) {
        for (size_t i = 0; i < d->n; i++) {
                const HostLink *member = &d->links[i];
                const LinkType *t = plain ? &types[ELEMENTSOF(types) - 1] : type_of(d, member);
                DocumentElement *m;

                if (member->facts.master != l->facts.index)
                        continue;
                m = begin(d, e, member, t);
                add_state(d, m, member);
                t->add(d, m, member);
        }
}

static void add_bridge(Description *d, DocumentElement *e, const HostLink *l) {
        DocumentElement *bridge = document_add(d->w, e, "bridge", NULL);

        document_attr(d->w, bridge, "stp", l->bridge.stp ? "on" : "off");
        document_attrf(d->w, bridge, "delay", "%u.%02u", l->bridge.delay_cs / 100, l->bridge.delay_cs % 100);
        add_members(d, bridge, l, false);
}

static void add_monitor(Description *d, DocumentElement *bond, const HostBond *b) {
        static const char *const validations[] = { "none", "active", "backup", "all" };
        DocumentElement *m;

        if (b->miimon > 0) {
                m = document_add(d->w, bond, "miimon", NULL);
                document_attrf(d->w, m, "freq", "%u", b->miimon);
                document_attrf(d->w, m, "downdelay", "%u", b->down_delay);
                document_attrf(d->w, m, "updelay", "%u", b->up_delay);
                document_attr(d->w, m, "carrier", b->carrier ? "netif" : "ioctl");
        } else if (b->arp_interval > 0 && *b->arp_target) {
                m = document_add(d->w, bond, "arpmon", NULL);
                document_attrf(d->w, m, "interval", "%u", b->arp_interval);
                document_attr(d->w, m, "target", b->arp_target);
                if (b->arp_validate < ELEMENTSOF(validations))
                        document_attr(d->w, m, "validate", validations[b->arp_validate]);
        }
}

static void add_bond(Description *d, DocumentElement *e, const HostLink *l) {
        /* BOND_MODE_x of linux/if_bonding.h */
        static const char *const modes[] = {
                "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb",
        };
        DocumentElement *bond = document_add(d->w, e, "bond", NULL);

        if (l->bond.mode < ELEMENTSOF(modes))
                document_attr(d->w, bond, "mode", modes[l->bond.mode]);
        add_monitor(d, bond, &l->bond);
        add_members(d, bond, l, true);
}

static void add_vlan(Description *d, DocumentElement *e, const HostLink *l) {
        DocumentElement *vlan = document_add(d->w, e, "vlan", NULL);

        document_attrf(d->w, vlan, "tag", "%u", l->vlan);
        document_attr(d->w, document_add(d->w, vlan, "interface", NULL), "name", link_at(d, l->lower)->name);
}

/* --- addresses --- */

static bool is_of(const HostAddress *a, int family) {
        return a->address.family == family;
}

/* An address with an end came from a DHCP server, or, of IPv6, mostly from a router. */
static void add_origin(Description *d, DocumentElement *protocol, const HostAddress *list, size_t n, int family) {
        for (size_t i = 0; i < n; i++)
                if (is_of(&list[i], family) && !list[i].permanent) {
                        document_add(d->w, protocol, family == AF_INET ? "dhcp" : "autoconf", NULL);
                        return;
                }
}

/* Of a definition: what a server or a router gave comes from there again, the kernel makes up fe80:: by itself. */
static bool is_said(const Description *d, const HostAddress *a) {
        return !d->as_definition || (a->permanent && !(a->local && a->address.family == AF_INET6));
}

/* Is one of them said? Then the gateway is, too. */
static bool add_ips(Description *d, DocumentElement *protocol, const HostAddress *list, size_t n, int family) {
        char text[IP_TEXT_MAX];
        bool added = false;

        for (size_t i = 0; i < n; i++) {
                DocumentElement *ip;

                if (!is_of(&list[i], family) || !is_said(d, &list[i]))
                        continue;
                ip = document_add(d->w, protocol, "ip", NULL);
                document_attr(d->w, ip, "address", ip_format(&list[i].address, text));
                document_attrf(d->w, ip, "prefix", "%u", list[i].prefix);
                added = true;
        }
        return added;
}

static int add_protocol(Description *d, DocumentElement *e, const HostLink *l, const HostAddress *list, size_t n,
                        int family) {
        DocumentElement *protocol;
        char text[IP_TEXT_MAX];
        IpAddress gateway;
        size_t i = 0;
        int r;

        while (i < n && !is_of(&list[i], family))
                i++;
        if (i == n)
                return 0;
        protocol = document_add(d->w, e, "protocol", NULL);
        document_attr(d->w, protocol, "family", family == AF_INET ? "ipv4" : "ipv6");
        add_origin(d, protocol, list, n, family);
        r = add_ips(d, protocol, list, n, family) ? gateway_read(d->netlink, l->facts.index, family, &gateway) : 0;
        if (r > 0)
                document_attr(d->w, document_add(d->w, protocol, "route", NULL), "gateway", ip_format(&gateway, text));
        return r < 0 ? r : 0;
}

static int add_addresses(Description *d, DocumentElement *e, const HostLink *l) {
        static const int families[] = { AF_INET, AF_INET6 };
        _cleanup_free_ HostAddress *list = NULL;
        size_t n = 0;
        int r;

        r = addresses_list(d->netlink, l->facts.index, &list, &n);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(families); i++)
                r = add_protocol(d, e, l, list, n, families[i]);
        return r;
}

int interface_describe(Netlink *netlink, const HostLink *links, size_t n, const HostLink *l, bool as_definition,
                       char **ret) {
        Description d = { .netlink = netlink, .links = links, .n = n, .as_definition = as_definition };
        const LinkType *t = type_of(&d, l);
        DocumentElement *e = begin(&d, NULL, l, t);
        int r;

        if (!e)
                return -ENOMEM;
        document_attrf(d.w, document_add(d.w, e, "mtu", NULL), "size", "%u", l->facts.mtu);
        if (t->has_state)
                add_state(&d, e, l);
        r = add_addresses(&d, e, l);
        t->add(&d, e, l);
        if (r >= 0)
                r = document_finish(d.w, ret);
        document_writer_free(d.w);
        return r;
}
