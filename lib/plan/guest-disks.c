/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a disk adds to its guest's unit: units that come before, nodes that may be opened, and, for images that QEMU
 * itself reaches, the network and the few files that are needed there. */

#include "base/guest-files.h"
#include "base/strings.h"
#include "guest-plan.h"
#include "plan/helper.h"

/* What may be opened for a volume that is a device: what the pool's definition and the volume's name say. A unit of a
 * SCSI host may have any name that udev gives: its pool makes a link to it, and has started before the guest. */
static char *device_of_volume(const xmlNode *pool, const char *name, const char *volume) {
        const char *type = xml_attr(pool, "type") ?: "";

        if (streq(type, "logical"))
                return text_format("/dev/%s/%s", xml_get(pool, "source/name") ?: name, volume);
        if (streq(type, "disk") || streq(type, "mpath"))
                return text_format("/dev/%s", volume);
        if (streq(type, "scsi") || streq(type, "iscsi"))
                return strchr(volume, '/') ? strdup("") : pool_node(name, volume);
        return strdup("");
}

/* A unit of an iSCSI target that QEMU itself logs in to: with what the pool's definition says. */
static int plan_target(GuestPlan *g, const xmlNode *pool) {
        guest_plan_network(g, xml_get(pool, "source/host/@name"));
        return xml_find(pool, "source/auth")
                       ? plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/tpmrm0", "rw")
                       : 0;
}

static bool is_target(const xmlNode *pool, const xmlNode *source) {
        return xml_attr_is(pool, "type", "iscsi-direct") ||
               (xml_attr_is(pool, "type", "iscsi") && xml_attr_is(source, "mode", "direct"));
}

/* A volume: its pool's unit comes before. */
static int plan_volume(GuestPlan *g, const xmlNode *disk, bool readonly) {
        const xmlNode *source = xml_child(disk, "source");
        const char *pool = xml_attr(source, "pool");
        _cleanup_free_ char *device = NULL;
        const Definition *d = NULL;
        int r;

        if (!pool || !*pool)
                return 0;
        r = plan_require_unit_of(g->plan, &unit_pool, pool);
        if (r >= 0)
                r = plan_reference(g->plan, g->facts, &document_pool, pool, &d);
        if (r < 0 || !d)
                return r;
        if (is_target(definition_root(d), source))
                return plan_target(g, definition_root(d));
        device = device_of_volume(definition_root(d), pool, xml_attr(source, "volume") ?: "");
        if (!device || !*device)
                return device ? 0 : -ENOMEM;
        return guest_plan_add(g, source, PLAN_SERVICE, "DeviceAllow", device, readonly ? "r" : "rw");
}

/* A socket of the host that QEMU connects to by its path, again and again; one that it is to connect to once is
 * connected by vm-prepare. */
static int plan_socket(GuestPlan *g, const xmlNode *source, const xmlNode *host) {
        const char *path = xml_attr(host, "socket");
        uint64_t delay = 0;

        (void) xml_attr_u64(xml_child(source, "reconnect"), "delay", &delay);
        if (!path || *path != '/' || (xml_attr_is(source, "protocol", "nbd") && delay == 0))
                return 0;
        return guest_plan_view(g, host, "BindReadOnlyPaths", path);
}

/* A list of servers' keys, where QEMU's library looks for them. */
static int plan_known_hosts(GuestPlan *g, const xmlNode *source, const char *path) {
        _cleanup_free_ char *bind = text_format("-%s", path);
        int r = bind ? guest_plan_mounts_for(g, source, path) : -ENOMEM;

        if (r >= 0)
                r = guest_plan_check_quotes(g, source, path);
        return r < 0 ? r : guest_plan_add(g, source, PLAN_SERVICE, "BindReadOnlyPaths", bind, ":" HELPER_KNOWN_HOSTS);
}

/* What the programs' libraries read: whom to believe, and where the servers are. */
static int plan_protocol(GuestPlan *g, const xmlNode *source) {
        static const struct {
                const char *protocol, *path;
        } files[] = {
                { "https", "/etc/ssl/certs" },
                { "ftps", "/etc/ssl/certs" },
                { "ssh", HELPER_KNOWN_HOSTS },
        };
        const char *conf = xml_get(source, "config/@file"), *known = xml_get(source, "knownHosts/@path");
        int r = 0;

        if (known)
                return plan_known_hosts(g, source, known);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++)
                if (xml_attr_is(source, "protocol", files[i].protocol))
                        r = guest_plan_view(g, source, "BindReadOnlyPaths", files[i].path);
        if (r < 0 || !xml_attr_is(source, "protocol", "rbd"))
                return r;
        if (!conf && xml_child(source, "host"))
                return 0;
        guest_plan_network(g, "ceph"); /* its file may say names */
        return guest_plan_view(g, source, "BindReadOnlyPaths", conf ?: "/etc/ceph/ceph.conf");
}

static int plan_network_source(GuestPlan *g, const xmlNode *source) {
        int r = 0;

        XML_FOREACH(host, source, "host") {
                if (r >= 0 && xml_attr_is(host, "transport", "unix"))
                        r = plan_socket(g, source, host);
                else
                        guest_plan_network(g, xml_attr(host, "name"));
        }
        return r < 0 ? r : plan_protocol(g, source);
}

/* A secret may be sealed with the machine's TPM, which vm-prepare asks then. Nothing leads QEMU there. */
static int plan_secrets(GuestPlan *g, const xmlNode *layer, const xmlNode *source) {
        static const char *const names[] = { "auth", "encryption" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (xml_child(layer, names[i]) || xml_child(source, names[i]))
                        return plan_add_full(g->plan, PLAN_SERVICE, "DeviceAllow", "/dev/tpmrm0", "rw");
        return 0;
}

static int plan_image(GuestPlan *g, const xmlNode *source, bool readonly) {
        return xml_attr(source, "fdgroup") ? 0 : guest_plan_mounts_for(g, source, xml_attr(source, "file"));
}

static int plan_block(GuestPlan *g, const xmlNode *source, bool readonly) {
        const char *path = xml_attr(source, "dev"), *helper = xml_get(source, "reservations/source/@path");
        int r;

        r = guest_plan_mounts_for(g, source, path);
        if (r >= 0 && startswith(path ?: "", "/dev/"))
                r = guest_plan_late(g, source, path);
        if (r >= 0 && helper)
                r = guest_plan_view(g, source, "BindReadOnlyPaths", helper);
        return r < 0 ? r : guest_plan_device(g, source, path, readonly ? "r" : "rw");
}

/* QEMU shows the files of the folder as a disk, so it has to see them. */
static int plan_folder(GuestPlan *g, const xmlNode *source, bool readonly) {
        const char *path = xml_attr(source, "dir");
        int r;

        if (!path || *path != '/')
                return 0;
        r = guest_plan_mounts_for(g, source, path);
        return r < 0 ? r : guest_plan_view(g, source, readonly ? "BindReadOnlyPaths" : "BindPaths", path);
}

static int plan_network_disk(GuestPlan *g, const xmlNode *source, bool readonly) {
        return plan_network_source(g, source);
}

static int plan_nvme(GuestPlan *g, const xmlNode *source, bool readonly) {
        int r = xml_attr_is(source, "managed", "yes") ? plan_pci_driver(g->plan, NULL) : 0;

        return r < 0 ? r : plan_vfio(g, source);
}

static int plan_vhost_user(GuestPlan *g, const xmlNode *source, bool readonly) {
        int r;

        r = guest_plan_mounts_for(g, source, xml_attr(source, "path"));
        return r < 0 ? r : guest_plan_reconnect(g, source);
}

static int plan_vdpa(GuestPlan *g, const xmlNode *source, bool readonly) {
        return guest_plan_device(g, source, xml_attr(source, "dev"), "rw");
}

static const struct {
        const char *type;
        int (*plan)(GuestPlan *g, const xmlNode *source, bool readonly);
} types[] = {
        { "file", plan_image },           { "block", plan_block }, { "dir", plan_folder },
        { "network", plan_network_disk }, { "nvme", plan_nvme },   { "vhostuser", plan_vhost_user },
        { "vhostvdpa", plan_vdpa },
};

static int plan_layer(GuestPlan *g, const xmlNode *layer, const char *type, bool readonly) {
        const xmlNode *source = xml_child(layer, "source");
        int r;

        if (!source)
                return 0;
        if (disk_is_served(layer))
                return plan_nbdkit(g, layer);
        r = plan_secrets(g, layer, source);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(types); i++)
                if (streq(types[i].type, type))
                        r = types[i].plan(g, source, readonly);
        return r;
}

int plan_variables(GuestPlan *g, const xmlNode *nvram) {
        return plan_layer(g, nvram, xml_attr(nvram, "type"), false);
}

int plan_iscsi_unit(GuestPlan *g, const xmlNode *hostdev) {
        return plan_layer(g, hostdev, "network", false);
}

/* Images are opened by vm-prepare and handed to QEMU as descriptors, so they need no place in the guest's view of
 * the file system; but the device cgroup of the unit covers vm-prepare too. */
int plan_disk(GuestPlan *g, const xmlNode *disk) {
        bool readonly = xml_child(disk, "readonly") || xml_child(disk, "transient") ||
                        xml_attr_is(disk, "device", "cdrom");
        const char *type = xml_attr(disk, "type") ?: "file";
        int r;

        r = xml_attr_bool(disk, "rawio", false) ? plan_raw_io(g) : 0;
        if (r >= 0 && streq_ptr(xml_get(disk, "source/reservations/@managed"), "yes"))
                r = plan_pr_helper(g);
        if (r >= 0 && streq(type, "volume"))
                r = plan_volume(g, disk, readonly);
        if (r >= 0)
                r = plan_layer(g, disk, type, readonly);
        for (const xmlNode *l = xml_child(disk, "backingStore"); r >= 0 && l && xml_attr_is(l, "type", "network");
             l = xml_child(l, "backingStore"))
                r = plan_layer(g, l, "network", true);
        for (const xmlNode *l = disk; r >= 0 && l; l = xml_child(l, "backingStore")) {
                const xmlNode *store = xml_find(l, "source/dataStore");

                if (store)
                        r = plan_layer(g, store, xml_attr(store, "type") ?: "file", readonly || l != disk);
        }
        return r;
}
