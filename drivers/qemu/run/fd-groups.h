/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Descriptors that clients have associated with a guest, under names that its definition has (fdgroup). They are kept
 * as long as the client is connected, in this process alone, and given to whoever opens the guest's images
 * (base/guest-files.h). */

#include "guest/guest.h"

/* Keeps copies of n descriptors; a group of the same name is replaced. mark: guest_mark() of the client. -E2BIG,
 * -ENOMEM, errno of the copying. */
int fd_groups_add(Guest *g, uint64_t mark, const char *name, const int *fds, size_t n);

/* The client with this mark has gone; 0: all. */
void fd_groups_drop(QemuDriver *d, uint64_t mark);

/* Has root's helpers given what the disks below devices (or this one disk) name, until fd_offer_end(). *ret is NULL
 * where they name none. Code 8 where a group is not there. */
typedef struct FdOffer FdOffer;
int fd_groups_offer(Guest *g, const xmlNode *devices, FdOffer **ret, Error *e);
FdOffer *fd_offer_end(FdOffer *o);
DEFINE_CLEANUP(FdOffer *, fd_offer_end);
#define _cleanup_fd_offer_ _cleanup_(fd_offer_endp)
