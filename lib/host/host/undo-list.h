/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The undo list of a guest's run (host/undo.h), for who only writes to it. */

#include <stdbool.h>

/* Keys, and what their values are. */
#define UNDO_SOCKET "socket" /* path of a socket, or of a link to one of the guest's: see socket_remove() */
#define UNDO_PIPE "pipe"     /* owner and path of a named pipe: see fifo_return() */
#define UNDO_OWNER "owner"   /* see host/owner.h */
#define UNDO_FOLDER "folder"
#define UNDO_LINK "link"     /* see host/macvtap.h */
#define UNDO_PCI "pci"       /* see host/pci.h */
#define UNDO_VFIO "vfio"
#define UNDO_VF "vf"         /* see network/vf.h */
#define UNDO_MOUNT "mount"   /* folder that something is mounted on: see mount_remove() */
#define UNDO_FILTER "filter" /* see host/filter.h */
#define UNDO_OVS "ovs"       /* name of a port of Open vSwitch: see network/ovs.h */
#define UNDO_FLOOR "floor"   /* see shape_floor_undo() */
#define UNDO_SCRIPT "script" /* see host/script.h */
#define UNDO_CLAIM "claim"   /* see host/claims.h */
#define UNDO_EMPTY "empty"   /* path of a file that is removed where nothing has come to be in it */
#define UNDO_RESCTRL "resctrl" /* path of a group: see host/resctrl.h */
#define UNDO_EVENTS "events" /* name of the guest: see host/events.h */
#define UNDO_FILE "file"     /* path of a file of ours alone, as a scratch image: removed */

#define UNDO_LIST_MAX (4U * 1024 * 1024) /* bytes of a list that are read */

/* Adds a line to the list of guest NAME; the file is made where it is not there. Negative errno. */
int undo_add(const char *name, const char *key, const char *value);

/* The same for what was made for one device, which may leave before the guest ends. device: its alias; NULL is none. */
int undo_add_for(const char *name, const char *device, const char *key, const char *value);

/* Is such a line on it? */
bool undo_is_listed(const char *name, const char *key, const char *value);
/* ... any for this device? */
bool undo_is_listed_for(const char *name, const char *device);
