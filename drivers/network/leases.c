/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Leases, from the file that dnsmasq's script keeps. */

#include <time.h>

#include "base/strings.h"
#include "model/definition.h"
#include "network.h"
#include "network/files.h"
#include "network/leases.h"

enum { IP_IPV4 = 0, IP_IPV6 = 1 };   /* virIPAddrType */

static unsigned prefix_of(const xmlNode *network, const IpAddress *a) {
        XML_FOREACH(node, network, "ip") {
                NetworkIp ip;

                if (network_ip_read(node, &ip, NULL) >= 0 && ip.address.family == a->family &&
                    ip_is_in(a, &ip.address, ip.prefix))
                        return ip.prefix;
        }
        return a->family == AF_INET ? 24 : 64;
}

static int optional(remote_string *ret, const char *s) {
        char **p;

        if (!s)
                return 0;
        p = malloc(sizeof *p);
        *ret = p;
        if (!p)
                return -ENOMEM;
        *p = strdup(s);
        return *p ? 0 : -ENOMEM;
}

static int fill(const xmlNode *network, const Lease *l, const IpAddress *a, remote_network_dhcp_lease *ret) {
        int r;

        ret->expirytime = l->expiry;
        ret->type = a->family == AF_INET ? IP_IPV4 : IP_IPV6;
        ret->prefix = prefix_of(network, a);
        r = reply_string(&ret->iface, network_bridge(network) ?: "");
        if (r >= 0)
                r = reply_string(&ret->ipaddr, l->ip);
        if (r >= 0)
                r = optional(&ret->mac, l->mac);
        if (r >= 0)
                r = optional(&ret->iaid, l->iaid);
        if (r >= 0)
                r = optional(&ret->hostname, l->hostname);
        return r < 0 ? r : optional(&ret->clientid, l->client_id);
}

/* Does the lease belong to this MAC? NULL is any. */
static bool is_of(const Lease *l, const uint8_t *mac) {
        uint8_t its[6];

        return !mac || (l->mac && mac_parse(l->mac, its) >= 0 && memcmp(its, mac, sizeof its) == 0);
}

static int reply(const xmlNode *network, const LeaseList *l, const uint8_t *mac, bool need_results,
                 remote_network_get_dhcp_leases_ret *ret) {
        int r = 0;

        if (need_results) {
                ret->leases.leases_val = calloc(l->n + 1, sizeof *ret->leases.leases_val);
                if (!ret->leases.leases_val)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < l->n && r >= 0; i++) {
                IpAddress a;

                if (!is_of(&l->items[i], mac) || ip_parse(l->items[i].ip, &a) < 0)
                        continue;
                if (need_results)
                        r = fill(network, &l->items[i], &a, &ret->leases.leases_val[ret->leases.leases_len++]);
                ret->ret++;
        }
        return r;
}

static int get_leases(Call *c, Network *n, const remote_network_get_dhcp_leases_args *args,
                      remote_network_get_dhcp_leases_ret *ret, Error *e) {
        const xmlNode *network = definition_root(call_definition(c));
        const char *bridge = network_bridge(network);
        _cleanup_free_ char *path = bridge ? network_leases_file(bridge) : NULL;
        _cleanup_leases_ LeaseList l = {};
        uint8_t mac[6];
        int r = 0;

        if (args->mac && mac_parse(*args->mac, mac) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NETWORK, "mac in %s must be a MAC address",
                                 "virNetworkGetDHCPLeases");
        if (path)
                r = leases_read(path, &l, e);
        leases_expire(&l, time(NULL));
        return r < 0 ? r : reply(network, &l, args->mac ? mac : NULL, args->need_results, ret);
}

static const RpcHandler rows[] = {
        CALL(NETWORK_GET_DHCP_LEASES, get_leases, .needs = NEED_CURRENT),
};
const RpcTable network_table_leases = RPC_TABLE(rows);
