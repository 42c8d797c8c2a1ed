/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A QEMU that answers each command with JSON that may be anything, and has things to tell, while devices come to its
 * guest, change and go. Whatever it says, the calls end, the live definition can be read, and the guest can be
 * ended. */

#include "base/log.h"
#include "made-json.h"
#include "test-steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {
        "actual", "arguments", "client", "cpu-index", "core-id", "socket-id", "thread-id", "die-id", "props", "type",
        "qemu64-x86_64-cpu", "vcpus-count", "qom-path", "qom-type", "device", "driver", "drv", "error", "class", "desc",
        "GenericError", "DeviceNotFound", "fd", "fdset-id", "fds", "opaque", "filename", "frontend-open", "guest", "id",
        "image", "virtual-size", "inserted", "label", "locked", "major", "micro", "minor", "qemu", "package", "name",
        "node-name", "nospace", "offset", "open", "tray-open", "qdev", "reason", "action", "path", "server", "status",
        "running", "paused", "stats", "net0", "vda", "sda", "ua-card", "ua-disk", "virtio-disk0", "virtio-disk1",
        "/machine/peripheral/ua-disk", "iothread1", "iothread2", "poll-max-ns", "thread",
};
static const char *const events[] = {
        "BALLOON_CHANGE", "BLOCK_IO_ERROR", "DEVICE_DELETED", "DEVICE_TRAY_MOVED", "DEVICE_UNPLUG_GUEST_ERROR",
        "GUEST_PANICKED", "MEM_UNPLUG_ERROR", "RESET", "RTC_CHANGE", "VSERPORT_CHANGE", "WATCHDOG", "VNC_CONNECTED",
};

#define GUEST                                                                                                \
        "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid><maxMemory slots='4' unit='MiB'>1024</maxMemory>" \
        "<memory unit='MiB'>128</memory><vcpu current='1'>4</vcpu><iothreads>1</iothreads>"                  \
        "<cpu><numa><cell id='0' cpus='0-3' memory='128' unit='MiB'/></numa></cpu>"                          \
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"                                      \
        "<controller type='scsi' model='virtio-scsi'/>"                                                      \
        "<disk type='file' device='disk'><source file='/x'/><target dev='vda' bus='virtio'/><alias name='ua-disk'/>" \
        "</disk><disk type='file' device='cdrom'><source file='/y'/><target dev='sda' bus='scsi'/></disk>"   \
        "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/><alias name='ua-card'/>" \
        "</interface></devices></domain>"
#define CARD "<interface type='user'><mac address='52:54:00:00:00:02'/><model type='virtio'/></interface>"
#define MEMORY "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>"
#define DISK "<disk type='file'><source file='/z'/><target dev='vdb' bus='virtio'/></disk>"
#define PLUGGED                                                                                              \
        "{\"device\": \"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/z'/>"  \
        "<target dev='vdb' bus='virtio'/><alias name='virtio-disk1'/></disk>\", "                            \
        "\"sets\": [{\"set\": 7, \"fd\": 0}, {\"set\": 7, \"fd\": 1}], \"names\": [], \"steps\": ["             \
        "{\"do\": {\"execute\": \"blockdev-add\", \"arguments\": {\"node-name\": \"n\"}}, "                  \
        "\"undo\": {\"execute\": \"blockdev-del\", \"arguments\": {\"node-name\": \"n\"}}},"                 \
        "{\"do\": {\"execute\": \"device_add\", \"arguments\": {\"id\": \"virtio-disk1\"}},"                 \
        "\"undo\": {\"execute\": \"device_del\", \"arguments\": {\"id\": \"virtio-disk1\"}}}], \"after\": []}"

/* Half of what it says is the truth, or nothing would get far. */
static char *lie(const char *command, void *userdata) {
        MadeJson *m = userdata;

        return made_byte(m) & 1 ? made_reply(m, "") : NULL;
}

static void set_vcpus(TestHost *h, unsigned n) {
        remote_args_DOMAIN_SET_VCPUS_FLAGS args = { dom_of("web", UUID), n, 1 };

        (void) test_call(h, REMOTE_PROC_DOMAIN_SET_VCPUS_FLAGS, &args, NULL);
}

static void add_iothread(TestHost *h, unsigned id) {
        remote_args_DOMAIN_ADD_IOTHREAD args = { dom_of("web", UUID), id, 1 };

        (void) test_call(h, REMOTE_PROC_DOMAIN_ADD_IOTHREAD, &args, NULL);
}

static void del_iothread(TestHost *h, unsigned id) {
        remote_args_DOMAIN_DEL_IOTHREAD args = { dom_of("web", UUID), id, 1 };

        (void) test_call(h, REMOTE_PROC_DOMAIN_DEL_IOTHREAD, &args, NULL);
}

static void resize(TestHost *h) {
        remote_args_DOMAIN_BLOCK_RESIZE args = { dom_of("web", UUID), (char *) "vda", 1 << 20, 0 };

        (void) test_call(h, REMOTE_PROC_DOMAIN_BLOCK_RESIZE, &args, NULL);
}

/* An event, of this or another device. */
static void say(TestHost *h, MadeJson *m) {
        const char *event = events[made_byte(m) % ELEMENTSOF(events)];
        json_t *data = made_value(m, MADE_JSON_DEPTH);
        char *dump = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY), *text;

        if (!dump || asprintf(&text,
                              "{\"event\": \"%s\", \"data\": %s, \"timestamp\": {\"seconds\": 1, "
                              "\"microseconds\": 2}}", event, dump) < 0)
                abort();
        /* the helper takes ' for " */
        for (char *p = text; *p; p++)
                *p = *p == '\'' ? '_' : *p;
        test_qemu_say(h, "web", text);
        free(text);
        free(dump);
        json_decref(data);
}

static void step(TestHost *h, MadeJson *m) {
        static const char *const aliases[] = { "ua-disk", "ua-card", "net0", "net1", "virtio-disk1", "dimm0" };
        uint8_t c = made_byte(m);

        switch (c % 12) {
        case 0: return (void) attach(h, CARD, LIVE);
        case 1: return (void) attach(h, MEMORY, LIVE);
        case 2: return (void) attach(h, DISK, LIVE);
        case 3:
        case 4: return (void) detach_alias(h, aliases[(c >> 4) % ELEMENTSOF(aliases)], LIVE);
        case 5: return set_vcpus(h, 1 + (c >> 4) % 4U);
        case 6: return add_iothread(h, 2 + (c >> 6));
        case 7: return del_iothread(h, 1 + (c >> 6));
        case 8: return resize(h);
        case 9: return (void) update(h, "<disk type='file' device='cdrom'><target dev='sda' bus='scsi'/></disk>", LIVE);
        case 10: return (void) update(h, "<interface type='user'><mac address='52:54:00:00:00:01'/>"
                                         "<model type='virtio'/><link state='down'/></interface>", LIVE);
        default: return say(h, m);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        MadeJson m = { data, size, words, ELEMENTSOF(words) };
        TestHost *host;

        log_set_max_level(LOG_CRIT);
        (void) test_host_setup((void **) &host);
        host->daemon.hasty = true;
        host->plug_answer = PLUGGED;
        assert_int_equal(define(host, GUEST), 0);
        assert_int_equal(SIMPLE_CALL(host, DOMAIN_CREATE), 0);
        host->lie = lie;
        host->liar = &m;
        for (int i = 0; i < 8 && m.size > 0; i++)
                step(host, &m);
        host->lie = NULL;
        free(dumpxml(host, 0));
        test_qemu_close(host, "web");
        test_unit_cleanup(host, "web", "shutdown");
        /* nobody waits for anything */
        (void) test_host_teardown((void **) &host);
        return 0;
}
