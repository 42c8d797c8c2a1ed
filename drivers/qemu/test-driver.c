/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guests that start, run and end, between a fake system manager and fake QEMUs, all in one loop: the handlers are
 * called as the supervisor calls them, files are real ones in a temporary folder. */

#include "test-clock.h"
#include "test-steps.h"

static void the_console_gets_its_pty(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *xml = NULL;

        assert_int_equal(
                define(h, "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid><memory unit='MiB'>64</memory>"
                          "<os><type>hvm</type></os><devices><serial type='pty'><alias name='ua-x'/></serial></devices>"
                          "</domain>"),
                0);
        h->chardevs = "[{\"label\": \"charua-x\", \"filename\": \"pty:/dev/pts/77\"}]";
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        xml = dumpxml(h, 0);
        assert_non_null(strstr(xml, "<source path='/dev/pts/77'/>"));
}

static void starting_is_a_job_of_systemd(void **state) {
        TestHost *h = *state;
        _cleanup_free_ char *xml = NULL;

        start_web(h);
        assert_string_equal(test_events(h), "web defined 0;web resumed 0;web started 0;");
        assert_string_equal(test_jobs(h), "StartUnit vm@web.service;");
        assert_int_equal(guest_by_name(test_driver(h), "web")->id, 1);
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 1);
        xml = dumpxml(h, 0);
        assert_non_null(strstr(xml, "id='1'"));
        assert_true(SIMPLE_CALL(h, DOMAIN_CREATE) < 0);
        assert_string_equal(h->daemon.error.message, "Requested operation is not valid: domain is already running");
}

static void the_first_guest_of_a_machine_starts(void **state) {
        TestHost *h = *state;

        h->reloaded = false;
        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        assert_string_equal(test_jobs(h), "Reload;StartUnit vm@web.service;");
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_DESTROY), 0);
        test_unit_cleanup(h, "web", "destroyed");
        (void) test_jobs(h);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        assert_string_equal(test_jobs(h), "StartUnit vm@web.service;");
}

static void a_failed_start_tells_why(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        h->fail_start = "/etc/libvirt/qemu/web.xml:3: disk: no such image\n";
        assert_true(SIMPLE_CALL(h, DOMAIN_CREATE) < 0);
        assert_non_null(strstr(h->daemon.error.message, "web.xml:3: disk: no such image"));
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_FAILED);
        assert_string_equal(test_events(h), "web defined 0;");
}

static void destroying_ends_it_at_once(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_DESTROY), 0);
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_DESTROYED);
        assert_string_equal(test_events(h), "web stopped 1;");
        assert_string_equal(test_jobs(h), "StartUnit vm@web.service;KillUnit vm@web.service 10;");
        assert_true(SIMPLE_CALL(h, DOMAIN_DESTROY) < 0);
        assert_string_equal(h->daemon.error.message, "Requested operation is not valid: domain is not running");
        assert_int_equal(h->daemon.error.code, 55);
        assert_int_equal(h->daemon.error.origin, 20);
        test_unit_cleanup(h, "web", "destroyed");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_DESTROYED);
        assert_string_equal(test_events(h), "");
}

/* vm-run may be out of order: all of the unit is killed then. */
static void destroying_goes_on_to_the_whole_unit(void **state) {
        TestHost *h = *state;
        double begin;

        start_web(h);
        (void) test_events(h);
        (void) test_jobs(h);
        h->stubborn = true;
        begin = test_clock_seconds();
        test_clock_skips(true);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_DESTROY), 0);
        assert_true(test_clock_seconds() - begin >= 10);
        assert_string_equal(test_jobs(h), "KillUnit vm@web.service 10;KillUnit vm@web.service 9;");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_DESTROYED);
        assert_string_equal(test_events(h), "web stopped 1;");
}

/* The end of a connection is not the end of a guest. */
static void a_qemu_that_hides_is_active(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        (void) test_jobs(h);
        test_qemu_hide(h, "web");
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 1);
        for (unsigned i = 0; i < 10; i++)
                test_pump(h);
        assert_state(h, DOMAIN_RUNNING, RUNNING_UNKNOWN);
        assert_true(SIMPLE_CALL(h, DOMAIN_CREATE) < 0);
        test_restart_driver(h);
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 1);
        assert_state(h, DOMAIN_RUNNING, RUNNING_UNKNOWN);
        (void) test_jobs(h);
        h->unit_state = "inactive"; /* vm-run can end it */
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_DESTROY), 0);
        assert_string_equal(test_jobs(h), "KillUnit vm@web.service 10;");
}

/* A unit that was killed with its vm-cleanup: its files are there, and nothing runs. */
static void a_killed_cleanup_is_made_up_for(void **state) {
        TestHost *h = *state;

        start_web(h);
        h->unit_state = "failed";
        test_qemu_close(h, "web");
        (void) test_jobs(h);
        for (unsigned i = 0; i < 60 && test_file_exists(h, "run/qemu/web.xml"); i++)
                test_pump(h);
        assert_string_equal(test_jobs(h), "StartUnit vm-cleanup@web.service;");
        test_pump(h);
        h->unit_state = NULL;
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);

        /* The same found by a supervisor that comes later. */
        h->unit_state = "failed";
        (void) fake_qemu_kill(h, "web");
        (void) test_jobs(h);
        test_restart_driver(h);
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 0);
        test_pump(h);
        assert_string_equal(test_jobs(h), "StartUnit vm-cleanup@web.service;");
        assert_state(h, DOMAIN_SHUTOFF, SHUTOFF_UNKNOWN);
}

/* The events of a power off that vm-run makes a reset are nobody's business. */
static void a_reboot_is_a_reboot(void **state) {
        remote_domain_reboot_args args = { .dom = dom_of("web", UUID) };
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        h->stubborn = true; /* the signal is vm-run's, and ends nothing */
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_REBOOT, &args, NULL), 0);
        test_qemu_say(h, "web", "{'event': 'POWERDOWN'}");
        test_qemu_say(h, "web", "{'event': 'SHUTDOWN', 'data': {'guest': true, 'reason': 'guest-shutdown'}}");
        test_qemu_say(h, "web", "{'event': 'STOP'}");
        test_qemu_say(h, "web", "{'event': 'RESET', 'data': {'guest': false, 'reason': 'host-qmp-system-reset'}}");
        test_qemu_say(h, "web", "{'event': 'RESUME'}");
        assert_string_equal(test_events(h), "");
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        /* The next one is the guest's own. */
        test_qemu_say(h, "web", "{'event': 'SHUTDOWN', 'data': {'guest': true, 'reason': 'guest-shutdown'}}");
        assert_string_equal(test_events(h), "web shutdown 1;");
}

static void a_skipped_start_is_an_error(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        h->unmet = "/nope";
        assert_true(SIMPLE_CALL(h, DOMAIN_CREATE) < 0);
        assert_string_equal(h->daemon.error.detail,
                            "systemd did not start vm@web.service: ConditionPathExists=!/nope is not met");
        h->unmet = NULL;
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
}

static unsigned domstats(TestHost *h, unsigned flags, double *ret_seconds) {
        remote_connect_get_all_domain_stats_args args = { .flags = flags };
        remote_connect_get_all_domain_stats_ret ret = {};
        double begin = test_clock_seconds();
        unsigned n;

        assert_int_equal(test_call(h, REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS, &args, &ret), 0);
        *ret_seconds = test_clock_seconds() - begin;
        n = ret.retStats.retStats_len;
        rpc_free(remote_codec_CONNECT_GET_ALL_DOMAIN_STATS.ret, &ret);
        return n;
}

/* Five seconds for all; then it is known to be mute, until it says something. */
static void a_mute_qemu_holds_up_nobody(void **state) {
        remote_domain_get_info_args info = { .dom = dom_of("web", UUID) };
        remote_domain_get_info_ret info_ret = {};
        TestHost *h = *state;
        double seconds;

        start_web(h);
        test_clock_skips(true);
        h->silent = true;
        assert_int_equal(domstats(h, 1U << 29, &seconds), 1);
        assert_true(seconds < 2);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_GET_INFO, &info, &info_ret), 0);
        assert_int_equal(domstats(h, 0, &seconds), 1);
        assert_true(seconds > 4.9 && seconds < 9);
        assert_int_equal(domstats(h, 0, &seconds), 1);
        assert_true(seconds < 2);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SUSPEND), -ETIMEDOUT);
        assert_int_equal(h->daemon.error.code, 68);
        test_qemu_catch_up(h, "web");
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SUSPEND), 0);
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
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 0);
}

static void a_guest_that_powers_off_was_shut_down(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_events(h);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SHUTDOWN), 0);
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
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SUSPEND), 0);
        assert_state(h, DOMAIN_PAUSED, PAUSED_USER);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_RESUME), 0);
        assert_state(h, DOMAIN_RUNNING, RUNNING_UNPAUSED);
        assert_string_equal(test_events(h), "web suspended 0;web resumed 0;");
        assert_true(SIMPLE_CALL(h, DOMAIN_RESUME) < 0);
        assert_int_equal(h->daemon.error.code, 55);
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

static void a_reset_after_a_panic_has_its_reason(void **state) {
        TestHost *h = *state;

        start_web(h);
        test_qemu_say(h, "web", "{'event':'GUEST_PANICKED','data':{'action':'pause'}}");
        (void) test_events(h);
        test_qemu_say(h, "web", "{'event':'RESET','data':{'guest':false,'reason':'host-qmp-system-reset'}}");
        test_qemu_say(h, "web", "{'event':'RESUME'}");
        assert_state(h, DOMAIN_RUNNING, RUNNING_CRASHED);
        assert_string_equal(test_events(h), "web resumed 0;");
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
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SUSPEND), 0);
        (void) test_events(h);
        test_restart_driver(h);
        assert_state(h, DOMAIN_PAUSED, PAUSED_USER);
        assert_string_equal(test_events(h), "");
        assert_int_equal(guest_by_name(test_driver(h), "web")->id, 1);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_RESUME), 0);
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
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SUSPEND), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_RESUME), 0);
        test_restart_driver(h);
        assert_state(h, DOMAIN_RUNNING, RUNNING_UNPAUSED);
        test_qemu_say(h, "web", "{'event':'WATCHDOG','data':{'action':'pause'}}");
        test_qemu_say(h, "web", "{'event':'STOP'}");
        assert_state(h, DOMAIN_PAUSED, PAUSED_WATCHDOG);
        /* What was kept of an earlier run says nothing of this one. */
        test_write(h, "run/qemu/web.state", "id=77\nstate=running\nreason=5\nautodestroy=yes\n");
        test_restart_driver(h);
        assert_false(test_file_exists(h, "run/qemu/web.state"));
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 1);
}

/* What it finds is no news; what comes then is. */
static void a_restarted_supervisor_tells_what_follows(void **state) {
        TestHost *h = *state;

        start_web(h);
        test_qemu_say(h, "web", "{'event':'SUSPEND'}");
        assert_state(h, DOMAIN_PMSUSPENDED, 0);
        test_restart_driver(h);
        (void) test_events(h);
        assert_state(h, DOMAIN_PMSUSPENDED, 0);
        test_qemu_say(h, "web", "{'event':'WAKEUP'}");
        assert_state(h, DOMAIN_RUNNING, RUNNING_WAKEUP);
        test_qemu_say(h, "web", "{'event':'GUEST_PANICKED','data':{'action':'pause'}}");
        assert_string_equal(test_events(h), "web started 4;web crashed 0;");
        test_restart_driver(h);
        (void) test_events(h);
        assert_state(h, DOMAIN_CRASHED, CRASHED_PANICKED);
        test_qemu_close(h, "web");
        assert_string_equal(test_events(h), "web stopped 2;");
}

static int create_autodestroy(TestHost *h) {
        remote_domain_create_with_flags_args args = { .dom = dom_of("web", UUID), .flags = CREATE_AUTODESTROY };
        remote_domain_create_with_flags_ret ret = {};
        int r = test_call(h, REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS, &args, &ret);

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
        assert_int_equal(count(h, DOMAIN_LIST_ACTIVE), 1);
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

        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_IS_UPDATED, &args, &ret), 0);
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
        next = dumpxml(h, DOMAIN_XML_INACTIVE);
        assert_null(strstr(live, "<title>new</title>"));
        assert_non_null(strstr(next, "<title>new</title>"));
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
}

static void undefining_a_running_guest_makes_it_transient(void **state) {
        TestHost *h = *state;

        start_web(h);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_UNDEFINE), 0);
        assert_int_equal(count(h, DOMAIN_LIST_TRANSIENT), 1);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        assert_true(test_file_exists(h, "run/qemu/transient/web.xml"));
        assert_true(test_file_exists(h, "transient-units/vm@web.service.d/10-unitvirt.conf"));
        test_qemu_close(h, "web");
        test_remove(h, "run/qemu/transient/web.xml"); /* as vm-cleanup does */
        test_unit_cleanup(h, "web", "crashed");
        assert_int_equal(count(h, 0), 0);
}

static void a_transient_guest_leaves_nothing(void **state) {
        TestHost *h = *state;
        remote_domain_create_xml_args args = { .xml_desc = (char *) WEB };
        remote_domain_create_xml_ret ret = {};
        remote_domain_lookup_by_name_args by_name = { .name = (char *) "web" };
        remote_domain_lookup_by_name_ret found = {};

        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_CREATE_XML, &args, &ret), 0);
        assert_string_equal(ret.dom.name, "web");
        assert_int_equal(ret.dom.id, 1);
        free(ret.dom.name);
        assert_string_equal(test_events(h), "web resumed 0;web started 0;");
        assert_int_equal(count(h, DOMAIN_LIST_TRANSIENT), 1);
        assert_true(SIMPLE_CALL(h, DOMAIN_UNDEFINE) < 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_DESTROY), 0);
        /* vm-cleanup has yet to come */
        assert_true(test_file_exists(h, "run/qemu/transient/web.xml"));
        assert_int_equal(count(h, 0), 0);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_LOOKUP_BY_NAME, &by_name, &found), -ENOENT);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_DESTROY), -ENOENT);
        test_remove(h, "run/qemu/transient/web.xml");
        test_unit_cleanup(h, "web", "destroyed");
        assert_int_equal(count(h, 0), 0);
}

static void a_transient_guest_that_does_not_start_leaves_nothing(void **state) {
        TestHost *h = *state;
        remote_domain_create_xml_args args = { .xml_desc = (char *) WEB };
        remote_domain_create_xml_ret ret = {};

        h->fail_start = "no\n";
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_CREATE_XML, &args, &ret) < 0);
        assert_int_equal(count(h, 0), 0);
        assert_false(test_file_exists(h, "run/qemu/transient/web.xml"));
        assert_false(test_file_exists(h, "transient-units/vm@web.service.d/10-unitvirt.conf"));
}

static void a_paused_start(void **state) {
        TestHost *h = *state;
        remote_domain_create_with_flags_args args = { .dom = dom_of("web", UUID), .flags = CREATE_PAUSED };
        remote_domain_create_with_flags_ret ret = {};

        assert_int_equal(define(h, WEB), 0);
        (void) test_events(h);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS, &args, &ret), 0);
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
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_AUTOSTART, &on, &nothing), 0);
        assert_int_equal(count(h, DOMAIN_LIST_AUTOSTART), 1);
        test_write(h, "etc/qemu/autostart/web.xml", "x");
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_AUTOSTART, &off, &nothing), 0);
        assert_int_equal(count(h, DOMAIN_LIST_AUTOSTART), 0);
        assert_false(test_file_exists(h, "etc/qemu/autostart/web.xml"));
        assert_string_equal(test_jobs(h), "EnableUnitFiles vm@web.service;DisableUnitFiles vm@web.service;");
}

int main(void) {
        const struct CMUnitTest list[] = {
                TEST(the_console_gets_its_pty),
                TEST(starting_is_a_job_of_systemd),
                TEST(the_first_guest_of_a_machine_starts),
                TEST(a_failed_start_tells_why),
                TEST(destroying_ends_it_at_once),
                TEST(a_reboot_is_a_reboot),
                TEST(a_skipped_start_is_an_error),
                TEST(a_mute_qemu_holds_up_nobody),
                TEST(destroying_goes_on_to_the_whole_unit),
                TEST(a_qemu_that_hides_is_active),
                TEST(a_killed_cleanup_is_made_up_for),
                TEST(a_killed_qemu_is_noticed),
                TEST(a_guest_that_powers_off_was_shut_down),
                TEST(pausing_and_continuing),
                TEST(an_io_error_pauses_with_its_reason),
                TEST(a_panic_is_a_crash),
                TEST(a_reset_after_a_panic_has_its_reason),
                TEST(a_start_by_systemctl_is_seen),
                TEST(a_restarted_supervisor_finds_everything),
                TEST(a_restarted_supervisor_knows_the_reasons),
                TEST(a_restarted_supervisor_tells_what_follows),
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
