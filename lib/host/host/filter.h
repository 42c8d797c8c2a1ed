/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For UNDO_FILTER: takes the rules of a tap away (filter/port.h). value is "TAP UUID", of the tap and of the guest
 * whose it was: by now it may be another guest's. -EINVAL, or what nftables said. */
int filter_undo(const char *value);
