/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver between a fake system manager and fake QEMUs, all in one loop: the handlers are called as the supervisor
 * calls them, files are real ones in a temporary folder. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "test-host.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define OTHER_UUID "11111111-2222-3333-4444-666666666666"

#define XML_OF(name, uuid)                                                                                   \
        "<domain type='qemu'><name>" name "</name>" uuid "<memory unit='MiB'>128</memory><vcpu>2</vcpu>"     \
        "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
#define WEB XML_OF("web", "<uuid>" UUID "</uuid>")

static int define(TestHost *h, const char *xml) {
        remote_domain_define_xml_args args = { .xml = (char *) xml };
        remote_domain_define_xml_ret ret = {};
        int r = test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_define_xml, &args, &ret);

        free(ret.dom.name);
        return r;
}

static remote_nonnull_domain dom_of(const char *name, const char *uuid) {
        remote_nonnull_domain d = { .name = (char *) name, .id = -1 };

        assert_int_equal(uuid_parse(uuid, (uint8_t *) d.uuid), 0);
        return d;
}

#define SIMPLE_CALL(h, handler, kind)                                                                        \
        ({                                                                                                   \
                kind##_args _args = { .dom = dom_of("web", UUID) };                                          \
                char _ret[512] = {};                                                                         \
                test_call((h), (RpcHandlerFunc) (void (*)(void)) (handler), &_args, _ret);                   \
        })

static void assert_state(TestHost *h, int state, int reason) {
        remote_domain_get_state_args args = { .dom = dom_of("web", UUID) };
        remote_domain_get_state_ret ret = {};

        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_get_state, &args, &ret), 0);
        assert_int_equal(ret.state, state);
        assert_int_equal(ret.reason, reason);
}

static char *dumpxml(TestHost *h, unsigned flags) {
        remote_domain_get_xml_desc_args args = { .dom = dom_of("web", UUID), .flags = flags };
        remote_domain_get_xml_desc_ret ret = {};

        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_get_xml_desc, &args, &ret), 0);
        return ret.xml;
}

static unsigned count(TestHost *h, unsigned flags) {
        remote_connect_list_all_domains_args args = { .need_results = 0, .flags = flags };
        remote_connect_list_all_domains_ret ret = {};

        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) connect_list_all_domains, &args, &ret), 0);
        return ret.ret;
}

static void start_web(TestHost *h) {
        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(SIMPLE_CALL(h, domain_create, remote_domain_create), 0);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
}

/* --- definitions --- */

static void a_definition_is_a_file_and_a_drop_in(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *text = NULL, *xml = NULL;

        assert_int_equal(define(h, WEB), 0);
        assert_string_equal(test_events(h), "web defined 0;");
        assert_true(test_file_exists(h, "etc/qemu/web.xml"));
        assert_true(test_file_exists(h, "units/vm@web.service.d/50-unitvirt.conf"));
        assert_int_equal(count(h, LIST_INACTIVE), 1);
        assert_int_equal(count(h, LIST_ACTIVE), 0);
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
        xml = dumpxml(h, XML_INACTIVE);
        assert_non_null(strstr(xml, "<title>new</title>"));
        assert_int_equal(count(h, 0), 1);
}

static void a_name_or_uuid_in_use_is_refused(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(define(h, XML_OF("web", "<uuid>" OTHER_UUID "</uuid>")), -EEXIST);
        assert_string_equal(h->error.message, "operation failed: domain 'web' already exists with uuid " UUID);
        assert_int_equal(h->error.code, 9);
        assert_int_equal(h->error.origin, 20);
        assert_int_equal(define(h, XML_OF("db", "<uuid>" UUID "</uuid>")), -EEXIST);
        assert_string_equal(h->error.message, "operation failed: domain 'web' is already defined with uuid " UUID);
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
        assert_non_null(guests_by_name(h->driver, "web"));
        memcpy(uuid, guests_by_name(h->driver, "web")->uuid, 16);
        test_restart_driver(h);
        memcpy(again, guests_by_name(h->driver, "web")->uuid, 16);
        assert_memory_equal(uuid, again, 16);
}

static void undefining_removes_what_defining_made(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(SIMPLE_CALL(h, domain_undefine, remote_domain_undefine), 0);
        assert_string_equal(test_events(h), "web defined 0;web undefined 0;");
        assert_false(test_file_exists(h, "etc/qemu/web.xml"));
        assert_false(test_file_exists(h, "units/vm@web.service.d/50-unitvirt.conf"));
        assert_int_equal(SIMPLE_CALL(h, domain_undefine, remote_domain_undefine), -ENOENT);
        assert_int_equal(h->error.code, 42);
        assert_int_equal(h->error.origin, 10);
}

static void leftovers_keep_a_definition(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        test_write(h, "lib/qemu/save/web.save", "x");
        assert_true(SIMPLE_CALL(h, domain_undefine, remote_domain_undefine) < 0);
        assert_int_equal(h->error.code, 55);
        assert_true(SIMPLE_CALL(h, domain_create, remote_domain_create) < 0); /* restoring is not supported: not ignored either */
        test_remove(h, "lib/qemu/save/web.save");
        test_write(h, "lib/qemu/snapshot/web/s1.xml", "x");
        assert_true(SIMPLE_CALL(h, domain_undefine, remote_domain_undefine) < 0);
        assert_non_null(strstr(h->error.message, "1 snapshots"));
}

static void renaming_keeps_the_uuid(void **state) {
        TestHost *h = *state;
        char *name = (char *) "db";
        remote_domain_rename_args args = { .dom = dom_of("web", UUID), .new_name = &name };
        remote_domain_rename_ret ret = {};

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_rename, &args, &ret), 0);
        assert_string_equal(test_events(h), "web defined 0;web undefined 1;db defined 2;");
        assert_false(test_file_exists(h, "etc/qemu/web.xml"));
        assert_true(test_file_exists(h, "etc/qemu/db.xml"));
        assert_null(guests_by_name(h->driver, "web"));
        test_restart_driver(h);
        assert_non_null(guests_by_name(h->driver, "db"));
}

static int set_metadata(TestHost *h, int type, const char *text, const char *key, const char *uri) {
        char *t = (char *) text, *k = (char *) key, *u = (char *) uri;
        remote_domain_set_metadata_args args = {
                .dom = dom_of("web", UUID), .type = type, .metadata = text ? &t : NULL, .key = key ? &k : NULL,
                .uri = uri ? &u : NULL,
        };
        rpc_void nothing;

        return test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_set_metadata, &args, &nothing);
}

static char *get_metadata(TestHost *h, int type, const char *uri) {
        char *u = (char *) uri;
        remote_domain_get_metadata_args args = { .dom = dom_of("web", UUID), .type = type, .uri = uri ? &u : NULL };
        remote_domain_get_metadata_ret ret = {};

        (void) test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_get_metadata, &args, &ret);
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
        assert_int_equal(h->error.code, 80);
        assert_true(set_metadata(h, 1, "two\nlines", NULL, NULL) < 0);
}

/* --- starting and ending --- */

static void the_console_gets_its_pty(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *xml = NULL;

        assert_int_equal(define(h, "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid><memory unit='MiB'>64</memory>"
                                   "<os><type>hvm</type></os><devices><serial type='pty'><alias name='ua-x'/></serial></devices>"
                                   "</domain>"), 0);
        h->chardevs = "[{\"label\": \"charua-x\", \"filename\": \"pty:/dev/pts/77\"}]";
        assert_int_equal(SIMPLE_CALL(h, domain_create, remote_domain_create), 0);
        xml = dumpxml(h, 0);
        assert_non_null(strstr(xml, "<source path='/dev/pts/77'/>"));
}

static void starting_is_a_job_of_systemd(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *xml = NULL;

        start_web(h);
        assert_string_equal(test_events(h), "web defined 0;web resumed 0;web started 0;");
        assert_string_equal(test_jobs(h), "StartUnit vm@web.service;");
        assert_int_equal(guests_by_name(h->driver, "web")->id, 1);
        assert_int_equal(count(h, LIST_ACTIVE), 1);
        xml = dumpxml(h, 0);
        assert_non_null(strstr(xml, "id='1'"));
        assert_true(SIMPLE_CALL(h, domain_create, remote_domain_create) < 0);
        assert_string_equal(h->error.message, "Requested operation is not valid: domain is already running");
}

static void the_first_guest_of_a_machine_starts(void **state) {
        TestHost *h = *state;

        h->reloaded = false;
        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(SIMPLE_CALL(h, domain_create, remote_domain_create), 0);
        assert_string_equal(test_jobs(h), "Reload;StartUnit vm@web.service;");
        assert_int_equal(SIMPLE_CALL(h, domain_destroy, remote_domain_destroy), 0);
        test_unit_cleanup(h, "web", "destroyed");
        (void) test_jobs(h);
        assert_int_equal(SIMPLE_CALL(h, domain_create, remote_domain_create), 0);
        assert_string_equal(test_jobs(h), "StartUnit vm@web.service;");
}

static void a_failed_start_tells_why(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        h->fail_start = "/etc/libvirt/qemu/web.xml:3: disk: no such image\n";
        assert_true(SIMPLE_CALL(h, domain_create, remote_domain_create) < 0);
        assert_non_null(strstr(h->error.message, "web.xml:3: disk: no such image"));
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_FAILED);
        assert_string_equal(test_events(h), "web defined 0;");
}

static void destroying_ends_it_at_once(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        assert_int_equal(SIMPLE_CALL(h, domain_destroy, remote_domain_destroy), 0);
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_DESTROYED);
        assert_string_equal(test_events(h), "web stopped 1;");
        assert_string_equal(test_jobs(h), "StartUnit vm@web.service;KillUnit vm@web.service 10;");
        assert_true(SIMPLE_CALL(h, domain_destroy, remote_domain_destroy) < 0);
        assert_string_equal(h->error.message, "Requested operation is not valid: domain is not running");
        assert_int_equal(h->error.code, 55);
        assert_int_equal(h->error.origin, 20);
        test_unit_cleanup(h, "web", "destroyed");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_DESTROYED);
        assert_string_equal(test_events(h), "");
}

static void a_killed_qemu_is_noticed(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        test_qemu_close(h, "web");
        assert_string_equal(test_events(h), "web stopped 5;");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_CRASHED);
        test_unit_cleanup(h, "web", "crashed");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_CRASHED);
        assert_int_equal(count(h, LIST_ACTIVE), 0);
}

static void a_guest_that_powers_off_was_shut_down(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        assert_int_equal(SIMPLE_CALL(h, domain_shutdown, remote_domain_shutdown), 0);
        test_qemu_say(h, "web", "{'event':'SHUTDOWN','data':{'guest':true,'reason':'guest-shutdown'}}");
        assert_state(h, DOMAIN_SHUTDOWN, SHUTDOWN_USER);
        test_qemu_say(h, "web", "{'event':'STOP'}");
        assert_state(h, DOMAIN_SHUTDOWN, SHUTDOWN_USER);
        test_qemu_close(h, "web");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_SHUTDOWN);
        assert_string_equal(test_events(h), "web shutdown 1;web stopped 0;");
}

static void pausing_and_continuing(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        assert_int_equal(SIMPLE_CALL(h, domain_suspend, remote_domain_suspend), 0);
        assert_state(h, DOMAIN_PAUSED, PAUSED_USER);
        assert_int_equal(SIMPLE_CALL(h, domain_resume, remote_domain_resume), 0);
        assert_state(h, DOMAIN_RUNNING, RUNNING_UNPAUSED);
        assert_string_equal(test_events(h), "web suspended 0;web resumed 0;");
        assert_true(SIMPLE_CALL(h, domain_resume, remote_domain_resume) < 0);
        assert_int_equal(h->error.code, 55);
}

static void an_io_error_pauses_with_its_reason(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        test_qemu_say(h, "web", "{'event':'BLOCK_IO_ERROR','data':{'device':'','node-name':'libvirt-1-format',"
                                "'operation':'write','action':'stop','nospace':true,'reason':'No space'}}");
        test_qemu_say(h, "web", "{'event':'STOP'}");
        assert_state(h, DOMAIN_PAUSED, PAUSED_IOERROR);
        assert_string_equal(test_events(h), "web suspended 2;");
}

static void a_panic_is_a_crash(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        test_qemu_say(h, "web", "{'event':'GUEST_PANICKED','data':{'action':'pause'}}");
        assert_state(h, DOMAIN_CRASHED, CRASHED_PANICKED);
        test_qemu_close(h, "web");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_CRASHED);
        assert_string_equal(test_events(h), "web crashed 0;web stopped 2;");
}

static void a_start_by_systemctl_is_seen(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        (void) test_events(h);
        test_unit_start(h, "web", true);
        test_pump(h);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        assert_string_equal(test_events(h), "web resumed 0;web started 0;");
}

static void a_restarted_supervisor_finds_everything(void **state) {
        TestHost *h = *state;

        start_web(h);
        assert_int_equal(SIMPLE_CALL(h, domain_suspend, remote_domain_suspend), 0);
        (void) test_events(h);
        test_restart_driver(h);
        assert_state(h, DOMAIN_PAUSED, PAUSED_USER);
        assert_string_equal(test_events(h), "");
        assert_int_equal(guests_by_name(h->driver, "web")->id, 1);
        assert_int_equal(SIMPLE_CALL(h, domain_resume, remote_domain_resume), 0);
        assert_string_equal(test_events(h), "web resumed 0;");
        test_qemu_close(h, "web");
        test_unit_cleanup(h, "web", "crashed");
        test_restart_driver(h);
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_CRASHED);
}

static void a_restarted_supervisor_knows_the_reasons(void **state) {
        TestHost *h = *state;

        start_web(h);
        test_restart_driver(h);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        assert_int_equal(SIMPLE_CALL(h, domain_suspend, remote_domain_suspend), 0);
        assert_int_equal(SIMPLE_CALL(h, domain_resume, remote_domain_resume), 0);
        test_restart_driver(h);
        assert_state(h, DOMAIN_RUNNING, RUNNING_UNPAUSED);
        test_qemu_say(h, "web", "{'event':'WATCHDOG','data':{'action':'pause'}}");
        test_qemu_say(h, "web", "{'event':'STOP'}");
        assert_state(h, DOMAIN_PAUSED, PAUSED_WATCHDOG);
        /* What was kept of an earlier run says nothing of this one. */
        test_write(h, "run/qemu/web.state", "id=77\nstate=running\nreason=5\nautodestroy=yes\n");
        test_restart_driver(h);
        assert_false(test_file_exists(h, "run/qemu/web.state"));
        assert_int_equal(count(h, LIST_ACTIVE), 1);
}

static int create_autodestroy(TestHost *h) {
        remote_domain_create_with_flags_args args = { .dom = dom_of("web", UUID), .flags = CREATE_AUTODESTROY };
        remote_domain_create_with_flags_ret ret = {};
        int r = test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_create_with_flags, &args, &ret);

        free(ret.dom.name);
        return r;
}

static void autodestroy_holds_when_the_supervisor_dies(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(create_autodestroy(h), 0);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        assert_true(test_file_exists(h, "run/qemu/web.state"));
        (void) test_jobs(h);
        test_restart_driver(h);
        test_pump(h);
        assert_string_equal(test_jobs(h), "KillUnit vm@web.service 10;");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_DESTROYED);
        test_unit_cleanup(h, "web", "destroyed");

        /* Started by anybody else it is nobody's to destroy. */
        (void) test_jobs(h);
        test_unit_start(h, "web", true);
        test_pump(h);
        test_restart_driver(h);
        test_pump(h);
        assert_string_equal(test_jobs(h), "");
        assert_int_equal(count(h, LIST_ACTIVE), 1);
}

/* The supervisor dies while systemd starts the unit: there is no run yet. */
static void autodestroy_takes_back_a_start(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        test_write(h, "run/qemu/web.state", "autodestroy=yes\n");
        test_write(h, "run/qemu/gone.state", "autodestroy=yes\n");
        test_restart_driver(h);
        test_pump(h);
        assert_string_equal(test_jobs(h), "KillUnit vm@web.service 10;StopUnit vm@web.service;");
        assert_false(test_file_exists(h, "run/qemu/web.state"));
        assert_false(test_file_exists(h, "run/qemu/gone.state"));
}

static int is_updated(TestHost *h) {
        remote_domain_is_updated_args args = { .dom = dom_of("web", UUID) };
        remote_domain_is_updated_ret ret = { .updated = -1 };

        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_is_updated, &args, &ret), 0);
        return ret.updated;
}

static void an_update_is_known_after_a_restart(void **state) {
        TestHost *h = *state;

        start_web(h);
        assert_false(is_updated(h));
        usleep(20000); /* a tick of the clock that files have */
        assert_int_equal(define(h, WEB), 0);
        assert_true(is_updated(h));
        test_restart_driver(h);
        assert_true(is_updated(h));
        test_qemu_close(h, "web");
        test_unit_cleanup(h, "web", "crashed");
        assert_false(is_updated(h));
}

static void editing_a_running_guest_changes_its_next_start(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *live = NULL, *next = NULL;

        start_web(h);
        assert_int_equal(define(h, "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid><title>new</title>"
                                   "<memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>"), 0);
        live = dumpxml(h, 0);
        next = dumpxml(h, XML_INACTIVE);
        assert_null(strstr(live, "<title>new</title>"));
        assert_non_null(strstr(next, "<title>new</title>"));
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
}

static void undefining_a_running_guest_makes_it_transient(void **state) {
        TestHost *h = *state;

        start_web(h);
        assert_int_equal(SIMPLE_CALL(h, domain_undefine, remote_domain_undefine), 0);
        assert_int_equal(count(h, LIST_TRANSIENT), 1);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        assert_true(test_file_exists(h, "run/qemu/transient/web.xml"));
        assert_true(test_file_exists(h, "transient-units/vm@web.service.d/50-unitvirt.conf"));
        test_qemu_close(h, "web");
        test_remove(h, "run/qemu/transient/web.xml"); /* as vm-cleanup does */
        test_unit_cleanup(h, "web", "crashed");
        assert_int_equal(count(h, 0), 0);
}

static void a_transient_guest_leaves_nothing(void **state) {
        TestHost *h = *state;
        remote_domain_create_xml_args args = { .xml_desc = (char *) WEB };
        remote_domain_create_xml_ret ret = {};

        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_create_xml, &args, &ret), 0);
        assert_string_equal(ret.dom.name, "web");
        assert_int_equal(ret.dom.id, 1);
        free(ret.dom.name);
        assert_string_equal(test_events(h), "web resumed 0;web started 0;");
        assert_int_equal(count(h, LIST_TRANSIENT), 1);
        assert_true(SIMPLE_CALL(h, domain_undefine, remote_domain_undefine) < 0);
        assert_int_equal(SIMPLE_CALL(h, domain_destroy, remote_domain_destroy), 0);
        test_remove(h, "run/qemu/transient/web.xml");
        test_unit_cleanup(h, "web", "destroyed");
        assert_int_equal(count(h, 0), 0);
}

static void a_transient_guest_that_does_not_start_leaves_nothing(void **state) {
        TestHost *h = *state;
        remote_domain_create_xml_args args = { .xml_desc = (char *) WEB };
        remote_domain_create_xml_ret ret = {};

        h->fail_start = "no\n";
        assert_true(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_create_xml, &args, &ret) < 0);
        assert_int_equal(count(h, 0), 0);
        assert_false(test_file_exists(h, "run/qemu/transient/web.xml"));
        assert_false(test_file_exists(h, "transient-units/vm@web.service.d/50-unitvirt.conf"));
}

static void a_paused_start(void **state) {
        TestHost *h = *state;
        remote_domain_create_with_flags_args args = { .dom = dom_of("web", UUID), .flags = CREATE_PAUSED };
        remote_domain_create_with_flags_ret ret = {};

        assert_int_equal(define(h, WEB), 0);
        (void) test_events(h);
        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_create_with_flags, &args, &ret), 0);
        free(ret.dom.name);
        assert_true(test_file_exists(h, "run/qemu/web.request"));
        assert_state(h, DOMAIN_PAUSED, PAUSED_USER);
        assert_string_equal(test_events(h), "web started 0;web suspended 0;");
}

static void autostart_is_enablement(void **state) {
        TestHost *h = *state;
        remote_domain_set_autostart_args on = { .dom = dom_of("web", UUID), .autostart = 1 };
        remote_domain_set_autostart_args off = { .dom = dom_of("web", UUID), .autostart = 0 };
        rpc_void nothing;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_set_autostart, &on, &nothing), 0);
        assert_int_equal(count(h, LIST_AUTOSTART), 1);
        test_write(h, "etc/qemu/autostart/web.xml", "x");
        assert_int_equal(test_call(h, (RpcHandlerFunc) (void (*)(void)) domain_set_autostart, &off, &nothing), 0);
        assert_int_equal(count(h, LIST_AUTOSTART), 0);
        assert_false(test_file_exists(h, "etc/qemu/autostart/web.xml"));
        assert_string_equal(test_jobs(h), "EnableUnitFiles vm@web.service;DisableUnitFiles vm@web.service;");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_host_setup, test_host_teardown)

int main(void) {
        const struct CMUnitTest list[] = {
                TEST(a_definition_is_a_file_and_a_drop_in),
                TEST(redefining_replaces),
                TEST(a_name_or_uuid_in_use_is_refused),
                TEST(names_that_are_no_files_are_refused),
                TEST(files_made_by_hand_are_seen),
                TEST(a_definition_without_a_uuid_always_gets_the_same),
                TEST(undefining_removes_what_defining_made),
                TEST(leftovers_keep_a_definition),
                TEST(renaming_keeps_the_uuid),
                TEST(metadata_is_kept_by_namespace),
                TEST(the_console_gets_its_pty),
                TEST(starting_is_a_job_of_systemd),
                TEST(the_first_guest_of_a_machine_starts),
                TEST(a_failed_start_tells_why),
                TEST(destroying_ends_it_at_once),
                TEST(a_killed_qemu_is_noticed),
                TEST(a_guest_that_powers_off_was_shut_down),
                TEST(pausing_and_continuing),
                TEST(an_io_error_pauses_with_its_reason),
                TEST(a_panic_is_a_crash),
                TEST(a_start_by_systemctl_is_seen),
                TEST(a_restarted_supervisor_finds_everything),
                TEST(a_restarted_supervisor_knows_the_reasons),
                TEST(autodestroy_holds_when_the_supervisor_dies),
                TEST(autodestroy_takes_back_a_start),
                TEST(an_update_is_known_after_a_restart),
                TEST(editing_a_running_guest_changes_its_next_start),
                TEST(undefining_a_running_guest_makes_it_transient),
                TEST(a_transient_guest_leaves_nothing),
                TEST(a_transient_guest_that_does_not_start_leaves_nothing),
                TEST(a_paused_start),
                TEST(autostart_is_enablement),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
