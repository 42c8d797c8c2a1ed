/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* There is one truth about autostart, systemd's. libvirt's link in an autostart/ folder, which the generator honours,
 * becomes the one that "systemctl enable" makes when what it is about starts, so that "systemctl disable" takes it
 * away. */

#include "base/macros.h"

/* link: libvirt's; unit: an instance of a template in unit_dir, wanted by machines.target. The new link is there before
 * the old one goes. 1 where there was one, 0 where not; negative errno. */
int autostart_adopt(const char *link, const char *unit_dir, const char *unit);

/* The same, for a program's end of its work: says so in the log, and what is in the way. */
void autostart_adopt_and_say(const char *link, const char *unit_dir, const char *unit);
