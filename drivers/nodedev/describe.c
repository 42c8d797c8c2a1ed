/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names and documents: what all kinds of devices have in common. */

#include <ctype.h>

#include "base/strings.h"
#include "nodedev.h"

static const DeviceKind *const kinds[] = {
        &device_pci,  &device_usb,     &device_usb_interface, &device_net, &device_scsi_host, &device_scsi_target,
        &device_scsi, &device_storage, &device_scsi_generic,  &device_drm, &device_mdev,      &device_vdpa,
};

const DeviceKind *device_kind(sd_device *d) {
        const char *subsystem = NULL, *devtype = NULL;

        if (sd_device_get_subsystem(d, &subsystem) < 0)
                return NULL;
        (void) sd_device_get_devtype(d, &devtype);
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i]->is(d, subsystem, devtype ?: ""))
                        return kinds[i];
        return NULL;
}

int device_name(sd_device *d, const DeviceKind *k, char **ret) {
        const char *subsystem = "", *sysname = "", *suffix = k->suffix ? k->suffix(d) : NULL;

        (void) sd_device_get_subsystem(d, &subsystem);
        (void) sd_device_get_sysname(d, &sysname);
        *ret = text_format("%s_%s%s%s", subsystem, sysname, suffix ? "_" : "", suffix ?: "");
        for (char *p = *ret; p && *p; p++)
                if (!isalnum((unsigned char) *p))
                        *p = '_';
        return *ret ? 0 : -ENOMEM;
}

int device_parent_name(sd_device *d, char **ret) {
        while (sd_device_get_parent(d, &d) >= 0) {
                const DeviceKind *k = device_kind(d);

                if (k)
                        return device_name(d, k, ret);
        }
        *ret = strdup("computer");
        return *ret ? 0 : -ENOMEM;
}

uint32_t device_read_flags(const Device *d) {
        _cleanup_(sd_device_unrefp) sd_device *device = NULL;
        uint32_t flags = d->kind->flag;

        if (!d->kind->features || !d->syspath || sd_device_new_from_syspath(&device, d->syspath) < 0)
                return flags;
        for (const DeviceFeature *f = d->kind->features; f->capability; f++)
                if (f->has(device))
                        flags |= f->flag;
        return flags;
}

/* --- what kinds read --- */

const char *device_attribute(sd_device *d, const char *name) {
        const char *value;

        return sd_device_get_sysattr_value(d, name, &value) >= 0 && *value ? value : NULL;
}

const char *device_property(sd_device *d, const char *name) {
        const char *value;

        return sd_device_get_property_value(d, name, &value) >= 0 && *value ? value : NULL;
}

long long device_number(sd_device *d, const char *name, int base) {
        const char *value = device_attribute(d, name);
        char *end;
        long long n;

        if (!value)
                return -1;
        errno = 0;
        n = strtoll(value, &end, base);
        return end == value || errno != 0 ? -1 : n;
}

/* --- and write --- */

void describe_text(Description *d, const char *name, const char *text) {
        if (text)
                document_add(d->writer, d->capability, name, text);
}

void describe_number(Description *d, const char *name, long long n) {
        if (n >= 0)
                document_addf(d->writer, d->capability, name, "%lli", n);
}

void describe_id(Description *d, const char *name, const char *attribute, const char *text) {
        long long id = device_number(d->device, attribute, 16);

        if (id >= 0)
                document_attrf(d->writer, document_add(d->writer, d->capability, name, text), "id", "0x%04llx",
                               (unsigned long long) id);
}

static int by_text(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static void add_nodes(DocumentWriter *w, DocumentElement *root, sd_device *d) {
        const char *names[64], *name;
        size_t n = 0;

        if (sd_device_get_devname(d, &name) < 0)
                return;
        document_attr(w, document_add(w, root, "devnode", name), "type", "dev");
        for (const char *l = sd_device_get_devlink_first(d); l && n < ELEMENTSOF(names);
             l = sd_device_get_devlink_next(d))
                names[n++] = l;
        qsort(names, n, sizeof(*names), by_text);
        for (size_t i = 0; i < n; i++)
                document_attr(w, document_add(w, root, "devnode", names[i]), "type", "link");
}

static int add_head(DocumentWriter *w, DocumentElement *root, sd_device *d) {
        _cleanup_free_ char *parent = NULL;
        const char *text;
        int r;

        r = device_parent_name(d, &parent);
        if (r < 0)
                return r;
        if (sd_device_get_syspath(d, &text) >= 0)
                document_add(w, root, "path", text);
        add_nodes(w, root, d);
        document_add(w, root, "parent", parent);
        if (sd_device_get_driver(d, &text) >= 0)
                document_add(w, document_add(w, root, "driver", NULL), "name", text);
        return 0;
}

int device_describe(const Device *device, char **ret, Error *e) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        _cleanup_(sd_device_unrefp) sd_device *d = NULL;
        DocumentElement *root, *capability;
        int r;

        if (device->syspath && sd_device_new_from_syspath(&d, device->syspath) < 0)
                return object_none_name(&kind_device, device->object.name, e);
        r = document_begin("device", &w, &root);
        if (r < 0)
                return r;
        document_add(w, root, "name", device->object.name);
        r = d ? add_head(w, root, d) : 0;
        if (r < 0)
                return r;
        capability = document_add(w, root, "capability", NULL);
        document_attr(w, capability, "type", device->kind->capability);
        device->kind->describe(&(Description){ w, capability, d, device->object.index->driver });
        return document_finish(w, ret);
}
