/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpc/driver.h"
#include "rpc/stream.h"
#include "rpc/typed-params.h"

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

static void rows_are_numbered_from_one(void **state) {
        static const uint32_t programs[] = { REMOTE_PROGRAM, QEMU_PROGRAM, ADMIN_PROGRAM, LOG_PROGRAM, LOCK_PROGRAM };

        for (size_t i = 0; i < ELEMENTSOF(programs); i++) {
                const RpcProcedure *p;
                size_t n;

                p = rpc_procedures(programs[i], &n);
                assert_non_null(p);
                for (size_t k = 0; k < n; k++)
                        assert_int_equal(p[k].number, k + 1);
        }
        assert_null(rpc_procedure(REMOTE_PROGRAM, 0));
        assert_null(rpc_procedure(REMOTE_PROGRAM, 457));
        assert_null(rpc_procedure(REMOTE_PROGRAM, -1));
        assert_string_equal(rpc_procedure(REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_CREATE)->api, "virDomainCreate");
}

/* A stream that has a 1 for whoever asks for a number: one element in each list, every optional thing there,
 * the first arm of each union, strings of one letter. */
static bool_t one_long(XDR *xdrs, long *v) {
        *v = 1;
        return TRUE;
}

static bool_t one_letter(XDR *xdrs, char *data, u_int n) {
        memset(data, 'a', n);
        return TRUE;
}

static void round_trip(xdrproc_t codec, size_t size) {
        static const struct xdr_ops ops = { .x_getlong = one_long, .x_getbytes = one_letter };
        XDR xdrs = { .x_op = XDR_DECODE, .x_ops = &ops, .x_handy = 1U << 30 };
        _cleanup_buffer_ Buffer a = {}, b = {};
        _cleanup_free_ void *v = calloc(1, size + 1), *w = calloc(1, size + 1);

        assert_true(v && w);
        assert_true(codec(&xdrs, v));
        assert_int_equal(rpc_encode(&a, SIZE_MAX, codec, v), 0);
        assert_int_equal(rpc_decode(a.data, a.len, codec, w), 0);
        assert_int_equal(rpc_encode(&b, a.len, codec, w), 0);
        assert_int_equal(a.len, b.len);
        if (a.len > 0) {
                assert_memory_equal(a.data, b.data, a.len);
                assert_int_equal(rpc_encode(&b, a.len - 4, codec, w), -EMSGSIZE);
                assert_int_equal(b.len, a.len);
        }
        rpc_free(codec, v);
        rpc_free(codec, w);

        /* Cut anywhere it is refused, and nothing leaks. */
        for (size_t len = 0; len < a.len; len += 4) {
                memset(w, 0, size);
                assert_int_equal(rpc_decode(a.data, len, codec, w), -EBADMSG);
        }
}

static void every_row_makes_the_round_trip(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(codecs); i++) {
                round_trip(codecs[i]->args, codecs[i]->args_size);
                round_trip(codecs[i]->ret, codecs[i]->ret_size);
        }
}

static void a_count_beyond_the_bytes_takes_no_memory(void **state) {
        /* 16384 domains announced, none there. */
        static const uint8_t wire[] = { 0, 0, 0x40, 0, 0, 0, 0, 0 };
        remote_connect_list_all_domains_ret ret = {};

        assert_int_equal(rpc_decode(wire, sizeof(wire), remote_codec_CONNECT_LIST_ALL_DOMAINS.ret, &ret), -EBADMSG);
        assert_null(ret.domains.domains_val);
}

static void strings_keep_their_limits(void **state) {
        static const uint8_t nul[] = { 0, 0, 0, 2, 'a', 0, 0, 0 };
        static const uint8_t pad[] = { 0, 0, 0, 2, 'a', 'b', 0, 0 };
        static const uint8_t cut[] = { 0, 0, 0, 2, 'a', 'b' };
        remote_domain_lookup_by_name_args args = {};
        xdrproc_t codec = remote_codec_DOMAIN_LOOKUP_BY_NAME.args;

        assert_int_equal(rpc_decode(nul, sizeof(nul), codec, &args), -EBADMSG);
        assert_int_equal(rpc_decode(cut, sizeof(cut), codec, &args), -EBADMSG);
        assert_int_equal(rpc_decode(pad, sizeof(pad), codec, &args), 0);
        assert_string_equal(args.name, "ab");
        rpc_free(codec, &args);
}

static void a_list_of_parameters_is_checked(void **state) {
        static const TypedParamRule rules[] = { { "shares", TYPED_PARAM_ULLONG, false } };
        _cleanup_typed_params_ TypedParams p = {};
        _cleanup_error_ Error e = ERROR_INIT;
        uint64_t v;

        typed_params_add_ullong(&p, "shares", 7);
        assert_int_equal(typed_params_validate(p.val, p.len, rules, 1, &e), 0);
        assert_int_equal(typed_params_get_ullong(p.val, p.len, "shares", &v), 1);
        assert_int_equal(v, 7);
        typed_params_add_string(&p, "name", "x");
        assert_int_equal(typed_params_validate(p.val, p.len, rules, 1, &e), -EOPNOTSUPP);
        assert_int_equal(e.code, ERROR_ARGUMENT_UNSUPPORTED); /* as libvirt says */
        typed_params_drop_strings(&p);
        assert_int_equal(p.len, 1);
        typed_params_add_ullong(&p, "shares", 8);
        error_done(&e);
        assert_int_equal(typed_params_validate(p.val, p.len, rules, 1, &e), -EINVAL);
}

static void doubles_travel_in_their_order_of_bytes(void **state) {
        static const uint8_t wire[] = { 0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18 };
        double pi = 3.141592653589793, v = 0;
        _cleanup_buffer_ Buffer b = {};

        assert_int_equal(rpc_encode(&b, SIZE_MAX, (xdrproc_t) xdr_double, &pi), 0);
        assert_int_equal(b.len, sizeof(wire));
        assert_memory_equal(b.data, wire, sizeof(wire));
        assert_int_equal(rpc_decode(wire, sizeof(wire), (xdrproc_t) xdr_double, &v), 0);
        assert_true(v == pi);
        assert_int_equal(rpc_decode(wire, 4, (xdrproc_t) xdr_double, &v), -EBADMSG);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_are_numbered_from_one),
                cmocka_unit_test(every_row_makes_the_round_trip),
                cmocka_unit_test(a_count_beyond_the_bytes_takes_no_memory),
                cmocka_unit_test(strings_keep_their_limits),
                cmocka_unit_test(a_list_of_parameters_is_checked),
                cmocka_unit_test(doubles_travel_in_their_order_of_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
