/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The definition becomes NAME.xml (the live definition) and NAME.launch (what vm-run executes), and what the guest's
 * user may not open is opened. */

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/strings.h"
#include "host/sockets.h"
#include "host/undo.h"
#include "leftovers.h"
#include "plan/names.h"
#include "plan/plan.h"
#include "prepare.h"
#include "qemu/args.h"
#include "qemu/firmware.h"
#include "qemu/machines.h"
#include "qemu/version.h"
#include "register.h"
#include "view.h"

#define DEFAULT_EMULATOR "/usr/bin/qemu-system-x86_64"
/* Descriptors of QEMU begin here: above stdin, stdout, stderr and a few to spare. */
#define FIRST_FD 20

/* --- the definition --- */

/* A transient guest's definition hides the persistent one of the same name. */
static int load_definition(Prepare *p) {
        _cleanup_free_ char *transient = guest_file(GUEST_FILE_TRANSIENT, p->name);
        _cleanup_free_ char *persistent = guest_file(GUEST_FILE_PERSISTENT, p->name);
        int r;

        if (!transient || !persistent)
                return -ENOMEM;
        r = definition_load(access(transient, F_OK) >= 0 ? transient : persistent, DEFINITION_STARTS,
                            &p->live, &p->error);
        if (r == -ENOENT && !error_is_set(&p->error))
                return error_set(&p->error, r, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no definition %s", persistent);
        if (r < 0)
                return r;
        if (!streq(definition_name(p->live), p->name))
                return error_set(&p->error, -EINVAL, ERROR_XML_ERROR, ORIGIN_DOMAIN,
                                 "%s: the guest in it is called '%s'", definition_origin(p->live),
                                 definition_name(p->live));
        for (char *const *w = definition_warnings(p->live); w && *w; w++)
                log_warning("%s", *w);
        return 0;
}

/* systemd keeps the settings that it read last. A start with others would give the guest a sandbox that does not
 * fit. */
static int check_plan(Prepare *p) {
        _cleanup_plan_ Plan *plan = NULL;
        const PlanSetting *settings;
        size_t n;
        int r;

        r = plan_build(p->live, &plan, &p->error);
        if (r < 0)
                return r;
        settings = plan_settings(plan, &n);
        for (size_t i = 0; i < n; i++)
                p->host_network |= streq(settings[i].key, "PrivateNetwork") && streq(settings[i].value, "no");
        if (streq_ptr(p->plan, plan_stamp(plan)))
                return 0;
        return error_set(&p->error, -ESTALE, ERROR_OPERATION_INVALID, ORIGIN_SYSTEMD,
                         "%s %s: run \"systemctl daemon-reload\", then start it again", definition_origin(p->live),
                         p->plan ? "changed after systemd read it" : "is not known to systemd yet");
}

static int normalise(Prepare *p, char **ret_version) {
        const xmlNode *named = xml_child(definition_devices(p->live), "emulator");
        const char *emulator = (named ? xml_text(named) : NULL) ?: DEFAULT_EMULATOR;
        _cleanup_firmware_host_ FirmwareHost firmware = {};
        HostFacts facts;
        unsigned version;
        int r;

        r = qemu_emulator_check(p->live, true, &p->error);
        if (r < 0)
                return r;
        r = qemu_version_get(emulator, &version);
        if (r < 0 && named)
                return prepare_refuse(p, r, named, "cannot run '%s' to learn its version: %s", emulator, strerror(-r));
        if (r < 0)
                return error_set(&p->error, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "cannot learn the version of %s: %s", emulator, strerror(-r));
        *ret_version = text_format("%u.%u.%u", version / 1000000, version / 1000 % 1000, version % 1000);
        if (!*ret_version)
                return -ENOMEM;
        r = host_facts_for_qemu(*ret_version, &facts);
        if (r < 0)
                return error_set(&p->error, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "%s is version %s: too old",
                                 emulator, *ret_version);
        facts.emulator = emulator;
        firmware_host_offer(&firmware, &facts);
        r = definition_ensure_uuid(p->live);
        if (r >= 0)
                r = definition_normalise(p->live, &facts, &p->error);
        return r < 0 ? r : definition_assign_aliases(p->live, &p->error);
}

static int assign_id(Prepare *p) {
        unsigned id;
        int r;

        r = state_next_id(&id);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot take an id from %s/qemu/next-id", path_run());
        return xml_set_attrf(definition_root(p->live), "id", "%u", id);
}

/* NAME.request: what the client that starts the guest wants just this time. */
static int read_request(Prepare *p) {
        _cleanup_free_ char *path = guest_file(GUEST_FILE_REQUEST, p->name), *text = NULL;
        char *rest, *line;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, 4096, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot read %s", path);
        (void) unlink(path);
        rest = text;
        while ((line = strsep(&rest, "\n"))) {
                if (streq(line, "paused=yes"))
                        p->paused = true;
                if (streq(line, "reset-nvram=yes"))
                        p->reset_nvram = true;
        }
        return 0;
}

/* --- what vm-run does before and around QEMU --- */

int prepare_command(Prepare *p, json_t *command) {
        char *text = json_dumps(command, JSON_COMPACT);
        int r = text ? strv_addf(&p->launch.commands, "%s\n", text) : -ENOMEM;

        free(text);
        json_decref(command);
        return r;
}

static int add_link_states(Prepare *p) {
        XML_FOREACH(interface, definition_devices(p->live), "interface")
                if (streq_ptr(xml_get(interface, "link/@state"), "down")) {
                        int r = prepare_command(p, json_pack("{s:s,s:{s:s,s:b}}", "execute", "set_link", "arguments",
                                                             "name", device_alias(interface), "up", 0));

                        if (r < 0)
                                return r;
                }
        return 0;
}

static int add_balloon(Prepare *p, uint64_t memory, uint64_t current) {
        const xmlNode *balloon = xml_child(definition_devices(p->live), "memballoon");
        uint64_t period = 0;
        int r = 0;

        if (!balloon || xml_attr_is(balloon, "model", "none"))
                return 0;
        (void) xml_get_u64(balloon, "stats/@period", &period);
        if (period > 0)
                r = prepare_command(p, json_pack("{s:s,s:{s:s,s:s,s:I}}", "execute", "qom-set", "arguments", "path",
                                                 QEMU_BALLOON_PATH, "property", QEMU_BALLOON_PERIOD, "value",
                                                 (json_int_t) period));
        if (r < 0 || current >= memory)
                return r;
        return prepare_command(p, json_pack("{s:s,s:{s:I}}", "execute", "balloon", "arguments", "value",
                                            (json_int_t) (current * 1024)));
}

/* "2 vCPUs, 1.5 GiB" */
static int format_size(uint64_t vcpus, uint64_t kib, char **ret) {
        bool gib = kib >= 1024 * 1024;
        int n;

        n = asprintf(ret, "%" PRIu64 " vCPU%s, %.4g %s", vcpus, vcpus == 1 ? "" : "s",
                     (double) kib / (gib ? 1024 * 1024 : 1024), gib ? "GiB" : "MiB");
        if (n < 0)
                *ret = NULL;
        return n < 0 ? -ENOMEM : 0;
}

static int fill_launch(Prepare *p) {
        const xmlNode *domain = definition_root(p->live);
        uint64_t memory = 0, current, vcpus = 0;
        Launch *l = &p->launch;
        int r;

        (void) xml_get_u64(domain, "memory", &memory);
        current = memory;
        (void) xml_get_u64(domain, "currentMemory", &current);
        if (xml_get_u64(domain, "vcpu/@current", &vcpus) < 0)
                (void) xml_get_u64(domain, "vcpu", &vcpus);
        l->name = strdup(p->name);
        l->uuid = strdup(xml_get(domain, "uuid") ?: "");
        l->on_poweroff = strdup(xml_get(domain, "on_poweroff") ?: "destroy");
        l->on_crash = strdup(xml_get(domain, "on_crash") ?: "destroy");
        l->paused = p->paused;
        if (!l->name || !l->uuid || !l->on_poweroff || !l->on_crash || format_size(vcpus, current, &l->size) < 0)
                return -ENOMEM;
        /* The guest's end after a panic is vm-run's decision, as on_crash says. */
        r = prepare_command(p, json_pack("{s:s,s:{s:s}}", "execute", "set-action", "arguments", "panic", "pause"));
        if (r >= 0)
                r = prepare_vcpus(p);
        if (r >= 0)
                r = prepare_threads(p);
        if (r >= 0)
                r = add_link_states(p);
        if (r >= 0)
                r = prepare_throttles(p);
        return r < 0 ? r : add_balloon(p, memory, current);
}

/* --- dumps of its memory --- */

/* The id, and at most 20 characters of the name. */
int prepare_short_name(const Prepare *p, char **ret) {
        size_t len = 0;

        for (size_t n = 0; p->name[len] && n < 20; n++)
                do
                        len++;
                while ((p->name[len] & 0xc0) == 0x80); /* within a character of UTF-8 */
        *ret = text_format("%s-%.*s", xml_attr(definition_root(p->live), "id") ?: "0", (int) len, p->name);
        if (!*ret)
                return -ENOMEM;
        return 0;
}

static int fill_dump_size(Prepare *p) {
        uint64_t kib = 0;

        (void) xml_get_u64(definition_root(p->live), "maxMemory", &kib);
        if (kib == 0)
                (void) xml_get_u64(definition_root(p->live), "memory", &kib);
        p->launch.dump_size = text_format("%" PRIu64, kib * 1024);
        return p->launch.dump_size ? 0 : -ENOMEM;
}

static int fill_dump(Prepare *p) {
        _cleanup_free_ char *name = NULL;
        Launch *l = &p->launch;
        int r;

        if (!plan_may_dump(p->live))
                return 0;
        r = prepare_short_name(p, &name);
        if (r < 0)
                return r;
        if (p->config->auto_dump_path)
                r = asprintf(&l->dump_prefix, "%s/%s", p->config->auto_dump_path, name);
        else
                r = asprintf(&l->dump_prefix, "%s/qemu/dump/%s", path_lib(), name);
        if (r >= 0 && p->config->auto_dump_max_size > 0)
                r = asprintf(&l->dump_limit, "%" PRIu64, p->config->auto_dump_max_size);
        if (r >= 0)
                r = fill_dump_size(p);
        if (r < 0)
                return -ENOMEM;
        XML_FOREACH(watchdog, definition_devices(p->live), "watchdog")
                if (xml_attr_is(watchdog, "action", "dump"))
                        l->watchdog_dumps = true;
        return 0;
}

/* --- QEMU's monitors and consoles --- */

/* The supervisor's, at which the process that becomes QEMU listens: whom a client sees as its peer is who listened. And
 * vm-run's. */
static int prepare_monitors(Prepare *p) {
        _cleanup_free_ char *path = text_format("%s/" GUEST_FOLDER_MONITOR, p->run_dir);
        _cleanup_close_ int fd = -EBADF;
        int number, r;

        r = path ? socket_bind(path, &fd) : -ENOMEM;
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot make the monitor's socket");
        r = descriptor_store(p, fd);
        if (r < 0)
                return r;
        p->launch.listen_fd = r;
        p->monitors[0] = (QemuMonitor) { .name = "monitor", .fd = r, .listening = true };
        number = descriptor_number(p);
        if (number < 0)
                return number;
        p->launch.monitor_fd = number;
        p->monitors[1] = (QemuMonitor) { .name = "runner", .fd = number };
        p->res.monitors = p->monitors;
        p->res.n_monitors = 2;
        return 0;
}

/* Behind the program's name: at the end the definition's own arguments stand, of which the last may lack its value. */
static int insert_fd_args(Prepare *p) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = strv_add(&argv, p->launch.argv[0]);
        for (char *const *a = p->fd_args; r >= 0 && a && *a; a++)
                r = strv_add(&argv, *a);
        for (char *const *a = p->launch.argv + 1; r >= 0 && *a; a++)
                r = strv_add(&argv, *a);
        if (r < 0)
                return r;
        strv_free(p->launch.argv);
        p->launch.argv = TAKE_PTR(argv);
        return 0;
}

static int build_arguments(Prepare *p, const char *version) {
        const QemuCaps *caps = qemu_caps_for(version, xml_get(definition_root(p->live), "os/type/@arch") ?: "x86_64");
        int r;

        if (!caps)
                return error_set(&p->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                 "QEMU %s for this architecture is not supported", version);
        p->res.run_dir = p->run_dir;
        r = qemu_args_build(p->live, caps, &p->res, &p->launch.argv, &p->error);
        if (r >= 0)
                r = images_rewrite_arguments(p, p->launch.argv);
        return r < 0 ? r : insert_fd_args(p);
}

/* --- what is written --- */

static int write_file(Prepare *p, GuestFile file, const char *text) {
        _cleanup_free_ char *path = guest_file(file, p->name);
        int r;

        if (!path)
                return -ENOMEM;
        r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot write %s", path) : 0;
}

/* vm-run gets the file as a descriptor: its folder is not in the guest's view of the file system. */
static int write_launch(Prepare *p) {
        _cleanup_free_ char *text = NULL, *path = guest_file(GUEST_FILE_LAUNCH, p->name);
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = path ? launch_format(&p->launch, &text) : -ENOMEM;
        if (r >= 0)
                r = write_file(p, GUEST_FILE_LAUNCH, text);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? -errno : parcel_put(p->parcel_fd, "launch", fd);
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_SYSTEMD, "cannot hand %s to vm-run", path) : 0;
}

static int write_live(Prepare *p) {
        _cleanup_free_ char *text = NULL;
        int r;

        definition_sort(p->live); /* what was found out on the way was appended */
        r = definition_format(p->live, DEFINITION_FORMAT_SECURE, &text);
        return r < 0 ? r : write_file(p, GUEST_FILE_LIVE, text);
}

/* --- all of it --- */

static int find_owner(Prepare *p) {
        struct stat st;

        if (!p->run_dir || stat(p->run_dir, &st) < 0)
                return error_set(&p->error, -ENOENT, ERROR_INTERNAL, ORIGIN_SYSTEMD,
                                 "the unit has no RuntimeDirectory=: it is none that was made from a definition");
        p->uid = st.st_uid;
        p->gid = st.st_gid;
        return 0;
}

/* Who may register a machine is decided by who connects. A host without a bus is none the worse. */
static int prepare_registration(Prepare *p) {
        _cleanup_close_ int fd = unix_connect("/run/dbus/system_bus_socket", SOCK_STREAM);
        int r;

        r = machine_name_for_guest(p->name, &p->launch.machine);
        if (r >= 0)
                r = unit_name_for_guest(p->name, &p->launch.unit);
        if (r < 0)
                return error_set_errno(&p->error, r, ORIGIN_QEMU, "no machine can have the name '%s'", p->name);
        if (fd < 0) {
                log_full(fd == -ENOENT || fd == -ECONNREFUSED ? LOG_DEBUG : LOG_WARNING, fd,
                         "cannot connect to the system bus, proceeding without machined: %s", strerror(-fd));
                return 0;
        }
        r = parcel_put(p->parcel_fd, REGISTER_FD_NAME, fd);
        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_SYSTEMD, "cannot hand a connection to vm-run")
                     : 0;
}

/* The unit shows what was there when it was started. */
static int show_folders(Prepare *p) {
        _cleanup_close_ int process = -EBADF;

        if (!p->shown)
                return 0;
        process = (int) syscall(SYS_pidfd_open, p->process, 0);
        if (process < 0)
                return -errno;
        for (char *const *folder = p->shown; *folder; folder++) {
                int r = view_show(process, *folder);

                if (r < 0)
                        return error_set_errno(&p->error, r, ORIGIN_SYSTEMD, "cannot show '%s' to the guest", *folder);
        }
        return 0;
}

static int prepare(Prepare *p) {
        static int (*const steps[])(Prepare * p) = {
                prepare_config,   read_request,     prepare_kvm,          prepare_cpu,      assign_id,
                prepare_folder,   prepare_monitors, prepare_boot,         prepare_images,   prepare_chardevs,
                prepare_guest_log, prepare_sources,
                prepare_network,  prepare_opened,   prepare_hostdevs,     prepare_memory,
                prepare_placement, prepare_smartcards,
                prepare_smbios,   prepare_graphics, prepare_environment,  prepare_needs,
                fill_launch,      fill_dump,        prepare_registration, prepare_thread_quotas,
                prepare_resctrl,  prepare_fibre,    prepare_events,
        };
        _cleanup_free_ char *version = NULL;
        int r;

        r = load_definition(p);
        if (r >= 0)
                r = check_plan(p);
        if (r >= 0)
                r = find_owner(p);
        if (r >= 0)
                r = normalise(p, &version);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(steps); i++)
                r = steps[i](p);
        if (r >= 0)
                r = prepare_locks(p);
        if (r >= 0)
                r = show_folders(p);
        if (r >= 0)
                r = build_arguments(p, version);
        if (r >= 0)
                r = write_launch(p);
        if (r >= 0)
                r = write_live(p);
        if (r >= 0)
                prepare_autostart(p);
        return r;
}

static void prepare_done(Prepare *p) {
        free(p->run_dir);
        if (p->host_sysinfo)
                xmlFreeDoc(p->host_sysinfo);
        strv_free(p->paths);
        strv_free(p->shown);
        free(p->auto_cpus);
        free(p->auto_nodes);
        for (size_t i = 0; i < p->n_images; i++)
                free(p->images[i].path);
        free(p->images);
        free(p->opened);
        strv_free(p->fd_args);
        launch_done(&p->launch);
        chain_free(p->chain);
        prepare_groups_done(p);
        qemu_config_free(p->config);
        definition_free(p->live);
        error_done(&p->error);
}

/* The folder that systemd made for this run may be covered by that of the earlier one. */
static void undo_earlier_run(const char *name, const char *dir) {
        struct stat st;
        bool known = dir && stat(dir, &st) >= 0;

        log_notice("an earlier run of the guest was not cleaned up, which is done now");
        leftovers_undo(name);
        leftovers_remove(name);
        if (known && (chown(dir, st.st_uid, st.st_gid) < 0 || chmod(dir, st.st_mode & 07777) < 0))
                log_warning_errno(-errno, "cannot change the owner of %s: %m", dir);
}

/* Nobody cleans up behind this run before it is over. What an earlier one left, whose vm-cleanup was killed, goes
 * now. */
static int take_over(const Starting *s, int parcel_fd, Error *e) {
        _cleanup_close_ int lock = -EBADF;
        int r;

        r = leftovers_lock(s->name, true, &lock);
        if (r >= 0)
                r = leftovers_begin(lock, s->invocation);
        if (r >= 0)
                r = parcel_put(parcel_fd, LOCK_FD_NAME, lock);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot mark the guest as running");
        if (leftovers_exist(s->name))
                undo_earlier_run(s->name, s->run_dir);
        return 0;
}

int prepare_guest(const Starting *s, const char *plan, int in, Error *e) {
        _cleanup_free_ char *stale = guest_file(GUEST_FILE_ERROR, s->name);
        Prepare p = {
                .name = s->name,
                .process = s->process,
                .plan = plan,
                .parcel_fd = in,
                .sink = { descriptor_give },
                .next_fd = FIRST_FD,
                .next_set = 1,
        };
        int r;

        r = take_over(s, in, e);
        if (r < 0)
                return r;
        if (stale)
                (void) unlink(stale);
        if (s->run_dir && !(p.run_dir = strdup(s->run_dir)))
                return -ENOMEM;
        qemu_host_resources_init(&p.res);
        r = prepare(&p);
        if (r < 0)
                error_move(e, &p.error);
        prepare_done(&p);
        return r;
}
