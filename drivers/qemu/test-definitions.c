/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Definitions: how they come and go, between a fake system manager and real files in a temporary folder. */

#include "base/strings.h"
#include "test-steps.h"

static void a_definition_is_a_file_and_a_drop_in(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *xml = NULL;

        assert_int_equal(define(h, WEB), 0);
        assert_string_equal(test_events(h), "web defined 0;");
        assert_true(test_file_exists(h, "etc/qemu/web.xml"));
        assert_true(test_file_exists(h, "units/vm@web.service.d/10-unitvirt.conf"));
        assert_int_equal(count(h, DOMAIN_LIST_INACTIVE), 1);
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 0);
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_UNKNOWN);
        xml = dumpxml(h, 0);
        assert_non_null(strstr(xml, "<name>web</name>"));
        assert_non_null(strstr(xml, "<uuid>" UUID "</uuid>"));
}

static void redefining_replaces(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *xml = NULL;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(define(h, "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid><title>new</title>"
                                   "<memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>"), 0);
        assert_string_equal(test_events(h), "web defined 0;web defined 1;");
        xml = dumpxml(h, DOMAIN_XML_INACTIVE);
        assert_non_null(strstr(xml, "<title>new</title>"));
        assert_int_equal(count(h, 0), 1);
}

static void a_name_or_uuid_in_use_is_refused(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(define(h, XML_OF("web", "<uuid>" OTHER_UUID "</uuid>")), -EEXIST);
        assert_string_equal(h->daemon.error.message, "operation failed: domain 'web' already exists with uuid " UUID);
        assert_int_equal(h->daemon.error.code, 9);
        assert_int_equal(h->daemon.error.origin, 20);
        assert_int_equal(define(h, XML_OF("db", "<uuid>" UUID "</uuid>")), -EEXIST);
        assert_string_equal(h->daemon.error.message,
                            "operation failed: domain 'web' is already defined with uuid " UUID);
        assert_int_equal(count(h, 0), 1);
}

static void names_that_are_no_files_are_refused(void **state) {
        TestHost *h = *state;

        assert_true(define(h, XML_OF("../x", "")) < 0);
        assert_true(define(h, XML_OF("a/b", "")) < 0);
        assert_true(define(h, XML_OF(".a", "")) < 0);
        assert_true(define(h, "<domain>") < 0);
        assert_int_equal(count(h, 0), 0);
        assert_string_equal(test_events(h), "");
}

static void files_made_by_hand_are_seen(void **state) {
        TestHost *h = *state;

        test_write(h, "etc/qemu/web.xml", WEB);
        test_pump(h);
        assert_int_equal(count(h, 0), 1);
        assert_string_equal(test_events(h), "web defined 0;");
        test_write(h, "etc/qemu/other.xml", WEB); /* name and file differ */
        test_write(h, "etc/qemu/bad.xml", "<domain");
        test_pump(h);
        assert_int_equal(count(h, 0), 1);
        test_remove(h, "etc/qemu/web.xml");
        test_pump(h);
        assert_int_equal(count(h, 0), 0);
}

static void a_definition_without_a_uuid_always_gets_the_same(void **state) {
        TestHost *h = *state;
        uint8_t uuid[16], again[16];

        test_write(h, "etc/qemu/web.xml", XML_OF("web", ""));
        test_pump(h);
        assert_non_null(guest_by_name(test_driver(h), "web"));
        memcpy(uuid, guest_by_name(test_driver(h), "web")->object.uuid, 16);
        test_restart_driver(h);
        memcpy(again, guest_by_name(test_driver(h), "web")->object.uuid, 16);
        assert_memory_equal(uuid, again, 16);
}

static void undefining_removes_what_defining_made(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_UNDEFINE), 0);
        assert_string_equal(test_events(h), "web defined 0;web undefined 0;");
        assert_false(test_file_exists(h, "etc/qemu/web.xml"));
        assert_false(test_file_exists(h, "units/vm@web.service.d/10-unitvirt.conf"));
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_UNDEFINE), -ENOENT);
        assert_int_equal(h->daemon.error.code, 42);
        assert_int_equal(h->daemon.error.origin, 10);
}

#define TPM_OF(attributes)                                                                                            \
        XML_OF("web",                                                                                                 \
               "<uuid>" UUID "</uuid><devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'" attributes \
               "/></tpm></devices>")

#define UNDEFINE_FLAGS(h, given)                                                                             \
        ({                                                                                                   \
                remote_args_DOMAIN_UNDEFINE_FLAGS _args = { .dom = dom_of("web", UUID), .flags = (given) };  \
                char _ret[512] = {};                                                                         \
                test_call((h), REMOTE_PROC_DOMAIN_UNDEFINE_FLAGS, &_args, _ret);                             \
        })

static void define_with_tpm_state(TestHost *h, const char *xml, char path[80]) {
        char uuid[37];

        assert_int_equal(define(h, xml), 0);
        uuid_format(guest_by_name(test_driver(h), "web")->object.uuid, uuid);
        (void) snprintf(path, 80, "lib/swtpm/%s/tpm2/tpm2-00.permall", uuid);
        test_write(h, path, "keys");
}

static void the_state_of_a_tpm_goes_with_its_guest(void **state) {
        TestHost *h = *state;
        char path[80];

        define_with_tpm_state(h, TPM_OF(""), path);
        assert_int_equal(UNDEFINE_FLAGS(h, UNDEFINE_TPM | UNDEFINE_KEEP_TPM), -EINVAL);
        assert_int_equal(UNDEFINE_FLAGS(h, UNDEFINE_KEEP_TPM), 0);
        assert_true(test_file_exists(h, path));
        define_with_tpm_state(h, TPM_OF(""), path);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_UNDEFINE), 0);
        assert_false(test_file_exists(h, path));
        *strstr(path, "/tpm2") = '\0';
        assert_false(test_file_exists(h, path));
        define_with_tpm_state(h, TPM_OF(" persistent_state='yes'"), path);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_UNDEFINE), 0);
        assert_true(test_file_exists(h, path));
        define_with_tpm_state(h, TPM_OF(" persistent_state='yes'"), path);
        assert_int_equal(UNDEFINE_FLAGS(h, UNDEFINE_TPM), 0);
        assert_false(test_file_exists(h, path));
}

static void leftovers_keep_a_definition(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        test_write(h, "lib/qemu/save/web.save", "x");
        assert_true(SIMPLE_CALL(h, DOMAIN_UNDEFINE) < 0);
        assert_int_equal(h->daemon.error.code, 55);
        assert_true(SIMPLE_CALL(h, DOMAIN_CREATE) < 0); /* restoring is not supported: not ignored either */
        test_remove(h, "lib/qemu/save/web.save");
        test_write(h, "lib/qemu/snapshot/web/s1.xml", "x");
        assert_true(SIMPLE_CALL(h, DOMAIN_UNDEFINE) < 0);
        assert_non_null(strstr(h->daemon.error.message, "1 snapshots"));
}

static void renaming_keeps_the_uuid(void **state) {
        TestHost *h = *state;
        char *name = (char *) "db";
        remote_domain_rename_args args = { .dom = dom_of("web", UUID), .new_name = &name };
        remote_domain_rename_ret ret = {};

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_RENAME, &args, &ret), 0);
        assert_string_equal(test_events(h), "web defined 0;web undefined 1;db defined 2;");
        assert_false(test_file_exists(h, "etc/qemu/web.xml"));
        assert_true(test_file_exists(h, "etc/qemu/db.xml"));
        assert_null(guest_by_name(test_driver(h), "web"));
        test_restart_driver(h);
        assert_non_null(guest_by_name(test_driver(h), "db"));
}

/* The daemon is killed at each step of a rename, and is started again. */
static void a_rename_is_gone_on_with(void **state) {
        TestHost *h = *state;

        /* nothing but the note */
        assert_int_equal(define(h, WEB), 0);
        test_write(h, "etc/qemu/autostart/web.xml", "x");
        test_write(h, "lib/qemu/renames/db.from", "web");
        test_restart_driver(h);
        assert_non_null(guest_by_name(test_driver(h), "web"));
        assert_false(test_file_exists(h, "lib/qemu/renames/db.from"));
        assert_string_equal(test_jobs(h), "");

        /* the new definition too */
        test_write(h, "etc/qemu/db.xml", XML_OF("db", "<uuid>" UUID "</uuid>"));
        test_write(h, "lib/qemu/renames/db.from", "web");
        test_restart_driver(h);
        assert_non_null(guest_by_name(test_driver(h), "db"));
        assert_null(guest_by_name(test_driver(h), "web"));
        assert_false(test_file_exists(h, "etc/qemu/web.xml"));
        assert_false(test_file_exists(h, "etc/qemu/autostart/web.xml"));
        assert_false(test_file_exists(h, "lib/qemu/renames/db.from"));
        assert_string_equal(test_jobs(h), "EnableUnitFiles vm@db.service;");

        /* all but the note */
        test_write(h, "lib/qemu/renames/db.from", "web");
        test_restart_driver(h);
        assert_non_null(guest_by_name(test_driver(h), "db"));
        assert_false(test_file_exists(h, "lib/qemu/renames/db.from"));

        /* another guest that got the old name since */
        test_write(h, "etc/qemu/web.xml", XML_OF("web", "<uuid>" OTHER_UUID "</uuid>"));
        test_write(h, "lib/qemu/renames/db.from", "web");
        test_restart_driver(h);
        assert_non_null(guest_by_name(test_driver(h), "db"));
        assert_non_null(guest_by_name(test_driver(h), "web"));
        assert_false(test_file_exists(h, "lib/qemu/renames/db.from"));
}

static int set_metadata(TestHost *h, int type, const char *text, const char *key, const char *uri) {
        char *t = (char *) text, *k = (char *) key, *u = (char *) uri;
        remote_domain_set_metadata_args args = {
                .dom = dom_of("web", UUID), .type = type, .metadata = text ? &t : NULL, .key = key ? &k : NULL,
                .uri = uri ? &u : NULL,
        };
        rpc_void nothing;

        return test_call(h, REMOTE_PROC_DOMAIN_SET_METADATA, &args, &nothing);
}

static char *get_metadata(TestHost *h, int type, const char *uri) {
        char *u = (char *) uri;
        remote_domain_get_metadata_args args = { .dom = dom_of("web", UUID), .type = type, .uri = uri ? &u : NULL };
        remote_domain_get_metadata_ret ret = {};

        (void) test_call(h, REMOTE_PROC_DOMAIN_GET_METADATA, &args, &ret);
        return ret.metadata;
}

static void metadata_is_kept_by_namespace(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *title = NULL, *element = NULL, *none = NULL;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(set_metadata(h, 1, "The web", NULL, NULL), 0);
        assert_int_equal(set_metadata(h, 0, "It serves", NULL, NULL), 0);
        assert_int_equal(set_metadata(h, 2, "<a x='1'><b/></a>", "app", "http://example.org/1"), 0);
        assert_int_equal(set_metadata(h, 2, "<c/>", "other", "http://example.org/2"), 0);
        test_restart_driver(h);
        title = get_metadata(h, 1, NULL);
        assert_string_equal(title, "The web");
        element = get_metadata(h, 2, "http://example.org/1");
        assert_string_equal(element, "<a x='1'><b/></a>");
        assert_int_equal(set_metadata(h, 2, NULL, NULL, "http://example.org/1"), 0);
        none = get_metadata(h, 2, "http://example.org/1");
        assert_null(none);
        assert_int_equal(h->daemon.error.code, 80);
        assert_true(set_metadata(h, 1, "two\nlines", NULL, NULL) < 0);
}

int main(void) {
        const struct CMUnitTest list[] = {
                TEST(a_definition_is_a_file_and_a_drop_in),
                TEST(redefining_replaces),
                TEST(a_name_or_uuid_in_use_is_refused),
                TEST(names_that_are_no_files_are_refused),
                TEST(files_made_by_hand_are_seen),
                TEST(a_definition_without_a_uuid_always_gets_the_same),
                TEST(undefining_removes_what_defining_made),
                TEST(the_state_of_a_tpm_goes_with_its_guest),
                TEST(leftovers_keep_a_definition),
                TEST(renaming_keeps_the_uuid),
                TEST(a_rename_is_gone_on_with),
                TEST(metadata_is_kept_by_namespace),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
