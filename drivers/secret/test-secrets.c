/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strings.h"
#include "secret.h"
#include "secret/secret.h"
#include "test-daemon.h"

#define UUID1 "11111111-1111-1111-1111-111111111111"
#define UUID2 "22222222-2222-2222-2222-222222222222"
#define CEPH(uuid, attributes, name) \
        "<secret " attributes "><uuid>" uuid "</uuid><usage type='ceph'><name>" name "</name></usage></secret>"

/* Seals by a line in front. */
static const char sealer[] = "#!/bin/sh\n"
                             "case $2 in\n"
                             "encrypt) printf 'sealed %s\\n' \"$1\"; cat ;;\n"
                             "decrypt) read -r line; [ \"$line\" = \"sealed $1\" ] || exit 1; cat ;;\n"
                             "esac\n";

static int set_up(void **state) {
        TestDaemon *d = calloc(1, sizeof(*d));
        _cleanup_free_ char *path = NULL;

        assert_non_null(d);
        test_daemon_init(d, &driver_secret);
        test_daemon_write(d, "sealer", sealer);
        path = test_daemon_path(d, "sealer");
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(setenv("UNITVIRT_SYSTEMD_CREDS", path, 1), 0);
        assert_int_equal(setenv("UNITVIRT_HOST_KEY", path, 1), 0);
        *state = d;
        return 0;
}

static int set_up_started(void **state) {
        int r = set_up(state);

        test_daemon_start(*state);
        return r;
}

static int tear_down(void **state) {
        TestDaemon *d = *state;

        test_daemon_stop(d);
        assert_int_equal(d->held, 0);
        test_daemon_done(d);
        free(d);
        return 0;
}

static int define(TestDaemon *d, const char *xml) {
        remote_secret_define_xml_args args = { .xml = (char *) xml };
        remote_secret_define_xml_ret ret = {};
        int r = TEST_CALL(d, SECRET_DEFINE_XML, &args, &ret);

        free(ret.secret.usageID);
        return r;
}

static remote_nonnull_secret wire(const char *uuid) {
        remote_nonnull_secret s = { .usageID = (char *) "" };

        assert_int_equal(uuid_parse(uuid, (uint8_t *) s.uuid), 0);
        return s;
}

static int set_value(TestDaemon *d, const char *uuid, const char *value) {
        remote_secret_set_value_args args = { .secret = wire(uuid),
                                              .value = { (unsigned) strlen(value), (char *) value } };

        return TEST_CALL(d, SECRET_SET_VALUE, &args, NULL);
}

/* NULL: it has none that is given out. */
static void value_is(TestDaemon *d, const char *uuid, const char *expected) {
        remote_secret_get_value_args args = { .secret = wire(uuid) };
        remote_secret_get_value_ret ret = {};
        int r = TEST_CALL(d, SECRET_GET_VALUE, &args, &ret);

        if (!expected) {
                assert_true(r < 0);
                return;
        }
        assert_int_equal(r, 0);
        assert_int_equal(ret.value.value_len, strlen(expected));
        assert_memory_equal(ret.value.value_val, expected, ret.value.value_len);
        free(ret.value.value_val);
}

static void definitions_exclude_each_other_as_libvirts_do(void **state) {
        static const struct {
                const char *xml;
                int code;
                const char *message;
        } rows[] = {
                { CEPH(UUID1, "private='yes'", "a"), 0, NULL },
                { CEPH(UUID1, "private='yes'", "a"), 0, NULL },
                { CEPH(UUID1, "private='yes'", "b"), ERROR_INTERNAL,
                  "a secret with UUID " UUID1 " is already defined for use with a" },
                { CEPH(UUID1, "", "a"), ERROR_INTERNAL, "cannot change private flag on existing secret" },
                { "<secret private='yes'><uuid>" UUID1 "</uuid><usage type='tls'><name>a</name></usage></secret>", 0,
                  NULL },
                { CEPH(UUID1, "private='yes'", "a"), 0, NULL },
                { CEPH(UUID2, "", "a"), ERROR_INTERNAL, "a secret with UUID " UUID1 " already defined for use with a" },
                { "<secret><usage type='iscsi'><target>a</target></usage></secret>", 0, NULL },
                { "<secret/>", 0, NULL },
                { "<secret><description>no usage, and none like it</description></secret>", 0, NULL },
                { "<secret><usage type='ceph'/></secret>", ERROR_XML_ERROR, NULL },
                { "<secret><usage type='wine'><name>x</name></usage></secret>", ERROR_XML_ERROR, NULL },
                { "<secret><uuid>1</uuid></secret>", ERROR_XML_ERROR, NULL },
                { "<domain/>", ERROR_XML_ERROR, NULL },
        };
        remote_connect_num_of_secrets_ret n = {};
        TestDaemon *d = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                int r = define(d, rows[i].xml);

                assert_int_equal(r < 0 ? d->error.code : 0, rows[i].code);
                if (rows[i].message)
                        assert_non_null(strstr(d->error.message, rows[i].message));
        }
        assert_int_equal(TEST_CALL(d, CONNECT_NUM_OF_SECRETS, NULL, &n), 0);
        assert_int_equal(n.num, 4);
}

static void lists_are_by_flags(void **state) {
        static const struct {
                unsigned flags, n;
        } rows[] = { { 0, 3 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 1 }, { 8, 2 }, { 1 | 4, 0 }, { 2 | 8, 1 } };
        remote_connect_list_secrets_args names = { .maxuuids = 2 };
        remote_connect_list_secrets_ret uuids = {};
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "ephemeral='yes'", "a")), 0);
        assert_int_equal(define(d, CEPH(UUID2, "private='yes'", "b")), 0);
        assert_int_equal(define(d, "<secret/>"), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                remote_connect_list_all_secrets_args args = { .flags = rows[i].flags };
                remote_connect_list_all_secrets_ret ret = {};

                assert_int_equal(TEST_CALL(d, CONNECT_LIST_ALL_SECRETS, &args, &ret), 0);
                assert_int_equal(ret.ret, rows[i].n);
        }
        assert_int_equal(TEST_CALL(d, CONNECT_LIST_SECRETS, &names, &uuids), 0);
        assert_int_equal(uuids.uuids.uuids_len, 2);
        for (unsigned i = 0; i < uuids.uuids.uuids_len; i++)
                free(uuids.uuids.uuids_val[i]);
        free(uuids.uuids.uuids_val);
}

static void usages_are_found(void **state) {
        remote_secret_lookup_by_usage_args args = { .usageType = SECRET_USAGE_CEPH, .usageID = (char *) "a" };
        remote_secret_lookup_by_usage_ret ret = {};
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        assert_int_equal(TEST_CALL(d, SECRET_LOOKUP_BY_USAGE, &args, &ret), 0);
        assert_int_equal(ret.secret.uuid[0], 0x11);
        assert_int_equal(ret.secret.usageType, SECRET_USAGE_CEPH);
        assert_string_equal(ret.secret.usageID, "a");
        free(ret.secret.usageID);
        args.usageType = SECRET_USAGE_TLS;
        assert_int_equal(TEST_CALL(d, SECRET_LOOKUP_BY_USAGE, &args, &ret), -ENOENT);
        assert_int_equal(d->error.code, ERROR_NO_SECRET);
}

static void values_are_sealed_and_given_back(void **state) {
        _cleanup_free_ char *long_value = malloc(SECRET_VALUE_MAX + 1);
        TestDaemon *d = *state;

        memset(long_value, 'x', SECRET_VALUE_MAX);
        long_value[SECRET_VALUE_MAX] = '\0';
        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        value_is(d, UUID1, NULL);
        assert_int_equal(d->error.code, ERROR_NO_SECRET);
        assert_int_equal(set_value(d, UUID1, "one"), 0);
        value_is(d, UUID1, "one");
        assert_true(test_daemon_has(d, "lib/secrets/" UUID1 ".cred"));
        assert_false(test_daemon_has(d, "etc/secrets/" UUID1 ".base64"));
        assert_int_equal(set_value(d, UUID1, long_value), 0);
        value_is(d, UUID1, long_value);
        assert_int_equal(set_value(d, UUID1, ""), -EINVAL);
        assert_int_equal(d->error.code, ERROR_INVALID_ARG);
        value_is(d, UUID1, long_value);
}

static void private_ones_are_for_the_host_alone(void **state) {
        _cleanup_secret_value_ SecretValue v = {};
        _cleanup_error_ Error e = ERROR_INIT;
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "private='yes'", "a")), 0);
        assert_int_equal(set_value(d, UUID1, "one"), 0);
        value_is(d, UUID1, NULL);
        assert_int_equal(d->error.code, ERROR_INVALID_SECRET);
        assert_int_equal(secret_read(UUID1, &v, &e), 0);
        assert_memory_equal(v.data, "one", 3);
}

static void without_a_key_values_are_kept_plain(void **state) {
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        assert_int_equal(set_value(d, UUID1, "one"), 0);
        assert_int_equal(setenv("UNITVIRT_HOST_KEY", "/nowhere", 1), 0);
        value_is(d, UUID1, "one");
        assert_int_equal(set_value(d, UUID1, "two"), 0);
        value_is(d, UUID1, "two");
        assert_true(test_daemon_has(d, "etc/secrets/" UUID1 ".base64"));
        assert_false(test_daemon_has(d, "lib/secrets/" UUID1 ".cred"));
}

/* A sealer that fails is no reason to keep a value plain, nor to lose the one that is there. */
static void what_cannot_be_sealed_changes_nothing(void **state) {
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        assert_int_equal(set_value(d, UUID1, "one"), 0);
        test_daemon_write(d, "sealer.bad", "#!/bin/sh\necho no >&2\nexit 1\n");
        {
                _cleanup_free_ char *bad = test_daemon_path(d, "sealer.bad"), *good = test_daemon_path(d, "sealer");

                assert_int_equal(chmod(bad, 0755), 0);
                assert_int_equal(setenv("UNITVIRT_SYSTEMD_CREDS", bad, 1), 0);
                assert_true(set_value(d, UUID1, "two") < 0);
                assert_int_equal(setenv("UNITVIRT_SYSTEMD_CREDS", good, 1), 0);
        }
        value_is(d, UUID1, "one");
        assert_false(test_daemon_has(d, "etc/secrets/" UUID1 ".base64"));
}

/* As "virsh secret-define" with another attribute: the value moves along. */
static void ephemeral_ones_are_in_run(void **state) {
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "ephemeral='yes'", "a")), 0);
        assert_int_equal(set_value(d, UUID1, "one"), 0);
        assert_true(test_daemon_has(d, "run/secrets/" UUID1 ".xml"));
        assert_true(test_daemon_has(d, "run/secrets/" UUID1 ".cred"));
        assert_false(test_daemon_has(d, "etc/secrets/" UUID1 ".xml"));
        assert_false(test_daemon_has(d, "lib/secrets/" UUID1 ".cred"));
        test_daemon_stop(d);
        test_daemon_start(d);
        value_is(d, UUID1, "one");

        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        assert_false(test_daemon_has(d, "run/secrets/" UUID1 ".xml"));
        assert_false(test_daemon_has(d, "run/secrets/" UUID1 ".cred"));
        value_is(d, UUID1, "one");
        assert_int_equal(define(d, CEPH(UUID1, "ephemeral='yes'", "a")), 0);
        assert_false(test_daemon_has(d, "etc/secrets/" UUID1 ".xml"));
        assert_false(test_daemon_has(d, "lib/secrets/" UUID1 ".cred"));
        value_is(d, UUID1, "one");
}

/* Rules go by the uuid and by what a secret is for. */
static void access_is_asked_by_use(void **state) {
        remote_connect_list_all_secrets_args all = {};
        remote_connect_list_all_secrets_ret ret = {};
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        assert_int_equal(set_value(d, UUID1, "one"), 0);
        d->deny = "b";
        assert_int_equal(define(d, CEPH(UUID2, "", "b")), -EACCES);
        assert_false(test_daemon_has(d, "etc/secrets/" UUID2 ".xml"));
        value_is(d, UUID1, "one");
        d->deny = "a";
        value_is(d, UUID1, NULL);
        assert_int_equal(set_value(d, UUID1, "two"), -EACCES);
        assert_int_equal(TEST_CALL(d, CONNECT_LIST_ALL_SECRETS, &all, &ret), 0);
        assert_int_equal(ret.ret, 0);
        d->deny = NULL;
        value_is(d, UUID1, "one");
}

static void undefining_leaves_nothing(void **state) {
        remote_secret_undefine_args args = { .secret = wire(UUID1) };
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        assert_int_equal(set_value(d, UUID1, "one"), 0);
        assert_string_equal(test_daemon_events(d), UUID1 " 0 0;");
        assert_int_equal(TEST_CALL(d, SECRET_UNDEFINE, &args, NULL), 0);
        assert_string_equal(test_daemon_events(d), UUID1 " 1 0;");
        assert_false(test_daemon_has(d, "etc/secrets/" UUID1 ".xml"));
        assert_false(test_daemon_has(d, "lib/secrets/" UUID1 ".cred"));
        assert_int_equal(TEST_CALL(d, SECRET_UNDEFINE, &args, NULL), -ENOENT);
        assert_int_equal(d->error.code, ERROR_NO_SECRET);
        test_daemon_pump(d);
        assert_string_equal(test_daemon_events(d), "");
}

static void documents_hold_no_value(void **state) {
        remote_secret_get_xml_desc_args args = { .secret = wire(UUID1) };
        remote_secret_get_xml_desc_ret ret = {};
        TestDaemon *d = *state;

        assert_int_equal(define(d, CEPH(UUID1, "", "a")), 0);
        assert_int_equal(set_value(d, UUID1, "valuable"), 0);
        assert_int_equal(TEST_CALL(d, SECRET_GET_XML_DESC, &args, &ret), 0);
        assert_string_equal(ret.xml, "<secret ephemeral='no' private='no'>\n"
                                     "  <uuid>" UUID1 "</uuid>\n"
                                     "  <usage type='ceph'>\n"
                                     "    <name>a</name>\n"
                                     "  </usage>\n"
                                     "</secret>\n");
        free(ret.xml);
}

/* libvirt's values are sealed at the start; one that is not base64 stays, and hurts no other. */
static void values_of_libvirt_are_adopted(void **state) {
        TestDaemon *d = *state;

        test_daemon_write(d, "etc/secrets/" UUID1 ".xml", CEPH(UUID1, "ephemeral='no' private='no'", "a"));
        test_daemon_write(d, "etc/secrets/" UUID1 ".base64", "b25l");
        test_daemon_write(d, "etc/secrets/" UUID2 ".xml", CEPH(UUID2, "ephemeral='no' private='no'", "b"));
        test_daemon_write(d, "etc/secrets/" UUID2 ".base64", "*");
        test_daemon_write(d, "lib/secrets/" UUID1 ".cred.abcdef.new", "half");
        test_daemon_start(d);
        value_is(d, UUID1, "one");
        for (unsigned i = 0; d->held > 0 && i < 1000; i++)
                test_daemon_pump(d);
        assert_false(test_daemon_has(d, "etc/secrets/" UUID1 ".base64"));
        assert_true(test_daemon_has(d, "lib/secrets/" UUID1 ".cred"));
        assert_false(test_daemon_has(d, "lib/secrets/" UUID1 ".cred.abcdef.new"));
        value_is(d, UUID1, "one");
        assert_true(test_daemon_has(d, "etc/secrets/" UUID2 ".base64"));
        value_is(d, UUID2, NULL);
        assert_int_equal(set_value(d, UUID2, "two"), 0);
        value_is(d, UUID2, "two");
        assert_false(test_daemon_has(d, "etc/secrets/" UUID2 ".base64"));
}

#define secret_test(f) cmocka_unit_test_setup_teardown(f, set_up_started, tear_down)

int main(void) {
        static const struct CMUnitTest tests[] = {
                secret_test(definitions_exclude_each_other_as_libvirts_do),
                secret_test(lists_are_by_flags),
                secret_test(usages_are_found),
                secret_test(values_are_sealed_and_given_back),
                secret_test(private_ones_are_for_the_host_alone),
                secret_test(without_a_key_values_are_kept_plain),
                secret_test(what_cannot_be_sealed_changes_nothing),
                secret_test(ephemeral_ones_are_in_run),
                secret_test(access_is_asked_by_use),
                secret_test(undefining_leaves_nothing),
                secret_test(documents_hold_no_value),
                cmocka_unit_test_setup_teardown(values_of_libvirt_are_adopted, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
