/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hotplug-steps GUEST [VERB DEVICE]...: the guest of the first document runs, as far as the driver can see, and devices
 * are attached to it, detached, changed, or asked for in vain; a line of JSON for each says what QEMU was told, how the
 * call ended, and what the guest's live definition became. Nothing of the host is opened: what stands in for it is what
 * "unitvirt args --recorded" shows. For hotplug.py, and for the golden cases of hotplug. */

#include "base/fs.h"
#include "model/definition.h"
#include "model/facts.h"
#include "qemu/device.h"
#include "test-steps.h"

#define DOCUMENT_MAX (1U << 20)
#define VERSION "10.0"

/* Questions of the driver's own are not what a device is made of, nor are descriptors that are handed over. */
static const char *const left_out[] = {
        "query-", "qom-", "qmp_capabilities", "add-fd", "remove-fd", "getfd", "closefd",
};

typedef struct Yardstick {
        TestHost *h;
        char *guest;            /* its live definition, before anything */
        json_t *heard;
} Yardstick;

static void hear(const json_t *message, void *userdata) {
        const char *name = json_string_value(json_object_get(message, "execute"));
        json_t *copy = json_deep_copy(message);
        Yardstick *y = userdata;

        for (size_t i = 0; copy && i < ELEMENTSOF(left_out); i++)
                if (startswith(name, left_out[i])) {
                        json_decref(copy);
                        return;
                }
        (void) json_object_del(copy, "id");
        assert_int_equal(json_array_append_new(y->heard, copy), 0);
}

/* --- in vm-plug's place --- */

static void add_steps(const QemuParts *parts, json_t *steps) {
        for (size_t i = 0; i < parts->n; i++) {
                _cleanup_error_ Error e = ERROR_INIT;
                json_t *add, *remove;

                if (qemu_part_commands(&parts->list[i], &add, &remove, &e) < 0)
                        fail_msg("%s", e.message);
                assert_int_equal(json_array_append_new(steps, json_pack("{s:o,s:o}", "do", add, "undo", remove)), 0);
        }
}

static void set(xmlNode *n, const char *name, const char *value) {
        assert_true(n && xml_set_attr(n, name, value) >= 0);
}

static void complete_disk(xmlNode *disk) {
        xmlNode *reservations = xml_child(xml_child(disk, "source"), "reservations"), *socket;

        assert_non_null(xml_ensure(disk, "backingStore"));
        if (!xml_attr_is(reservations, "managed", "yes"))
                return;
        socket = xml_ensure(reservations, "source");
        set(socket, "type", "unix");
        set(socket, "mode", "client");
        set(socket, "path", "/var/lib/libvirt/qemu/domain-7-hotplug/pr-helper0.sock");
}

static void complete_channel(xmlNode *channel) {
        xmlNode *source = xml_ensure(channel, "source");

        if (!xml_attr(source, "mode"))
                set(source, "mode", "bind");
        if (!xml_attr(source, "path"))
                assert_true(xml_set_attrf(source, "path", "/var/run/libvirt/qemu/channel/7-hotplug/%s",
                                          xml_get(channel, "target/@name") ?: "") >= 0);
}

static void complete_console(xmlNode *console) {
        set(xml_ensure(console, "source"), "path", "/dev/pts/26");
}

static void complete_hostdev(xmlNode *hostdev) {
        set(xml_ensure(hostdev, "driver"), "name", "vfio");
}

static void complete_shmem(xmlNode *shmem) {
        xmlNode *server = xml_child(shmem, "server");

        if (server && !xml_attr(server, "path"))
                assert_true(xml_set_attrf(server, "path", "/var/lib/libvirt/shmem-%s-sock", xml_attr(shmem, "name")) >=
                            0);
}

/* What is known of a device once it has been opened, as far as it does not depend on the host. */
static const struct {
        const char *element, *type;
        void (*complete)(xmlNode *device);
} completions[] = {
        { "disk", NULL, complete_disk },       { "channel", "unix", complete_channel },
        { "console", "pty", complete_console }, { "hostdev", "pci", complete_hostdev },
        { "shmem", NULL, complete_shmem },
};

static void complete(Definition *live, xmlNode *device) {
        if (xml_is(device, "disk"))
                assert_true(definition_number_images(live, device) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(completions); i++)
                if (xml_is(device, completions[i].element) &&
                    (!completions[i].type || xml_attr_is(device, "type", completions[i].type)))
                        completions[i].complete(device);
        definition_sort(live);
}

static char *plug(const char *alias, void *userdata) {
        Yardstick *y = userdata;
        _cleanup_free_ char *path = test_path(y->h, "run/qemu/web.pending"), *text = NULL, *device_text = NULL;
        json_t *steps = json_array(), *after = json_array();
        _cleanup_definition_ Definition *live = NULL;
        _cleanup_(json_decrefp) json_t *answer = NULL;
        _cleanup_qemu_parts_ QemuParts parts = {};
        _cleanup_error_ Error e = ERROR_INIT;
        QemuHostResources res;
        xmlNode *device = NULL;
        size_t len;

        qemu_host_resources_init(&res);
        res.stand_ins = res.recorded = true;
        assert_int_equal(file_read(path, DOCUMENT_MAX, &text, &len), 0);
        assert_true(definition_parse(text, len, NULL, DEFINITION_UNCHECKED, &live, &e) >= 0);
        XML_FOREACH(one, definition_devices(live), NULL)
                if (streq_ptr(device_alias(one), alias))
                        device = one;
        assert_non_null(device);
        complete(live, device);
        if (qemu_device_build(live, device, qemu_caps_for(VERSION, "x86_64"), &res, &parts, &e) < 0)
                answer = json_pack("{s:s}", "error", e.message);
        else {
                add_steps(&parts, steps);
                assert_true(qemu_device_after(device, after) >= 0);
                assert_true(xml_format(device, &device_text) >= 0);
                answer = json_pack("{s:s,s:[],s:[],s:O,s:O}", "device", device_text, "sets", "names", "steps", steps,
                                   "after", after);
        }
        json_decref(steps);
        json_decref(after);
        return json_dumps(answer, JSON_COMPACT);
}

/* --- the guest --- */

static void set_text(Definition *d, const char *name, const char *value) {
        xmlNode *n = xml_child(definition_root(d), name);

        assert_non_null(n);
        xmlNodeSetContent(n, BAD_CAST value);
}

/* Where a screen listens was chosen at the start, and is not what a definition keeps of it. */
static void keep_screens(const Definition *said, Definition *d) {
        static const char *const words[] = { "port", "tlsPort", "listen" };
        xmlNode *screen = xml_child(definition_devices(d), "graphics");

        XML_FOREACH(from, definition_devices(said), "graphics") {
                const char *address = xml_get(from, "listen/@address");

                for (size_t i = 0; i < ELEMENTSOF(words); i++)
                        if (xml_attr(from, words[i]))
                                set(screen, words[i], xml_attr(from, words[i]));
                if (address)
                        set(xml_child(screen, "listen"), "address", address);
                if (address)
                        set(screen, "listen", address);
                screen = xml_next(screen, "graphics");
        }
}

/* As the start would have left it, under the name that the test's host knows. */
static int read_guest(const char *path, char **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL, *said = NULL;
        _cleanup_free_ char *text = NULL;
        HostFacts facts;
        size_t len;
        int r;

        r = host_facts_for_qemu(VERSION, &facts);
        if (r >= 0)
                r = file_read(path, DOCUMENT_MAX, &text, &len);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "%s", path);
        r = definition_parse(text, len, path, 0, &d, e);
        if (r >= 0)
                r = definition_parse(text, len, path, DEFINITION_UNCHECKED, &said, e);
        if (r >= 0)
                r = definition_normalise(d, &facts, e);
        if (r >= 0)
                r = definition_assign_aliases(d, e);
        if (r < 0)
                return r;
        keep_screens(said, d);
        definition_sort(d);
        set_text(d, "name", "web");
        set_text(d, "uuid", UUID);
        assert_true(xml_set_attr((xmlNode *) definition_root(d), "id", "7") >= 0);
        return definition_format(d, DEFINITION_FORMAT_SECURE, ret);
}

/* --- the calls --- */

/* The guest does not give it away. */
static int ask(TestHost *h, const char *xml, unsigned flags) {
        int r;

        h->slow_unplug = true;
        r = detach(h, xml, flags);
        h->slow_unplug = false;
        return r;
}

static const struct {
        const char *verb;
        int (*call)(TestHost *h, const char *xml, unsigned flags);
} verbs[] = { { "attach", attach }, { "detach", detach }, { "update", update }, { "ask", ask } };

static int carry_out(Yardstick *y, const char *verb, const char *path) {
        _cleanup_free_ char *xml = NULL, *live = NULL, *line = NULL;
        _cleanup_(json_decrefp) json_t *said = NULL;
        int r = -ENOSYS;

        if (file_read(path, DOCUMENT_MAX, &xml, NULL) < 0)
                return fprintf(stderr, "cannot read %s\n", path), 2;
        y->heard = json_array();
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].verb, verb))
                        r = verbs[i].call(y->h, xml, LIVE);
        if (r == -ENOSYS)
                return fprintf(stderr, "unknown verb %s\n", verb), 2;
        said = json_pack("{s:o,s:i,s:s}", "commands", y->heard, "code", r < 0 ? y->h->daemon.error.code : 0, "error",
                         r < 0 ? error_text(&y->h->daemon.error, r) : "");
        live = dumpxml(y->h, 1); /* with passwords */
        assert_int_equal(json_object_set_new(said, "live", json_string(live)), 0);
        line = json_dumps(said, JSON_COMPACT | JSON_SORT_KEYS);
        assert_non_null(line);
        puts(line);
        return 0;
}

static void show_guest(Yardstick *y) {
        _cleanup_free_ char *live = dumpxml(y->h, 1), *line = NULL;
        _cleanup_(json_decrefp) json_t *said = json_pack("{s:s}", "live", live);

        line = json_dumps(said, JSON_COMPACT);
        assert_non_null(line);
        puts(line);
}

static char **arguments;

static void run(void **state) {
        Yardstick y = { .h = *state };
        _cleanup_error_ Error e = ERROR_INIT;
        int r = read_guest(arguments[0], &y.guest, &e);

        if (r < 0) {
                fprintf(stderr, "%s\n", error_text(&e, r));
                exit(1);
        }
        start_web(y.h);
        test_write(y.h, "run/qemu/web.xml", y.guest);
        test_pump(y.h);
        show_guest(&y);
        y.h->hear = hear;
        y.h->plug = plug;
        y.h->userdata = &y;
        for (char **a = arguments + 1; r >= 0 && a[0] && a[1]; a += 2)
                if (carry_out(&y, a[0], a[1]) != 0)
                        fail_msg("%s %s", a[0], a[1]);
        free(y.guest);
}

int main(int argc, char *argv[]) {
        const struct CMUnitTest tests[] = { TEST(run) };

        if (argc < 2 || argc % 2 != 0) {
                fprintf(stderr, "usage: hotplug-steps GUEST [VERB DEVICE]...\n");
                return 2;
        }
        arguments = argv + 1;
        return cmocka_run_group_tests_name(NULL, tests, NULL, NULL) != 0;
}
