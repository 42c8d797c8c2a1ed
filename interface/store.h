/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where definitions, and files of systemd-networkd that come of them, are.
 *
 *   /etc/libvirt/interface/NAME.xml   the definition
 *   /etc/systemd/network/             its files, of one that is started at boot
 *   /run/systemd/network/             its files, of one that is not, while it is started
 *   /run/systemd/network/FILE.d/      for files of /etc that shall have no effect yet: a drop-in that nothing fits */

#include "networkd.h"

#define STORE_ETC "/etc/systemd/network"
#define STORE_RUN "/run/systemd/network"
#define STORE_HELD "unitvirt-held.conf"

/* The folder below UNITVIRT_HOST (tests; else the host's own); the caller's. */
char *store_folder(const char *folder);

/* The definition's own file, which interface_definition_load() reads. */
int store_save(const Definition *d, Error *e);
int store_remove(const char *interface, Error *e);

/* Makes the folder's files of the interface those. */
int store_write(const char *folder, const char *interface, const NetworkdFiles *files, Error *e);
/* Removes all of the interface's in this folder. */
int store_forget(const char *folder, const char *interface, Error *e);

/* The files in /etc are without effect from networkd's next reload on. */
int store_hold(const char *interface, Error *e);
/* Is it configured by its own files, once networkd has read them? */
bool store_in_force(const char *interface);
/* They have it again. */
int store_release(const char *interface, Error *e);

/* For each entry of a folder that is there, "." and ".." aside, until f returns a negative errno. 0 where the folder is
 * not there. */
int store_each(const char *folder, int (*f)(const char *path, const char *name, void *userdata), void *userdata);
