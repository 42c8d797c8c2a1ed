/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What each element of a guest's definition adds to its unit. A row of the tables below is a path and
 * what it turns into; a device class is a row with a function. */

#include <inttypes.h>

#include "base/guest-dump.h"
#include "base/guest-exit.h"
#include "base/strings.h"
#include "model/metadata.h"
#include "guest-plan.h"
#include "plan/names.h"

#define UNITVIRT_NAMESPACE "urn:unitvirt:unit:1"

/* Adds a setting that comes from an element, and says which one where that is impossible. */
int guest_plan_add(GuestPlan *g, const xmlNode *from, PlanSection section, const char *key, const char *value,
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
int guest_plan_mounts_for(GuestPlan *g, const xmlNode *from, const char *path) {
        if (!path || *path != '/')
                return 0;
        return guest_plan_add(g, from, PLAN_UNIT, "RequiresMountsFor", path, NULL);
}

/* A file that QEMU opens itself, by its name. With "-" in front, so that a missing one is vm-prepare's error, which
 * names the element, and not one of systemd's that names nothing. */
int guest_plan_readable(GuestPlan *g, const xmlNode *from, const char *path) {
        _cleanup_free_ char *bind = NULL;
        int r;

        if (!path || *path != '/')
                return 0;
        r = guest_plan_check_quotes(g, from, path);
        if (r < 0)
                return r;
        r = guest_plan_mounts_for(g, from, path);
        if (r < 0)
                return r;
        bind = text_format("-%s", path);
        if (!bind)
                return -ENOMEM;
        return guest_plan_add(g, from, PLAN_SERVICE, "BindReadOnlyPaths", bind, NULL);
}

/* What may come late at boot, as udev tells: the guest is ordered behind it. Nothing is pulled in, so that who starts a
 * guest by hand need not wait for what does not come; at boot the generator asks for the devices of those that start
 * then. */
int guest_plan_late(GuestPlan *g, const xmlNode *from, const char *path) {
        _cleanup_free_ char *unit = NULL;
        int r;

        r = unit_name_for_device(path, &unit);
        return r < 0 ? r : guest_plan_add(g, from, PLAN_UNIT, "After", unit, NULL);
}

int guest_plan_device(GuestPlan *g, const xmlNode *from, const char *path, const char *access) {
        if (!path || !startswith(path, "/dev/"))
                return 0;
        return guest_plan_add(g, from, PLAN_SERVICE, "DeviceAllow", path, access);
}

/* A bridge that the guest's tap joins. */
static int plan_bridge(GuestPlan *g, const xmlNode *interface) {
        const char *bridge = xml_get(interface, "source/@bridge");
        _cleanup_free_ char *path = NULL;

        if (!bridge || !xml_attr_is(interface, "type", "bridge"))
                return 0;
        path = text_format("/sys/subsystem/net/devices/%s", bridge);
        return path ? guest_plan_late(g, xml_child(interface, "source"), path) : -ENOMEM;
}

/* A network that is one of libvirt's is a unit: systemd starts it before the guest. */
static int plan_virtual_network(GuestPlan *g, const xmlNode *interface) {
        const char *name = xml_get(interface, "source/@network");
        int r;

        if (!name || !xml_attr_is(interface, "type", "network"))
                return 0;
        r = plan_require_unit_of(g->plan, &unit_network, name);
        return r == -EINVAL ? error_set(g->error, r, ERROR_XML_ERROR, ORIGIN_DOMAIN,
                                        "there can be no network of the name '%s'", name)
                            : r;
}

/* vm-prepare makes the rules; who puts them back when others have flushed them is a unit. */
static int plan_filter(GuestPlan *g, const xmlNode *interface) {
        int r;

        if (!xml_child(interface, "filterref"))
                return 0;
        r = plan_add(g->plan, PLAN_UNIT, "Wants", "vm-filter.socket");
        return r < 0 ? r : plan_add(g->plan, PLAN_UNIT, "After", "vm-filter.socket");
}

static int plan_interface(GuestPlan *g, const xmlNode *interface) {
        const xmlNode *rom = xml_child(interface, "rom");
        int r;

        r = rom && xml_attr_bool(rom, "enabled", true) ? guest_plan_readable(g, rom, xml_attr(rom, "file")) : 0;
        if (r >= 0)
                r = plan_bridge(g, interface);
        if (r >= 0)
                r = plan_virtual_network(g, interface);
        if (r >= 0)
                r = plan_filter(g, interface);
        if (r < 0)
                return r;
        r = plan_special_interface(g, interface);
        if (r == 0)
                r = plan_host_network(g, interface);
        if (r != 0)
                return r < 0 ? r : 0;
        if (xml_attr_is(interface, "type", "user")) {
                g->wants_network = true;
                /* the guest's name server, as QEMU's user network sees it */
                return guest_plan_add(g, interface, PLAN_SERVICE, "BindReadOnlyPaths", "-/etc/resolv.conf", NULL);
        }
        r = guest_plan_device(g, interface, xml_get(interface, "backend/@tap") ?: "/dev/net/tun", "rw");
        if (r < 0 || streq_ptr(xml_get(interface, "driver/@name"), "qemu"))
                return r;
        return guest_plan_device(g, interface, xml_get(interface, "backend/@vhost") ?: "/dev/vhost-net", "rw");
}

/* QEMU listens at, or connects to, an address of the host. Without one it is all of them, or the machine itself. */
void guest_plan_network(GuestPlan *g, const char *host) {
        g->wants_network = true;
        if (host && *host && host[strspn(host, "0123456789.")] && !strchr(host, ':'))
                g->wants_names = true;
}

/* A socket that QEMU connects to again and again is looked up each time, in a folder that it sees. */
int guest_plan_reconnect(GuestPlan *g, const xmlNode *source) {
        const char *path = xml_attr(source, "path");
        _cleanup_free_ char *folder = NULL, *bind = NULL;

        if (!path || *path != '/' || !xml_attr_bool(xml_child(source, "reconnect"), "enabled", false))
                return 0;
        folder = strndup(path, (size_t) (strrchr(path, '/') - path));
        /* folders of everybody are not shown as a whole */
        bind = text_format("-%s", folder && strchr(folder + 1, '/') ? folder : path);
        if (!folder || !bind)
                return -ENOMEM;
        return guest_plan_add(g, source, PLAN_SERVICE, "BindReadOnlyPaths", bind, NULL);
}

/* PATH.in and PATH.out, or PATH alone: QEMU opens what is there. */
static int plan_pipes(GuestPlan *g, const xmlNode *source) {
        static const char *const ends[] = { "", ".in", ".out" };
        const char *path = xml_attr(source, "path");
        int r;

        r = guest_plan_mounts_for(g, source, path);
        for (size_t i = 0; r >= 0 && path && *path == '/' && i < ELEMENTSOF(ends); i++) {
                _cleanup_free_ char *bind = text_format("-%s%s", path, ends[i]);

                r = bind ? guest_plan_add(g, source, PLAN_SERVICE, "BindPaths", bind, NULL) : -ENOMEM;
        }
        return r;
}

/* vm-prepare listens, and makes connections, but for those that are made again when they break, and those in which QEMU
 * has to know whose certificate it sees. */
static void plan_tcp(GuestPlan *g, const xmlNode *source) {
        if (xml_attr_bool(xml_child(source, "reconnect"), "enabled", false) ||
            (!xml_attr_is(source, "mode", "bind") && xml_attr_is(source, "tls", "yes")))
                guest_plan_network(g, xml_attr(source, "host"));
}

int plan_character_device(GuestPlan *g, const xmlNode *device) {
        const char *type = xml_attr(device, "type");
        const xmlNode *source = xml_child(device, "source");

        if (streq_ptr(xml_get(device, "target/@type"), "guestfwd"))
                g->wants_network = true; /* QEMU's user network */
        if (streq_ptr(type, "tcp"))
                plan_tcp(g, source);
        if (streq_ptr(type, "udp"))
                XML_FOREACH(s, device, "source")
                        guest_plan_network(g, xml_attr(s, "host"));
        if (streq_ptr(type, "unix"))
                return guest_plan_reconnect(g, source);
        if (streq_ptr(type, "dev"))
                return guest_plan_device(g, source, xml_attr(source, "path"), "rw");
        if (streq_ptr(type, "pipe"))
                return plan_pipes(g, source);
        return streq_ptr(type, "file") ? guest_plan_mounts_for(g, source, xml_attr(source, "path")) : 0;
}

static int plan_rng(GuestPlan *g, const xmlNode *rng) {
        const xmlNode *backend = xml_child(rng, "backend");
        const char *device;
        int r;

        if (xml_attr_is(backend, "model", "egd"))
                return plan_character_device(g, backend);
        if (!xml_attr_is(backend, "model", "random"))
                return 0;
        device = xml_text(backend);
        if (!device || !*device)
                device = "/dev/urandom";
        r = guest_plan_device(g, backend, device, "r");
        if (r < 0 || streq(device, "/dev/urandom") || streq(device, "/dev/random"))
                return r;
        return guest_plan_readable(g, backend, device);
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
        { "redirdev",  plan_character_device },
        { "smartcard", plan_smartcard },
        { "graphics",  plan_graphics },
        { "audio",     plan_audio },
        { "video",     plan_video },
        { "rng",       plan_rng },
        { "hostdev",   plan_hostdev },
        { "tpm",       plan_tpm },
        { "filesystem", plan_filesystem },
        { "input",     plan_input },
        { "shmem",     plan_shmem },
        { "vsock",     plan_vsock },
        { "memory",    plan_memory_module },
        { "pstore",    plan_pstore },
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

                r = n ? guest_plan_readable(g, n, xml_text(n)) : 0;
                if (r < 0)
                        return r;
        }
        XML_FOREACH(info, g->domain, "sysinfo")
                XML_FOREACH(entry, info, "entry") {
                        r = guest_plan_readable(g, entry, xml_attr(entry, "file"));
                        if (r < 0)
                                return r;
                }
        XML_FOREACH(table, xml_child(os, "acpi"), "table") {
                r = guest_plan_readable(g, table, xml_text(table));
                if (r < 0)
                        return r;
        }
        if (xml_attr_is(nvram, "type", "block") || xml_attr_is(nvram, "type", "network"))
                return plan_variables(g, nvram);
        if (!definition_variables(g->definition))
                return 0;
        r = guest_plan_mounts_for(g, nvram, xml_attr(nvram, "template"));
        return r < 0 ? r : guest_plan_mounts_for(g, nvram, definition_nvram(g->definition));
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

/* Quotas of threads: vm-run makes control groups of its own below the unit's. */
static int limit_threads(GuestPlan *g, const xmlNode *n, const char *key) {
        static const char *const paths[] = { "cputune/quota", "cputune/emulator_quota", "cputune/iothread_quota" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                uint64_t v = 0;

                if (xml_get_u64(g->domain, paths[i], &v) >= 0 && v > 0)
                        return plan_add(g->plan, PLAN_SERVICE, key, "cpu");
        }
        return 0;
}

static const struct {
        const char *path;
        const char *key;
        int (*limit)(GuestPlan *g, const xmlNode *n, const char *key);
} limits[] = {
        { "cputune/shares",           "CPUWeight",     limit_weight },
        { "cputune/global_quota",     "CPUQuota",      limit_quota },
        { "cputune",                  "Delegate",      limit_threads },
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
                r = guest_plan_add(g, device, PLAN_SERVICE, keys[i].key, path, text);
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
                        return guest_plan_add(g, metadata, PLAN_UNIT, verbs[i].key, unit, NULL);
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
                if (!unit->ns || !streq((const char *) unit->ns->href, UNITVIRT_NAMESPACE) ||
                    !streq(xml_name(unit), "unit"))
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

/* What the names of hosts are looked up in. */
static int plan_names(GuestPlan *g) {
        static const char *const files[] = {
                "-/etc/hosts", "-/etc/nsswitch.conf", "-/etc/resolv.conf", "-/etc/host.conf", "-/etc/gai.conf",
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++)
                r = plan_add(g->plan, PLAN_SERVICE, "BindReadOnlyPaths", files[i]);
        return r;
}

/* A program that the distribution has not installed is in no view of the file system yet: PREFIX/bin/PROGRAM with its
 * PREFIX, where its firmware is; another one alone, for data of anybody may lie beside it. */
static int plan_emulator(GuestPlan *g) {
        const xmlNode *n = xml_child(definition_devices(g->definition), "emulator");
        const char *path = n ? xml_text(n) : NULL, *folder;
        _cleanup_free_ char *prefix = NULL;

        if (!path || *path != '/' || startswith(path, "/usr/") || startswith(path, "/bin/"))
                return 0;
        folder = strstr(path, "/bin/");
        prefix = strndup(path, folder && folder > path && !strchr(folder + strlen("/bin/"), '/')
                                       ? (size_t) (folder - path)
                                       : strlen(path));
        return prefix ? guest_plan_readable(g, n, prefix) : -ENOMEM;
}

static int plan_sandbox(GuestPlan *g) {
        int r;

        r = plan_emulator(g);
        if (r >= 0 && g->wants_names)
                r = plan_names(g);
        if (r < 0)
                return r;

        if (xml_attr_is(g->domain, "type", "kvm")) {
                r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/kvm", "rw");
                if (r >= 0)
                        r = plan_add(g->plan, PLAN_SERVICE, "BindPaths", "-/dev/kvm");
                if (r >= 0)
                        r = plan_add(g->plan, PLAN_SERVICE, "SupplementaryGroups", "kvm");
        }
        if (r >= 0 && g->wants_network)
                r = plan_add(g->plan, PLAN_SERVICE, "PrivateNetwork", "no");
        if (r >= 0 && (g->wants_network || g->wants_inet))
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

int plan_guest(const Definition *d, const PlanFacts *facts, Plan *p, Error *e) {
        static int (*const steps[])(GuestPlan *) = {
                plan_identity, plan_os,       plan_devices,   plan_memory, plan_usb,      plan_threads,
                plan_limits,   plan_metadata, plan_lifecycle, plan_labels, plan_sandbox,
        };
        GuestPlan g = { .plan = p, .definition = d, .domain = definition_root(d), .facts = facts, .error = e };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(steps) && r >= 0; i++)
                r = steps[i](&g);
        return r;
}
