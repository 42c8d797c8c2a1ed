/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The device by the pending definition, which only root can have written; from it everything else follows: the same
 * functions open for it what they open at the start, and the same builder says what QEMU is to do. */

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "plan/names.h"
#include "plug.h"
#include "qemu/device.h"

#define FIRST_FD 20

void plug_done(Plug *p) {
        for (size_t i = 0; i < p->n_fds; i++)
                close(p->fds[i]);
        late_port_done(&p->late);
        free(p->user);
        free(p->prepare.run_dir);
        strv_free(p->prepare.paths);
        strv_free(p->prepare.fd_args);
        for (size_t i = 0; i < p->prepare.n_images; i++)
                free(p->prepare.images[i].path);
        free(p->prepare.images);
        free(p->prepare.opened);
        launch_done(&p->prepare.launch);
        chain_free(p->prepare.chain);
        prepare_groups_done(&p->prepare);
        qemu_config_free(p->prepare.config);
        definition_free(p->prepare.live);
        error_done(&p->prepare.error);
}

/* The number that QEMU would know it by at the start; here the position among those that go over. */
static int keep(Prepare *prepare, int number, int fd) {
        Plug *p = container_of(prepare, Plug, prepare);
        int copy;

        if (p->n_fds == MESSAGE_FDS_MAX || number - FIRST_FD != (int) p->n_fds)
                return error_set(&prepare->error, -EMFILE, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "the device needs more than %u open files", MESSAGE_FDS_MAX);
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return error_set_errno(&prepare->error, -errno, ORIGIN_QEMU, "cannot keep a file open");
        p->fds[p->n_fds++] = copy;
        return number;
}

int plug_find(Plug *p, const char *guest) {
        Prepare *prepare = &p->prepare;
        _cleanup_free_ char *folder = NULL;
        struct stat st;
        int r;

        r = user_name_for_guest(guest, &p->user);
        folder = r >= 0 ? guest_folder(p->user) : NULL;
        if (r < 0 || !folder)
                return r < 0 ? r : -ENOMEM;
        if (stat(folder, &st) < 0)
                return error_set_errno(&prepare->error, -errno, ORIGIN_QEMU, "the guest does not run: %s", folder);
        prepare->run_dir = TAKE_PTR(folder);
        prepare->uid = st.st_uid;
        prepare->gid = st.st_gid;
        return 0;
}

int plug_load(Plug *p, const char *guest) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_PENDING, guest), *text = NULL;
        Prepare *prepare = &p->prepare;
        size_t len;
        int r;

        r = path ? file_read(path, XML_MAX_BYTES, &text, &len) : -ENOMEM;
        if (r < 0)
                return error_set_errno(&prepare->error, r, ORIGIN_QEMU, "cannot read what is to be plugged in");
        r = definition_parse(text, len, NULL, DEFINITION_UNCHECKED, &prepare->live, &prepare->error);
        return r < 0 ? r : plug_find(p, guest);
}

static xmlNode *find_device(const Plug *p, const char *alias) {
        XML_FOREACH(device, definition_devices(p->prepare.live), NULL)
                if (streq_ptr(device_alias(device), alias))
                        return device;
        return NULL;
}

/* --- what is opened: a row for each class of devices --- */

static int open_nothing(Prepare *p, xmlNode *device) {
        return 0;
}

/* QEMU makes this connection itself, and the guest's unit lets it. */
static bool connects_itself(const xmlNode *source) {
        uint64_t delay = 0;

        if (!xml_attr_is(source, "protocol", "nbd"))
                return true;
        (void) xml_attr_u64(xml_child(source, "reconnect"), "delay", &delay);
        XML_FOREACH(host, source, "host")
                if (!xml_attr_is(host, "transport", "unix"))
                        return true;
        return delay > 0;
}

/* A view of the host that was not made at the start is not made later. */
static int check_network(Prepare *p, const xmlNode *device) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_LAUNCH, p->name), *text = NULL;
        _cleanup_launch_ Launch launch = {};
        unsigned line;
        int r;

        r = path ? file_read(path, LAUNCH_MAX, &text, NULL) : -ENOMEM;
        if (r >= 0)
                r = launch_parse(text, &launch, &line);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot read how the guest was started");
        if (launch.connects)
                return 0;
        return prepare_refuse(p, -EOPNOTSUPP, device,
                              "the guest was started without a network of the host's for its QEMU: a %s that QEMU "
                              "itself connects for can be plugged in where the definition had such a one at the start",
                              xml_name(device));
}

static int check_disk(Prepare *p, const xmlNode *disk) {
        static const char *const types[] = { "file", "block", "volume", "network", "nvme" };
        bool known = false;

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                known = known || xml_attr_is(disk, "type", types[i]);
        if (!known)
                return prepare_refuse(p, -EOPNOTSUPP, disk,
                                      "a disk of type '%s' cannot be plugged into a guest that runs: what it needs of "
                                      "the host is made at the guest's start",
                                      xml_attr(disk, "type") ?: "");
        return 0;
}

static int open_disk(Prepare *p, xmlNode *disk) {
        int r;

        r = check_disk(p, disk);
        if (r >= 0)
                r = images_note_others(p, disk);
        if (r >= 0)
                r = prepare_volume(p, disk);
        if (r >= 0 && xml_attr_is(disk, "type", "network") && !disk_is_served(disk) &&
            connects_itself(xml_child(disk, "source")))
                r = check_network(p, disk);
        if (r >= 0)
                r = prepare_disk_lock(p, disk);
        if (r >= 0 && xml_attr_is(disk, "type", "nvme"))
                r = prepare_pci_device(p, disk);
        if (r >= 0)
                r = prepare_disk(p, disk);
        if (r >= 0)
                r = definition_number_images(p->live, disk);
        if (r >= 0)
                r = prepare_disk_sources(p, disk);
        return r < 0 ? r : prepare_chain_record(p);
}

/* One on a network of devices of the host becomes one of type hostdev there. */
static int open_interface(Prepare *p, xmlNode *interface) {
        int r;

        p->res.nets = p->nets;
        p->res.chardevs = p->chardevs;
        r = prepare_interface(p, interface);
        return r < 0 || !xml_attr_is(interface, "type", "hostdev") ? r : prepare_pci_device(p, interface);
}

static int open_hostdev(Prepare *p, xmlNode *hostdev) {
        int r = xml_attr_is(xml_child(hostdev, "source"), "protocol", "iscsi") ? check_network(p, hostdev) : 0;

        if (r < 0)
                return r;
        return xml_attr_is(hostdev, "type", "pci") ? prepare_pci_device(p, hostdev) : prepare_hostdev(p, hostdev);
}

static int open_device(Prepare *p, xmlNode *device) {
        p->res.chardevs = p->chardevs;
        return prepare_opened_device(p, device);
}

static int open_chardev(Prepare *p, xmlNode *device) {
        int r = prepare_chardev_connects(device) ? check_network(p, device) : 0;

        return r < 0 ? r : prepare_chardev_of(p, device);
}

/* Whatever is not here is refused. */
static const struct {
        const char *element;
        int (*open)(Prepare *p, xmlNode *device);
} classes[] = {
        { "disk", open_disk },
        { "interface", open_interface },
        { "controller", open_nothing },
        { "hostdev", open_hostdev },
        { "serial", open_chardev },
        { "console", open_chardev },
        { "channel", open_chardev },
        { "redirdev", open_chardev },
        { "rng", open_chardev },
        { "filesystem", open_device },
        { "input", open_device },
        { "shmem", open_device },
        { "vsock", open_device },
        { "memory", open_nothing },
        { "watchdog", open_nothing },
};

static int open_for(Prepare *p, xmlNode *device) {
        for (size_t i = 0; i < ELEMENTSOF(classes); i++)
                if (xml_is(device, classes[i].element))
                        return classes[i].open(p, device);
        return prepare_refuse(p, -EOPNOTSUPP, device, "nothing is opened for a device <%s>", xml_name(device));
}

/* --- what QEMU is told --- */

/* "25:26" among the properties of a tap and the like: QEMU will know them by names. */
static int rename_numbers(const Plug *p, const char *device, json_t *o, const char *key, const char *text) {
        _cleanup_free_ char *copy = strdup(text), *names = NULL;
        _cleanup_strbuf_ StrBuf b = {};

        for (char *rest = copy, *one; (one = strsep(&rest, ":"));) {
                int number;

                if (parse_int(one, &number) < 0 || number < FIRST_FD || (size_t) (number - FIRST_FD) >= p->n_fds)
                        return -EINVAL;
                strbuf_addf(&b, "%s%s-%d", b.len > 0 ? ":" : "", device, number - FIRST_FD);
        }
        names = strbuf_take(&b);
        return copy && names && json_object_set_new(o, key, json_string(names)) >= 0 ? 0 : -ENOMEM;
}

static int rename_in(const Plug *p, const char *device, json_t *o) {
        static const char *const keys[] = { "fd", "fds", "vhostfd", "vhostfds" };
        bool address = streq_ptr(json_string_value(json_object_get(o, "type")), "fd");
        const char *key;
        json_t *value;
        void *next;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(keys); i++) {
                const char *text = json_string_value(json_object_get(o, keys[i]));

                r = text ? rename_numbers(p, device, o, keys[i], text) : 0;
        }
        if (r >= 0 && address && json_string_value(json_object_get(o, "str")))
                r = rename_numbers(p, device, o, "str", json_string_value(json_object_get(o, "str")));
        json_object_foreach_safe(o, next, key, value) {
                json_t *text = address && streq(key, "data") ? json_object_get(value, "str") : NULL;

                if (r >= 0 && json_is_string(text))
                        r = rename_numbers(p, device, value, "str", json_string_value(text));
                else if (r >= 0 && json_is_object(value))
                        r = rename_in(p, device, value);
        }
        return r;
}

static int add_step(Plug *p, const char *device, QemuPart *part, json_t *steps) {
        json_t *add, *remove;
        int r = 0;

        if (part->kind == QEMU_PART_BLOCKDEV)
                r = images_rewrite_node(&p->prepare, part->props);
        if (r >= 0)
                r = qemu_part_commands(part, &add, &remove, &p->prepare.error);
        if (r < 0)
                return r;
        r = rename_in(p, device, json_object_get(add, "arguments"));
        if (r >= 0)
                return json_array_append_new(steps, json_pack("{s:o,s:o}", "do", add, "undo", remove)) < 0 ? -ENOMEM
                                                                                                         : 0;
        json_decref(add);
        json_decref(remove);
        return r;
}

static int build_steps(Plug *p, const xmlNode *device, const char *version, json_t *steps) {
        Prepare *prepare = &p->prepare;
        const char *arch = xml_get(definition_root(prepare->live), "os/type/@arch") ?: "x86_64";
        const QemuCaps *caps = qemu_caps_for(version, arch);
        _cleanup_qemu_parts_ QemuParts parts = {};
        int r;

        if (!caps)
                return error_set(&prepare->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "QEMU %s for this architecture is not supported", version);
        prepare->res.run_dir = prepare->run_dir;
        r = qemu_device_build(prepare->live, device, caps, &prepare->res, &parts, &prepare->error);
        for (size_t i = 0; r >= 0 && i < parts.n; i++)
                r = add_step(p, device_alias(device), &parts.list[i], steps);
        return r;
}

/* --- the answer --- */

/* Numbers are in the sets' arguments, "fd=20,set=3", or have a name. */
static int list_descriptors(const Plug *p, const char *device, json_t *sets, json_t *names) {
        bool in_set[MESSAGE_FDS_MAX] = {};

        for (char *const *a = p->prepare.fd_args; a && *a; a++) {
                int fd, set;

                if (sscanf(*a, "fd=%d,set=%d", &fd, &set) != 2)
                        continue;
                in_set[fd - FIRST_FD] = true;
                if (json_array_append_new(sets, json_pack("{s:i,s:i}", "set", set, "fd", fd - FIRST_FD)) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < p->n_fds; i++) {
                _cleanup_free_ char *name = text_format("%s-%zu", device, i);

                if (!in_set[i] &&
                    (!name || json_array_append_new(names, json_pack("{s:s,s:i}", "name", name, "fd", (int) i)) < 0))
                        return -ENOMEM;
        }
        return 0;
}

static int build_answer(Plug *p, const xmlNode *device, const char *version, json_t **ret) {
        json_t *sets = json_array(), *names = json_array(), *steps = json_array(), *after = json_array();
        const char *alias = device_alias(device);
        _cleanup_free_ char *text = NULL;
        int r;

        r = build_steps(p, device, version, steps);
        if (r >= 0)
                r = list_descriptors(p, alias, sets, names);
        if (r >= 0)
                r = qemu_device_after(device, after);
        if (r >= 0)
                r = xml_format(device, &text);
        if (r >= 0) {
                *ret = json_pack("{s:s,s:O,s:O,s:O,s:O}", "device", text, "sets", sets, "names", names, "steps", steps,
                                 "after", after);
                r = *ret ? 0 : -ENOMEM;
        }
        json_decref(sets);
        json_decref(names);
        json_decref(steps);
        json_decref(after);
        return r;
}

int plug_open(Plug *p, const char *guest, const char *device, const char *version, unsigned set, json_t **ret,
              Error *e) {
        Prepare *prepare = &p->prepare;
        xmlNode *node = NULL;
        int r;

        *prepare = (Prepare) {
                .name = guest,
                .parcel_fd = -EBADF,
                .sink = { descriptor_give },
                .keep = keep,
                .running = true,
                .next_fd = FIRST_FD,
                .next_set = (int) set,
        };
        qemu_host_resources_init(&prepare->res);
        r = plug_load(p, guest);
        if (r >= 0)
                node = find_device(p, device);
        if (r >= 0 && !node)
                r = error_set(&prepare->error, -ENODEV, ERROR_DEVICE_MISSING, ORIGIN_QEMU,
                              "%s has no device %s", guest, device);
        if (r >= 0)
                r = prepare_config(prepare);
        if (r >= 0 && late_port_is_heard(prepare->run_dir))
                prepare->late = &p->late;
        if (r >= 0)
                r = open_for(prepare, node);
        if (r >= 0)
                r = build_answer(p, node, version, ret);
        if (r < 0 && error_is_set(&prepare->error))
                error_move(e, &prepare->error);
        return r;
}
