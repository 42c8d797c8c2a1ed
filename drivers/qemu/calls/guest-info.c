/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh guestinfo: what a guest's agent knows of the guest. Each kind of information is a command and what becomes of
 * its answer, of which nothing is taken for granted. */

#include "base/strings.h"
#include "calls/addresses.h"
#include "calls/calls.h"
#include "calls/guest-disks.h"
#include "rpc/typed-params.h"
#include "run/agent.h"

#define NAME(...) TYPED_PARAM_NAME(__VA_ARGS__)

static void add_text(TypedParams *p, const char *name, json_t *object, const char *key) {
        typed_params_add_string(p, name, json_string_value(json_object_get(object, key)));
}

static void add_count(TypedParams *p, const char *name, json_t *list) {
        typed_params_add_uint(p, name, (unsigned) json_array_size(list));
}

static void add_users(TypedParams *p, const Definition *d, json_t *list) {
        json_t *user;
        size_t i;

        add_count(p, "user.count", list);
        json_array_foreach(list, i, user) {
                double t = json_number_value(json_object_get(user, "login-time"));

                add_text(p, NAME("user.%zu.name", i), user, "user");
                add_text(p, NAME("user.%zu.domain", i), user, "domain");
                /* seconds with a fraction, to milliseconds */
                if (t >= 0 && t < 1e15)
                        typed_params_add_ullong(p, NAME("user.%zu.login-time", i), (uint64_t) (t * 1000));
        }
}

static void add_os(TypedParams *p, const Definition *d, json_t *os) {
        static const char *const keys[] = { "id", "name", "pretty-name", "version", "version-id", "machine",
                                            "variant", "variant-id", "kernel-release", "kernel-version" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                add_text(p, NAME("os.%s", keys[i]), os, keys[i]);
}

static void add_timezone(TypedParams *p, const Definition *d, json_t *zone) {
        json_t *offset = json_object_get(zone, "offset");

        add_text(p, "timezone.name", zone, "zone");
        if (json_is_integer(offset) && json_integer_value(offset) > -200000 && json_integer_value(offset) < 200000)
                typed_params_add_int(p, "timezone.offset", (int) json_integer_value(offset));
}

static void add_hostname(TypedParams *p, const Definition *d, json_t *name) {
        add_text(p, "hostname", name, "host-name");
}

static void add_bytes(TypedParams *p, const char *name, json_t *object, const char *key) {
        json_t *n = json_object_get(object, key);

        if (json_is_integer(n) && json_integer_value(n) >= 0)
                typed_params_add_ullong(p, name, (uint64_t) json_integer_value(n));
}

static void add_filesystem(TypedParams *p, const Definition *d, size_t i, json_t *fs) {
        json_t *disks = json_object_get(fs, "disk"), *disk;
        size_t k;

        add_text(p, NAME("fs.%zu.mountpoint", i), fs, "mountpoint");
        add_text(p, NAME("fs.%zu.name", i), fs, "name");
        add_text(p, NAME("fs.%zu.fstype", i), fs, "type");
        add_bytes(p, NAME("fs.%zu.total-bytes", i), fs, "total-bytes");
        add_bytes(p, NAME("fs.%zu.used-bytes", i), fs, "used-bytes");
        add_count(p, NAME("fs.%zu.disk.count", i), disks);
        json_array_foreach(disks, k, disk) {
                typed_params_add_string(p, NAME("fs.%zu.disk.%zu.alias", i, k),
                                        xml_get(guest_disk(d, disk), "target/@dev"));
                add_text(p, NAME("fs.%zu.disk.%zu.serial", i, k), disk, "serial");
                add_text(p, NAME("fs.%zu.disk.%zu.device", i, k), disk, "dev");
        }
}

static void add_filesystems(TypedParams *p, const Definition *d, json_t *list) {
        json_t *fs;
        size_t i;

        add_count(p, "fs.count", list);
        json_array_foreach(list, i, fs)
                add_filesystem(p, d, i, fs);
}

static void add_disk(TypedParams *p, const Definition *d, size_t i, json_t *disk) {
        json_t *dependencies = json_object_get(disk, "dependencies"), *address = json_object_get(disk, "address"), *one;
        size_t k;

        add_text(p, NAME("disk.%zu.name", i), disk, "name");
        typed_params_add_boolean(p, NAME("disk.%zu.partition", i), json_is_true(json_object_get(disk, "partition")));
        if (json_array_size(dependencies) > 0)
                add_count(p, NAME("disk.%zu.dependency.count", i), dependencies);
        json_array_foreach(dependencies, k, one)
                typed_params_add_string(p, NAME("disk.%zu.dependency.%zu.name", i, k), json_string_value(one));
        add_text(p, NAME("disk.%zu.serial", i), address, "serial");
        typed_params_add_string(p, NAME("disk.%zu.alias", i), xml_get(guest_disk(d, address), "target/@dev"));
        add_text(p, NAME("disk.%zu.guest_alias", i), disk, "alias");
        add_text(p, NAME("disk.%zu.guest_bus", i), address, "bus-type");
}

static void add_disks(TypedParams *p, const Definition *d, json_t *list) {
        json_t *disk;
        size_t i;

        add_count(p, "disk.count", list);
        json_array_foreach(list, i, disk)
                add_disk(p, d, i, disk);
}

static void add_card(TypedParams *p, size_t i, json_t *card) {
        json_t *addresses = json_object_get(card, "ip-addresses"), *a;
        size_t k;

        add_text(p, NAME("if.%zu.name", i), card, "name");
        add_text(p, NAME("if.%zu.hwaddr", i), card, "hardware-address");
        add_count(p, NAME("if.%zu.addr.count", i), addresses);
        json_array_foreach(addresses, k, a) {
                json_int_t prefix = json_integer_value(json_object_get(a, "prefix"));

                add_text(p, NAME("if.%zu.addr.%zu.type", i, k), a, "ip-address-type");
                add_text(p, NAME("if.%zu.addr.%zu.addr", i, k), a, "ip-address");
                if (prefix >= 0 && prefix <= 128)
                        typed_params_add_uint(p, NAME("if.%zu.addr.%zu.prefix", i, k), (unsigned) prefix);
        }
}

static void add_cards(TypedParams *p, const Definition *d, json_t *list) {
        json_t *card;
        size_t i;

        add_count(p, "if.count", list);
        json_array_foreach(list, i, card)
                add_card(p, i, card);
}

static void add_load(TypedParams *p, const Definition *d, json_t *load) {
        static const char *const times[] = { "1m", "5m", "15m" };

        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                json_t *v = json_object_get(load, NAME("load%s", times[i]));

                if (json_is_number(v))
                        typed_params_add_double(p, NAME("load.%s", times[i]), json_number_value(v));
        }
}

static void add_devices(TypedParams *p, const Definition *d, json_t *list) {
        json_t *device;
        size_t i;

        add_count(p, "device.count", list);
        json_array_foreach(list, i, device) {
                json_int_t date = json_integer_value(json_object_get(device, "driver-date"));
                json_t *id = json_object_get(device, "id");

                add_text(p, NAME("device.%zu.driverName", i), device, "driver-name");
                add_text(p, NAME("device.%zu.driverVersion", i), device, "driver-version");
                if (date > 0)
                        typed_params_add_ullong(p, NAME("device.%zu.driverDate", i), (uint64_t) date);
                add_text(p, NAME("device.%zu.idType", i), id, "type");
                typed_params_add_uint(p, NAME("device.%zu.pciVendor", i),
                                      (unsigned) json_integer_value(json_object_get(id, "vendor-id")) & UINT16_MAX);
                typed_params_add_uint(p, NAME("device.%zu.pciDevice", i),
                                      (unsigned) json_integer_value(json_object_get(id, "device-id")) & UINT16_MAX);
        }
}

/* Bit i of the types that a client asks for. */
static const struct {
        const char *command;
        void (*add)(TypedParams *p, const Definition *d, json_t *answer);
} kinds[] = {
        { "guest-get-users", add_users },
        { "guest-get-osinfo", add_os },
        { "guest-get-timezone", add_timezone },
        { "guest-get-host-name", add_hostname },
        { "guest-get-fsinfo", add_filesystems },
        { "guest-get-disks", add_disks },
        { "guest-network-get-interfaces", add_cards },
        { "guest-get-load", add_load },
        { "guest-get-devices", add_devices },
};

static int ask(Call *c, Guest *g, uint32_t types, TypedParams *p, Error *e) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_(json_decrefp) json_t *answer = NULL;
                _cleanup_error_ Error refusal = {};
                int r;

                if (types && !(types & 1U << i))
                        continue;
                r = guest_agent(g, kinds[i].command, NULL, AGENT_SOON, &answer, &refusal);
                if (r >= 0) {
                        kinds[i].add(p, call_definition(c), answer);
                        continue;
                }
                /* who asks for all gets what this agent knows */
                if (!types && r == -EOPNOTSUPP && guest_has_agent(g))
                        continue;
                if (e)
                        error_move(e, &refusal);
                return r;
        }
        return 0;
}

static int get_guest_info(Call *c, Guest *g, const remote_domain_get_guest_info_args *args,
                          remote_domain_get_guest_info_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        uint32_t unknown = args->types & ~((1U << ELEMENTSOF(kinds)) - 1);
        int r;

        if (unknown)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "unsupported guest information types '0x%x'", unknown);
        r = ask(c, g, args->types, &params, e);
        if (r < 0)
                return r;
        if (params.len > REMOTE_DOMAIN_GUEST_INFO_PARAMS_MAX)
                return error_set(e, -EMSGSIZE, ERROR_RPC, ORIGIN_RPC,
                                 "Too many params in guestinfo: %u for limit %d", params.len,
                                 REMOTE_DOMAIN_GUEST_INFO_PARAMS_MAX);
        return typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

/* --- virsh domfsinfo --- */

static int fill_filesystem(const Definition *d, json_t *fs, remote_domain_fsinfo *ret) {
        json_t *disks = json_object_get(fs, "disk"), *disk;
        size_t i;
        int r;

        r = reply_string(&ret->mountpoint, json_string_value(json_object_get(fs, "mountpoint")) ?: "");
        if (r >= 0)
                r = reply_string(&ret->name, json_string_value(json_object_get(fs, "name")) ?: "");
        if (r >= 0)
                r = reply_string(&ret->fstype, json_string_value(json_object_get(fs, "type")) ?: "");
        ret->dev_aliases.dev_aliases_val =
                calloc(MIN(json_array_size(disks), (size_t) REMOTE_DOMAIN_FSINFO_DISKS_MAX) + 1, sizeof(char *));
        if (!ret->dev_aliases.dev_aliases_val)
                return -ENOMEM;
        json_array_foreach(disks, i, disk) {
                const char *target = xml_get(guest_disk(d, disk), "target/@dev");
                unsigned *n = &ret->dev_aliases.dev_aliases_len;

                if (r < 0 || !target || i >= REMOTE_DOMAIN_FSINFO_DISKS_MAX)
                        continue;
                r = reply_string(&ret->dev_aliases.dev_aliases_val[*n], target);
                *n += r >= 0;
        }
        return r;
}

static int get_fsinfo(Call *c, Guest *g, const remote_domain_get_fsinfo_args *args, remote_domain_get_fsinfo_ret *ret,
                      Error *e) {
        _cleanup_(json_decrefp) json_t *list = NULL;
        json_t *fs;
        size_t i, n;
        int r = guest_agent(g, "guest-get-fsinfo", NULL, AGENT_SOON, &list, e);

        if (r < 0)
                return r;
        n = json_array_size(list);
        if (!json_is_array(list) || n > REMOTE_DOMAIN_FSINFO_MAX)
                return error_set(e, -EBADMSG, ERROR_INTERNAL, ORIGIN_QEMU,
                                 "malformed return value of the guest agent: "
                                 "a list of at most %d file systems is missing",
                                 REMOTE_DOMAIN_FSINFO_MAX);
        ret->info.info_val = calloc(n + 1, sizeof(*ret->info.info_val));
        if (!ret->info.info_val)
                return -ENOMEM;
        json_array_foreach(list, i, fs) {
                ret->info.info_len++;
                r = fill_filesystem(call_definition(c), fs, &ret->info.info_val[i]);
                if (r < 0)
                        return r;
        }
        ret->ret = ret->info.info_len;
        return 0;
}

/* --- virsh domhostname --- */

#define HOSTNAME_LEASE 1U
#define HOSTNAME_AGENT 2U

static int get_hostname(Call *c, Guest *g, const remote_domain_get_hostname_args *args,
                        remote_domain_get_hostname_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *answer = NULL;
        const char *name;
        int r;

        if (args->flags & HOSTNAME_LEASE && args->flags & HOSTNAME_AGENT)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "flags 'lease' and 'agent' are mutually exclusive");
        if (args->flags & HOSTNAME_LEASE)
                return lease_hostname(call_definition(c), g->object.name, &ret->hostname, e);
        r = guest_agent(g, "guest-get-host-name", NULL, AGENT_SOON, &answer, e);
        if (r < 0)
                return r;
        name = json_string_value(json_object_get(answer, "host-name"));
        if (!name)
                return error_set(e, -ENOENT, ERROR_NO_HOSTNAME, ORIGIN_QEMU, "no hostname found for domain %s",
                                 g->object.name);
        return reply_string(&ret->hostname, name);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_GUEST_INFO, get_guest_info, .needs = NEED_LIVE),
        CALL(DOMAIN_GET_FSINFO, get_fsinfo, .needs = NEED_LIVE),
        CALL(DOMAIN_GET_HOSTNAME, get_hostname, .flags = HOSTNAME_LEASE | HOSTNAME_AGENT, .needs = NEED_LIVE),
};
const RpcTable qemu_guest_info_table = RPC_TABLE(rows);
