/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as attributes and properties of a device, and as a message of the kernel's about one. What comes of a
 * device is a document that can be read again, whatever its maker has burnt into it.
 *
 * The input is records that end with a byte 0x1e: "sSUBSYSTEM", "tTYPE", "nNAME", "vNODE", "lLINK", "dDRIVER",
 * "aNAME=VALUE" for an attribute and "pNAME=VALUE" for a property. libsystemd's functions are replaced by those
 * below. */

#include <stdint.h>

#include "base/strings.h"
#include "model/xml.h"
#include "nodedev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS_MAX 64U

struct sd_device {
        int unused;
};

static struct sd_device it;
static char *records[RECORDS_MAX];
static size_t n_records, next_link;

static const char *record(char kind) {
        for (size_t i = 0; i < n_records; i++)
                if (records[i][0] == kind)
                        return records[i] + 1;
        return NULL;
}

static const char *value(char kind, const char *name) {
        size_t len = strlen(name);

        for (size_t i = 0; i < n_records; i++)
                if (records[i][0] == kind && strncmp(records[i] + 1, name, len) == 0 && records[i][1 + len] == '=')
                        return records[i] + 2 + len;
        return NULL;
}

static int give(const char *text, const char **ret) {
        if (!text)
                return -ENOENT;
        *ret = text;
        return 0;
}

/* --- libsystemd --- */

int sd_device_new_from_syspath(sd_device **ret, const char *syspath) {
        *ret = &it;
        return 0;
}

int sd_device_new_from_subsystem_sysname(sd_device **ret, const char *subsystem, const char *sysname) {
        if (!value('a', "port_name"))
                return -ENODEV;
        *ret = &it;
        return 0;
}

sd_device *sd_device_unref(sd_device *d) {
        return NULL;
}

int sd_device_get_syspath(sd_device *d, const char **ret) {
        return give("/sys/devices/none", ret);
}

int sd_device_get_subsystem(sd_device *d, const char **ret) {
        return give(record('s'), ret);
}

int sd_device_get_devtype(sd_device *d, const char **ret) {
        return give(record('t'), ret);
}

int sd_device_get_sysname(sd_device *d, const char **ret) {
        return give(record('n') ?: "none", ret);
}

int sd_device_get_sysnum(sd_device *d, const char **ret) {
        return give(record('n'), ret);
}

int sd_device_get_devname(sd_device *d, const char **ret) {
        return give(record('v'), ret);
}

int sd_device_get_driver(sd_device *d, const char **ret) {
        return give(record('d'), ret);
}

int sd_device_get_ifindex(sd_device *d, int *ret) {
        *ret = 1;
        return 0;
}

int sd_device_get_parent(sd_device *d, sd_device **ret) {
        return -ENOENT;
}

int sd_device_get_sysattr_value(sd_device *d, const char *name, const char **ret) {
        return give(value('a', name), ret);
}

int sd_device_get_property_value(sd_device *d, const char *name, const char **ret) {
        return give(value('p', name), ret);
}

const char *sd_device_get_devlink_next(sd_device *d) {
        while (next_link < n_records)
                if (records[next_link++][0] == 'l')
                        return records[next_link - 1] + 1;
        return NULL;
}

const char *sd_device_get_devlink_first(sd_device *d) {
        next_link = 0;
        return sd_device_get_devlink_next(d);
}

sd_device *sd_device_get_child_first(sd_device *d, const char **ret_suffix) {
        return NULL;
}

sd_device *sd_device_get_child_next(sd_device *d, const char **ret_suffix) {
        return NULL;
}

/* --- the target --- */

static void describe(const DeviceKind *k) {
        DriverHost host = { .links_fd = 0 };
        NodedevDriver driver = { .host = &host };
        ObjectIndex index = { .host = &host, .driver = &driver };
        Device device = { .object.index = &index, .kind = k, .syspath = (char *) "/sys/devices/none" };
        _cleanup_free_ char *name = NULL, *text = NULL;
        _cleanup_xml_ xmlDocPtr doc = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        if (device_name(&it, k, &name) < 0)
                abort();
        device.object.name = name;
        if (device_describe(&device, &text, &e) < 0)
                abort();
        if (xml_parse(text, strlen(text), NULL, "device", &doc, &e) < 0) {
                fprintf(stderr, "%s\n%s\n", error_text(&e, 0), text);
                abort();
        }
        (void) device_read_flags(&device);
        free(driver.link_words);
}

static void message(const uint8_t *data, size_t size) {
        Uevent u;

        if (uevent_parse((const char *) data, size, &u) < 0)
                return;
        if (u.path[0] != '/' || u.action_len == 0 || u.action[u.action_len] != '@')
                abort();
        if (u.subsystem && strlen(u.subsystem) >= size)
                abort();
        if (u.old_path && strlen(u.old_path) >= size)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const DeviceKind *k;

        message(data, size);
        for (size_t at = 0; at < size && n_records < RECORDS_MAX;) {
                const uint8_t *end = memchr(data + at, 0x1e, size - at);
                size_t len = (end ? (size_t) (end - data) : size) - at;

                /* what sysfs and udev give is text */
                records[n_records] = len > 0 ? strndup((const char *) data + at, len) : NULL;
                n_records += records[n_records] != NULL;
                at += len + 1;
        }
        k = device_kind(&it);
        if (k)
                describe(k);
        while (n_records > 0)
                free(records[--n_records]);
        return 0;
}
