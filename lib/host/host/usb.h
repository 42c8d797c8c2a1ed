/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* USB devices of the host. Below path_sys() is the kernel's view of them, as in host/pci.h. */

#include "base/error.h"
#include "host/sink.h"

/* Which device is meant: by what it is, by where it is, or both. 0 of a number is any; port NULL is any ("1.2"). */
typedef struct UsbMatch {
        unsigned vendor, product;
        unsigned bus, device;
        const char *port;
} UsbMatch;

/* Finds the device. 1, and where it is; 0 where there is none; code 9 and -EEXIST where several are meant, naming each
 * by its bus and device numbers. */
int usb_find(const UsbMatch *match, unsigned *ret_bus, unsigned *ret_device, Error *e);

/* The file /run/libvirt/usb/VENDOR:PRODUCT, which makes udev start vm-usb@VENDOR:PRODUCT.service when such a device
 * comes (udev/70-unitvirt-usb.rules). It stays until no guest that runs wants one. */
char *usb_wish_file(unsigned vendor, unsigned product);
int usb_wish(unsigned vendor, unsigned product);

/* Opens the node of a device for the sink. Returns its number. Error: code 38 and errno, with the path. */
int usb_give(unsigned bus, unsigned device, FdSink *sink, Error *e);
