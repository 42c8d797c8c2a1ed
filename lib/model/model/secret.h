/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/definition.h"

/* What a secret is for. Source: virSecretUsageType of libvirt-secret.h. */
typedef enum SecretUsageType {
        SECRET_USAGE_NONE = 0,
        SECRET_USAGE_VOLUME = 1,
        SECRET_USAGE_CEPH = 2,
        SECRET_USAGE_ISCSI = 3,
        SECRET_USAGE_TLS = 4,
        SECRET_USAGE_VTPM = 5,
} SecretUsageType;

/* Type and id of a secret's usage; together they are unique among secrets. "" and SECRET_USAGE_NONE where it has none.
 * The id stays good until the definition is changed. */
const char *secret_usage(const Definition *d, SecretUsageType *ret_type);
