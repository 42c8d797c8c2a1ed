/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/strings.h"
#include "model/definition.h"
#include "qemu/device.h"

#define HEAD                                                                                                 \
        "<domain type='kvm'><name>a,b=c</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>"             \
        "<memory unit='KiB'>262144</memory><vcpu>2</vcpu>"                                                   \
        "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='network'/><boot dev='hd'/></os><devices>"
#define TAIL "</devices></domain>"
#define DISK                                                                                                 \
        "<disk type='file' device='disk'><driver name='qemu' type='%s'/><source file='/d'/>"                 \
        "<target dev='vda' bus='virtio'/><alias name='virtio-disk0'/>"                                       \
        "<address type='pci' bus='0x01' slot='0x00' function='0x0'/></disk>"

static Definition *parse(const char *devices) {
        _cleanup_free_ char *text = NULL;
        Definition *d = NULL;
        Error e = ERROR_INIT;
        int r;

        assert_true(asprintf(&text, HEAD "%s" TAIL, devices) > 0);
        r = definition_parse(text, strlen(text), NULL, DEFINITION_UNCHECKED, &d, &e);
        assert_int_equal(r, 0);
        return d;
}

static char **build(const char *devices, const char *version, const QemuHostResources *res) {
        _cleanup_definition_ Definition *d = parse(devices);
        _cleanup_error_ Error e = ERROR_INIT;
        char **argv = NULL;

        if (qemu_args_build(d, qemu_caps_for(version, "x86_64"), res, &argv, &e) < 0)
                fail_msg("%s", e.message);
        return argv;
}

static void assert_refused(const char *devices, const char *version, int r, const char *words) {
        _cleanup_definition_ Definition *d = parse(devices);
        _cleanup_error_ Error e = ERROR_INIT;
        QemuHostResources res;
        char **argv = NULL;

        qemu_host_resources_init(&res);
        assert_int_equal(qemu_args_build(d, qemu_caps_for(version, "x86_64"), &res, &argv, &e), r);
        assert_null(argv);
        assert_non_null(strstr(e.message, words));
}

static void test_escape(void **state) {
        static const char *const cases[][2] = {
                { "", "" }, { "plain", "plain" }, { ",", ",," }, { "a,b,,c", "a,,b,,,,c" }, { "x=y,z", "x=y,,z" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *s = qemu_option_escape(cases[i][0]);

                assert_string_equal(s, cases[i][1]);
        }
}

static void test_hostile_name(void **state) {
        QemuHostResources res;
        _cleanup_strv_ char **argv = NULL;

        qemu_host_resources_init(&res);
        argv = build("", "7.2", &res);
        assert_true(strv_contains(argv, "guest=a,,b=c,debug-threads=on"));
}

static void test_monitors(void **state) {
        const QemuMonitor monitors[] = {
                { .name = "run", .fd = 5 },
                { .name = "lib", .fd = -EBADF, .path = "/run/x,y/qmp.sock" },
        };
        QemuHostResources res;
        _cleanup_strv_ char **argv = NULL;

        qemu_host_resources_init(&res);
        res.monitors = monitors;
        res.n_monitors = ELEMENTSOF(monitors);
        argv = build("", "7.2", &res);
        assert_true(strv_contains(argv, "socket,id=charrun,fd=5"));
        assert_true(strv_contains(argv, "chardev=charrun,id=run,mode=control"));
        assert_true(strv_contains(argv, "socket,id=charlib,path=/run/x,,y/qmp.sock,server=on,wait=off"));
        assert_true(strv_contains(argv, "-S"));
        assert_true(strv_contains(argv, "-no-shutdown"));
}

static void test_tap(void **state) {
        static const char xml[] = "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/>"
                                  "<model type='virtio'/><driver queues='2'/><alias name='net0'/></interface>";
        const int taps[] = { 7, 8 }, vhosts[] = { 9, 10 };
        const QemuNet net = { .alias = "net0", .tap_fds = taps, .n_tap_fds = 2, .vhost_fds = vhosts, .n_vhost_fds = 2 };
        QemuHostResources res;
        _cleanup_strv_ char **argv = NULL;

        qemu_host_resources_init(&res);
        res.nets = &net;
        res.n_nets = 1;
        argv = build(xml, "7.2", &res);
        assert_true(strv_contains(argv, "{\"type\":\"tap\",\"fds\":\"7:8\",\"vhost\":true,\"vhostfds\":\"9:10\","
                                        "\"id\":\"hostnet0\"}"));
        assert_true(strv_contains(argv,
                                  "{\"driver\":\"virtio-net-pci\",\"mq\":true,\"vectors\":6,\"netdev\":\"hostnet0\","
                                  "\"id\":\"net0\",\"mac\":\"52:54:00:00:00:01\",\"bootindex\":1}"));
        assert_refused(xml, "7.2", -EINVAL, "no tap");
}

static void test_console_log(void **state) {
        static const char xml[] =
                "<serial type='pty'><target type='isa-serial' port='0'/><alias name='serial0'/></serial>";
        const QemuChardev chardev = { .alias = "serial0", .fd = -EBADF, .log_path = "/dev/fdset/1" };
        QemuHostResources res;
        _cleanup_strv_ char **argv = NULL;

        qemu_host_resources_init(&res);
        res.chardevs = &chardev;
        res.n_chardevs = 1;
        argv = build(xml, "7.2", &res);
        assert_true(strv_contains(argv, "pty,id=charserial0,logfile=/dev/fdset/1,logappend=on"));
}

static void test_raw_node_by_version(void **state) {
        _cleanup_free_ char *xml = NULL;
        _cleanup_strv_ char **old = NULL, **recent = NULL;
        QemuHostResources res;

        qemu_host_resources_init(&res);
        assert_true(asprintf(&xml, DISK, "raw") > 0);
        old = build(xml, "8.2", &res);
        recent = build(xml, "9.0", &res);
        assert_true(strv_contains(old, "{\"node-name\":\"libvirt-1-format\",\"read-only\":false,\"driver\":\"raw\","
                                       "\"file\":\"libvirt-1-storage\"}"));
        assert_true(strv_contains(recent,
                                  "{\"driver\":\"file\",\"filename\":\"/d\",\"node-name\":\"libvirt-1-storage\","
                                  "\"read-only\":false}"));
}

static void test_accel(void **state) {
        QemuHostResources res;
        _cleanup_strv_ char **kvm = NULL, **tcg = NULL;

        qemu_host_resources_init(&res);
        kvm = build("", "7.2", &res);
        res.accel = "tcg";
        tcg = build("", "7.2", &res);
        assert_true(strv_contains(kvm, "kvm"));
        assert_true(strv_contains(tcg, "tcg"));
        assert_false(strv_contains(tcg, "kvm"));
}

/* The parts of a device, as hotplug adds them one after another. */
static void test_device_parts(void **state) {
        _cleanup_free_ char *xml = NULL;
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_qemu_parts_ QemuParts parts = {};
        _cleanup_error_ Error e = ERROR_INIT;
        QemuHostResources res;

        qemu_host_resources_init(&res);
        assert_true(asprintf(&xml, DISK, "qcow2") > 0);
        d = parse(xml);
        assert_int_equal(qemu_device_build(d, xml_child(definition_devices(d), "disk"), qemu_caps_for("10.0", "x86_64"),
                                           &res, &parts, &e), 0);
        assert_int_equal(parts.n, 3);
        assert_int_equal(parts.list[0].kind, QEMU_PART_BLOCKDEV);
        assert_int_equal(parts.list[1].kind, QEMU_PART_BLOCKDEV);
        assert_int_equal(parts.list[2].kind, QEMU_PART_DEVICE);
        assert_string_equal(json_string_value(json_object_get(parts.list[2].props, "drive")), "libvirt-1-format");
        /* <boot dev> is about those that were there at the start */
        assert_null(json_object_get(parts.list[2].props, "bootindex"));
}

static void test_refusals(void **state) {
        assert_refused("<disk type='file' device='disk'><source file='/d'/><target dev='a' bus='xen'/><alias "
                       "name='x'/></disk>",
                       "7.2", -EOPNOTSUPP, "/domain/devices/disk: disk bus 'xen'");
        assert_refused("<sound model='virtio'><alias name='sound0'/></sound>", "7.2", -EOPNOTSUPP,
                       "sound model 'virtio'");
        assert_refused("<nvram/>", "7.2", -EOPNOTSUPP, "<nvram>");
        assert_refused("<hostdev/>", "7.2", -EOPNOTSUPP, "host device of type ''");
        assert_refused("<serial type='pty'><target port='0'/></serial>", "7.2", -EINVAL, "alias");
        assert_refused("<serial type='file'><source/><target port='0'/><alias name='s'/></serial>", "7.2", -EINVAL,
                       "path");
        assert_refused("<controller type='usb' model='qemu-xhci' ports='16'><alias name='usb'/></controller>", "7.2",
                       -EOPNOTSUPP, "15 ports");
        assert_refused("<video><model type='virtio' heads='x'/><alias name='video0'/></video>", "7.2", -EINVAL,
                       "heads");
}

/* What the host's configuration adds to a definition that does not say it. */
static void test_host_defaults(void **state) {
        static const char xml[] =
                "<graphics type='vnc' port='5901' listen='::'/><graphics type='spice' port='5902' listen='::'/>";
        const QemuGraphics graphics[] = {
                { .port = -1, .tls_port = -1, .websocket = 5710, .password = true },
                { .port = -1, .tls_port = -1, .websocket = -1, .password = true },
        };
        QemuHostResources res;
        _cleanup_strv_ char **with = NULL, **without = NULL;

        qemu_host_resources_init(&res);
        without = build(xml, "7.2", &res);
        assert_true(strv_contains(without, "[::]:1"));
        assert_true(strv_contains(without, "port=5902,addr=::,disable-ticketing=on,seamless-migration=on"));
        res.graphics = graphics;
        res.n_graphics = ELEMENTSOF(graphics);
        res.dump_guest_core = true;
        with = build(xml, "7.2", &res);
        assert_true(strv_contains(with, "[::]:1,websocket=5710,password=on"));
        assert_true(strv_contains(with, "port=5902,addr=::,seamless-migration=on"));
        for (char **a = with; *a; a++)
                if (startswith(*a, "pc-q35-7.2,"))
                        assert_non_null(strstr(*a, "dump-guest-core=on"));
}

/* The commands for the n-th part of the device with this alias, joined by a blank. */
static void assert_commands(const char *devices, size_t n, const char *wanted) {
        _cleanup_definition_ Definition *d = parse(devices);
        const xmlNode *device = xml_child(definition_devices(d), NULL);
        _cleanup_qemu_parts_ QemuParts parts = {};
        _cleanup_free_ char *a = NULL, *b = NULL, *text = NULL;
        QemuHostResources res;
        json_t *add, *remove;

        qemu_host_resources_init(&res);
        res.stand_ins = true;
        while (xml_next(device, NULL))
                device = xml_next(device, NULL);
        assert_int_equal(qemu_device_build(d, device, qemu_caps_for("10.0", "x86_64"), &res, &parts, NULL), 0);
        assert_true(n < parts.n);
        assert_int_equal(qemu_part_commands(&parts.list[n], &add, &remove, NULL), 0);
        a = json_dumps(add, JSON_COMPACT | JSON_SORT_KEYS);
        b = json_dumps(remove, JSON_COMPACT | JSON_SORT_KEYS);
        text = text_format("%s %s", a, b);
        assert_string_equal(text, wanted);
        json_decref(add);
        json_decref(remove);
}

static void test_commands(void **state) {
        static const char channel[] =
                "<controller type='virtio-serial' index='0'><alias name='virtio-serial0'/></controller>"
                "<channel type='unix'><source mode='%s' path='/a,b'/><target type='virtio' name='x'/>"
                "<alias name='channel0'/><address type='virtio-serial' controller='0' bus='0' port='1'/></channel>";
        _cleanup_free_ char *server = NULL, *client = NULL, *disk = NULL;

        assert_true(asprintf(&server, channel, "bind") > 0 && asprintf(&client, channel, "connect") > 0);
        assert_true(asprintf(&disk, DISK, "qcow2") > 0);
        assert_commands(server, 0,
                        "{\"arguments\":{\"backend\":{\"data\":{\"addr\":{\"data\":{\"path\":\"/a,b\"},\"type\":"
                        "\"unix\"},\"server\":true,\"wait\":false},\"type\":\"socket\"},\"id\":\"charchannel0\"},"
                        "\"execute\":\"chardev-add\"} "
                        "{\"arguments\":{\"id\":\"charchannel0\"},\"execute\":\"chardev-remove\"}");
        assert_commands(client, 0,
                        "{\"arguments\":{\"backend\":{\"data\":{\"addr\":{\"data\":{\"path\":\"/a,b\"},\"type\":"
                        "\"unix\"},\"server\":false},\"type\":\"socket\"},\"id\":\"charchannel0\"},"
                        "\"execute\":\"chardev-add\"} "
                        "{\"arguments\":{\"id\":\"charchannel0\"},\"execute\":\"chardev-remove\"}");
        assert_commands("<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/>"
                        "<alias name='channel0'/><address type='virtio-serial' controller='0' bus='0' port='1'/>"
                        "</channel>",
                        0,
                        "{\"arguments\":{\"backend\":{\"data\":{\"type\":\"vdagent\"},\"type\":\"spicevmc\"},"
                        "\"id\":\"charchannel0\"},\"execute\":\"chardev-add\"} "
                        "{\"arguments\":{\"id\":\"charchannel0\"},\"execute\":\"chardev-remove\"}");
        assert_commands(disk, 0,
                        "{\"arguments\":{\"auto-read-only\":true,\"discard\":\"unmap\",\"driver\":\"file\","
                        "\"filename\":\"/d\",\"node-name\":\"libvirt-1-storage\"},\"execute\":\"blockdev-add\"} "
                        "{\"arguments\":{\"node-name\":\"libvirt-1-storage\"},\"execute\":\"blockdev-del\"}");
}

int main(void) {
        const struct CMUnitTest list[] = {
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_hostile_name),
                cmocka_unit_test(test_monitors),
                cmocka_unit_test(test_tap),
                cmocka_unit_test(test_console_log),
                cmocka_unit_test(test_raw_node_by_version),
                cmocka_unit_test(test_accel),
                cmocka_unit_test(test_device_parts),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_host_defaults),
                cmocka_unit_test(test_commands),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
