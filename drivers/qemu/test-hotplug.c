/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices that are attached to, detached from and changed in guests. */

#include "base/fs.h"
#include "test-steps.h"

#include "rpc/typed-params.h"

#define DISK(dev) "<disk type='file'><source file='/images/" dev ".raw'/><target dev='" dev "'/></disk>"
#define CARD(mac) "<interface type='user'><mac address='" mac "'/><model type='virtio'/></interface>"

static void a_disk_of_the_definition(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        (void) test_events(h);
        assert_int_equal(attach(h, DISK("vdb"), CONFIG), 0);
        assert_true(has(h, "<source file='/images/vdb.raw'/>"));
        assert_true(has(h, "<driver name='qemu' type='raw'/>"));
        assert_true(test_file_exists(h, "etc/qemu/web.xml"));
        /* what is there already */
        assert_true(attach(h, DISK("vdb"), 0) < 0);
        assert_refused(h, 55, "target vdb already exists");
        /* it is the one on the bus that the name says */
        assert_int_equal(detach(h, "<disk><target dev='vdb' bus='virtio'/></disk>", 0), 0);
        assert_false(has(h, "vdb"));
        assert_true(detach(h, DISK("vdb"), CONFIG) < 0);
        assert_refused(h, 99, "device not found: disk vdb not found");
        assert_string_equal(test_events(h), "");
}

static void cards_are_told_apart_by_their_address(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(attach(h, CARD("52:54:00:00:00:01"), CONFIG), 0);
        assert_int_equal(attach(h, CARD("52:54:00:00:00:02"), CONFIG), 0);
        assert_true(detach(h, "<interface type='user'/>", CONFIG) < 0);
        assert_refused(h, 9, "multiple matching network devices found");
        assert_true(detach(h, CARD("52:54:00:00:00:03"), CONFIG) < 0);
        assert_refused(h, 99, "no device matching MAC address 52:54:00:00:00:03 found");
        assert_int_equal(detach(h, "<interface type='user'><mac address='52:54:0:0:0:1'/></interface>", CONFIG), 0);
        assert_false(has(h, "52:54:00:00:00:01"));
        assert_true(has(h, "52:54:00:00:00:02"));
}

static void each_kind(void **state) {
        static const char *const devices[] = {
                "<controller type='scsi' model='virtio-scsi'/>",
                "<controller type='usb' index='1' model='nec-xhci'/>",
                "<filesystem type='mount'><source dir='/srv'/><target dir='share'/></filesystem>",
                "<serial type='pty'><target port='1'/></serial>",
                "<channel type='unix'><target type='virtio' name='org.example.a'/></channel>",
                "<input type='tablet' bus='usb'/>",
                "<lease><lockspace>a</lockspace><key>b</key><target path='/leases/b'/></lease>",
                "<sound model='ich6'/>",
                "<video><model type='cirrus'/></video>",
                "<graphics type='vnc' port='5999'/>",
                "<redirdev bus='usb' type='tcp'><source mode='connect' host='h' service='4000'/></redirdev>",
                "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
                "<shmem name='shm0'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>",
                "<watchdog model='i6300esb' action='reset'/>",
                "<panic model='isa'/>",
                "<vsock model='virtio'><cid auto='no' address='7'/></vsock>",
                "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0x5678'/></source>"
                "</hostdev>",
                "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0' bus='0x6' slot='0x2'"
                " function='0x0'/></source></hostdev>",
        };
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        for (size_t i = 0; i < ELEMENTSOF(devices); i++) {
                _cleanup_free_ char *before = dumpxml(h, 2), *with = NULL, *after = NULL;

                if (attach(h, devices[i], CONFIG) < 0)
                        fail_msg("%s: %s", devices[i], h->daemon.error.message);
                with = dumpxml(h, 2);
                assert_string_not_equal(before, with);
                if (detach(h, devices[i], CONFIG) < 0)
                        fail_msg("%s: %s", devices[i], h->daemon.error.message);
                after = dumpxml(h, 2);
                assert_string_not_equal(with, after);
        }
        assert_true(attach(h, "<memballoon model='virtio'/>", CONFIG) < 0);
        assert_refused(h, 84, "persistent attach of device 'memballoon' is not supported");
        assert_int_equal(attach(h, "<vsock model='virtio'/>", CONFIG), 0);
        assert_true(attach(h, "<vsock model='virtio'/>", CONFIG) < 0);
        assert_refused(h, 55, "domain already has a vsock");
}

static void names_of_the_users_own(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(attach(h, "<input type='tablet' bus='usb'><alias name='ua-pen'/></input>", CONFIG), 0);
        assert_true(detach_alias(h, "ua-other", CONFIG) < 0);
        assert_refused(h, 99, "no device found with alias ua-other");
        assert_int_equal(detach_alias(h, "ua-pen", CONFIG), 0);
        assert_false(has(h, "ua-pen"));
}

static void what_cannot_be_changes_nothing(void **state) {
        static const char *const bad[] = {
                "<disk type='file'><target dev='vdb'/></disk>", "<disk", "<name>x</name>", "<interface type='bridge'/>",
                "<disk type='file'><source file='/a'/><target dev='vdb' bus='nope'/></disk>",
        };
        _cleanup_free_ char *before = NULL, *after = NULL;
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        before = dumpxml(h, 2);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_true(attach(h, bad[i], CONFIG) < 0);
        after = dumpxml(h, 2);
        assert_string_equal(before, after);
        assert_true(attach(h, DISK("vdb"), LIVE) < 0);
        assert_refused(h, 55, "domain is not running");
}

static void changes_of_the_definition(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(attach(h, CARD("52:54:00:00:00:01"), CONFIG), 0);
        assert_int_equal(attach(h, "<disk type='file' device='cdrom'><source file='/a.iso'/><target dev='hda'/></disk>",
                                CONFIG),
                         0);
        assert_int_equal(update(h, "<disk type='file' device='cdrom'><source file='/b.iso'/><target dev='hda'/></disk>",
                                CONFIG),
                         0);
        assert_true(has(h, "/b.iso"));
        assert_false(has(h, "/a.iso"));
        assert_int_equal(update(h,
                                "<interface type='user'><mac address='52:54:00:00:00:01'/><link state='down'/>"
                                "</interface>",
                                CONFIG),
                         0);
        assert_true(has(h, "<link state='down'/>"));
        assert_true(has(h, "<model type='virtio'/>"));
        assert_true(update(h, "<disk type='file'><source file='/a'/><target dev='vdz'/></disk>", CONFIG) < 0);
        assert_refused(h, 99, "disk vdz not found");
        assert_true(update(h, "<input type='tablet' bus='usb'/>", CONFIG) < 0);
        assert_refused(h, 84, "persistent update of device 'input' is not supported");
}

/* --- guests that run --- */

/* What vm-plug finds out about a disk: an image of one file. */
#define PLUGGED_DISK                                                                                         \
        "{\"device\": \"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"                    \
        "<source file='/images/vdb.raw' index='1'/><target dev='vdb' bus='virtio'/>"                         \
        "<alias name='virtio-disk1'/><address type='pci' domain='0x0000' bus='0x00' slot='0x05' "            \
        "function='0x0'/></disk>\","                                                                         \
        "\"sets\": [{\"set\": 1000, \"fd\": 0}, {\"set\": 1000, \"fd\": 1}], \"names\": [],"                    \
        "\"steps\": [{\"do\": {\"execute\": \"blockdev-add\", \"arguments\": {\"node-name\": \"n\"}},"            \
        "\"undo\": {\"execute\": \"blockdev-del\", \"arguments\": {\"node-name\": \"n\"}}},"                      \
        "{\"do\": {\"execute\": \"device_add\", \"arguments\": {\"id\": \"virtio-disk1\"}},"                      \
        "\"undo\": {\"execute\": \"device_del\", \"arguments\": {\"id\": \"virtio-disk1\"}}}], \"after\": []}"

static void start_for_plugging(TestHost *h) {
        start_web(h);
        h->plug_answer = PLUGGED_DISK;
        (void) test_events(h);
        (void) test_commands(h);
}

static void a_disk_comes_and_goes(void **state) {
        TestHost *h = *state;

        start_for_plugging(h);
        assert_int_equal(attach(h, DISK("vdb"), LIVE), 0);
        assert_string_equal(test_plugged(h), "attach virtio-disk1;");
        assert_string_equal(test_commands(h), "add-fd;add-fd;blockdev-add;device_add;");
        assert_true(lives(h, "/images/vdb.raw"));
        assert_true(lives(h, "<alias name='virtio-disk1'/>"));
        assert_false(has(h, "vdb"));
        assert_false(test_file_exists(h, "run/qemu/web.pending"));
        assert_true(attach(h, DISK("vdb"), LIVE) < 0);
        assert_refused(h, 55, "target vdb already exists");

        assert_int_equal(detach(h, DISK("vdb"), LIVE), 0);
        assert_string_equal(test_commands(h), "device_del;blockdev-del;");
        assert_false(lives(h, "vdb"));
}

/* For what is opened nowhere nobody is asked to open it. */
static void a_card_of_qemu_s_own(void **state) {
        TestHost *h = *state;

        start_for_plugging(h);
        assert_int_equal(attach(h, CARD("52:54:00:00:00:05"), LIVE), 0);
        assert_string_equal(test_plugged(h), "");
        assert_string_equal(test_commands(h), "netdev_add;device_add;");
        assert_true(lives(h, "52:54:00:00:00:05"));
        assert_false(test_file_exists(h, "run/qemu/web.pending"));
        assert_int_equal(detach(h, CARD("52:54:00:00:00:05"), LIVE), 0);
        assert_string_equal(test_commands(h), "device_del;netdev_del;");
        assert_false(lives(h, "52:54:00:00:00:05"));

        h->refuse = "device_add";
        assert_true(attach(h, CARD("52:54:00:00:00:06"), LIVE) < 0);
        assert_string_equal(test_commands(h), "netdev_add;device_add;netdev_del;");
        assert_false(lives(h, "52:54:00:00:00:06"));
        assert_false(test_file_exists(h, "run/qemu/web.pending"));
}

/* QEMU was never told of a device that was missing at the start. */
static void a_missing_device_goes(void **state) {
        static const char hostdev[] = "<devices><hostdev mode='subsystem' type='usb' managed='no'>"
                                      "<source startupPolicy='optional' missing='yes'><vendor id='0x1234'/>"
                                      "<product id='0x5678'/></source><alias name='hostdev0'/></hostdev>";
        TestHost *h = *state;
        _cleanup_free_ char *path = test_path(h, "run/qemu/web.xml"), *xml = NULL, *with = NULL;
        const char *devices;

        start_for_plugging(h);
        assert_int_equal(file_read(path, 65536, &xml, NULL), 0);
        devices = strstr(xml, "<devices>");
        assert_non_null(devices);
        assert_true(asprintf(&with, "%.*s%s%s", (int) (devices - xml), xml, hostdev, devices + strlen("<devices>")) >
                    0);
        test_write(h, "run/qemu/web.xml", with);
        assert_true(lives(h, "missing='yes'"));
        assert_int_equal(detach_alias(h, "hostdev0", LIVE), 0);
        assert_string_equal(test_commands(h), "");
        assert_false(lives(h, "hostdev"));
}

static void both_definitions(void **state) {
        TestHost *h = *state;

        start_for_plugging(h);
        assert_int_equal(attach(h, DISK("vdb"), LIVE | CONFIG), 0);
        assert_true(lives(h, "vdb"));
        assert_true(has(h, "vdb"));
        assert_int_equal(detach(h, DISK("vdb"), LIVE | CONFIG), 0);
        assert_false(lives(h, "vdb"));
        assert_false(has(h, "vdb"));
        /* what fails in one is not done in the other */
        assert_int_equal(attach(h, DISK("vdb"), CONFIG), 0);
        (void) test_commands(h);
        assert_true(attach(h, DISK("vdb"), LIVE | CONFIG) < 0);
        assert_string_equal(test_commands(h), "");
        h->plug_answer = NULL;
        assert_true(attach(h, DISK("vdc"), LIVE | CONFIG) < 0);
        assert_refused(h, 38, "nothing is there");
        assert_false(has(h, "vdc"));
}

/* Whichever step fails, those before it are undone, and the guest is as before. */
static void a_failed_step_leaves_nothing(void **state) {
        static const char *const steps[][2] = {
                { "add-fd", "add-fd;remove-fd;remove-fd;" },
                { "blockdev-add", "add-fd;add-fd;blockdev-add;remove-fd;remove-fd;" },
                { "device_add", "add-fd;add-fd;blockdev-add;device_add;blockdev-del;remove-fd;remove-fd;" },
        };
        TestHost *h = *state;

        start_for_plugging(h);
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                h->refuse = steps[i][0];
                assert_true(attach(h, DISK("vdb"), LIVE) < 0);
                assert_refused(h, 1, "unable to execute QEMU command");
                assert_string_equal(test_commands(h), steps[i][1]);
                assert_false(lives(h, "vdb"));
                assert_false(test_file_exists(h, "run/qemu/web.pending"));
        }
        h->refuse = NULL;
        assert_int_equal(attach(h, DISK("vdb"), LIVE), 0);
}

/* Until QEMU says that it has gone, it is there. */
static void a_guest_takes_its_time(void **state) {
        TestHost *h = *state;

        start_for_plugging(h);
        assert_int_equal(attach(h, DISK("vdb"), LIVE), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_SUSPEND), 0);
        h->slow_unplug = true;
        assert_int_equal(detach(h, DISK("vdb"), LIVE), 0);
        assert_true(lives(h, "vdb"));
        (void) test_commands(h);
        assert_true(detach(h, DISK("vdb"), LIVE) < 0);
        assert_refused(h, 1, "device_del");
        assert_string_equal(test_commands(h), "");
        test_qemu_say(h, "web",
                      "{'event': 'DEVICE_DELETED', 'data': {'device': 'virtio-disk1', 'path': '/'}, "
                      "'timestamp': {'seconds': 1, 'microseconds': 2}}");
        test_pump(h);
        assert_string_equal(test_commands(h), "blockdev-del;");
        assert_false(lives(h, "vdb"));
}

/* An attach that was under way when the supervisor was killed: QEMU has the device, or nothing of it. */
static void what_was_pending_is_settled(void **state) {
        TestHost *h = *state;

        start_for_plugging(h);
        assert_int_equal(attach(h, DISK("vdb"), LIVE), 0);
        for (unsigned there = 0; there < 2; there++) {
                _cleanup_free_ char *with = test_path(h, "run/qemu/web.xml"), *pending = NULL;

                pending = test_path(h, "run/qemu/web.pending");
                h->peripherals = "[{\"name\": \"virtio-disk1\"}]";
                if (!lives(h, "vdb"))
                        assert_int_equal(attach(h, DISK("vdb"), LIVE), 0);
                assert_int_equal(rename(with, pending), 0);
                test_write(h, "run/qemu/web.xml", "");
                {
                        _cleanup_free_ char *text = dumpxml(h, 2), *live = NULL;

                        assert_true(asprintf(&live, "<domain id='1'%s", strstr(text, "<domain") + 7) > 0);
                        test_write(h, "run/qemu/web.xml", live);
                }
                h->peripherals = there ? "[{\"name\": \"virtio-disk1\"}]" : "[{\"name\": \"other\"}]";
                test_restart_driver(h);
                test_pump(h);
                test_pump(h);
                assert_int_equal(lives(h, "vdb"), there);
                assert_false(test_file_exists(h, "run/qemu/web.pending"));
        }
        /* one that went while nobody looked */
        h->peripherals = "[{\"name\": \"other\"}]";
        test_restart_driver(h);
        test_pump(h);
        assert_false(lives(h, "vdb"));
}

static void the_link_of_a_card(void **state) {
        TestHost *h = *state;

        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(attach(h, CARD("52:54:00:00:00:01"), CONFIG), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        (void) test_commands(h);
        assert_int_equal(update(h,
                                "<interface type='user'><mac address='52:54:00:00:00:01'/><link state='down'/>"
                                "</interface>",
                                LIVE),
                         0);
        assert_string_equal(test_commands(h), "set_link;");
        assert_true(lives(h, "<link state='down'/>"));
        assert_true(update(h,
                           "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='e1000'/>"
                           "</interface>",
                           LIVE) < 0);
        assert_refused(h, 84, "cannot modify field 'model' of the network device");
}

#define ON(bridge, rest)                                                                                     \
        "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='" bridge "'/>"           \
        "<model type='virtio'/>" rest "<alias name='ua-card'/></interface>"
#define ANSWER(bridge, rest)                                                                                 \
        "{\"device\": \"<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='" bridge  \
        "'/><target dev='vnet3'/><model type='virtio'/>" rest "<alias name='ua-card'/><address type='pci' "      \
        "domain='0x0000' bus='0x00' slot='0x03' function='0x0'/></interface>\"}"

static void start_with_a_card(TestHost *h) {
        assert_int_equal(define(h, WEB), 0);
        assert_int_equal(attach(h, ON("br0", ""), CONFIG), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        (void) test_commands(h);
        (void) test_plugged(h);
}

/* Where it is plugged in is vm-plug's affair: QEMU is told nothing. */
static void a_card_changes_its_place(void **state) {
        TestHost *h = *state;

        start_with_a_card(h);
        h->plug_answer = ANSWER("br1", "");
        assert_int_equal(update(h, ON("br1", ""), LIVE), 0);
        assert_string_equal(test_plugged(h), "change ua-card;");
        assert_string_equal(test_commands(h), "");
        assert_true(lives(h, "<source bridge='br1'/>"));
        assert_true(lives(h, "<target dev='vnet3'/>"));
        assert_true(has(h, "<source bridge='br0'/>"));
        assert_false(test_file_exists(h, "run/qemu/web.pending"));
        /* what is as it was is nobody's affair */
        assert_int_equal(update(h, ON("br1", ""), LIVE), 0);
        assert_string_equal(test_plugged(h), "");
        /* both at once */
        h->plug_answer = ANSWER("br2", "");
        assert_int_equal(update(h, ON("br2", "<link state='down'/>"), LIVE), 0);
        assert_string_equal(test_plugged(h), "change ua-card;");
        assert_string_equal(test_commands(h), "set_link;");
        assert_true(lives(h, "<link state='down'/>"));
        /* how many frames its tap gathers */
        h->plug_answer = ANSWER("br2", "<coalesce><rx><frames max='8'/></rx></coalesce>");
        assert_int_equal(update(h, ON("br2", "<coalesce><rx><frames max='8'/></rx></coalesce>"), LIVE), 0);
        assert_string_equal(test_plugged(h), "change ua-card;");
        assert_true(lives(h, "<frames max='8'/>"));
        h->plug_answer = ANSWER("br2", "");
        assert_int_equal(update(h, ON("br2", "<link state='down'/>"), LIVE), 0);
        assert_false(lives(h, "<coalesce>"));
        (void) test_plugged(h);
        (void) test_commands(h);
        /* what cannot be leaves it where it is */
        h->plug_answer = NULL;
        assert_true(update(h, ON("br3", ""), LIVE) < 0);
        assert_refused(h, 38, "nothing is there");
        assert_true(lives(h, "<source bridge='br2'/>"));
        assert_true(update(h, "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>", LIVE) < 0);
        assert_refused(h, 84, "cannot change config of 'bridge' network interface to 'user'");
        assert_true(update(h, ON("br2", "<driver queues='4'/>"), LIVE) < 0);
        assert_refused(h, 84, "cannot modify field 'driver' of the network device");
}

/* The supervisor was killed while vm-plug moved the card: it is moved once more, or is where it was. */
static void a_move_is_settled(void **state) {
        TestHost *h = *state;

        start_with_a_card(h);
        for (unsigned works = 0; works < 2; works++) {
                _cleanup_free_ char *path = test_path(h, "run/qemu/web.xml"), *text = NULL;
                char *bridge;

                assert_int_equal(file_read(path, 65536, &text, NULL), 0);
                bridge = strstr(text, "bridge='br0'");
                assert_non_null(bridge);
                bridge[strlen("bridge='br")] = '1';
                test_write(h, "run/qemu/web.pending", text);
                h->peripherals = "[{\"name\": \"ua-card\"}]";
                h->plug_answer = works ? ANSWER("br1", "") : NULL;
                test_restart_driver(h);
                test_pump(h);
                test_pump(h);
                assert_string_equal(test_plugged(h), "change ua-card;");
                assert_int_equal(lives(h, "<source bridge='br1'/>"), works);
                assert_int_equal(lives(h, "<source bridge='br0'/>"), !works);
                assert_false(test_file_exists(h, "run/qemu/web.pending"));
        }
        assert_true(lives(h, "<target dev='vnet3'/>"));
}

static int tune(TestHost *h, const char *device, const char *field, unsigned value, unsigned flags) {
        remote_typed_param p = { .field = (char *) field,
                                 .value = { .type = TYPED_PARAM_UINT, .remote_typed_param_value_u.ui = value } };
        remote_args_DOMAIN_SET_INTERFACE_PARAMETERS args = { dom_of("web", UUID), (char *) device, { 1, &p }, flags };

        return test_call(h, REMOTE_PROC_DOMAIN_SET_INTERFACE_PARAMETERS, &args, NULL);
}

static void limits_of_a_card(void **state) {
        TestHost *h = *state;

        start_with_a_card(h);
        h->plug_answer = ANSWER("br0", "");
        assert_int_equal(tune(h, "52:54:00:00:00:01", "inbound.average", 1000, LIVE | CONFIG), 0);
        assert_string_equal(test_plugged(h), "change ua-card;");
        assert_true(lives(h, "<inbound average='1000'/>"));
        assert_true(has(h, "<inbound average='1000'/>"));
        assert_int_equal(tune(h, "52:54:00:00:00:01", "outbound.average", 10, CONFIG), 0);
        assert_string_equal(test_plugged(h), "");
        assert_true(has(h, "<outbound average='10'/>"));
        assert_int_equal(tune(h, "52:54:00:00:00:01", "inbound.average", 0, LIVE | CONFIG), 0);
        assert_false(lives(h, "<bandwidth>"));
        assert_false(has(h, "<inbound"));
        assert_true(tune(h, "vnet77", "inbound.average", 1, CONFIG) < 0);
        assert_refused(h, 8, "'vnet77' is not a known interface");
        h->plug_answer = NULL;
        assert_true(tune(h, "52:54:00:00:00:01", "inbound.average", 7, LIVE | CONFIG) < 0);
        assert_refused(h, 38, "nothing is there");
        assert_false(has(h, "<inbound"));
}

#define MEMORY(size, requested)                                                                               \
        "<memory model='virtio-mem'><target><size unit='MiB'>" size "</size><node>0</node>"                   \
        "<block unit='MiB'>2</block><requested unit='MiB'>" requested "</requested></target>"                 \
        "<alias name='ua-more'/></memory>"

/* How much of it the guest is to have; how much it has QEMU tells later. */
static void memory_that_is_asked_for(void **state) {
        static const char xml[] = "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid>"
                                  "<maxMemory slots='2' unit='MiB'>1024</maxMemory><memory unit='MiB'>128</memory>"
                                  "<vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><cpu><numa>"
                                  "<cell id='0' cpus='0' memory='128' unit='MiB'/></numa></cpu><devices>"
                                  MEMORY("64", "0") "</devices></domain>";
        TestHost *h = *state;

        assert_int_equal(define(h, xml), 0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        (void) test_commands(h);
        assert_int_equal(update(h, MEMORY("64", "16"), LIVE | CONFIG), 0);
        assert_string_equal(test_commands(h), "qom-set;");
        assert_true(lives(h, "<requested unit='KiB'>16384</requested>"));
        assert_true(has(h, "<requested unit='KiB'>16384</requested>"));
        test_qemu_say(h, "web",
                      "{'event': 'MEMORY_DEVICE_SIZE_CHANGE', 'data': {'id': 'ua-more', 'size': 8388608, "
                      "'qom-path': '/'}, 'timestamp': {'seconds': 1, 'microseconds': 2}}");
        test_pump(h);
        assert_true(lives(h, "<current unit='KiB'>8192</current>"));
        assert_false(has(h, "<current unit"));
        assert_true(update(h, MEMORY("32", "16"), LIVE) < 0);
        assert_refused(h, 84, "cannot modify memory size from '65536' to '32768'");
        assert_true(update(h, MEMORY("64", "65"), LIVE) < 0);
        assert_refused(h, 27, "requested size must be smaller than or equal to @size");
        assert_true(update(h, MEMORY("64", "15"), LIVE) < 0);
        assert_refused(h, 27, "requested size must be an integer multiple of block size");
        assert_string_equal(test_commands(h), "");
}

/* A guest of PCI Express alone has no slot for the card that is QEMU's default; a function needs none. */
static void a_function_needs_no_slot_of_another_kind(void **state) {
        static const char *const modes[] = { "bridge", "hostdev" };
        TestHost *h = *state;

        assert_int_equal(define(h, "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid><memory>65536</memory>"
                                   "<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"),
                         0);
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        h->plug_answer = "{\"error\": \"1 10 none\"}";
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                _cleanup_free_ char *network = text_format("<network><name>n</name><forward mode='%s'/></network>",
                                                           modes[i]);

                test_daemon_write(&h->daemon, "run/network/n.xml", network);
                assert_true(attach(h, "<interface type='network'><source network='n'/></interface>", LIVE) < 0);
                assert_string_equal(test_plugged(h), i == 0 ? "" : "attach net0;");
        }
}

static void what_cannot_be_plugged(void **state) {
        TestHost *h = *state;

        start_for_plugging(h);
        assert_true(attach(h, "<video><model type='cirrus'/></video>", LIVE) < 0);
        assert_refused(h, 84, "live attach of device 'video' is not supported");
        assert_true(attach(h, "<controller type='pci' model='pci-bridge'/>", LIVE) < 0);
        assert_refused(h, 84, "'pci' controller cannot be hot plugged");
        assert_true(detach_alias(h, "virtio-disk9", LIVE) < 0);
        assert_refused(h, 99, "no device found with alias virtio-disk9");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_disk_of_the_definition),
                TEST(cards_are_told_apart_by_their_address),
                TEST(each_kind),
                TEST(names_of_the_users_own),
                TEST(what_cannot_be_changes_nothing),
                TEST(changes_of_the_definition),
                TEST(a_disk_comes_and_goes),
                TEST(a_card_of_qemu_s_own),
                TEST(a_missing_device_goes),
                TEST(both_definitions),
                TEST(a_failed_step_leaves_nothing),
                TEST(a_guest_takes_its_time),
                TEST(what_was_pending_is_settled),
                TEST(the_link_of_a_card),
                TEST(a_card_changes_its_place),
                TEST(a_move_is_settled),
                TEST(limits_of_a_card),
                TEST(memory_that_is_asked_for),
                TEST(a_function_needs_no_slot_of_another_kind),
                TEST(what_cannot_be_plugged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
