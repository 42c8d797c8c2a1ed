/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks, and the SCSI hosts, targets and units behind them. */

#include "base/strings.h"
#include "nodedev.h"

/* --- scsi_host --- */

static bool is_host(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(devtype, "scsi_host");
}

/* The attribute of /sys/class/fc_host/HOST; NULL for others. */
static sd_device *fc_host(sd_device *d) {
        const char *sysname;
        sd_device *fc;

        if (sd_device_get_sysname(d, &sysname) < 0)
                return NULL;
        return sd_device_new_from_subsystem_sysname(&fc, "fc_host", sysname) >= 0 ? fc : NULL;
}

static bool has_fc_host(sd_device *d) {
        _cleanup_(sd_device_unrefp) sd_device *fc = fc_host(d);

        return fc;
}

static bool has_vports(sd_device *d) {
        _cleanup_(sd_device_unrefp) sd_device *fc = fc_host(d);

        return fc && device_number(fc, "max_npiv_vports", 10) > 0;
}

static bool is_wwn(sd_device *fc, const char *attribute, const char *wanted) {
        const char *value = wanted ? device_attribute(fc, attribute) : NULL;

        return !wanted || (value && strcasecmp(startswith(value, "0x") ?: value, wanted) == 0);
}

Device *device_by_wwn(NodedevDriver *driver, const char *wwnn, const char *wwpn, const char *fabric, bool vports) {
        Device *found = NULL;
        Object **list;
        size_t n;

        if (object_snapshot(&driver->devices, NULL, &list, &n) < 0)
                return NULL;
        for (size_t i = 0; i < n && !found; i++) {
                Device *d = device_of(list[i]);
                _cleanup_(sd_device_unrefp) sd_device *device = NULL, *fc = NULL;

                if (d->kind != &device_scsi_host || sd_device_new_from_syspath(&device, d->syspath) < 0)
                        continue;
                fc = fc_host(device);
                if (fc && is_wwn(fc, "node_name", wwnn) && is_wwn(fc, "port_name", wwpn) &&
                    is_wwn(fc, "fabric_name", fabric) && (!vports || has_vports(device)))
                        found = d;
        }
        object_release(list, n);
        return found;
}

/* An adapter that is in no fabric says that its name is 0. */
static void add_wwn(Description *d, DocumentElement *parent, const char *name, const char *value) {
        const char *digits = value ? startswith(value, "0x") : NULL;

        if (value && !streq_ptr(digits, "0"))
                document_add(d->writer, parent, name, digits ?: value);
}

static void describe_host(Description *d) {
        _cleanup_(sd_device_unrefp) sd_device *fc = fc_host(d->device);
        const char *number;
        DocumentElement *n;

        if (sd_device_get_sysnum(d->device, &number) >= 0)
                describe_text(d, "host", number);
        describe_number(d, "unique_id", device_number(d->device, "scsi_host/unique_id", 10));
        if (!fc)
                return;
        n = document_add(d->writer, d->capability, "capability", NULL);
        document_attr(d->writer, n, "type", "fc_host");
        add_wwn(d, n, "wwnn", device_attribute(fc, "node_name"));
        add_wwn(d, n, "wwpn", device_attribute(fc, "port_name"));
        add_wwn(d, n, "fabric_wwn", device_attribute(fc, "fabric_name"));
        if (!has_vports(d->device))
                return;
        n = document_add(d->writer, d->capability, "capability", NULL);
        document_attr(d->writer, n, "type", "vport_ops");
        document_addf(d->writer, n, "max_vports", "%lli", device_number(fc, "max_npiv_vports", 10));
        document_addf(d->writer, n, "vports", "%lli", MAX(device_number(fc, "npiv_vports_inuse", 10), 0LL));
}

/* A fabric is another one, and ports are used, without a word. */
static void unannounced_host(const char *syspath, StrBuf *to) {
        static const char *const attributes[] = {
                "node_name", "port_name", "fabric_name", "max_npiv_vports", "npiv_vports_inuse"
        };
        _cleanup_free_ char *folder = text_format("%s/fc_host%s", syspath, strrchr(syspath, '/'));

        if (!folder)
                to->failed = true;
        if (!folder || access(folder, F_OK) < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(attributes); i++)
                unannounced_attribute(to, folder, attributes[i]);
}

static const DeviceFeature host_features[] = {
        { "fc_host", 512, has_fc_host }, { "vports", DEVICE_FLAG_VPORTS, has_vports }, {},
};

const DeviceKind device_scsi_host = {
        .capability = "scsi_host", .flag = 32, .is = is_host, .describe = describe_host, .features = host_features,
        .unannounced = unannounced_host,
};

/* --- scsi_target, scsi --- */

static bool is_target(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(devtype, "scsi_target");
}

static void describe_sysname(Description *d, const char *element) {
        const char *sysname;

        if (sd_device_get_sysname(d->device, &sysname) >= 0)
                describe_text(d, element, sysname);
}

/* Behind Fibre Channel it is below the port that it was found at. */
static void describe_target(Description *d) {
        _cleanup_(sd_device_unrefp) sd_device *port = NULL;
        const char *name;
        sd_device *above;
        DocumentElement *n;

        describe_sysname(d, "target");
        if (sd_device_get_parent(d->device, &above) < 0 || sd_device_get_sysname(above, &name) < 0 ||
            sd_device_new_from_subsystem_sysname(&port, "fc_remote_ports", name) < 0)
                return;
        n = document_add(d->writer, d->capability, "capability", NULL);
        document_attr(d->writer, n, "type", "fc_remote_port");
        document_add(d->writer, n, "rport", name);
        document_add(d->writer, n, "wwpn", device_attribute(port, "port_name"));
}

const DeviceKind device_scsi_target = {
        .capability = "scsi_target", .flag = 64, .is = is_target, .describe = describe_target,
};

static bool is_unit(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(devtype, "scsi_device");
}

/* As the kernel numbers them: include/scsi/scsi_proto.h. */
static const char *unit_type(long long number) {
        static const char *const words[] = {
                [0] = "disk",  [1] = "tape",    [3] = "processor", [4] = "worm",       [5] = "cdrom", [6] = "scanner",
                [7] = "mod",   [8] = "changer", [12] = "raid",     [13] = "enclosure", [14] = "disk", [15] = "disk",
        };

        return number >= 0 && number < (long long) ELEMENTSOF(words) ? words[number] : NULL;
}

static void describe_unit(Description *d) {
        unsigned host, bus, target, lun;
        const char *sysname;

        if (sd_device_get_sysname(d->device, &sysname) >= 0 &&
            sscanf(sysname, "%u:%u:%u:%u", &host, &bus, &target, &lun) == 4) {
                describe_number(d, "host", host);
                describe_number(d, "bus", bus);
                describe_number(d, "target", target);
                describe_number(d, "lun", lun);
        }
        describe_text(d, "type", unit_type(device_number(d->device, "type", 10)));
}

const DeviceKind device_scsi = { .capability = "scsi", .flag = 128, .is = is_unit, .describe = describe_unit };

/* --- scsi_generic --- */

static bool is_generic(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(subsystem, "scsi_generic");
}

static void describe_generic(Description *d) {
        const char *name;

        if (sd_device_get_devname(d->device, &name) >= 0)
                describe_text(d, "char", name);
}

const DeviceKind device_scsi_generic = {
        .capability = "scsi_generic", .flag = 2048, .is = is_generic, .describe = describe_generic,
};

/* --- storage --- */

/* What udev calls it; of paravirtual disks and NVMe it says nothing, and all of them are disks. NULL for what clients
 * are not shown: loops, RAM, device mapper. */
static const char *drive_type(sd_device *d) {
        static const char *const disks[] = { "vd", "xvd", "nvme", "mmcblk" };
        const char *type = device_property(d, "ID_TYPE"), *sysname = "";

        if (type)
                return type;
        (void) sd_device_get_sysname(d, &sysname);
        for (size_t i = 0; i < ELEMENTSOF(disks); i++)
                if (startswith(sysname, disks[i]))
                        return "disk";
        return NULL;
}

static bool is_storage(sd_device *d, const char *subsystem, const char *devtype) {
        return streq(subsystem, "block") && streq(devtype, "disk") && drive_type(d);
}

static const char *serial(sd_device *d) {
        return device_property(d, "ID_SERIAL");
}

static void add_size(Description *d, DocumentElement *parent, const char *name) {
        long long sectors = device_number(d->device, "size", 10);
        long long block = device_number(d->device, "queue/logical_block_size", 10);

        document_addf(d->writer, parent, name, "%lli", MAX(sectors, 0LL) * 512);
        if (block <= 0)
                return;
        document_addf(d->writer, parent, "logical_block_size", "%lli", block);
        document_addf(d->writer, parent, "num_blocks", "%lli", MAX(sectors, 0LL) * 512 / block);
}

static void describe_storage(Description *d) {
        const char *name, *type = drive_type(d->device);
        DocumentElement *n;

        if (sd_device_get_devname(d->device, &name) >= 0)
                describe_text(d, "block", name);
        describe_text(d, "bus", device_property(d->device, "ID_BUS"));
        describe_text(d, "drive_type", streq(type, "cd") ? "cdrom" : type);
        describe_text(d, "model",
                      device_property(d->device, "ID_MODEL") ?: device_attribute(d->device, "device/model"));
        describe_text(d, "vendor",
                      device_property(d->device, "ID_VENDOR") ?: device_attribute(d->device, "device/vendor"));
        describe_text(d, "serial", serial(d->device));
        if (device_number(d->device, "removable", 10) <= 0) {
                add_size(d, d->capability, "size");
                return;
        }
        n = document_add(d->writer, d->capability, "capability", NULL);
        document_attr(d->writer, n, "type", "removable");
        document_add(d->writer, n, "media_available", device_number(d->device, "size", 10) > 0 ? "1" : "0");
        add_size(d, n, "media_size");
}

const DeviceKind device_storage = {
        .capability = "storage", .flag = 256, .is = is_storage, .suffix = serial, .describe = describe_storage,
};
