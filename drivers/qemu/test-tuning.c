/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits and counts that are changed while a guest runs, and from its next start on. */

#include "base/fs.h"
#include "test-steps.h"

#include "rpc/typed-params.h"

static remote_typed_param number(const char *name, TypedParamType type, uint64_t v) {
        remote_typed_param p = { .field = (char *) name, .value = { .type = (int) type } };

        if (type == TYPED_PARAM_UINT)
                p.value.remote_typed_param_value_u.ui = (unsigned) v;
        else if (type == TYPED_PARAM_INT)
                p.value.remote_typed_param_value_u.i = (int) v;
        else
                p.value.remote_typed_param_value_u.ul = v;
        return p;
}

static remote_typed_param text(const char *name, const char *v) {
        return (remote_typed_param) { .field = (char *) name,
                                      .value = { .type = TYPED_PARAM_STRING,
                                                 .remote_typed_param_value_u = { .s = (char *) v } } };
}

#define SET(h, NAME, name, flags_, ...)                                                                      \
        ({                                                                                                   \
                remote_typed_param _p[] = { __VA_ARGS__ };                                                   \
                remote_domain_##name##_args _args = { .dom = dom_of("web", UUID), .flags = (flags_) };       \
                rpc_void _none;                                                                              \
                _args.params.params_val = _p;                                                                \
                _args.params.params_len = ELEMENTSOF(_p);                                                    \
                test_call((h), REMOTE_PROC_DOMAIN_##NAME, &_args, &_none);                                   \
        })

static bool shows(TestHost *h, unsigned flags, const char *wanted) {
        _cleanup_free_ char *xml = dumpxml(h, flags);

        return strstr(xml, wanted);
}

static void shares_and_quota(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_jobs(h);
        assert_int_equal(SET(h, SET_SCHEDULER_PARAMETERS_FLAGS, set_scheduler_parameters_flags, LIVE,
                             number("cpu_shares", TYPED_PARAM_ULLONG, 300),
                             number("global_quota", TYPED_PARAM_LLONG, 50000)), 0);
        assert_string_equal(test_jobs(h), "SetUnitProperties vm@web.service CPUWeight CPUQuotaPerSecUSec;");
        assert_true(shows(h, 0, "<shares>300</shares>"));
        assert_false(shows(h, DOMAIN_XML_INACTIVE, "<shares>"));
        assert_true(test_file_exists(h, "run/qemu/web.undo"));
        assert_int_equal(SET(h, SET_SCHEDULER_PARAMETERS_FLAGS, set_scheduler_parameters_flags, LIVE | CONFIG,
                             number("cpu_shares", TYPED_PARAM_ULLONG, 400)), 0);
        assert_true(shows(h, 0, "<shares>400</shares>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<shares>400</shares>"));
        assert_true(SET(h, SET_SCHEDULER_PARAMETERS_FLAGS, set_scheduler_parameters_flags, LIVE,
                        number("cpu_shares", TYPED_PARAM_ULLONG, 20000)) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        assert_true(SET(h, SET_SCHEDULER_PARAMETERS_FLAGS, set_scheduler_parameters_flags, LIVE,
                        number("weight", TYPED_PARAM_UINT, 2)) < 0);
        assert_int_equal(h->daemon.error.code, ERROR_ARGUMENT_UNSUPPORTED);
        assert_true(shows(h, 0, "<shares>400</shares>"));
}

static void memory_limits(void **state) {
        TestHost *h = *state;

        start_web(h);
        (void) test_jobs(h);
        assert_int_equal(SET(h, SET_MEMORY_PARAMETERS, set_memory_parameters, LIVE,
                             number("hard_limit", TYPED_PARAM_ULLONG, 1048576)), 0);
        assert_string_equal(test_jobs(h), "SetUnitProperties vm@web.service MemoryMax;");
        assert_true(shows(h, 0, "<hard_limit unit='KiB'>1048576</hard_limit>"));
        assert_true(SET(h, SET_MEMORY_PARAMETERS, set_memory_parameters, LIVE,
                        number("swap_hard_limit", TYPED_PARAM_ULLONG, 1000)) < 0);
        assert_int_equal(SET(h, SET_MEMORY_PARAMETERS, set_memory_parameters, LIVE,
                             number("hard_limit", TYPED_PARAM_ULLONG, 9007199254740991ULL)), 0);
        assert_false(shows(h, 0, "hard_limit"));
}

static void disks_of_the_host(void **state) {
        TestHost *h = *state;

        start_web(h);
        assert_int_equal(SET(h, SET_BLKIO_PARAMETERS, set_blkio_parameters, CONFIG,
                             number("weight", TYPED_PARAM_UINT, 500),
                             text("device_read_bytes_sec", "/dev/sda,1000,/dev/sdb,2000")), 0);
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<path>/dev/sdb</path>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<weight>500</weight>"));
        assert_int_equal(SET(h, SET_BLKIO_PARAMETERS, set_blkio_parameters, CONFIG,
                             text("device_read_bytes_sec", "/dev/sdb,0")), 0);
        assert_false(shows(h, DOMAIN_XML_INACTIVE, "/dev/sdb"));
        assert_true(SET(h, SET_BLKIO_PARAMETERS, set_blkio_parameters, CONFIG,
                        text("device_read_bytes_sec", "sda,many")) < 0);
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "/dev/sda"));
        assert_true(SET(h, SET_NUMA_PARAMETERS, set_numa_parameters, LIVE, text("numa_nodeset", "1000")) < 0);
        assert_int_equal(h->daemon.error.code, ERROR_INVALID_ARG);
        assert_true(SET(h, SET_NUMA_PARAMETERS, set_numa_parameters, LIVE,
                        number("numa_mode", TYPED_PARAM_INT, 1)) < 0);
        assert_int_equal(h->daemon.error.code, ERROR_OPERATION_INVALID);
        assert_int_equal(SET(h, SET_NUMA_PARAMETERS, set_numa_parameters, LIVE, text("numa_nodeset", "0")), 0);
        assert_true(shows(h, 0, "<memory mode='strict' nodeset='0'/>"));
}

static int iothread(TestHost *h, bool add, unsigned id, unsigned flags) {
        remote_domain_add_iothread_args a = { .dom = dom_of("web", UUID), .iothread_id = id, .flags = flags };
        remote_domain_del_iothread_args d = { .dom = dom_of("web", UUID), .iothread_id = id, .flags = flags };
        rpc_void none;

        return add ? test_call(h, REMOTE_PROC_DOMAIN_ADD_IOTHREAD, &a, &none)
                   : test_call(h, REMOTE_PROC_DOMAIN_DEL_IOTHREAD, &d, &none);
}

static void iothreads_come_and_go(void **state) {
        TestHost *h = *state;
        remote_domain_get_iothread_info_args args = { .dom = dom_of("web", UUID), .flags = LIVE };
        remote_domain_get_iothread_info_ret ret = {};

        start_web(h);
        assert_int_equal(iothread(h, true, 7, LIVE | CONFIG), 0);
        assert_true(shows(h, 0, "<iothread id='7'/>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<iothreads>1</iothreads>"));
        assert_true(iothread(h, true, 7, LIVE) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_GET_IOTHREAD_INFO, &args, &ret), 0);
        assert_int_equal(ret.info.info_len, 1);
        assert_int_equal(ret.info.info_val[0].iothread_id, 7);
        xdr_free((xdrproc_t) (void (*)(void)) xdr_remote_domain_get_iothread_info_ret, (char *) &ret);
        assert_int_equal(iothread(h, false, 7, LIVE), 0);
        assert_false(shows(h, 0, "iothread"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<iothread id='7'/>"));
        assert_true(iothread(h, false, 7, LIVE) < 0);
        assert_true(iothread(h, true, 0, LIVE) < 0);
}

static void counts_of_vcpus(void **state) {
        TestHost *h = *state;
        remote_domain_set_vcpus_flags_args args = { .dom = dom_of("web", UUID), .nvcpus = 1, .flags = CONFIG };
        rpc_void none;

        start_web(h);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none), 0);
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<vcpu placement='static' current='1'>2</vcpu>"));
        args.nvcpus = 3;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        args.flags = CONFIG | VCPU_MAXIMUM;
        args.nvcpus = 4;
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none), 0);
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<vcpu placement='static' current='1'>4</vcpu>"));
        args.flags = LIVE | VCPU_MAXIMUM;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none) < 0);
        args.flags = CONFIG;
        args.nvcpus = 0;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none) < 0);
}

static int single_vcpu(TestHost *h, const char *which, int on, unsigned flags) {
        remote_domain_set_vcpu_args args = { .dom = dom_of("web", UUID), .cpumap = (char *) which, .state = on,
                                             .flags = flags };
        rpc_void none;

        return test_call(h, REMOTE_PROC_DOMAIN_SET_VCPU, &args, &none);
}

static void single_vcpus(void **state) {
        TestHost *h = *state;

        start_web(h);
        assert_int_equal(single_vcpu(h, "1", 0, CONFIG), 0);
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<vcpu placement='static' current='1'>2</vcpu>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<vcpu id='1' enabled='no' hotpluggable='yes'/>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<vcpu id='0' enabled='yes' hotpluggable='no'"));
        assert_int_equal(single_vcpu(h, "1", 1, CONFIG), 0);
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<vcpu id='1' enabled='yes' hotpluggable='yes'"));
        assert_true(single_vcpu(h, "0", 0, CONFIG) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        assert_true(single_vcpu(h, "2", 1, CONFIG) < 0);
        assert_true(single_vcpu(h, "nonsense", 1, CONFIG) < 0);
        assert_true(single_vcpu(h, "1", 7, CONFIG) < 0);
}

static void how_an_iothread_waits(void **state) {
        remote_typed_param params[] = {
                { .field = (char *) "poll_max_ns",
                  .value = { .type = TYPED_PARAM_ULLONG, .remote_typed_param_value_u.ul = 4096 } },
                { .field = (char *) "poll_grow",
                  .value = { .type = TYPED_PARAM_UINT, .remote_typed_param_value_u.ui = 2 } },
                { .field = (char *) "thread_pool_max",
                  .value = { .type = TYPED_PARAM_INT, .remote_typed_param_value_u.i = 8 } },
        };
        remote_domain_set_iothread_params_args args = {
                .dom = dom_of("web", UUID), .iothread_id = 7, .flags = LIVE | CONFIG,
                .params = { .params_len = ELEMENTSOF(params), .params_val = params },
        };
        TestHost *h = *state;
        rpc_void none;

        start_web(h);
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_IOTHREAD_PARAMS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        assert_int_equal(iothread(h, true, 7, LIVE | CONFIG), 0);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_IOTHREAD_PARAMS, &args, &none), 0);
        assert_true(shows(h, 0, "<iothread id='7' thread_pool_max='8'>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<poll max='4096' grow='2'/>"));
        params[2].value.remote_typed_param_value_u.i = -1;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_IOTHREAD_PARAMS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 55);
        params[2].field = (char *) "nonsense";
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_IOTHREAD_PARAMS, &args, &none) < 0);
        args.iothread_id = 0;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_IOTHREAD_PARAMS, &args, &none) < 0);
}

static void ends_of_life(void **state) {
        TestHost *h = *state;
        remote_domain_set_lifecycle_action_args args = { .dom = dom_of("web", UUID), .type = 1, .action = 0,
                                                         .flags = CONFIG };
        rpc_void none;

        start_web(h);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_LIFECYCLE_ACTION, &args, &none), 0);
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<on_reboot>destroy</on_reboot>"));
        assert_false(shows(h, 0, "<on_reboot>destroy</on_reboot>"));
        args.flags = LIVE;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_LIFECYCLE_ACTION, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 84);
        args.flags = CONFIG;
        args.action = 17;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_LIFECYCLE_ACTION, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 8);
}

static void pins(void **state) {
        TestHost *h = *state;
        char first[] = { 1 }, none_of_them[] = { 0 };
        remote_domain_pin_vcpu_flags_args args = { .dom = dom_of("web", UUID), .vcpu = 1, .flags = CONFIG };
        rpc_void none;

        start_web(h);
        args.cpumap.cpumap_val = none_of_them;
        args.cpumap.cpumap_len = 1;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_PIN_VCPU_FLAGS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        args.cpumap.cpumap_val = first;
        args.vcpu = 2;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_PIN_VCPU_FLAGS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 8);
        /* QEMU names no thread of its own here */
        args.vcpu = 1;
        args.flags = LIVE;
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_PIN_VCPU_FLAGS, &args, &none) < 0);
        assert_false(shows(h, 0, "vcpupin"));
}

/* QEMU would not notice. */
static void make_kvm(TestHost *h) {
        static const char from[] = "type='qemu'", to[] = "type='kvm' ";
        _cleanup_free_ char *path = test_path(h, "run/qemu/web.xml"), *text = NULL;

        assert_int_equal(file_read(path, 65536, &text, NULL), 0);
        memcpy(strstr(text, from), to, strlen(to));
        test_write(h, "run/qemu/web.xml", text);
}

/* One that was plugged in goes with the guest's leave, now or later; one that was there from the start stays. */
static void vcpus_taken_away(void **state) {
        TestHost *h = *state;
        remote_domain_set_vcpus_flags_args args = { .dom = dom_of("web", UUID), .nvcpus = 1, .flags = LIVE };
        rpc_void none;

        start_web(h);
        h->places = "[{\"type\": \"c\", \"props\": {\"socket-id\": 1}, \"qom-path\": \"/machine/peripheral/vcpu1\"},"
                    " {\"type\": \"c\", \"props\": {\"socket-id\": 0},"
                    " \"qom-path\": \"/machine/unattached/device[0]\"}]";
        assert_true(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none) < 0);
        assert_int_equal(h->daemon.error.code, 84);
        make_kvm(h);
        (void) test_commands(h);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none), 0);
        assert_string_equal(test_commands(h), "device_del;");
        assert_true(shows(h, 0, "<vcpu placement='static' current='1'>2</vcpu>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<vcpu placement='static'>2</vcpu>"));
        args.nvcpus = 2;
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, &none), 0);

        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SUSPEND), 0);
        h->slow_unplug = true;
        assert_true(single_vcpu(h, "1", 0, LIVE) < 0);
        assert_int_equal(h->daemon.error.code, 68);
        assert_true(shows(h, 0, "<vcpu placement='static'>2</vcpu>"));
        test_qemu_say(h, "web", "{'event': 'DEVICE_DELETED', 'data': {'device': 'vcpu1', 'path': '/'}, "
                                "'timestamp': {'seconds': 1, 'microseconds': 2}}");
        test_pump(h);
        assert_true(shows(h, 0, "<vcpu placement='static' current='1'>2</vcpu>"));

        h->places = "[{\"type\": \"c\", \"props\": {\"socket-id\": 1},"
                    " \"qom-path\": \"/machine/unattached/device[1]\"}]";
        assert_true(single_vcpu(h, "1", 0, LIVE) < 0);
        assert_int_equal(h->daemon.error.code, 84);
}

/* --- disks --- */

#define RAW_DISK(dev) \
        "<disk type='file'><source file='/images/" dev ".raw'/><target dev='" dev "' bus='virtio'/></disk>"

static void start_with_disks(TestHost *h) {
        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(attach(h, RAW_DISK("vda"), CONFIG), 0);
        assert_int_equal(attach(h, RAW_DISK("vdb"), CONFIG), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        (void) test_commands(h);
}

static int limit_disk(TestHost *h, const char *disk, unsigned flags, remote_typed_param *p, unsigned n) {
        remote_domain_set_block_io_tune_args args = { .dom = dom_of("web", UUID), .disk = (char *) disk,
                                                      .params = { n, p }, .flags = flags };
        rpc_void none;

        return test_call(h, REMOTE_PROC_DOMAIN_SET_BLOCK_IO_TUNE, &args, &none);
}

static unsigned times(const char *text, const char *word) {
        unsigned n = 0;

        while ((text = strstr(text, word))) {
                text += strlen(word);
                n++;
        }
        return n;
}

/* One that joins a group has its limits; what is said of one of them is said of all. */
static void limits_of_a_group(void **state) {
        remote_typed_param first[] = { text("group_name", "pair"), number("total_iops_sec", TYPED_PARAM_ULLONG, 900) };
        remote_typed_param join[] = { text("group_name", "pair") };
        remote_typed_param more[] = { number("total_iops_sec", TYPED_PARAM_ULLONG, 700) };
        _cleanup_free_ char *joined = NULL, *changed = NULL;
        TestHost *h = *state;

        start_with_disks(h);
        assert_int_equal(limit_disk(h, "vda", LIVE, first, 2), 0);
        assert_int_equal(limit_disk(h, "vdb", LIVE, join, 1), 0);
        joined = dumpxml(h, 0);
        assert_int_equal(times(joined, "<total_iops_sec>900</total_iops_sec>"), 2);
        assert_int_equal(limit_disk(h, "vdb", LIVE, more, 1), 0);
        changed = dumpxml(h, 0);
        assert_int_equal(times(changed, "<total_iops_sec>700</total_iops_sec>"), 2);
        assert_string_equal(test_commands(h), "block_set_io_throttle;block_set_io_throttle;block_set_io_throttle;");
        assert_false(shows(h, DOMAIN_XML_INACTIVE, "iotune"));
}

static int set_group(TestHost *h, const char *name, unsigned flags, uint64_t iops) {
        remote_typed_param p = number("total_iops_sec", TYPED_PARAM_ULLONG, iops);
        remote_domain_set_throttle_group_args args = { .dom = dom_of("web", UUID), .group = (char *) name,
                                                       .params = { 1, &p }, .flags = flags };
        rpc_void none;

        return test_call(h, REMOTE_PROC_DOMAIN_SET_THROTTLE_GROUP, &args, &none);
}

static int delete_group(TestHost *h, const char *name, unsigned flags) {
        char *group = (char *) name;
        remote_domain_del_throttle_group_args args = { .dom = dom_of("web", UUID), .group = &group, .flags = flags };
        rpc_void none;

        return test_call(h, REMOTE_PROC_DOMAIN_DEL_THROTTLE_GROUP, &args, &none);
}

static void groups_of_limits(void **state) {
        static const char filtered[] = "<disk type='file'><driver name='qemu' type='qcow2'/>"
                                       "<source file='/images/vdc.qcow2'/><target dev='vdc' bus='virtio'/>"
                                       "<throttlefilters><throttlefilter group='slow'/></throttlefilters></disk>";
        TestHost *h = *state;

        start_with_disks(h);
        assert_int_equal(set_group(h, "slow", LIVE | CONFIG, 400), 0);
        assert_string_equal(test_commands(h), "object-add;");
        assert_true(shows(h, 0, "<total_iops_sec>400</total_iops_sec>"));
        assert_int_equal(set_group(h, "slow", LIVE, 500), 0);
        assert_string_equal(test_commands(h), "qom-set;");
        assert_true(shows(h, 0, "<total_iops_sec>500</total_iops_sec>"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<total_iops_sec>400</total_iops_sec>"));
        assert_int_equal(attach(h, filtered, CONFIG), 0);
        assert_true(delete_group(h, "slow", LIVE | CONFIG) < 0);
        assert_refused(h, 8, "throttle group 'slow' is still being used by disk vdc");
        assert_int_equal(delete_group(h, "slow", LIVE), 0);
        assert_string_equal(test_commands(h), "object-del;");
        assert_false(shows(h, 0, "slow"));
        assert_true(shows(h, DOMAIN_XML_INACTIVE, "<group_name>slow</group_name>"));
        h->refuse = "object-add";
        assert_true(set_group(h, "fast", LIVE, 1000) < 0);
        assert_false(shows(h, 0, "fast"));
}

/* What the definition does not say is 0 where the guest is off. */
static void schedule_of_a_definition(void **state) {
        remote_domain_get_scheduler_parameters_flags_args args = { .dom = dom_of("web", UUID), .nparams = 9 };
        remote_domain_get_scheduler_parameters_flags_ret ret = {};
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(test_call(h, REMOTE_PROC_DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS, &args, &ret), 0);
        assert_int_equal(ret.params.params_len, 9);
        for (unsigned i = 0; i < ret.params.params_len; i++) {
                assert_int_equal(ret.params.params_val[i].value.remote_typed_param_value_u.ul, 0);
                free(ret.params.params_val[i].field);
        }
        free(ret.params.params_val);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(shares_and_quota), TEST(memory_limits),   TEST(disks_of_the_host), TEST(iothreads_come_and_go),
                TEST(counts_of_vcpus),  TEST(ends_of_life),    TEST(pins),              TEST(single_vcpus),
                TEST(vcpus_taken_away), TEST(how_an_iothread_waits), TEST(limits_of_a_group), TEST(groups_of_limits),
                TEST(schedule_of_a_definition),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
