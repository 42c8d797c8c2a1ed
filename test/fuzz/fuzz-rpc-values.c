/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bodies of all procedures: what decodes must encode to the same bytes, except for padding and booleans, and
 * that must decode again. The first two bytes choose the type. */

#include <stdint.h>

#include "rpc/procedure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const RpcCodec *const codecs[] = {
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) &remote_codec_##NAME,
#include "rpc/remote-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) &qemu_codec_##NAME,
#include "rpc/qemu-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) &admin_codec_##NAME,
#include "rpc/admin-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) &log_codec_##NAME,
#include "rpc/log-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) &lock_codec_##NAME,
#include "rpc/lock-procedures.h"
#undef RPC_PROCEDURE
};

static void check(xdrproc_t codec, size_t value_size, const uint8_t *data, size_t size) {
        _cleanup_free_ void *v = calloc(1, value_size + 1);
        _cleanup_buffer_ Buffer a = {}, b = {};

        if (!v)
                abort();
        if (rpc_decode(data, size, codec, v) < 0)
                return;
        if (rpc_encode(&a, SIZE_MAX, codec, v) < 0 || a.len != size)
                abort();
        rpc_free(codec, v);
        memset(v, 0, value_size);
        if (rpc_decode(a.data, a.len, codec, v) < 0)
                abort();
        if (rpc_encode(&b, SIZE_MAX, codec, v) < 0 || b.len != a.len)
                abort();
        if (a.len > 0 && memcmp(a.data, b.data, a.len) != 0)
                abort();
        rpc_free(codec, v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const RpcCodec *c;
        unsigned which;

        if (size < 2)
                return 0;
        which = (unsigned) data[0] << 8 | data[1];
        c = codecs[which / 2 % ELEMENTSOF(codecs)];
        if (which & 1)
                check(c->ret, c->ret_size, data + 2, size - 2);
        else
                check(c->args, c->args_size, data + 2, size - 2);
        return 0;
}
