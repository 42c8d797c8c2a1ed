/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who owns a transport when a layer cannot be put over it: the one rule of rpc/transport.h, for TLS and SASL. The TLS
 * module is part of this file, for credentials without files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/sasl.h"
#include "tls.c"

/* last: it has a macro fail() */
#include <cmocka.h>

extern const SaslModule unitvirt_sasl_module;

/* The linker sends every calloc() of ours here. */
static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size) {
        return no_memory ? NULL : __real_calloc(n, size);
}

static unsigned n_freed;

static void count_free(Transport *t) {
        n_freed++;
}

static const TransportOps counting_ops = { .name = "counting", .free = count_free };

static Transport socket_like(void) {
        n_freed = 0;
        return (Transport) { .ops = &counting_ops, .fd = -EBADF };
}

static void tls_frees_what_it_lies_over_once(void **state) {
        Transport under = socket_like(), *t;
        TlsCredentials c = { .n_ref = 1 };

        assert_int_equal(gnutls_certificate_allocate_credentials(&c.x509), 0);
        assert_int_equal(gnutls_priority_init(&c.priority, DEFAULT_PRIORITY, NULL), 0);
        assert_int_equal(unitvirt_tls_module.transport_new(&c, &under, &t), 0);
        assert_int_equal(n_freed, 0);
        assert_int_equal(c.n_ref, 2);
        t->ops->free(t);
        assert_int_equal(n_freed, 1);
        assert_int_equal(c.n_ref, 1);
        gnutls_certificate_free_credentials(c.x509);
        gnutls_priority_deinit(c.priority);
}

static void tls_takes_nothing_without_memory(void **state) {
        Transport under = socket_like(), *t = NULL;
        TlsCredentials c = { .n_ref = 1 };

        no_memory = true;
        assert_int_equal(unitvirt_tls_module.transport_new(&c, &under, &t), -ENOMEM);
        no_memory = false;
        assert_null(t);
        assert_int_equal(n_freed, 0);
        assert_int_equal(c.n_ref, 1);
}

static void tls_takes_nothing_where_its_session_fails(void **state) {
        Transport under = socket_like(), *t = NULL;
        TlsCredentials c = { .n_ref = 1 };      /* no priority: gnutls has nothing to speak */

        assert_int_equal(unitvirt_tls_module.transport_new(&c, &under, &t), -ENOMEM);
        assert_null(t);
        assert_int_equal(n_freed, 0);
        assert_int_equal(c.n_ref, 1);
}

static SaslSession *login(void) {
        const SaslSettings settings = { .protected = true };
        _cleanup_error_ Error e = {};
        SaslSession *s;

        assert_int_equal(unitvirt_sasl_module.session_new(&settings, &s, &e), 0);
        return s;
}

static void sasl_frees_what_it_lies_over_once(void **state) {
        Transport under = socket_like(), *t;

        assert_int_equal(unitvirt_sasl_module.transport_new(login(), &under, &t), 0);
        assert_int_equal(n_freed, 0);
        t->ops->free(t);
        assert_int_equal(n_freed, 1);
}

static void sasl_takes_nothing_without_memory(void **state) {
        Transport under = socket_like(), *t = NULL;
        SaslSession *s = login();

        no_memory = true;
        assert_int_equal(unitvirt_sasl_module.transport_new(s, &under, &t), -ENOMEM);
        no_memory = false;
        assert_null(t);
        assert_int_equal(n_freed, 0);
        unitvirt_sasl_module.session_free(s);
}

static int setup(void **state) {
        _cleanup_error_ Error e = {};

        return unitvirt_sasl_module.init(&e);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(tls_frees_what_it_lies_over_once),
                cmocka_unit_test(tls_takes_nothing_without_memory),
                cmocka_unit_test(tls_takes_nothing_where_its_session_fails),
                cmocka_unit_test(sasl_frees_what_it_lies_over_once),
                cmocka_unit_test(sasl_takes_nothing_without_memory),
        };

        return cmocka_run_group_tests(all, setup, NULL);
}
