/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "normalise.h"

/* Checks and completes the backend of a device. path_optional: the host makes up the path of a socket. */
int normalise_chardev(Normaliser *n, xmlNode *device, bool path_optional);
