/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <qemu:commandline>: what the definition's owner adds, unread. Nothing stands behind it: an option without its value
 * would take the next argument for one. */

#include "build.h"

void build_commandline(Build *b) {
        XML_FOREACH(arg, xml_child(b->root, "qemu:commandline"), "qemu:arg")
                add_option(b, xml_attr(arg, "value") ?: "", NULL);
}
