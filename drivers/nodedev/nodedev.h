/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver for node devices: the host's devices as libvirt's clients see them, from sysfs and udev's database.
 * Nothing is kept but names; documents are written when they are asked for. */

#include <systemd/sd-device.h>

#include "model/writer.h"
#include "object/call.h"

typedef struct NodedevDriver {
        DriverHost *host;
        ObjectIndex devices;
        sd_device_monitor *monitor; /* NULL: there is nobody to tell of changes, so each call looks */
} NodedevDriver;

typedef struct DeviceKind DeviceKind;

typedef struct Device {
        Object object;
        const DeviceKind *kind;
        char *syspath; /* NULL: the computer itself, or what is defined and not there */
        char *config;  /* of a mediated device that is defined: mdevctl's file; else NULL */
} Device;

/* A document in the making: its capability element. */
typedef struct Description {
        DocumentWriter *writer;
        DocumentElement *capability;
        sd_device *device;
} Description;

/* A kind of devices; what it shows beyond its own capability are further ones. */
struct DeviceKind {
        const char *capability; /* "pci" */
        uint32_t flag; /* VIR_CONNECT_LIST_NODE_DEVICES_CAP_x */
        bool (*is)(sd_device *d, const char *subsystem, const char *devtype);
        /* What its name ends with to be unique, or NULL. */
        const char *(*suffix)(sd_device *d);
        void (*describe)(Description *d);
        const struct DeviceFeature *features; /* ends with {}; NULL: none */
};

#define DEVICE_FLAG_VPORTS 1024U
typedef struct DeviceFeature {
        const char *capability; /* "fc_host" */
        uint32_t flag;
        bool (*has)(sd_device *d);
} DeviceFeature;

/* The capability "vpd" of a PCI device: vpd.h. */
struct Vpd;
void pci_describe_vpd(Description *d, const struct Vpd *v);

extern const DeviceKind device_system, device_pci, device_usb, device_usb_interface, device_net, device_scsi_host,
        device_scsi_target, device_scsi, device_storage, device_scsi_generic, device_drm, device_mdev, device_vdpa;

/* NULL: none that clients are shown. */
const DeviceKind *device_kind(sd_device *d);
/* libvirt's name of it: "net_eth0_52_54_00_00_00_01"; the caller's. -ENOMEM. */
int device_name(sd_device *d, const DeviceKind *k, char **ret);
/* The name of the nearest device above it that clients are shown; "computer" at the top. */
int device_parent(sd_device *d, char **ret);
/* The flags of its kind and of the features that it has now. */
uint32_t device_flags(const Device *d);
/* The whole document. */
int device_describe(const Device *d, char **ret, Error *e);

/* Attributes of sysfs and properties of udev, NULL where there is none; they belong to the device. */
const char *device_attribute(sd_device *d, const char *name);
const char *device_property(sd_device *d, const char *name);
/* -1 where there is none. base 0: as its prefix says. */
long long device_number(sd_device *d, const char *name, int base);

/* Elements below the capability; without a value there are none. */
void describe_text(Description *d, const char *name, const char *text);
void describe_number(Description *d, const char *name, long long n);
/* <NAME id='0x..'>text</NAME> */
void describe_id(Description *d, const char *name, const char *attribute, const char *text);

extern const ObjectKind kind_device;
extern const RpcTable nodedev_table, nodedev_detach_table, nodedev_make_table;

static inline Device *device_of(const Object *o) {
        return container_of((Object *) o, Device, object);
}
/* virNodeDeviceEventLifecycleType */
enum { DEVICE_CREATED, DEVICE_DELETED, DEVICE_DEFINED, DEVICE_UNDEFINED };

/* driver.c: puts an object into the index, and tells of it by that event, -1: of nothing. */
int device_add(NodedevDriver *driver, const char *name, const DeviceKind *k, const char *syspath, int event);
/* The device that is there under this name after another look; borrowed, or NULL. */
Object *device_look_for(NodedevDriver *driver, const char *name);
/* Looks at all. */
void device_look(NodedevDriver *driver);
/* That has a Fibre Channel adapter with these names (each may be NULL: any); borrowed, or NULL. */
Device *device_by_wwn(NodedevDriver *driver, const char *wwnn, const char *wwpn, const char *fabric, bool vports);

/* mdev.c: definitions of mediated devices, mdevctl's files in /etc/mdevctl.d (UNITVIRT_MDEVCTL moves it, for tests). */
#define MDEV_ATTRIBUTES_MAX 256U
typedef struct MdevSpec {
        char *uuid, *parent, *type;     /* parent: its name in sysfs */
        bool automatic;
        char **attributes;              /* name, value, name, value ... */
} MdevSpec;
void mdev_spec_done(MdevSpec *s);
#define _cleanup_mdev_spec_ _cleanup_(mdev_spec_done)
/* Compares the files with the index. */
void mdev_look(NodedevDriver *driver);
/* Of a device that is defined; e filled. */
int mdev_load(const Device *d, MdevSpec *ret, Error *e);
/* mdevctl's text for it, owned by the caller. */
int mdev_format(const MdevSpec *s, char **ret);
/* "mdev_UUID_0000_00_02_0"; the caller's. */
char *mdev_name(const char *uuid, const char *parent);
void describe_attributes(Description *d, const MdevSpec *s);
/* The name of the device that it is made of, the caller's. */
int mdev_parent_name(const Device *d, char **ret, Error *e);
/* The document of one that is defined. */
int mdev_describe(const Device *d, char **ret, Error *e);

/* work.c: carries out a job of vm-nodedev's (runner/nodedev.h): pairs of keys and values, those that are NULL left out,
 * and a NULL. Waits; fills e. */
int nodedev_work(NodedevDriver *d, const char *const *pairs, Error *e);
