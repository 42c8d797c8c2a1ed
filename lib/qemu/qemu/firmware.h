/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads the descriptors of firmware that packages leave in /usr/share/qemu/firmware and administrators in
 * /etc/qemu/firmware (UNITVIRT_FIRMWARE moves both: folders with colons between, the weakest first). A file of the same
 * name in a stronger folder takes the place of the weaker, an empty one takes it away; names decide about the order. */

#include "model/facts.h"
#include "model/firmware.h"

/* One descriptor. *ret is owned by the caller. -EBADMSG for what is none, -ENOMEM. */
int firmware_parse(const char *text, size_t len, Firmware *ret);
void firmware_done(Firmware *f);

/* All of them. A file that is no descriptor is left out, with a line at debug level. -ENOMEM, errno of reading a folder
 * that is there. */
int firmware_list_load(FirmwareList *ret);
void firmware_list_done(FirmwareList *l);

/* The host's list, read when the first definition asks for it. */
typedef struct FirmwareHost {
        FirmwareList list;
        bool loaded;
} FirmwareHost;

static inline void firmware_host_done(FirmwareHost *h) {
        firmware_list_done(&h->list);
}
#define _cleanup_firmware_host_ _cleanup_(firmware_host_done)

/* Lets facts have it; h, zeroed at first, must live as long as facts are used. */
void firmware_host_offer(FirmwareHost *h, HostFacts *facts);
