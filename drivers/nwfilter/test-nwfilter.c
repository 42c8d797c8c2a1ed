/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "nwfilter.h"
#include "test-daemon.h"

#define UUID1 "11111111-1111-1111-1111-111111111111"
#define UUID2 "22222222-2222-2222-2222-222222222222"
#define FILTER(name, inner) "<filter name='" name "'>" inner "</filter>"
#define WITH_UUID(name, uuid) FILTER(name, "<uuid>" uuid "</uuid>")
#define REF(name) "<filterref filter='" name "'/>"
#define BINDING(port, filter)                                                                                \
        "<filterbinding><owner><name>g</name><uuid>" UUID1 "</uuid></owner><portdev name='" port "'/>"        \
        "<mac address='52:54:00:00:00:01'/><filterref filter='" filter "'/></filterbinding>"

static int set_up(void **state) {
        TestDaemon *d = calloc(1, sizeof *d);

        assert_non_null(d);
        test_daemon_init(d, &driver_nwfilter);
        *state = d;
        return 0;
}

static int tear_down(void **state) {
        TestDaemon *d = *state;

        test_daemon_stop(d);
        assert_int_equal(d->held, 0);
        test_daemon_done(d);
        free(d);
        return 0;
}

/* What was asked of vm-filter, and what it answers. */
static StrBuf asked;
static const char *refusal;

static int work(NwfilterDriver *d, const char *verb, const char *document, Error *e) {
        strbuf_addf(&asked, "%s;", verb);
        return refusal ? error_set(e, -EIO, ERROR_INTERNAL, ORIGIN_NWFILTER, "%s", refusal) : 0;
}

static void start(TestDaemon *d) {
        test_daemon_start(d);
        ((NwfilterDriver *) d->state)->work = work;
}

static void asked_for(const char *expected) {
        assert_string_equal(asked.data ?: "", expected);
        strbuf_done(&asked);
}

static int define(TestDaemon *d, const char *xml) {
        remote_nwfilter_define_xml_args args = { .xml = (char *) xml };
        remote_nwfilter_define_xml_ret ret = {};
        int r = TEST_CALL(d, NWFILTER_DEFINE_XML, &args, &ret);

        free(ret.nwfilter.name);
        return r;
}

static int find(TestDaemon *d, const char *name, remote_nonnull_nwfilter *ret) {
        remote_nwfilter_lookup_by_name_args args = { .name = (char *) name };
        remote_nwfilter_lookup_by_name_ret found = {};
        int r = TEST_CALL(d, NWFILTER_LOOKUP_BY_NAME, &args, &found);

        if (r >= 0)
                *ret = found.nwfilter;
        return r;
}

static int undefine(TestDaemon *d, const char *name) {
        remote_nwfilter_undefine_args args = {};
        int r = find(d, name, &args.nwfilter);

        if (r >= 0)
                r = TEST_CALL(d, NWFILTER_UNDEFINE, &args, NULL);
        free(args.nwfilter.name);
        return r;
}

static void refused(TestDaemon *d, int r, int code, const char *text) {
        assert_true(r < 0);
        assert_int_equal(d->error.code, code);
        if (!strstr(d->error.message ?: "", text))
                fail_msg("'%s' does not say '%s'", d->error.message, text);
}

static void filters_are_defined_and_undefined(void **state) {
        TestDaemon *d = *state;
        remote_nonnull_nwfilter f = {};
        uint8_t uuid[16];

        start(d);
        assert_int_equal(define(d, WITH_UUID("one", UUID1)), 0);
        assert_true(test_daemon_has(d, "etc/nwfilter/one.xml"));
        /* without a uuid it is the same one again */
        assert_int_equal(define(d, FILTER("one", "<rule action='drop' direction='in'/>")), 0);
        assert_int_equal(find(d, "one", &f), 0);
        assert_int_equal(uuid_parse(UUID1, uuid), 0);
        assert_memory_equal(f.uuid, uuid, 16);
        free(f.name);
        refused(d, define(d, WITH_UUID("one", UUID2)), ERROR_OPERATION_FAILED, "already exists with uuid " UUID1);
        refused(d, define(d, WITH_UUID("two", UUID1)), ERROR_OPERATION_FAILED, "already defined with uuid " UUID1);
        refused(d, define(d, "<filter/>"), ERROR_XML_ERROR, "missing @name");
        refused(d, define(d, FILTER("a/b", "")), ERROR_XML_ERROR, "name cannot contain '/'");
        assert_int_equal(undefine(d, "one"), 0);
        assert_false(test_daemon_has(d, "etc/nwfilter/one.xml"));
        refused(d, undefine(d, "one"), ERROR_NO_NWFILTER, "no nwfilter with matching name 'one'");
}

static void a_filter_is_not_its_own_part(void **state) {
        TestDaemon *d = *state;

        start(d);
        refused(d, define(d, FILTER("a", REF("a"))), ERROR_OPERATION_FAILED, "filter would introduce a loop");
        assert_int_equal(define(d, FILTER("a", REF("b"))), 0); /* the other one may come later */
        assert_int_equal(define(d, FILTER("b", REF("c"))), 0);
        refused(d, define(d, FILTER("c", REF("a"))), ERROR_OPERATION_FAILED, "filter would introduce a loop");
        assert_false(test_daemon_has(d, "etc/nwfilter/c.xml"));
        assert_int_equal(define(d, FILTER("c", "")), 0);
}

static void what_a_tap_is_bound_to_stays(void **state) {
        TestDaemon *d = *state;
        remote_nwfilter_binding_lookup_by_port_dev_args args = { .name = (char *) "vnet7" };
        remote_nwfilter_binding_lookup_by_port_dev_ret ret = {};

        start(d);
        test_daemon_write(d, "run/nwfilter-binding/vnet7.xml", BINDING("vnet7", "a"));
        test_daemon_pump(d);
        assert_int_equal(define(d, FILTER("b", "")), 0);
        asked_for("");
        assert_int_equal(define(d, FILTER("a", REF("b"))), 0);
        asked_for("check;apply;");
        assert_int_equal(define(d, FILTER("b", "<rule action='drop' direction='in'/>")), 0);
        asked_for("check;apply;");
        /* what the taps of running guests cannot have is not written */
        refusal = "nftables: no";
        refused(d, define(d, FILTER("b", "<rule action='accept' direction='out'/>")), ERROR_INTERNAL, "nftables: no");
        refusal = NULL;
        asked_for("check;");
        /* by hand */
        test_daemon_write(d, "etc/nwfilter/b.xml", FILTER("b", ""));
        test_daemon_pump(d);
        asked_for("refresh;");
        refused(d, undefine(d, "a"), ERROR_OPERATION_INVALID, "nwfilter is in use");
        refused(d, undefine(d, "b"), ERROR_OPERATION_INVALID, "nwfilter is in use");
        assert_int_equal(TEST_CALL(d, NWFILTER_BINDING_LOOKUP_BY_PORT_DEV, &args, &ret), 0);
        assert_string_equal(ret.nwfilter.portdev, "vnet7");
        assert_string_equal(ret.nwfilter.filtername, "a");
        free(ret.nwfilter.portdev);
        free(ret.nwfilter.filtername);
        /* the tap has gone */
        test_daemon_remove(d, "run/nwfilter-binding/vnet7.xml");
        test_daemon_pump(d);
        refused(d, TEST_CALL(d, NWFILTER_BINDING_LOOKUP_BY_PORT_DEV, &args, &ret), ERROR_NO_NWFILTER_BINDING,
                "no nwfilter binding for port dev 'vnet7'");
        assert_int_equal(undefine(d, "a"), 0);
        assert_int_equal(undefine(d, "b"), 0);
}

static void clients_bind_taps_of_their_own(void **state) {
        TestDaemon *d = *state;
        remote_nwfilter_binding_create_xml_args args = { .xml = (char *) BINDING("tap1", "a") };
        remote_nwfilter_binding_create_xml_ret ret = {};
        remote_nwfilter_binding_delete_args gone = { .nwfilter = { (char *) "tap1", (char *) "a" } };

        start(d);
        refused(d, TEST_CALL(d, NWFILTER_BINDING_CREATE_XML, &args, &ret), ERROR_NO_NWFILTER,
                "referenced filter 'a' is missing");
        assert_int_equal(define(d, FILTER("a", "")), 0);
        refusal = "nftables: no";
        refused(d, TEST_CALL(d, NWFILTER_BINDING_CREATE_XML, &args, &ret), ERROR_INTERNAL, "nftables: no");
        refusal = NULL;
        /* as vm-filter leaves it */
        test_daemon_write(d, "run/nwfilter-binding/tap2.xml", BINDING("tap2", "a"));
        test_daemon_pump(d);
        args.xml = (char *) BINDING("tap2", "a");
        refused(d, TEST_CALL(d, NWFILTER_BINDING_CREATE_XML, &args, &ret), ERROR_OPERATION_FAILED,
                "binding 'tap2' already exists");
        asked_for("bind;");
        refused(d, TEST_CALL(d, NWFILTER_BINDING_DELETE, &gone, NULL), ERROR_NO_NWFILTER_BINDING, "'tap1'");
        gone.nwfilter.portdev = (char *) "tap2";
        assert_int_equal(TEST_CALL(d, NWFILTER_BINDING_DELETE, &gone, NULL), 0);
        asked_for("unbind;");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(filters_are_defined_and_undefined, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_filter_is_not_its_own_part, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_a_tap_is_bound_to_stays, set_up, tear_down),
                cmocka_unit_test_setup_teardown(clients_bind_taps_of_their_own, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
