/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver for node devices: the host's devices as libvirt's clients see them, from sysfs and udev's database.
 * Documents are written when they are asked for, and kept until the kernel or udev says that the device has changed. */

#include <systemd/sd-device.h>

#include "base/strings.h"
#include "model/writer.h"
#include "object/call.h"

/* What the kernel's names for what links can do mean: features.c. */
typedef struct LinkWords LinkWords;

typedef struct NodedevDriver {
        DriverHost *host;
        ObjectIndex devices;
        sd_device_monitor *monitor; /* udev's messages; NULL: it does not run */
        int uevents_fd, links_fd; /* the kernel's: watch.c; -EBADF: nobody tells of all changes, so nothing is kept */
        sd_event_source *uevents, *links, *going;
        bool missed; /* some of them */
        LinkWords *link_words; /* NULL: the kernel was not asked yet */
} NodedevDriver;

typedef struct DeviceKind DeviceKind;

typedef struct Device {
        Object object;
        const DeviceKind *kind;
        char *syspath; /* NULL: the computer itself, or what is defined and not there */
        char *config;  /* of a mediated device that is defined: mdevctl's file; else NULL */
        struct {
                char *document, *unannounced, *parent; /* NULL: not read since it changed */
                uint32_t flags;
                bool has_flags;
        } kept;
} Device;

/* A document in the making: its capability element. */
typedef struct Description {
        DocumentWriter *writer;
        DocumentElement *capability;
        sd_device *device;
        NodedevDriver *driver;
} Description;

/* A kind of devices; what it shows beyond its own capability are further ones. */
struct DeviceKind {
        const char *capability; /* "pci" */
        uint32_t flag; /* VIR_CONNECT_LIST_NODE_DEVICES_CAP_x */
        bool (*is)(sd_device *d, const char *subsystem, const char *devtype);
        /* What its name ends with to be unique, or NULL. */
        const char *(*suffix)(sd_device *d);
        void (*describe)(Description *d);
        /* Appends what its document shows and nobody tells the changes of; NULL: there is no such thing. */
        void (*unannounced)(const char *syspath, StrBuf *to);
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
int device_parent_name(sd_device *d, char **ret);
/* The flags of its kind and of the features that it has now. */
uint32_t device_read_flags(const Device *d);
/* The whole document. */
int device_describe(const Device *d, char **ret, Error *e);

/* kept.c: the same, as they were read before where they hold still; what is returned is the caller's. */
uint32_t device_flags(Device *d);
int device_document(Device *d, char **ret, Error *e);
int device_parent(Device *d, char **ret, Error *e);
/* It is not as it was: one; all at this path of sysfs, above it and below it; all of a kind. */
void device_forget(Device *d);
void device_forget_path(NodedevDriver *driver, const char *syspath);
void device_forget_kind(NodedevDriver *driver, const DeviceKind *k);
/* For DeviceKind.unannounced. */
void unannounced_attribute(StrBuf *to, const char *syspath, const char *name);

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

/* features.c: <feature name='rx'/> and its like, of a link that is at this path of sysfs. */
void describe_link_features(Description *d, const char *link, const char *syspath);

extern const ObjectKind kind_device;
extern const RpcTable nodedev_table, nodedev_detach_table, nodedev_make_table;

static inline Device *device_of(const Object *o) {
        return container_of((Object *) o, Device, object);
}
/* virNodeDeviceEventLifecycleType */
enum { DEVICE_CREATED, DEVICE_DELETED, DEVICE_DEFINED, DEVICE_UNDEFINED };

/* index.c: puts an object into the index, and tells of it by that event, -1: of nothing. */
int device_add(NodedevDriver *driver, const char *name, const DeviceKind *k, const char *syspath, int event);
int device_add_all(NodedevDriver *driver, bool tell);
/* The device that is there under this name; borrowed, or NULL. */
Object *device_look_for(NodedevDriver *driver, const char *name);
/* The index is as the host is: by what was said of changes, or else by another look. */
void device_look(NodedevDriver *driver);
/* By another look, whatever was said. */
void device_look_at_all(NodedevDriver *driver);
/* What the kernel said, of a path of sysfs, or of a link by its name. */
void device_came(NodedevDriver *driver, const char *syspath);
void device_gone(NodedevDriver *driver, const char *syspath);
void device_updated(NodedevDriver *driver, const char *syspath);
void device_link_changed(NodedevDriver *driver, const char *name);
/* Something goes: whoever is not there in a while has gone, even if udev never says so. */
void device_going(NodedevDriver *driver);
/* Listens to udev. -ENOENT: it does not run. */
int udev_open(NodedevDriver *driver, Loop *loop);

/* watch.c: what the kernel says. Open: errno where it does not speak to this process. Read: all of it until now. */
int watch_open(NodedevDriver *driver, Loop *loop);
void watch_close(NodedevDriver *driver);
void watch_read(NodedevDriver *driver);
static inline bool watch_is_open(const NodedevDriver *driver) {
        return driver->uevents_fd >= 0;
}

/* A message of the kernel's about a device. */
typedef struct Uevent {
        const char *action;     /* "add", without a NUL */
        size_t action_len;
        const char *path;       /* below /sys, with its slash */
        const char *old_path;   /* of a device that was moved; NULL */
        const char *subsystem;  /* NULL */
} Uevent;
/* They stay in the message. -EBADMSG. */
int uevent_parse(const char *message, size_t len, Uevent *ret);

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
