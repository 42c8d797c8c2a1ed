/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* As much of an image as its header may take: one cluster of the usual size. */
#define CHAIN_HEAD_MAX 65536U

/* The backing file and its format that the header of a qcow2 image names; both NULL where it has none, format NULL
 * where it does not say. -EBADMSG for what is no qcow2 header. Layout: QEMU's docs/interop/qcow2.txt. */
int qcow2_backing(const uint8_t *head, size_t len, char **ret_file, char **ret_format);
