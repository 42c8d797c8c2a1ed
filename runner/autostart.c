/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a start means to the guest's links for autostart. */

#include "base/autostart.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "prepare.h"

void prepare_autostart(Prepare *p) {
        _cleanup_free_ char *link = guest_file(GUEST_FILE_AUTOSTART, p->name),
                            *once = guest_file(GUEST_FILE_AUTOSTART_ONCE, p->name);

        if (link && p->launch.unit)
                autostart_adopt_and_say(link, UNITDIR, p->launch.unit);
        /* virsh autostart --once */
        if (once)
                (void) unlink(once);
}
