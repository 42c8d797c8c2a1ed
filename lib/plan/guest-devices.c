/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What devices of the host, memory and threads add to a guest's unit: nodes that vm-prepare and QEMU may open, places
 * in QEMU's view of the file system, limits that would be in the way. */

#include <inttypes.h>

#include "base/strings.h"
#include "guest-plan.h"
#include "plan/names.h"

#define CPUS_MAX 16384U

/* systemd 255 and later lose such a path on its way to the process that mounts it. */
int guest_plan_check_quotes(GuestPlan *g, const xmlNode *from, const char *path) {
        _cleanup_free_ char *where = NULL;

        if (!strpbrk(path, "'\""))
                return 0;
        where = xml_path_of(from);
        return error_set(g->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_DOMAIN,
                         "%s%s%u: %s: '%s' has a quotation mark in its name, which systemd does not take for what QEMU "
                         "opens itself",
                         definition_origin(g->definition) ?: "", definition_origin(g->definition) ? ":" : "line ",
                         xml_line(from), where ?: xml_name(from), path);
}

/* A place that is made by vm-prepare, or may be missing: what uses it says so better than systemd. */
int guest_plan_view(GuestPlan *g, const xmlNode *from, const char *key, const char *path) {
        _cleanup_free_ char *bind = text_format("-%s", path);
        int r = guest_plan_check_quotes(g, from, path);

        if (r < 0)
                return r;
        return bind ? guest_plan_add(g, from, PLAN_SERVICE, key, bind, NULL) : -ENOMEM;
}

/* VFIO pins all of the guest's memory. */
static int add_memlock(GuestPlan *g) {
        return plan_add(g->plan, PLAN_SERVICE, "LimitMEMLOCK", "infinity");
}

int plan_vfio(GuestPlan *g, const xmlNode *from) {
        int r;

        r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "char-vfio", "rw");
        if (r >= 0)
                r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/vfio/vfio", "rw");
        if (r >= 0)
                r = guest_plan_view(g, from, "BindPaths", "/dev/vfio");
        if (r >= 0)
                r = guest_plan_view(g, from, "BindReadOnlyPaths", "/sys");
        return r < 0 ? r : add_memlock(g);
}

/* Both nodes are opened by vm-prepare; the guest sees nothing of VFIO. */
static int plan_iommufd(GuestPlan *g) {
        int r;

        /* a module of its own, which nothing of VFIO brings along */
        r = plan_pci_driver(g->plan, "iommufd");
        if (r >= 0)
                r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "char-vfio-*", "rw");
        if (r >= 0)
                r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/iommu", "rw");
        return r < 0 ? r : add_memlock(g);
}

/* Its own word, or that of the guest for all of them. */
static bool has_iommufd(const GuestPlan *g, const xmlNode *device) {
        const char *own = xml_get(device, "driver/@iommufd");

        if (!xml_is(device, "hostdev"))
                return false;
        return own ? streq(own, "yes") : xml_attr_bool(xml_child(g->domain, "iommufd"), "enabled", false);
}

/* One of PCI, which is taken from the host's driver. */
static int plan_pci(GuestPlan *g, const xmlNode *device) {
        int r = xml_attr_is(device, "managed", "yes") ? plan_pci_driver(g->plan, xml_get(device, "driver/@model")) : 0;

        if (r < 0)
                return r;
        return has_iommufd(g, device) ? plan_iommufd(g) : plan_vfio(g, device);
}

int plan_raw_io(GuestPlan *g) {
        int r;

        r = plan_add(g->plan, PLAN_SERVICE, "CapabilityBoundingSet", "CAP_SYS_RAWIO");
        if (r >= 0)
                r = plan_add(g->plan, PLAN_SERVICE, "AmbientCapabilities", "CAP_SYS_RAWIO");
        /* one of another user namespace is none of the kernel's */
        return r < 0 ? r : plan_add(g->plan, PLAN_SERVICE, "PrivateUsers", "no");
}

/* What libusb learns of a device that it was given. */
static int plan_usb_device(GuestPlan *g, const xmlNode *hostdev) {
        int r = guest_plan_view(g, hostdev, "BindReadOnlyPaths", "/sys/bus/usb");

        return r < 0 ? r : guest_plan_view(g, hostdev, "BindReadOnlyPaths", "/sys/devices");
}

int plan_hostdev(GuestPlan *g, const xmlNode *hostdev) {
        static const struct {
                const char *type, *node;
        } nodes[] = { { "usb", "char-usb_device" }, { "scsi", "char-sg" }, { "scsi_host", "/dev/vhost-scsi" } };
        const xmlNode *rom = xml_child(hostdev, "rom");
        int r;

        r = rom && xml_attr_bool(rom, "enabled", true) ? guest_plan_readable(g, rom, xml_attr(rom, "file")) : 0;
        if (r < 0)
                return r;
        if (xml_attr_is(hostdev, "type", "pci"))
                return plan_pci(g, hostdev);
        if (xml_attr_is(hostdev, "type", "mdev"))
                return plan_vfio(g, hostdev);
        if (xml_attr_is(xml_child(hostdev, "source"), "protocol", "iscsi"))
                return plan_iscsi_unit(g, hostdev);
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                if (xml_attr_is(hostdev, "type", nodes[i].type))
                        r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", nodes[i].node, "rw");
        if (r >= 0 && xml_attr_bool(hostdev, "rawio", false))
                r = plan_raw_io(g);
        return r < 0 || !xml_attr_is(hostdev, "type", "usb") ? r : plan_usb_device(g, hostdev);
}

int plan_tpm(GuestPlan *g, const xmlNode *tpm) {
        const xmlNode *backend = xml_child(tpm, "backend");
        const char *path = xml_get(backend, "device/@path") ?: "/dev/tpm0";

        if (xml_attr_is(backend, "type", "emulator"))
                return plan_swtpm(g, tpm);
        if (xml_attr_is(backend, "type", "external"))
                return guest_plan_mounts_for(g, backend, xml_get(backend, "source/@path"));
        return guest_plan_device(g, backend, path, "rw");
}

int plan_filesystem(GuestPlan *g, const xmlNode *fs) {
        const xmlNode *source = xml_child(fs, "source");
        const char *dir = xml_attr(source, "dir");
        int r;

        r = guest_plan_mounts_for(g, source, dir ?: xml_attr(source, "socket"));
        if (r < 0 || !dir)
                return r;
        if (streq_ptr(xml_get(fs, "driver/@type"), "virtiofs"))
                return plan_virtiofsd(g, fs);
        return guest_plan_view(g, source, xml_child(fs, "readonly") ? "BindReadOnlyPaths" : "BindPaths", dir);
}

int plan_input(GuestPlan *g, const xmlNode *input) {
        const xmlNode *source = xml_child(input, "source");

        if (!xml_attr_is(input, "type", "evdev") && !xml_attr_is(input, "type", "passthrough"))
                return 0;
        return plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", source ? "char-input" : "", "rw");
}

int plan_shmem(GuestPlan *g, const xmlNode *shmem) {
        const char *server = xml_get(shmem, "server/@path");
        _cleanup_free_ char *path = NULL;

        if (server)
                return guest_plan_view(g, shmem, "BindPaths", server);
        path = text_format("/dev/shm/%s", xml_attr(shmem, "name") ?: "");
        return path ? guest_plan_view(g, shmem, "BindPaths", path) : -ENOMEM;
}

int plan_vsock(GuestPlan *g, const xmlNode *vsock) {
        return plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/vhost-vsock", "rw");
}

/* Its memory is a file that QEMU opens. */
static int plan_backing_file(GuestPlan *g, const xmlNode *path) {
        const char *text = path ? xml_text(path) : NULL;
        int r;

        if (!text || *text != '/')
                return 0;
        r = guest_plan_mounts_for(g, path, text);
        if (r >= 0)
                r = guest_plan_device(g, path, text, "rw");
        return r < 0 ? r : guest_plan_view(g, path, "BindPaths", text);
}

/* Enclaves: QEMU opens the nodes by their names, which are of a group of udev's. */
static int plan_enclave(GuestPlan *g, const xmlNode *module) {
        static const char *const nodes[] = { "/dev/sgx_vepc", "/dev/sgx_provision" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(nodes); i++) {
                r = guest_plan_device(g, module, nodes[i], "rw");
                if (r >= 0)
                        r = guest_plan_view(g, module, "BindPaths", nodes[i]);
        }
        return r < 0 ? r : plan_add(g->plan, PLAN_SERVICE, "SupplementaryGroups", "sgx");
}

int plan_memory_module(GuestPlan *g, const xmlNode *module) {
        return xml_attr_is(module, "model", "sgx-epc") ? plan_enclave(g, module)
                                                       : plan_backing_file(g, xml_find(module, "source/path"));
}

int plan_pstore(GuestPlan *g, const xmlNode *pstore) {
        return plan_backing_file(g, xml_child(pstore, "path"));
}

/* Their kind of devices has a number when the module is there: before, systemd knows of none that it could allow. */
static int plan_macvtap(GuestPlan *g) {
        static const char unit[] = "modprobe@macvtap.service";
        int r = plan_add(g->plan, PLAN_UNIT, "Wants", unit);

        if (r >= 0)
                r = plan_add(g->plan, PLAN_UNIT, "After", unit);
        return r < 0 ? r : plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "char-macvtap", "rw");
}

/* 1 where the type of interface was looked after, 0 where it is one of those with a tap or QEMU's own network. */
int plan_special_interface(GuestPlan *g, const xmlNode *interface) {
        static const char *const sockets[] = { "server", "client", "mcast", "udp" };
        const xmlNode *source = xml_child(interface, "source");
        int r;

        for (size_t i = 0; i < ELEMENTSOF(sockets); i++)
                if (xml_attr_is(interface, "type", sockets[i])) {
                        g->wants_network = true;
                        return 1;
                }
        if (xml_attr_is(interface, "type", "user") && xml_attr_is(xml_child(interface, "backend"), "type", "passt")) {
                r = plan_passt(g, interface);
                return r < 0 ? r : 1;
        }
        if (xml_attr_is(interface, "type", "hostdev")) {
                r = plan_pci(g, interface);
                return r < 0 ? r : 1;
        }
        if (xml_attr_is(interface, "type", "direct")) {
                r = plan_macvtap(g);
                return r < 0 ? r : 0;
        }
        if (xml_attr_is(interface, "type", "vdpa")) {
                r = guest_plan_device(g, source, xml_attr(source, "dev"), "rw");
                return r < 0 ? r : 1;
        }
        if (xml_attr_is(interface, "type", "vhostuser") && xml_attr(source, "path")) {
                r = guest_plan_mounts_for(g, source, xml_attr(source, "path"));
                if (r >= 0)
                        r = guest_plan_reconnect(g, source);
                return r < 0 ? r : 1;
        }
        return 0;
}

/* A network that is of devices of the host's: PCI devices, or links that macvtaps are made on. */
int plan_host_network(GuestPlan *g, const xmlNode *interface) {
        static const char *const words[] = {
                "hostdev", "private", "vepa", "passthrough", "'bridge'", "\"bridge\"", NULL
        };
        const char *name = xml_get(interface, "source/@network"), *mode;
        const Definition *d = NULL;
        int r;

        if (!name || !xml_attr_is(interface, "type", "network"))
                return 0;
        r = plan_look_at(g->facts, &document_network, name, words, &d);
        mode = r >= 0 && d ? xml_get(definition_root(d), "forward/@mode") : NULL;
        if (!mode || xml_child(definition_root(d), "bridge"))
                return r;
        if (streq(mode, "hostdev")) {
                r = plan_vfio(g, interface);
                return r < 0 ? r : 1;
        }
        return plan_macvtap(g);
}

/* --- memory --- */

static bool has_hugepages(const GuestPlan *g) {
        if (xml_find(g->domain, "memoryBacking/hugepages"))
                return true;
        XML_FOREACH(module, definition_devices(g->definition), "memory")
                if (xml_find(module, "source/pagesize"))
                        return true;
        return false;
}

static bool is_in_files(const GuestPlan *g) {
        const char *source = xml_get(g->domain, "memoryBacking/source/@type");

        if (source)
                return streq(source, "file");
        XML_FOREACH(cell, xml_find(g->domain, "cpu/numa"), "cell")
                if (xml_attr(cell, "memAccess"))
                        return true;
        return xml_find(g->domain, "memoryBacking/access") && !has_hugepages(g);
}

/* The guest's own folder, made by vm-prepare. */
static int add_folder(GuestPlan *g, const xmlNode *from, const char *base) {
        _cleanup_free_ char *path = text_format("%s/%s", base, definition_name(g->definition));

        return path ? guest_plan_view(g, from, "BindPaths", path) : -ENOMEM;
}

/* From which nodes of the host: QEMU asks for them itself, piece by piece; the kernel has to let it, and to prefer them
 * for the rest of its memory. */
static int plan_numatune(GuestPlan *g) {
        static const char *const policies[][2] = {
                { "strict", "bind" }, { "preferred", "preferred" }, { "interleave", "interleave" },
        };
        const xmlNode *memory = xml_find(g->domain, "numatune/memory");
        const char *mode = xml_attr(memory, "mode") ?: "strict", *nodes = xml_attr(memory, "nodeset");
        int r = 0;

        if (!nodes)
                return 0;
        if (streq(mode, "restrictive"))
                return guest_plan_add(g, memory, PLAN_SERVICE, "AllowedMemoryNodes", nodes, NULL);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(policies); i++)
                if (streq(policies[i][0], mode))
                        r = guest_plan_add(g, memory, PLAN_SERVICE, "NUMAPolicy", policies[i][1], NULL);
        return r < 0 ? r : guest_plan_add(g, memory, PLAN_SERVICE, "NUMAMask", nodes, NULL);
}

/* Memory that the processor encrypts: AMD's by its own little processor's node; a guest with Intel's asks a service of
 * the host for signatures. */
static int plan_launch_security(GuestPlan *g) {
        const xmlNode *security = xml_child(g->domain, "launchSecurity");
        const xmlNode *quotes = xml_child(security, "quoteGenerationService");
        int r;

        if (!security || (xml_attr_is(security, "type", "tdx") && !quotes))
                return 0;
        if (quotes)
                return guest_plan_view(g, quotes, "BindPaths", xml_attr(quotes, "path") ?: DEFINITION_TDX_QUOTES);
        r = plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/sev", "rw");
        if (r >= 0)
                r = guest_plan_view(g, security, "BindPaths", "/dev/sev");
        return r < 0 ? r : add_memlock(g);
}

int plan_memory(GuestPlan *g) {
        const xmlNode *backing = xml_child(g->domain, "memoryBacking"), *from = backing ?: g->domain;
        bool huge = has_hugepages(g);
        int r = 0;

        if (huge) {
                r = add_folder(g, from, "/dev/hugepages/libvirt/qemu");
                if (r >= 0)
                        r = add_folder(g, from, "/dev/hugepages1G/libvirt/qemu");
        } else if (is_in_files(g)) {
                r = add_folder(g, from, "/var/lib/libvirt/qemu/ram");
        }
        if (r >= 0 && xml_child(backing, "locked"))
                r = add_memlock(g);
        /* before it maps what virtio-mem may give out, now or when it is plugged in, QEMU reads
         * /proc/sys/vm/overcommit_memory */
        if (r >= 0 && xml_child(g->domain, "maxMemory"))
                r = plan_add(g->plan, PLAN_SERVICE, "ProcSubset", "all");
        if (r >= 0)
                r = plan_launch_security(g);
        return r < 0 ? r : plan_numatune(g);
}

/* --- USB --- */

/* One that says nothing of USB gets a controller when it starts, but on boards that have no place for it. */
static bool has_usb(const GuestPlan *g) {
        const char *machine = xml_get(g->domain, "os/type/@machine") ?: "";
        bool said = false;

        XML_FOREACH(controller, definition_devices(g->definition), "controller") {
                if (!xml_attr_is(controller, "type", "usb"))
                        continue;
                if (!xml_attr_is(controller, "model", "none"))
                        return true;
                said = true;
        }
        return !said && !streq(machine, "microvm") && !streq(machine, "isapc");
}

/* libusb wants to see that there is USB, and to listen to udev, before it takes a device that it is given: there is
 * nobody to listen to in a network namespace of one's own. A guest that runs cannot be let do that any more, so those
 * that a device may be plugged into have it from their start. */
int plan_usb(GuestPlan *g) {
        int r;

        if (!has_usb(g))
                return 0;
        r = plan_add(g->plan, PLAN_SERVICE, "RestrictAddressFamilies", "AF_NETLINK");
        return r < 0 ? r : guest_plan_view(g, g->domain, "BindReadOnlyPaths", "/dev/bus/usb");
}

/* --- threads --- */

static int add_set(const char *set, uint64_t *all) {
        _cleanup_free_ uint64_t *one = calloc(CPUS_MAX / 64, sizeof(*one));

        if (!one)
                return -ENOMEM;
        if (set && cpuset_parse(set, one, CPUS_MAX) >= 0)
                for (size_t i = 0; i < CPUS_MAX / 64; i++)
                        all[i] |= one[i];
        return 0;
}

/* Each thread is told its CPUs by vm-run; the unit is allowed those of all together, where none may run anywhere. */
static int plan_cpus(GuestPlan *g, const char *cpuset, const xmlNode *tune) {
        static const char *const pins[] = { "vcpupin", "emulatorpin", "iothreadpin" };
        _cleanup_free_ uint64_t *all = calloc(CPUS_MAX / 64, sizeof(*all));
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *list = NULL;
        int r;

        r = all ? add_set(cpuset, all) : -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(pins); i++)
                XML_FOREACH(pin, tune, pins[i])
                        r = r < 0 ? r : add_set(xml_attr(pin, "cpuset"), all);
        if (r < 0)
                return r;
        for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
                if (all[cpu / 64] >> cpu % 64 & 1)
                        strbuf_addf(&b, "%s%u", b.len > 0 ? " " : "", cpu);
        list = strbuf_take(&b);
        if (!list)
                return -ENOMEM;
        return *list ? plan_add(g->plan, PLAN_SERVICE, "AllowedCPUs", list) : 0;
}

static bool runs_in_real_time(const xmlNode *tune) {
        XML_FOREACH(n, tune, NULL)
                if (xml_attr_is(n, "scheduler", "fifo") || xml_attr_is(n, "scheduler", "rr"))
                        return true;
        return false;
}

int plan_threads(GuestPlan *g) {
        const xmlNode *tune = xml_child(g->domain, "cputune");
        const char *cpuset = xml_get(g->domain, "vcpu/@cpuset");
        int r;

        r = cpuset ? plan_cpus(g, cpuset, tune) : 0;
        if (r < 0 || !runs_in_real_time(tune))
                return r;
        r = plan_add(g->plan, PLAN_SERVICE, "RestrictRealtime", "no");
        return r < 0 ? r : plan_add(g->plan, PLAN_SERVICE, "LimitRTPRIO", "99");
}

/* --- labels --- */

/* "+107" is a number, whatever users there are. */
static int add_owner(GuestPlan *g, const xmlNode *label, const char *text) {
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *user =
                strndup(text + (*text == '+'), colon ? (size_t) (colon - text) - (*text == '+') : strlen(text));
        int r;

        r = user ? guest_plan_add(g, label, PLAN_SERVICE, "User", user, NULL) : -ENOMEM;
        if (r >= 0 && colon && colon[1])
                r = guest_plan_add(g, label, PLAN_SERVICE, "Group", colon + 1 + (colon[1] == '+'), NULL);
        return r < 0 ? r : plan_add(g->plan, PLAN_SERVICE, "DynamicUser", "no");
}

/* A static label is the user's word; dynamic ones are what the unit's sandbox stands for. */
int plan_labels(GuestPlan *g) {
        static const struct {
                const char *model, *key;
        } keys[] = { { "selinux", "SELinuxContext" }, { "apparmor", "AppArmorProfile" } };

        XML_FOREACH(seclabel, g->domain, "seclabel") {
                const xmlNode *label = xml_child(seclabel, "label");
                const char *text = label ? xml_text(label) : NULL;
                int r = 0;

                if (!xml_attr_is(seclabel, "type", "static") || !text || !*text)
                        continue;
                if (xml_attr_is(seclabel, "model", "dac"))
                        r = add_owner(g, label, text);
                for (size_t i = 0; r >= 0 && i < ELEMENTSOF(keys); i++)
                        if (xml_attr_is(seclabel, "model", keys[i].model))
                                r = guest_plan_add(g, label, PLAN_SERVICE, keys[i].key, text, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}
