/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The whole command line: the parts of the machine, then those of each
 * device, in an order in which everything exists before it is used. */

#include "base/fs.h"
#include "build.h"
#include "memory-backend.h"

typedef void (*DeviceBuilder)(Build *b, const xmlNode *n);

/* The order in which classes of devices are added: what others are plugged into comes first.
 * NULL: no arguments of its own. */
static const struct {
        const char *element;
        DeviceBuilder build;
} device_table[] = {
        { "emulator", NULL },
        { "controller", build_controller },  /* by build_buses() at start */
        { "hub", build_hub },
        { "iommu", build_iommu },            /* before what it translates for */
        { "audio", build_audio },
        { "disk", build_disk },
        { "lease", NULL },                   /* vm-prepare's */
        { "filesystem", build_filesystem },
        { "interface", build_interface },
        { "smartcard", build_smartcard },
        { "serial", build_serial },
        { "parallel", build_parallel },
        { "channel", build_channel },
        { "console", build_console },
        { "input", build_input },
        { "tpm", build_tpm },
        { "graphics", build_graphics },
        { "video", build_video },
        { "sound", build_sound },
        { "watchdog", build_watchdog },
        { "hostdev", build_hostdev },
        { "redirdev", build_redirdev },
        { "redirfilter", NULL },             /* part of each redirdev */
        { "memballoon", build_memballoon },
        { "rng", build_rng },
        { "panic", build_panic },
        { "shmem", build_shmem },
        { "memory", build_memory_device },
        { "crypto", build_crypto },
        { "vsock", build_vsock },
        { "pstore", build_pstore },
};

static const char *const part_options[_QEMU_PART_KIND_MAX] = {
        [QEMU_PART_OBJECT] = "-object",
        [QEMU_PART_CHARDEV] = "-chardev",
        [QEMU_PART_BLOCKDEV] = "-blockdev",
        [QEMU_PART_NETDEV] = "-netdev",
        [QEMU_PART_AUDIODEV] = "-audiodev",
        [QEMU_PART_DEVICE] = "-device",
};

void qemu_host_resources_init(QemuHostResources *res) {
        *res = (QemuHostResources) {};
}

/* The run directory where the host side names none. */
static int default_run_dir(Build *b, char **ret) {
        if (b->run_dir)
                return 0;
        *ret = text_format("%s/qemu/%s", path_run(), definition_name(b->d));
        if (!*ret)
                return build_fail(b, -ENOMEM);
        b->run_dir = *ret;
        return 0;
}

/* *own_run_dir is freed by the caller, after b is used. */
static int build_begin(Build *b, const Definition *d, const QemuCaps *caps, const QemuHostResources *res,
                       QemuParts *parts, char **own_run_dir, Error *e) {
        const char *type;

        *b = (Build) {
                .d = d,
                .root = definition_root(d),
                .devices = definition_devices(d),
                .caps = caps,
                .res = res,
                .parts = parts,
                .e = e,
        };
        type = xml_attr(b->root, "type") ?: "qemu";
        b->machine = xml_get(b->root, "os/type/@machine");
        if (!b->machine || !*b->machine)
                b->machine = qemu_caps_default_machine(caps);
        b->q35 = streq(b->machine, "q35") || startswith(b->machine, "pc-q35-");
        b->kvm = streq(res->accel ?: type, "kvm");
        b->emulated = !b->kvm && streq(type, "kvm");
        b->run_dir = res->run_dir;
        if (!streq(type, "kvm") && !streq(type, "qemu"))
                return build_refuse(b, b->root, "domain type '%s' is not supported", type);
        return default_run_dir(b, own_run_dir);
}

static void build_device(Build *b, const xmlNode *n) {
        for (size_t i = 0; i < ELEMENTSOF(device_table); i++)
                if (xml_is(n, device_table[i].element)) {
                        if (device_table[i].build)
                                device_table[i].build(b, n);
                        return;
                }
        build_refuse(b, n, "device <%s> is not supported", xml_name(n));
}

static void build_devices(Build *b) {
        build_buses(b);
        for (size_t i = 0; i < ELEMENTSOF(device_table); i++)
                if (device_table[i].build && device_table[i].build != build_controller &&
                    device_table[i].build != build_hub)
                        XML_FOREACH(n, b->devices, device_table[i].element)
                                device_table[i].build(b, n);
        XML_FOREACH(n, b->devices, NULL) {
                bool known = false;

                for (size_t i = 0; i < ELEMENTSOF(device_table); i++)
                        known = known || xml_is(n, device_table[i].element);
                if (!known)
                        build_refuse(b, n, "device <%s> is not supported", xml_name(n));
        }
}

static void add_monitor(Build *b, const QemuMonitor *m) {
        _cleanup_strbuf_ StrBuf o = {};
        _cleanup_free_ char *id = NULL;

        id = text_format("char%s", m->name);
        if (!id) {
                build_fail(b, -ENOMEM);
                return;
        }
        strbuf_add(&o, "socket");
        put_opt(&o, "id", id);
        if (m->path)
                put_opt(&o, "path", m->path);
        else
                strbuf_addf(&o, ",fd=%d", m->fd);
        if (m->path || m->listening)
                strbuf_add(&o, ",server=on,wait=off");
        add_chardev_buf(b, &o);
        add_option(b, "-mon", "chardev=%s,id=%s,mode=control", id, m->name);
}

static void build_monitors(Build *b) {
        _cleanup_free_ char *path = NULL;

        for (size_t i = 0; i < b->res->n_monitors; i++)
                add_monitor(b, &b->res->monitors[i]);
        if (b->res->n_monitors > 0)
                return;
        path = text_format("%s/qmp.sock", b->run_dir);
        if (!path) {
                build_fail(b, -ENOMEM);
                return;
        }
        add_monitor(b, &(QemuMonitor) { .name = "monitor", .fd = -EBADF, .path = path });
}

static void build_identity(Build *b) {
        _cleanup_strbuf_ StrBuf o = {};

        put_opt(&o, "guest", definition_name(b->d));
        put_opt(&o, "debug-threads", "on");
        add_option_buf(b, "-name", &o);
        add_option(b, "-S", NULL);
}

/* Tells the guest that it was cloned or went back in time. */
static void build_genid(Build *b) {
        const xmlNode *genid = xml_child(b->root, "genid");
        json_t *o;

        if (!genid)
                return;
        if (!*xml_text(genid)) {
                build_invalid(b, genid, "the generation id is missing");
                return;
        }
        o = device_new(b, "vmgenid");
        put_str(b, o, "guid", xml_text(genid));
        put_str(b, o, "id", "vmgenid0");
        add_props(b, QEMU_PART_DEVICE, o);
}

static void build_lifecycle(Build *b) {
        const char *reboot = xml_get(b->root, "on_reboot");

        add_option(b, "-no-shutdown", NULL);
        /* A guest that may not restart ends where it would have rebooted. */
        if (reboot && streq(reboot, "destroy") && !b->res->recorded)
                add_option(b, "-action", "reboot=shutdown");
}

/* A guest's process needs none of what these rule out. */
static void build_sandbox(Build *b) {
        if (!b->res->no_sandbox)
                add_option(b, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
        add_option(b, "-msg", "timestamp=on");
}

static void build_all(Build *b) {
        build_identity(b);
        build_machine(b);
        build_cpu(b);
        build_firmware(b);
        build_memory(b);
        build_smp(b);
        build_numa(b);
        build_iothreads(b);
        build_throttle_groups(b);
        add_option(b, "-uuid", "%s", xml_get(b->root, "uuid") ?: "00000000-0000-0000-0000-000000000000");
        build_display_none(b);
        build_sysinfo(b);
        add_option(b, "-no-user-config", NULL);
        add_option(b, "-nodefaults", NULL);
        build_monitors(b);
        build_clock(b);
        build_lifecycle(b);
        build_pm(b);
        build_boot(b);
        build_kernel(b);
        build_features(b);
        build_genid(b);
        build_deprecation(b);
        build_launch_security(b);
        build_devices(b);
        build_sandbox(b);
        build_commandline(b);
}

static int add_part_argv(const QemuPart *part, char ***argv) {
        const char *option = part->kind == QEMU_PART_OPTION ? part->name : part_options[part->kind];
        char *text;
        int r;

        r = strv_add(argv, option);
        if (r < 0)
                return r;
        if (part->props) {
                text = json_dumps(part->props, JSON_COMPACT);
                return text ? strv_consume(argv, text) : -ENOMEM;
        }
        return part->option ? strv_add(argv, part->option) : 0;
}

static int parts_to_argv(Build *b, char ***ret) {
        _cleanup_strv_ char **argv = NULL;
        const char *emulator = xml_get(b->devices, "emulator");
        int r;

        r = strv_add(&argv, emulator && *emulator ? emulator : qemu_caps_emulator(b->caps));
        for (size_t i = 0; r >= 0 && i < b->parts->n; i++)
                r = add_part_argv(&b->parts->list[i], &argv);
        if (r < 0)
                return build_fail(b, r);
        *ret = TAKE_PTR(argv);
        return 0;
}

int qemu_args_build(const Definition *live, const QemuCaps *caps, const QemuHostResources *res, char ***ret_argv,
                    Error *e) {
        _cleanup_free_ char *run_dir = NULL;
        _cleanup_qemu_parts_ QemuParts parts = {};
        Build b;
        int r;

        r = build_begin(&b, live, caps, res, &parts, &run_dir, e);
        if (r < 0)
                return r;
        build_all(&b);
        if (b.r < 0)
                return b.r;
        return parts_to_argv(&b, ret_argv);
}

int qemu_machine_check(const Definition *d, const QemuCaps *caps, Error *e) {
        _cleanup_free_ char *run_dir = NULL;
        _cleanup_qemu_parts_ QemuParts parts = {};
        QemuHostResources none = {};
        Build b;
        int r;

        r = build_begin(&b, d, caps, &none, &parts, &run_dir, e);
        if (r < 0)
                return r;
        build_machine_check(&b);
        return b.r;
}

int qemu_device_build(const Definition *live, const xmlNode *node, const QemuCaps *caps, const QemuHostResources *res,
                      QemuParts *ret, Error *e) {
        _cleanup_free_ char *run_dir = NULL;
        _cleanup_qemu_parts_ QemuParts parts = {};
        Build b;
        int r;

        r = build_begin(&b, live, caps, res, &parts, &run_dir, e);
        if (r < 0)
                return r;
        b.joins = true;
        build_device(&b, node);
        if (b.r < 0)
                return b.r;
        *ret = parts;
        parts = (QemuParts) {};
        return 0;
}
