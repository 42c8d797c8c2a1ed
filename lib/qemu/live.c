/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qemu/live.h"
#include "base/strings.h"

static const char *const pluggable[] = {
        "disk", "interface", "controller", "hostdev", "serial", "console", "channel", "input", "redirdev", "rng",
        "memory", "shmem", "watchdog", "vsock", "filesystem", "lease",
};

/* What of a device may change while it is plugged in. field is below the device; of some, only where an attribute of
 * the device has that value. */
static const struct {
        const char *element, *field, *attr, *value;
        LiveWay way;
} fields[] = {
        { "disk",      "iotune", NULL, NULL, LIVE_IO_TUNE },
        { "disk",      "source", "device", "cdrom", LIVE_UPDATE },
        { "disk",      "source", "device", "floppy", LIVE_UPDATE },
        { "disk",      "driver", "device", "cdrom", LIVE_UPDATE },
        { "disk",      "driver", "device", "floppy", LIVE_UPDATE },
        { "interface", "link", NULL, NULL, LIVE_UPDATE },
        { "interface", "source", "type", "network", LIVE_UPDATE },
        { "interface", "source", "type", "bridge", LIVE_UPDATE },
        { "interface", "vlan", "type", "network", LIVE_UPDATE },
        { "interface", "vlan", "type", "bridge", LIVE_UPDATE },
        { "interface", "virtualport", "type", "network", LIVE_UPDATE },
        { "interface", "virtualport", "type", "bridge", LIVE_UPDATE },
        { "interface", "port", "type", "network", LIVE_UPDATE },
        { "interface", "port", "type", "bridge", LIVE_UPDATE },
        { "interface", "filterref", "type", "network", LIVE_UPDATE },
        { "interface", "filterref", "type", "bridge", LIVE_UPDATE },
        { "interface", "bandwidth", "type", "network", LIVE_UPDATE },
        { "interface", "bandwidth", "type", "bridge", LIVE_UPDATE },
        { "interface", "bandwidth", "type", "direct", LIVE_UPDATE },
        { "interface", "bandwidth", "type", "ethernet", LIVE_UPDATE },
        { "interface", "coalesce", "type", "network", LIVE_UPDATE },
        { "interface", "coalesce", "type", "bridge", LIVE_UPDATE },
        { "interface", "coalesce", "type", "ethernet", LIVE_UPDATE },
        { "graphics",  "@passwd", NULL, NULL, LIVE_UPDATE },
        { "graphics",  "@passwdValidTo", NULL, NULL, LIVE_UPDATE },
        { "graphics",  "@connected", NULL, NULL, LIVE_UPDATE },
        { "memory",    "target/requested", NULL, NULL, LIVE_UPDATE },
};

static const struct {
        const char *path;
        LiveWay way;
} ways[] = {
        { "vcpu/@current",         LIVE_VCPUS },
        { "currentMemory",         LIVE_MEMORY },
        { "cputune/shares",        LIVE_SCHEDULE },
        { "cputune/period",        LIVE_SCHEDULE },
        { "cputune/quota",         LIVE_SCHEDULE },
        { "cputune/emulator_period", LIVE_SCHEDULE },
        { "cputune/emulator_quota", LIVE_SCHEDULE },
        { "cputune/iothread_period", LIVE_SCHEDULE },
        { "cputune/iothread_quota", LIVE_SCHEDULE },
        { "cputune/global_period", LIVE_SCHEDULE },
        { "cputune/global_quota",  LIVE_SCHEDULE },
        { "cputune/vcpupin",       LIVE_VCPU_PIN },
        { "cputune/emulatorpin",   LIVE_EMULATOR_PIN },
        { "cputune/iothreadpin",   LIVE_IOTHREAD_PIN },
        { "memtune/hard_limit",    LIVE_MEMORY_LIMITS },
        { "memtune/soft_limit",    LIVE_MEMORY_LIMITS },
        { "memtune/swap_hard_limit", LIVE_MEMORY_LIMITS },
        { "title",                 LIVE_TITLE },
        { "description",           LIVE_DESCRIPTION },
        { "metadata",              LIVE_METADATA },
};

bool live_can_plug(const char *element) {
        for (size_t i = 0; i < ELEMENTSOF(pluggable); i++)
                if (streq(pluggable[i], element))
                        return true;
        return false;
}

bool live_can_update(const char *element) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (streq(fields[i].element, element))
                        return true;
        return false;
}

const xmlNode *live_device_of(const xmlNode *n) {
        while (n && n->parent && !(n->parent->type == XML_ELEMENT_NODE && xml_is(n->parent, "devices")))
                n = n->parent;
        return n && n->parent ? n : NULL;
}

/* path is what it begins with: a whole element, or something in it. */
static bool is_within(const char *path, const char *prefix) {
        const char *rest = startswith(path, prefix);

        return rest && (*rest == 0 || *rest == '/' || *rest == '[');
}

/* Of folders only those that a process beside QEMU serves. */
static bool can_plug(const xmlNode *device) {
        return live_can_plug(xml_name(device)) &&
               (!xml_is(device, "filesystem") || streq_ptr(xml_get(device, "driver/@type"), "virtiofs"));
}

static LiveWay way_of_device(const Difference *d) {
        const xmlNode *device = live_device_of(d->new ?: d->old);
        const char *field;

        if (!device)
                return LIVE_NOT;
        if (!d->old && device == d->new)
                return can_plug(device) ? LIVE_ATTACH : LIVE_NOT;
        if (!d->new && device == d->old)
                return can_plug(device) ? LIVE_DETACH : LIVE_NOT;
        field = strchr(d->path + strlen("devices/"), '/');
        for (size_t i = 0; field && i < ELEMENTSOF(fields); i++)
                if (xml_is(device, fields[i].element) && is_within(field + 1, fields[i].field) &&
                    (!fields[i].attr || xml_attr_is(device, fields[i].attr, fields[i].value)))
                        return fields[i].way;
        return LIVE_NOT;
}

LiveWay live_way(const Difference *d) {
        if (startswith(d->path, "devices/"))
                return way_of_device(d);
        for (size_t i = 0; i < ELEMENTSOF(ways); i++)
                if (is_within(d->path, ways[i].path))
                        /* there is no call that takes a share or a quota back */
                        return ways[i].way == LIVE_SCHEDULE && !d->after ? LIVE_NOT : ways[i].way;
        return LIVE_NOT;
}
