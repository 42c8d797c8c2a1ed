/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PCI devices and mediated devices of the host that a guest has for itself, by VFIO.
 *
 * A device that is managed is taken from its driver for the run, and given back to the same driver afterwards, however
 * the run ends: what was done is on the undo list before it is done. All devices of an IOMMU group go to one guest or
 * to nobody.
 *
 * Below path_sys() (UNITVIRT_SYS or /sys) is the kernel's view; tests give a folder that looks like it. */

#include <sys/types.h>

#include "base/error.h"

typedef struct PciHostAddress {
        unsigned domain, bus, slot, function;
} PciHostAddress;

/* "0000:01:00.0" */
typedef struct PciName {
        char s[24];
} PciName;
PciName pci_name(const PciHostAddress *a);

/* What keeps the IOMMU group of a device from a guest: the other functions that are in use by the host, as
 * "0000:01:00.1 (driver snd_hda_intel)", several with commas between them; bridges do not count, nor those that VFIO or
 * nobody drives. mine are the guest's own n devices. *ret is the caller's, NULL where nothing does. -ENODEV where there
 * is no such device, -EOPNOTSUPP where no IOMMU separates it from others. */
int pci_group_in_use(const PciHostAddress *a, const PciHostAddress *mine, size_t n, char **ret);

/* The other functions of the device's IOMMU group, "0000:01:00.1": a list that is the caller's. Errors as above. */
int pci_group_others(const PciHostAddress *a, char ***ret);

/* The number of the IOMMU group: the file below /dev/vfio. Errors as above. */
int pci_group(const PciHostAddress *a, unsigned *ret);

/* The driver that has the device, "" for none. Owned by the caller. */
int pci_driver(const PciHostAddress *a, char **ret);

/* Gives the device to a driver ("vfio-pci"), or to that which the kernel chooses (NULL), taking it from another one. 0
 * as well where it has it already. */
int pci_bind(const PciHostAddress *a, const char *driver);

/* Whether the driver has it, which may take it a moment: the kernel takes a preference, and says nothing where the
 * driver does not want the device. -ENXIO where it has not. */
int pci_check_driver(const PciHostAddress *a, const char *wanted);

/* What undoes it: "0000:01:00.0 nvidia", "0000:01:00.0 " for no driver: the value of UNDO_PCI. */
int pci_return(const char *value);

/* The IOMMU group of a mediated device, by its uuid. -ENODEV where there is none. */
int mdev_group(const char *uuid, unsigned *ret);

/* Lets a user open the group, by the node below /dev/vfio, which is root's. */
int vfio_give(unsigned group, uid_t uid, gid_t gid);

/* Takes it back: the number of the group, the value of UNDO_VFIO. 0 as well where the node is gone. */
int vfio_return(const char *value);

/* The node of a device that a driver of VFIO has, /dev/vfio/devices/vfioN, for iommufd; the caller's. -ENOENT: the
 * kernel has none (before 6.6, or built without). */
int pci_vfio_node(const PciHostAddress *a, char **ret);

/* --- for who takes a device from the host by hand; in pci-detach.c. All fill e, and may be kept waiting by the
 * device's driver. --- */

/* Gives the device to a driver that leaves it to guests (NULL: "vfio-pci"), which is loaded already, and remembers in
 * /run/libvirt/nodedev/detached whose it was. On failure the device is its own driver's again. 0 as well where that
 * driver has it. */
int pci_detach(const PciHostAddress *a, const char *driver, Error *e);

/* Gives it back to whose it was: to the driver that pci_detach() took it from, or to none if it had none; where that is
 * not known, to that which the kernel chooses. A device that the host's driver has stays there. */
int pci_reattach(const PciHostAddress *a, Error *e);

/* Has the device begin anew, in the way that the kernel knows for it. Code 1 where there is none. */
int pci_reset(const PciHostAddress *a, Error *e);

/* "0000:01:00.0"; -EINVAL. */
int pci_parse(const char *text, PciHostAddress *ret);

/* Is the driver there? */
bool pci_has_driver(const char *driver);
