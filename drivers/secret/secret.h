/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver for secrets: who keeps them and what they are for (definitions, in /etc/libvirt/secrets; of ephemeral ones
 * in /run/libvirt/secrets), and their values (secret/file.h). No value stays in this process after the call that needed
 * it. */

#include "model/secret.h"
#include "object/call.h"
#include "secret/file.h"

typedef struct SecretDriver {
        ObjectIndex secrets;
} SecretDriver;

/* What the driver goes by; as the definition says. */
typedef struct SecretTraits {
        SecretUsageType type;
        bool ephemeral, private;
} SecretTraits;

typedef struct Secret {
        Object object;
        SecretTraits traits;
        char *usage; /* NULL: none */
} Secret;

extern const ObjectKind kind_secret;
extern const Driver driver_secret; /* what the module is loaded for */

#define CALL(NAME, f, ...) OBJECT_CALL(remote, REMOTE, &kind_secret, Secret, NAME, f, __VA_ARGS__)
#define ACTION(NAME, f, ...) OBJECT_ACTION(remote, REMOTE, &kind_secret, Secret, NAME, f, __VA_ARGS__)
#define PLAIN(NAME, f, ...) PLAIN_CALL(remote, REMOTE, &kind_secret, NAME, f, __VA_ARGS__)

static inline Secret *secret_of(const Object *o) {
        return container_of((Object *) o, Secret, object);
}
/* Returns what it is for, which is the definition's. */
const char *secret_traits(const Definition *d, SecretTraits *ret);
/* The one that is for this; borrowed, or NULL. */
Secret *secret_by_usage(const ObjectIndex *i, SecretUsageType type, const char *usage);

/* value.c; both wait, and fill e. Keeps a value, sealed where the host has a key. */
int value_keep(Secret *s, bool ephemeral, const void *data, size_t len, Error *e);
/* Code 66 where it has none. */
int value_get(const Secret *s, SecretValue *ret, Error *e);

/* Seals the values that libvirt, or a host without a key, has left plain: a fiber, which holds the daemon. */
void values_adopt(void *driver);

extern const RpcTable secret_define_table, secret_value_table;
