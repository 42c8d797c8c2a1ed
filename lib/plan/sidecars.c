/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Helpers beside a guest, each in a unit and sandbox of its own: the program that is its TPM, those that serve its
 * folders.
 *
 * The unit's template runs vm-helper, which makes the socket of the helper, says that the unit is ready, and executes
 * the words that stand in Environment=UNITVIRT_ARG_1= and so on. vm-prepare connects, and QEMU gets the connection. */

#include "base/strings.h"
#include "guest-plan.h"
#include "plan/helper.h"
#include "plan/names.h"

typedef struct Sidecar {
        Plan *plan;
        unsigned words;
} Sidecar;

/* Those that are NULL are left out. */
static int add_words(Sidecar *s, const char *const *words, size_t n) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                if (words[i])
                        r = plan_addf(s->plan, PLAN_SERVICE, "Environment", "UNITVIRT_ARG_%u=%s", ++s->words, words[i]);
        return r;
}

char *helper_folder(const char *guest, const char *part) {
        _cleanup_free_ char *user = NULL;

        return user_name_for_guest(guest, &user) < 0 ? NULL : text_format("libvirt/helper/%s.%s", user, part);
}

/* The folder of the socket, and the guest that a failure is told to. */
static int begin(GuestPlan *g, const UnitKind *kind, const char *part, const char *folder, Sidecar *s) {
        const char *name = definition_name(g->definition);
        _cleanup_free_ char *run = helper_folder(name, folder), *user = NULL;
        int r;

        r = run ? plan_add_sidecar(g->plan, kind, part, &s->plan) : -ENOMEM;
        if (r >= 0 && kind->own_user)
                r = user_name_for_helper(kind, plan_unit(s->plan), &user);
        if (r >= 0 && user)
                r = plan_add(s->plan, PLAN_SERVICE, "User", user);
        if (r >= 0)
                r = plan_add(s->plan, PLAN_SERVICE, "RuntimeDirectory", run);
        if (r >= 0)
                r = plan_addf(s->plan, PLAN_SERVICE, "Environment", "UNITVIRT_GUEST=%s", name);
        return r < 0 ? r : plan_addf(s->plan, PLAN_SERVICE, "LogExtraFields", "VM_NAME=%s", name);
}

/* Where libvirt keeps it as well, so that a guest that is adopted keeps its TPM. */
static char *state_folder(const GuestPlan *g, const xmlNode *source, bool old) {
        const char *given = xml_attr(source, "path");
        uint8_t uuid[16];
        char text[37];

        if (!definition_uuid(g->definition, uuid))
                uuid_from_name(definition_name(g->definition), uuid);
        uuid_format(uuid, text);
        return given ? strdup(given) : text_format("%s/%s/%s", HELPER_TPM_STATE, text, old ? "tpm1.2" : "tpm2");
}

/* The version that a definition leaves open goes by the model, as normalising has it. */
static bool is_old(const xmlNode *tpm, const xmlNode *backend) {
        const char *version = xml_attr(backend, "version");

        return version ? streq(version, "1.2") : !xml_attr_is(tpm, "model", "tpm-crb");
}

/* What it keeps is encrypted, and what it would send along with a guest that moves. */
static int add_key_words(Sidecar *s, const char *secret) {
        static const struct {
                const char *option;
                int fd;
        } keys[] = { { "--key", HELPER_KEY_FD }, { "--migration-key", HELPER_KEY_FD_AGAIN } };
        int r;

        if (!secret)
                return 0;
        r = plan_addf(s->plan, PLAN_SERVICE, "Environment", "UNITVIRT_TPM_SECRET=%s", secret);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(keys); i++) {
                _cleanup_free_ char *value = text_format("pwdfd=%i,mode=" HELPER_KEY_CIPHER, keys[i].fd);
                const char *const words[] = { keys[i].option, value };

                r = value ? add_words(s, words, ELEMENTSOF(words)) : -ENOMEM;
        }
        return r;
}

static int add_swtpm_words(Sidecar *s, const char *state, bool file, bool old, const char *debug) {
        _cleanup_free_ char *control = text_format("type=unixio,fd=%i", HELPER_SOCKET_FD);
        _cleanup_free_ char *where = file ? text_format("backend-uri=file://%s", state)
                                          : text_format("dir=%s,mode=0600", state);
        _cleanup_free_ char *log = debug ? text_format("fd=2,level=%s", debug) : NULL;
        const char *const words[] = {
                "/usr/bin/swtpm", "socket", old ? NULL : "--tpm2", "--ctrl", control,
                "--tpmstate",     where,    log ? "--log" : NULL,  log,      "--terminate",
        };

        return control && where && (log || !debug) ? add_words(s, words, ELEMENTSOF(words)) : -ENOMEM;
}

/* Which banks of registers a new TPM has. */
static int add_banks(Sidecar *s, const xmlNode *banks) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *list = NULL;

        XML_FOREACH(bank, banks, NULL)
                strbuf_addf(&b, "%s%s", b.len > 0 ? "," : "", xml_name(bank));
        list = strbuf_take(&b);
        if (!list)
                return -ENOMEM;
        return *list ? plan_addf(s->plan, PLAN_SERVICE, "Environment", "UNITVIRT_TPM_BANKS=%s", list) : 0;
}

/* What the TPM is born with; its name is what libvirt writes there afterwards. */
static int add_profile(Sidecar *s, const xmlNode *profile) {
        const char *source = xml_attr(profile, "source"), *removed = xml_attr(profile, "removeDisabled");
        int r = 0;

        if (source)
                r = plan_addf(s->plan, PLAN_SERVICE, "Environment", "UNITVIRT_TPM_PROFILE=%s", source);
        if (r >= 0 && source && removed)
                r = plan_addf(s->plan, PLAN_SERVICE, "Environment", "UNITVIRT_TPM_REMOVE=%s", removed);
        return r;
}

int plan_swtpm(GuestPlan *g, const xmlNode *tpm) {
        const xmlNode *backend = xml_child(tpm, "backend"), *source = xml_child(backend, "source");
        bool old = is_old(tpm, backend), file = xml_attr_is(source, "type", "file");
        _cleanup_free_ char *state = state_folder(g, source, old), *bind = text_format("-%s", state ?: "");
        Sidecar s = {};
        int r;

        r = state && bind ? begin(g, &unit_swtpm, NULL, "tpm", &s) : -ENOMEM;
        if (r >= 0)
                r = plan_addf(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_STATE=%s", state);
        if (r >= 0 && file)
                r = plan_add(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_STATE_KIND=file");
        if (r >= 0 && source)
                r = plan_add(s.plan, PLAN_UNIT, "RequiresMountsFor", state);
        if (r >= 0)
                r = plan_addf(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_TPM=%s", old ? "1.2" : "2.0");
        if (r >= 0)
                r = add_banks(&s, xml_child(backend, "active_pcr_banks"));
        if (r >= 0)
                r = add_profile(&s, xml_child(backend, "profile"));
        if (r >= 0)
                r = plan_add(s.plan, PLAN_SERVICE, "BindPaths", bind);
        if (r >= 0)
                r = add_swtpm_words(&s, state, file, old, xml_attr(backend, "debug"));
        return r < 0 ? r : add_key_words(&s, xml_get(backend, "encryption/@secret"));
}

static void add_option(StrBuf *b, const char *name, const char *value) {
        if (value)
                strbuf_addf(b, ",%s=%s", name, value);
}

/* A switch that is on, off, or the helper's own choice. */
static void add_switch(StrBuf *b, const char *name, const char *state) {
        if (state)
                strbuf_addf(b, ",%s%s", streq(state, "on") ? "" : "no_", name);
}

/* The options that both helpers understand, QEMU's of old and the one of now. */
static char *virtiofsd_options(const xmlNode *fs) {
        const xmlNode *binary = xml_child(fs, "binary"), *lock = xml_child(binary, "lock");
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "source=%s", xml_get(fs, "source/@dir") ?: "");
        add_option(&b, "cache", xml_get(binary, "cache/@mode"));
        /* the unit shows the helper nothing but the folder: a change of its root is all that is left to do */
        add_option(&b, "sandbox", xml_get(binary, "sandbox/@mode") ?: xml_child(fs, "idmap") ? "namespace" : "chroot");
        add_switch(&b, "xattr", xml_attr(binary, "xattr"));
        add_switch(&b, "posix_lock", xml_attr(lock, "posix"));
        add_switch(&b, "flock", xml_attr(lock, "flock"));
        return strbuf_take(&b);
}

/* Which users of the guest are which of the host: in a namespace of the helper's own. */
static int add_id_maps(Sidecar *s, const xmlNode *idmap) {
        XML_FOREACH(map, idmap, NULL) {
                const char *start = xml_attr(map, "start"), *target = xml_attr(map, "target");
                _cleanup_free_ char *word = text_format("--%s-map=:%s:%s:%s:", xml_name(map), start ?: "0",
                                                        target ?: "0", xml_attr(map, "count") ?: "1");
                const char *const words[] = { word };
                int r = word ? add_words(s, words, ELEMENTSOF(words)) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_virtiofsd_words(Sidecar *s, const xmlNode *fs) {
        const xmlNode *binary = xml_child(fs, "binary");
        const char *threads = xml_get(binary, "thread_pool/@size"), *files = xml_get(binary, "openfiles/@max");
        _cleanup_free_ char *options = virtiofsd_options(fs), *socket = text_format("--fd=%i", HELPER_SOCKET_FD);
        _cleanup_free_ char *pool = threads ? text_format("--thread-pool-size=%s", threads) : NULL;
        _cleanup_free_ char *limit = files ? text_format("--rlimit-nofile=%s", files) : NULL;
        const char *const words[] = { xml_attr(binary, "path") ?: "virtiofsd", socket, "-o", options, pool, limit };

        int r = options && socket ? add_words(s, words, ELEMENTSOF(words)) : -ENOMEM;

        return r < 0 ? r : add_id_maps(s, xml_child(fs, "idmap"));
}

static int plan_virtiofsd_as(GuestPlan *g, const xmlNode *fs, const char *part) {
        const char *dir = xml_get(fs, "source/@dir") ?: "/";
        _cleanup_free_ char *bind = NULL;
        Sidecar s = {};
        int r;

        /* one that is not there is the helper's own error, which names it */
        bind = text_format("-%s", dir);
        r = bind ? begin(g, &unit_virtiofsd, part, part, &s) : -ENOMEM;
        if (r >= 0)
                r = plan_add(s.plan, PLAN_SERVICE, xml_child(fs, "readonly") ? "BindReadOnlyPaths" : "BindPaths", bind);
        if (r >= 0)
                r = plan_add(s.plan, PLAN_UNIT, "RequiresMountsFor", dir);
        return r < 0 ? r : add_virtiofsd_words(&s, fs);
}

int plan_virtiofsd(GuestPlan *g, const xmlNode *fs) {
        char part[PLAN_PART_MAX];

        plan_device_part(fs, false, part);
        return plan_virtiofsd_as(g, fs, part);
}

/* "[ADDRESS[%DEVICE]/]START[-END][:TO],~EXCLUDED", passt's way to say which ports reach the guest. */
static char *passt_ports(const xmlNode *forward) {
        const char *address = xml_attr(forward, "address"), *dev = xml_attr(forward, "dev");
        _cleanup_strbuf_ StrBuf b = {};
        bool any = false;

        if (address || dev)
                strbuf_addf(&b, "%s%s%s/", address ?: "0.0.0.0", dev ? "%" : "", dev ?: "");
        XML_FOREACH(range, forward, "range") {
                bool exclude = xml_attr_is(range, "exclude", "yes");
                const char *start = xml_attr(range, "start") ?: "", *end = xml_attr(range, "end"),
                           *to = xml_attr(range, "to");
                unsigned first = 0, last = 0, target = 0;

                strbuf_addf(&b, "%s%s%s%s%s", any ? "," : "", exclude ? "~" : "", start, end ? "-" : "", end ?: "");
                any = true;
                if (!to || exclude)
                        continue;
                strbuf_addf(&b, ":%s", to);
                if (end && parse_uint(start, &first) >= 0 && parse_uint(end, &last) >= 0 &&
                    parse_uint(to, &target) >= 0)
                        strbuf_addf(&b, "-%u", target + last - first);
        }
        if (!any)
                strbuf_add(&b, "all");
        return strbuf_take(&b);
}

static int add_forwards(Sidecar *s, const xmlNode *interface) {
        XML_FOREACH(forward, interface, "portForward") {
                _cleanup_free_ char *ports = passt_ports(forward);
                const char *const words[] = { xml_attr_is(forward, "proto", "udp") ? "--udp-ports" : "--tcp-ports",
                                              ports };
                int r = ports ? add_words(s, words, ELEMENTSOF(words)) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_addresses(Sidecar *s, const xmlNode *interface) {
        XML_FOREACH(ip, interface, "ip") {
                const char *prefix = xml_attr(ip, "prefix");
                const char *const words[] = {
                        "--address", xml_attr(ip, "address"), prefix ? "--netmask" : NULL, prefix,
                };
                int r = words[1] ? add_words(s, words, ELEMENTSOF(words)) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

void plan_device_part(const xmlNode *device, bool late, char ret[PLAN_PART_MAX]) {
        const char *alias = xml_get(device, "alias/@name");
        unsigned index = 0;
        uint32_t hash = 0x811c9dc5U; /* FNV-1a */

        if (late && alias) {
                for (const char *p = alias; *p; p++)
                        hash = (hash ^ (unsigned char) *p) * 0x01000193U;
                (void) snprintf(ret, PLAN_PART_MAX, "late%08x", hash);
                return;
        }
        for (const xmlNode *p = device->prev; p; p = p->prev)
                index += xml_is(p, xml_name(device));
        (void) snprintf(ret, PLAN_PART_MAX, "%s%u",
                        xml_is(device, "interface") ? "net" : xml_is(device, "disk") ? "disk" : "fs", index);
}

/* Who the guest is for its network's server of addresses. */
static int add_names(Sidecar *s, const xmlNode *backend) {
        const char *host = xml_attr(backend, "hostname"), *full = xml_attr(backend, "fqdn");
        const char *const words[] = { host ? "--hostname" : NULL, host, full ? "--fqdn" : NULL, full };

        return add_words(s, words, ELEMENTSOF(words));
}

/* What it says goes to a file in place of the journal: root makes it, the helper's user owns it. */
static int add_log(GuestPlan *g, Sidecar *s, const xmlNode *backend) {
        const char *path = xml_attr(backend, "logFile");
        const char *const words[] = { "--log-file", path };
        _cleanup_free_ char *bind = text_format("-%s", path ?: "");
        int r = !path ? 0 : bind ? guest_plan_check_quotes(g, backend, path) : -ENOMEM;

        if (!path || r < 0)
                return r;
        r = plan_add(s->plan, PLAN_UNIT, "RequiresMountsFor", path);
        if (r >= 0)
                r = plan_add_full(s->plan, PLAN_SERVICE, "ExecStartPre", "--log", "+" LIBEXECDIR "/vm-helper");
        if (r >= 0)
                r = plan_addf(s->plan, PLAN_SERVICE, "Environment", "UNITVIRT_LOG_FILE=%s", path);
        if (r >= 0)
                r = plan_add(s->plan, PLAN_SERVICE, "BindPaths", bind);
        return r < 0 ? r : add_words(s, words, ELEMENTSOF(words));
}

static int plan_passt_as(GuestPlan *g, const xmlNode *interface, const char *part) {
        _cleanup_free_ char *fd = text_format("--fd=%i", HELPER_SOCKET_FD);
        const char *dev = xml_get(interface, "source/@dev");
        const char *const words[] = {
                "/usr/bin/passt", "--quiet", fd, dev ? "--interface" : NULL, dev
        };
        Sidecar s = {};
        int r;

        r = fd ? begin(g, &unit_passt, part, part, &s) : -ENOMEM;
        /* it talks to one connection, which is there before it, and goes into the background when it is ready */
        if (r >= 0)
                r = plan_add(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_ACCEPT=yes");
        if (r >= 0)
                r = add_words(&s, words, ELEMENTSOF(words));
        if (r >= 0)
                r = add_addresses(&s, interface);
        if (r >= 0)
                r = add_names(&s, xml_child(interface, "backend"));
        if (r >= 0)
                r = add_log(g, &s, xml_child(interface, "backend"));
        return r < 0 ? r : add_forwards(&s, interface);
}

int plan_passt(GuestPlan *g, const xmlNode *interface) {
        char part[PLAN_PART_MAX];

        plan_device_part(interface, false, part);
        return plan_passt_as(g, interface, part);
}

/* The socket that QEMU connects to, by its path and again when the connection breaks, is in the guest's own folder,
 * where it also finds one that comes later: who makes it hands it to the helper. */
static int plan_pr_helper_as(GuestPlan *g, const char *part, const char *folder) {
        static const char *const words[] = { "qemu-pr-helper" };
        Sidecar s = {};
        int r = begin(g, &unit_pr_helper, part, folder, &s);

        if (r >= 0)
                r = plan_add(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_ACTIVATED=yes");
        return r < 0 ? r : add_words(&s, words, ELEMENTSOF(words));
}

int plan_pr_helper(GuestPlan *g) {
        if (g->has_pr_helper)
                return 0;
        g->has_pr_helper = true;
        return plan_pr_helper_as(g, NULL, HELPER_RESERVATIONS);
}

/* The bus is found in the guest's own folder, by QEMU and by clients alike; the name of the socket comes with it. */
int plan_own_bus(GuestPlan *g) {
        static const char *const words[] = {
                "/usr/bin/dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", "--address=systemd:",
                "--config-file=" LIBEXECDIR "/guest-bus.conf",
        };
        Sidecar s = {};
        int r = g->has_bus ? 0 : begin(g, &unit_dbus, NULL, HELPER_BUS, &s);

        if (g->has_bus)
                return 0;
        g->has_bus = true;
        if (r >= 0)
                r = plan_add(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_ACTIVATED=yes");
        return r < 0 ? r : add_words(&s, words, ELEMENTSOF(words));
}

/* --- disks by SSH --- */

/* Who it is for the server: what root finds before the helper starts, and hands to it. */
static int add_login(GuestPlan *g, Sidecar *s, const xmlNode *auth, const xmlNode *identity) {
        const xmlNode *secret = xml_child(auth, "secret");
        const struct {
                const char *variable, *value;
        } ways[] = {
                { "UNITVIRT_SECRET", xml_attr(secret, "uuid") },
                { "UNITVIRT_SECRET_ISCSI", xml_attr_is(secret, "type", "iscsi") ? xml_attr(secret, "usage") : NULL },
                { "UNITVIRT_SECRET_CEPH", xml_attr_is(secret, "type", "ceph") ? xml_attr(secret, "usage") : NULL },
                { "UNITVIRT_KEY_FILE", xml_attr(identity, "keyfile") },
                { "UNITVIRT_AGENT", xml_attr(identity, "agentsock") },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(ways); i++)
                if (ways[i].value)
                        r = plan_addf(s->plan, PLAN_SERVICE, "Environment", "%s=%s", ways[i].variable, ways[i].value);
        if (r >= 0 && xml_attr(identity, "keyfile"))
                r = plan_add(s->plan, PLAN_UNIT, "RequiresMountsFor", xml_attr(identity, "keyfile"));
        /* a secret may be sealed with the machine's TPM */
        return r < 0 || !secret ? r : plan_add_full(s->plan, PLAN_SERVICE, "DeviceAllow", "/dev/tpmrm0", "rw");
}

/* The keys of servers, where the library looks for them. */
static int add_known_hosts(GuestPlan *g, Sidecar *s, const xmlNode *source) {
        const char *path = xml_get(source, "knownHosts/@path");
        _cleanup_free_ char *bind = text_format("-%s", path ?: HELPER_KNOWN_HOSTS);
        int r = !bind ? -ENOMEM : path ? guest_plan_check_quotes(g, source, path) : 0;

        if (r >= 0 && path)
                r = plan_add(s->plan, PLAN_UNIT, "RequiresMountsFor", path);
        return r < 0 ? r : plan_add_full(s->plan, PLAN_SERVICE, "BindReadOnlyPaths", bind, ":" HELPER_KNOWN_HOSTS);
}

static int add_nbdkit_words(Sidecar *s, const xmlNode *disk, const xmlNode *auth) {
        const xmlNode *source = xml_child(disk, "source"), *identity = xml_child(source, "identity"),
                      *host = xml_child(source, "host");
        const char *name = xml_attr(auth, "username") ?: xml_attr(identity, "username"), *port = xml_attr(host, "port");
        _cleanup_free_ char *server = text_format("host=%s", xml_attr(host, "name") ?: ""),
                            *to = text_format("port=%s", port ?: "22"), *user = text_format("user=%s", name ?: ""),
                            *path = text_format("path=%s", xml_attr(source, "name") ?: ""),
                            *password = text_format("password=-%i", HELPER_KEY_FD),
                            *key = text_format("identity=/proc/self/fd/%i", HELPER_KEY_FD);
        const char *const words[] = {
                "nbdkit", "--foreground",
                xml_child(disk, "readonly") || xml_attr_is(disk, "device", "cdrom") ? "--readonly" : NULL,
                "ssh", "config=", server, to, path, user, "known-hosts=" HELPER_KNOWN_HOSTS, auth ? password : NULL,
                xml_attr(identity, "keyfile") ? key : NULL,
        };

        return server && to && user && path && password && key ? add_words(s, words, ELEMENTSOF(words)) : -ENOMEM;
}

static int plan_nbdkit_as(GuestPlan *g, const xmlNode *disk, const char *part) {
        const xmlNode *source = xml_child(disk, "source"), *auth = xml_child(disk, "auth") ?: xml_child(source, "auth");
        Sidecar s = {};
        int r = begin(g, &unit_nbdkit, part, part, &s);

        if (r >= 0)
                r = plan_add(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_LISTENS=yes");
        if (r >= 0)
                r = add_login(g, &s, auth, xml_child(source, "identity"));
        if (r >= 0)
                r = add_known_hosts(g, &s, source);
        return r < 0 ? r : add_nbdkit_words(&s, disk, auth);
}

int plan_nbdkit(GuestPlan *g, const xmlNode *disk) {
        char part[PLAN_PART_MAX];

        plan_device_part(disk, false, part);
        return plan_nbdkit_as(g, disk, part);
}

int plan_build_late(const Definition *d, const xmlNode *device, Plan **ret, Error *e) {
        GuestPlan g = { .definition = d, .domain = definition_root(d), .error = e };
        _cleanup_plan_ Plan *p = NULL;
        char part[PLAN_PART_MAX];
        int r;

        plan_device_part(device, true, part);
        r = plan_new(&unit_guest, definition_name(d), &p);
        g.plan = p;
        if (r >= 0)
                r = xml_is(device, "interface") ? plan_passt_as(&g, device, part)
                    : disk_is_served(device)    ? plan_nbdkit_as(&g, device, part)
                    : xml_is(device, "disk")    ? plan_pr_helper_as(&g, "late", HELPER_RESERVATIONS_LATE)
                                                : plan_virtiofsd_as(&g, device, part);
        if (r >= 0)
                *ret = TAKE_PTR(p);
        return r;
}

int plan_gpu(GuestPlan *g, const xmlNode *video) {
        const xmlNode *acceleration = xml_find(video, "model/acceleration");
        const char *node = xml_attr(acceleration, "rendernode");
        bool accel3d = xml_attr_is(acceleration, "accel3d", "yes");
        _cleanup_free_ char *fd = text_format("--fd=%i", HELPER_SOCKET_FD),
                            *render = node ? text_format("--render-node=%s", node) : NULL;
        const char *const words[] = { "vhost-user-gpu", fd, accel3d ? "--virgl" : NULL, render };
        unsigned index = 0;
        Sidecar s = {};
        char part[24];
        int r;

        for (const xmlNode *p = video->prev; p; p = p->prev)
                index += xml_is(p, "video");
        (void) snprintf(part, sizeof part, "gpu%u", index);
        r = fd && (render || !node) ? begin(g, &unit_gpu, part, part, &s) : -ENOMEM;
        /* it talks to one connection, which is there before it */
        if (r >= 0)
                r = plan_add(s.plan, PLAN_SERVICE, "Environment", "UNITVIRT_CONNECTED=yes");
        if (r >= 0 && (node || accel3d))
                r = plan_add_full(s.plan, PLAN_SERVICE, "DeviceAllow", node ?: "char-drm", "rw");
        return r < 0 ? r : add_words(&s, words, ELEMENTSOF(words));
}
