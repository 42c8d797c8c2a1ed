/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What each element of a guest's definition adds to its unit. A row of the tables below is a path and
 * what it turns into; a device class is a row with a function. */

#include <inttypes.h>

#include "base/guest-dump.h"
#include "base/guest-exit.h"
#include "base/strings.h"
#include "model/metadata.h"
#include "plan-internal.h"
#include "plan/names.h"

#define UNITVIRT_NAMESPACE "urn:unitvirt:unit:1"

typedef struct GuestPlan {
        Plan *plan;
        const Definition *definition;
        const xmlNode *domain;
        bool wants_network;    /* QEMU itself opens sockets of the host's network */
        Error *error;
} GuestPlan;

/* Adds a setting that comes from an element, and says which one where that is impossible. */
static int add_from(GuestPlan *g, const xmlNode *from, PlanSection section, const char *key, const char *value,
                    const char *options) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = plan_add_full(g->plan, section, key, value, options);
        if (r != -EINVAL)
                return r;
        path = xml_path_of(from);
        return error_set(g->error, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_DOMAIN,
                         "%s%s%u: %s: control characters cannot be part of a unit's %s=",
                         definition_origin(g->definition) ?: "", definition_origin(g->definition) ? ":" : "line ",
                         xml_line(from), path ?: xml_name(from), key);
}

/* A file of the host that the guest needs before it may start. */
static int add_mounts_for(GuestPlan *g, const xmlNode *from, const char *path) {
        if (!path || *path != '/')
                return 0;
        return add_from(g, from, PLAN_UNIT, "RequiresMountsFor", path, NULL);
}

/* A file that QEMU opens itself, by its name. With "-" in front, so that a missing one is vm-prepare's error, which names
 * the element, and not one of systemd's that names nothing. */
static int add_readable(GuestPlan *g, const xmlNode *from, const char *path) {
        _cleanup_free_ char *bind = NULL;
        int r;

        if (!path || *path != '/')
                return 0;
        r = add_mounts_for(g, from, path);
        if (r < 0)
                return r;
        bind = text_format("-%s", path);
        if (!bind)
                return -ENOMEM;
        return add_from(g, from, PLAN_SERVICE, "BindReadOnlyPaths", bind, NULL);
}

static int add_device(GuestPlan *g, const xmlNode *from, const char *path, const char *access) {
        if (!path || !startswith(path, "/dev/"))
                return 0;
        return add_from(g, from, PLAN_SERVICE, "DeviceAllow", path, access);
}

/* Images are opened by vm-prepare and handed to QEMU as descriptors, so they need no place in the guest's view of
 * the file system; but the device cgroup of the unit covers vm-prepare too. */
static int plan_disk(GuestPlan *g, const xmlNode *disk) {
        bool readonly = xml_child(disk, "readonly") || xml_attr_is(disk, "device", "cdrom");
        const xmlNode *source = xml_child(disk, "source");
        int r;

        if (xml_attr_is(disk, "type", "network"))
                g->wants_network = true;
        if (!source)
                return 0;
        if (xml_attr(source, "file"))
                return add_mounts_for(g, source, xml_attr(source, "file"));
        r = add_mounts_for(g, source, xml_attr(source, "dev"));
        if (r < 0)
                return r;
        return add_device(g, source, xml_attr(source, "dev"), readonly ? "r" : "rw");
}

static int plan_interface(GuestPlan *g, const xmlNode *interface) {
        int r;

        if (xml_attr_is(interface, "type", "user")) {
                g->wants_network = true;
                /* the guest's name server, as QEMU's user network sees it */
                return add_from(g, interface, PLAN_SERVICE, "BindReadOnlyPaths", "-/etc/resolv.conf", NULL);
        }
        r = add_device(g, interface, "/dev/net/tun", "rw");
        if (r < 0 || streq_ptr(xml_get(interface, "driver/@name"), "qemu"))
                return r;
        return add_device(g, interface, "/dev/vhost-net", "rw");
}

static int plan_character_device(GuestPlan *g, const xmlNode *device) {
        const char *type = xml_attr(device, "type");
        const xmlNode *source = xml_child(device, "source");

        if (streq_ptr(type, "tcp") || streq_ptr(type, "udp"))
                g->wants_network = true;
        if (streq_ptr(type, "dev"))
                return add_device(g, source, xml_attr(source, "path"), "rw");
        if (streq_ptr(type, "file") || streq_ptr(type, "pipe"))
                return add_mounts_for(g, source, xml_attr(source, "path"));
        return 0;
}

static int plan_graphics(GuestPlan *g, const xmlNode *graphics) {
        const xmlNode *listen = xml_child(graphics, "listen");

        if (!xml_attr_is(graphics, "type", "vnc") && !xml_attr_is(graphics, "type", "spice"))
                return 0;
        if (xml_attr(graphics, "socket") || xml_attr_is(listen, "type", "socket") || xml_attr_is(listen, "type", "none"))
                return 0;
        g->wants_network = true;
        return 0;
}

static int plan_rng(GuestPlan *g, const xmlNode *rng) {
        const xmlNode *backend = xml_child(rng, "backend");
        const char *device;
        int r;

        if (!xml_attr_is(backend, "model", "random"))
                return 0;
        device = xml_text(backend);
        if (!device || !*device)
                device = "/dev/urandom";
        r = add_device(g, backend, device, "r");
        if (r < 0 || streq(device, "/dev/urandom") || streq(device, "/dev/random"))
                return r;
        return add_readable(g, backend, device);
}

static const struct {
        const char *element;
        int (*plan)(GuestPlan *g, const xmlNode *device);
} devices[] = {
        { "disk",      plan_disk },
        { "interface", plan_interface },
        { "serial",    plan_character_device },
        { "console",   plan_character_device },
        { "parallel",  plan_character_device },
        { "channel",   plan_character_device },
        { "graphics",  plan_graphics },
        { "rng",       plan_rng },
};

static int plan_devices(GuestPlan *g) {
        XML_FOREACH(device, definition_devices(g->definition), NULL)
                for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                        if (xml_is(device, devices[i].element)) {
                                int r = devices[i].plan(g, device);

                                if (r < 0)
                                        return r;
                        }
        return 0;
}

/* Files of the boot that QEMU reads by name. The variables of UEFI are a descriptor, like a disk. */
static int plan_os(GuestPlan *g) {
        static const char *const readable[] = { "kernel", "initrd", "dtb", "shim", "loader" };
        const xmlNode *os = xml_child(g->domain, "os");
        const xmlNode *nvram = xml_child(os, "nvram");
        int r;

        for (size_t i = 0; i < ELEMENTSOF(readable); i++) {
                const xmlNode *n = xml_child(os, readable[i]);

                r = n ? add_readable(g, n, xml_text(n)) : 0;
                if (r < 0)
                        return r;
        }
        XML_FOREACH(table, xml_child(os, "acpi"), "table") {
                r = add_readable(g, table, xml_text(table));
                if (r < 0)
                        return r;
        }
        if (!nvram)
                return 0;
        r = add_mounts_for(g, nvram, xml_attr(nvram, "template"));
        return r < 0 ? r : add_mounts_for(g, nvram, definition_nvram(g->definition));
}

static int limit_weight(GuestPlan *g, const xmlNode *n, const char *key) {
        uint64_t v;

        if (parse_u64(xml_text(n), 10, &v) < 0)
                return 0;
        /* libvirt takes the kernel's range, which is systemd's: 1 to 10000 */
        return plan_addf(g->plan, PLAN_SERVICE, key, "%" PRIu64, v < 1 ? 1 : v > 10000 ? 10000 : v);
}

static int limit_memory(GuestPlan *g, const xmlNode *n, const char *key) {
        uint64_t bytes;

        if (size_parse(xml_text(n), xml_attr(n, "unit"), 1024, &bytes) < 0)
                return 0;
        return plan_addf(g->plan, PLAN_SERVICE, key, "%" PRIu64, bytes);
}

static int limit_swap(GuestPlan *g, const xmlNode *n, const char *key) {
        const xmlNode *hard = xml_child(xml_child(g->domain, "memtune"), "hard_limit");
        uint64_t both, memory = 0;

        /* libvirt's limit is of memory and swap together, systemd's of swap alone */
        if (size_parse(xml_text(n), xml_attr(n, "unit"), 1024, &both) < 0)
                return 0;
        if (hard && size_parse(xml_text(hard), xml_attr(hard, "unit"), 1024, &memory) < 0)
                return 0;
        return plan_addf(g->plan, PLAN_SERVICE, key, "%" PRIu64, both > memory ? both - memory : 0);
}

static int limit_quota(GuestPlan *g, const xmlNode *n, const char *key) {
        uint64_t quota, period = 100000;

        if (parse_u64(xml_text(n), 10, &quota) < 0)
                return 0; /* negative: no limit */
        (void) xml_get_u64(g->domain, "cputune/global_period", &period);
        if (period == 0)
                return 0;
        return plan_addf(g->plan, PLAN_SERVICE, key, "%" PRIu64 "%%", MAX(quota * 100 / period, (uint64_t) 1));
}

static int limit_cpus(GuestPlan *g, const xmlNode *n, const char *key) {
        uint64_t set[16];
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *list = NULL;

        if (!xml_attr(n, "cpuset") || cpuset_parse(xml_attr(n, "cpuset"), set, ELEMENTSOF(set) * 64) < 0)
                return 0;
        for (unsigned cpu = 0; cpu < ELEMENTSOF(set) * 64; cpu++)
                if (set[cpu / 64] >> cpu % 64 & 1)
                        strbuf_addf(&b, "%s%u", b.len > 0 ? " " : "", cpu);
        list = strbuf_take(&b);
        if (!list)
                return -ENOMEM;
        return *list ? plan_add(g->plan, PLAN_SERVICE, key, list) : 0;
}

static const struct {
        const char *path;
        const char *key;
        int (*limit)(GuestPlan *g, const xmlNode *n, const char *key);
} limits[] = {
        { "vcpu",                     "AllowedCPUs",   limit_cpus },
        { "cputune/shares",           "CPUWeight",     limit_weight },
        { "cputune/global_quota",     "CPUQuota",      limit_quota },
        { "memtune/hard_limit",       "MemoryMax",     limit_memory },
        { "memtune/soft_limit",       "MemoryHigh",    limit_memory },
        { "memtune/swap_hard_limit",  "MemorySwapMax", limit_swap },
        { "blkiotune/weight",         "IOWeight",      limit_weight },
};

/* <blkiotune><device>: what the guest takes of one device of the host. */
static int plan_device_limits(GuestPlan *g, const xmlNode *device) {
        static const struct {
                const char *element, *key;
        } keys[] = {
                { "weight",          "IODeviceWeight" },
                { "read_iops_sec",   "IOReadIOPSMax" },
                { "write_iops_sec",  "IOWriteIOPSMax" },
                { "read_bytes_sec",  "IOReadBandwidthMax" },
                { "write_bytes_sec", "IOWriteBandwidthMax" },
        };
        const char *path = xml_get(device, "path");

        for (size_t i = 0; path && *path == '/' && i < ELEMENTSOF(keys); i++) {
                uint64_t v = 0;
                char text[24];
                int r;

                if (xml_get_u64(device, keys[i].element, &v) < 0 || v == 0)
                        continue; /* 0 is no limit */
                snprintf(text, sizeof(text), "%" PRIu64, v);
                r = add_from(g, device, PLAN_SERVICE, keys[i].key, path, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int plan_limits(GuestPlan *g) {
        const char *partition = xml_get(g->domain, "resource/partition");

        if (partition) {
                _cleanup_free_ char *slice = NULL;
                int r = slice_name_for_partition(partition, &slice);

                if (r == -EINVAL)
                        return error_set(g->error, r, ERROR_XML_ERROR, ORIGIN_DOMAIN,
                                         "%s:%u: /domain/resource/partition: '%s' is no absolute path of slices",
                                         definition_origin(g->definition) ?: definition_name(g->definition),
                                         xml_line(xml_find(g->domain, "resource/partition")), partition);
                if (r >= 0)
                        r = plan_add(g->plan, PLAN_SERVICE, "Slice", slice);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                const xmlNode *n = xml_find(g->domain, limits[i].path);
                int r = n ? limits[i].limit(g, n, limits[i].key) : 0;

                if (r < 0)
                        return r;
        }
        XML_FOREACH(device, xml_child(g->domain, "blkiotune"), "device") {
                int r = plan_device_limits(g, device);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* One <after guest="db"/>, <requires unit="srv-images.mount"/>, ... */
static int plan_order(GuestPlan *g, const xmlNode *metadata, const xmlNode *n) {
        static const struct {
                const char *element, *key;
        } verbs[] = {
                { "after", "After" }, { "before", "Before" }, { "requires", "Requires" }, { "wants", "Wants" },
        };
        const char *unit = xml_attr(n, "unit"), *guest = xml_attr(n, "guest");
        _cleanup_free_ char *other = NULL;
        int r;

        if (guest) {
                r = unit_name_for_guest(guest, &other);
                if (r < 0)
                        return r;
                unit = other;
        }
        for (size_t i = 0; unit && i < ELEMENTSOF(verbs); i++)
                if (streq(xml_name(n), verbs[i].element))
                        return add_from(g, metadata, PLAN_UNIT, verbs[i].key, unit, NULL);
        return 0;
}

/* <unit xmlns="urn:unitvirt:unit:1"> in the metadata. */
static int plan_metadata(GuestPlan *g) {
        const xmlNode *metadata = xml_child(g->domain, "metadata");
        _cleanup_xml_ xmlDocPtr doc = NULL;
        int r;

        if (!metadata || !strstr(xml_text(metadata), UNITVIRT_NAMESPACE))
                return 0;
        r = metadata_parse(g->definition, &doc);
        if (r < 0)
                return r;
        XML_FOREACH(unit, xmlDocGetRootElement(doc), NULL) {
                if (!unit->ns || !streq((const char *) unit->ns->href, UNITVIRT_NAMESPACE) || !streq(xml_name(unit), "unit"))
                        continue;
                XML_FOREACH(n, unit, NULL) {
                        r = plan_order(g, metadata, n);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int plan_identity(GuestPlan *g) {
        const char *name = definition_name(g->definition);
        _cleanup_free_ char *user = NULL;
        uint8_t uuid[16];
        char text[37];
        int r;

        r = user_name_for_guest(name, &user);
        if (r >= 0)
                r = plan_add(g->plan, PLAN_SERVICE, "User", user);
        /* Not by %i: systemd 257 cannot pass a folder with a backslash in its name to the process it starts. */
        if (r >= 0)
                r = plan_addf(g->plan, PLAN_SERVICE, "RuntimeDirectory", "libvirt/qemu/%s", user);
        if (r >= 0)
                r = plan_addf(g->plan, PLAN_SERVICE, "LogExtraFields", "VM_NAME=%s", name);
        if (r < 0)
                return r;
        if (!definition_uuid(g->definition, uuid))
                uuid_from_name(name, uuid);
        uuid_format(uuid, text);
        return plan_addf(g->plan, PLAN_SERVICE, "LogExtraFields", "VM_UUID=%s", text);
}

static int plan_sandbox(GuestPlan *g) {
        int r = 0;

        if (xml_attr_is(g->domain, "type", "kvm")) {
                r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/kvm", "rw");
                if (r >= 0)
                        r = plan_add(g->plan, PLAN_SERVICE, "BindPaths", "-/dev/kvm");
                if (r >= 0)
                        r = plan_add(g->plan, PLAN_SERVICE, "SupplementaryGroups", "kvm");
        }
        if (r >= 0 && g->wants_network)
                r = plan_add(g->plan, PLAN_SERVICE, "PrivateNetwork", "no");
        if (r >= 0 && g->wants_network)
                r = plan_add(g->plan, PLAN_SERVICE, "RestrictAddressFamilies", "AF_INET AF_INET6");
        return r;
}

bool plan_may_dump(const Definition *d) {
        if (startswith(xml_get(definition_root(d), "on_crash") ?: "", "coredump-"))
                return true;
        XML_FOREACH(watchdog, definition_devices(d), "watchdog")
                if (xml_attr_is(watchdog, "action", "dump"))
                        return true;
        return false;
}

/* Its memory may come to be dumped, into a file that vm-dump opens. */
static int plan_dump(GuestPlan *g) {
        static const char *const keys[] = { "Wants", "After" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(keys); i++)
                r = plan_add(g->plan, PLAN_UNIT, keys[i], "vm-dump.socket");
        return r < 0 ? r : plan_add(g->plan, PLAN_SERVICE, "BindPaths", "-" DUMP_SOCKET);
}

static int plan_lifecycle(GuestPlan *g) {
        const char *crash = xml_get(g->domain, "on_crash");
        int r;

        if (plan_may_dump(g->definition)) {
                r = plan_dump(g);
                if (r < 0)
                        return r;
        }
        if (!streq_ptr(crash, "restart") && !streq_ptr(crash, "coredump-restart"))
                return 0;
        return plan_addf(g->plan, PLAN_SERVICE, "RestartForceExitStatus", "%i", GUEST_EXIT_CRASHED_RESTART);
}

int plan_build(const Definition *d, Plan **ret, Error *e) {
        static int (*const steps[])(GuestPlan *) = {
                plan_identity, plan_os, plan_devices, plan_limits, plan_metadata, plan_lifecycle, plan_sandbox,
        };
        _cleanup_plan_ Plan *p = NULL;
        GuestPlan g;
        int r;

        r = plan_new(definition_name(d), &p);
        if (r < 0)
                return unit_name_refuse(definition_name(d), r, e);
        g = (GuestPlan) { .plan = p, .definition = d, .domain = definition_root(d), .error = e };
        for (size_t i = 0; i < ELEMENTSOF(steps) && r >= 0; i++)
                r = steps[i](&g);
        if (r >= 0)
                r = plan_seal(p);
        if (r < 0)
                return error_is_set(e) ? r : error_set_errno(e, r, ORIGIN_DOMAIN, "cannot plan guest '%s'", definition_name(d));
        *ret = TAKE_PTR(p);
        return 0;
}
