/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vm-network up|reload|down NAME: run by vm-network@NAME.service as root. */

#include <sys/stat.h>

#include "base/autostart.h"
#include "base/fs.h"
#include "base/instance.h"
#include "base/log.h"
#include "network/pool.h"
#include "notify.h"
#include "plan/names.h"
#include "start.h"

static int load(NetworkStart *s, const char *path) {
        int r;

        r = definition_load_as(&document_network, path, 0, &s->definition, &s->error);
        if (r >= 0)
                r = definition_normalise(s->definition, NULL, &s->error);
        if (r < 0)
                return r;
        s->network = definition_root(s->definition);
        if (!streq_ptr(network_name(s->network), s->name))
                return error_set(&s->error, -EINVAL, ERROR_XML_ERROR, ORIGIN_NETWORK, "%s: the name in it is '%s'",
                                 path, network_name(s->network));
        s->mode = network_forward_mode(s->network);
        return 0;
}

/* libvirt's clients find the ports of a running network spelled out. */
static int write_nat_ports(NetworkStart *s) {
        xmlNode *nat, *port;

        if (s->mode != FORWARD_NAT || xml_find(s->network, "forward/nat/port"))
                return 0;
        nat = xml_ensure(xml_child(s->network, "forward"), "nat");
        port = nat ? xml_ensure(nat, "port") : NULL;
        if (!port || xml_set_attr(port, "start", "1024") < 0 || xml_set_attr(port, "end", "65535") < 0)
                return -ENOMEM;
        /* <nat> comes before the interfaces */
        if (nat->prev)
                xmlAddPrevSibling(xml_child(xml_child(s->network, "forward"), NULL), nat);
        return 0;
}

/* A network of virsh net-create has a file of its own, which hides a persistent one. */
static int load_definition(NetworkStart *s) {
        _cleanup_free_ char *transient = network_file(NETWORK_FILE_TRANSIENT, s->name),
                            *persistent = network_file(NETWORK_FILE_PERSISTENT, s->name);
        const char *path;
        int r;

        if (!transient || !persistent)
                return -ENOMEM;
        path = access(transient, F_OK) >= 0 ? transient : persistent;
        r = load(s, path);
        return r < 0 ? r : write_nat_ports(s);
}

/* vm-firewall hears of what others change from here on. The unit is ordered before its socket, so that it does not hear
 * of the rules that were just loaded, and is not started for them; where this fails it listens once the network is
 * up. */
static int hear_of_others(NetworkStart *s) {
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *result = NULL;
        int r = *s->bridge ? bus_start_now("vm-firewall.socket", &result, &e) : 0;

        if (r < 0)
                log_debug("%s, going on", error_text(&e, r));
        return 0;
}

static int pass_others(NetworkStart *s) {
        const char *zone = xml_get(s->network, "bridge/@zone");
        int r;

        if (!*s->bridge)
                return 0;
        /* also for a Docker that comes later, or has just loaded its rules anew */
        r = s->docker_passed ? 0 : undo_add(&s->undo, UNDO_DOCKER, s->bridge);
        if (r >= 0 && s->mode != FORWARD_NONE)
                r = rules_pass_docker(s->network, s->bridge, &s->error);
        if (r >= 0)
                r = undo_add(&s->undo, UNDO_ZONE, s->bridge);
        if (r < 0)
                return r;
        if ((zone || s->mode != FORWARD_OPEN) && bus_add_to_zone(s->bridge, zone ?: "libvirt") < 0)
                strbuf_addf(&s->notices, "firewalld did not take %s into the zone '%s'\n", s->bridge,
                            zone ?: "libvirt");
        return 0;
}

static int register_domain(NetworkStart *s) {
        const xmlNode *domain = xml_child(s->network, "domain");
        NetworkIp ip;

        if (!*s->bridge || !xml_attr_is(domain, "register", "yes") || !xml_attr(domain, "name"))
                return 0;
        /* a server that nobody is */
        if (!network_needs_dnsmasq(s->network) || !network_has_dns(s->network))
                return 0;
        if (!xml_child(s->network, "ip") || network_ip_read(xml_child(s->network, "ip"), &ip, NULL) < 0)
                return 0;
        return bus_register_domain(s->bridge, &ip.address, xml_attr(domain, "name"), &s->error);
}

static int fill_pool(NetworkStart *s) {
        return network_pool_fill(s->network, &s->error);
}

static int write_live(NetworkStart *s) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_LIVE, s->name), *text = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = definition_format(s->definition, DEFINITION_FORMAT_SECURE, &text);
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot write %s", path) : 0;
}

/* What the start had to say goes into the journal, the unit's status and NAME.notice. */
static int tell(NetworkStart *s) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_NOTICE, s->name), *copy = NULL;
        _cleanup_strbuf_ StrBuf status = {};
        char *line, *rest;

        strbuf_add(&status, forward_mode_to_string(s->mode));
        if (*s->bridge)
                strbuf_addf(&status, ", %s", s->bridge);
        XML_FOREACH(node, s->network, "ip") {
                NetworkIp ip;

                if (network_ip_read(node, &ip, NULL) >= 0)
                        strbuf_addf(&status, ", %s/%u", xml_attr(node, "address"), ip.prefix);
        }
        if (path && s->notices.len > 0)
                (void) file_write_atomic(path, s->notices.data, s->notices.len, 0644, FILE_WRITE_NOSYNC);
        copy = s->notices.len > 0 ? strdup(s->notices.data) : NULL;
        for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
                log_warning("%s", line);
                strbuf_addf(&status, "; %s", line);
        }
        (void) notify_send(s->notify_fd, "STATUS=%s", status.data ?: "");
        return notify_wait(s->notify_fd, 10000);
}

/* The live definition comes last: whoever sees it may count on all else. */
static int up(NetworkStart *s) {
        static int (*const steps[])(NetworkStart * s) = {
                adopt,       host_check, managers_keep_off, host_make_bridge, host_add_addresses, rules_load,
                hear_of_others, pass_others, host_limit, host_bring_up, host_check_ports, dhcp_write_files, dhcp_start,
                host_forward, register_domain, rules_name_blockers, replug_guests, fill_pool, write_live, tell,
        };
        int r;

        r = load_definition(s);
        /* of an end that was killed itself */
        if (r >= 0)
                (void) undo_run(s->name, s->notify_fd);
        if (r >= 0)
                r = undo_open(s->name, false, &s->undo);
        if (r >= 0)
                r = netlink_open(&s->links);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(steps); i++)
                r = steps[i](s);
        return r;
}

static int fail(const char *name, int notify_fd, const char *message) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_ERROR, name);

        log_error("%s", message);
        (void) notify_send(notify_fd, "STATUS=%s", message);
        (void) notify_wait(notify_fd, 1000);
        if (path)
                (void) file_write_atomic(path, message, strlen(message), 0600, FILE_WRITE_NOSYNC);
        return EXIT_FAILURE;
}

static void remove_files(const char *name, const NetworkFile *files, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = network_file(files[i], name);

                int r = path ? file_remove(path) : -ENOMEM;

                if (r < 0)
                        log_warning_errno(r, "cannot remove %s: %s", path ?: name, strerror(-r));
        }
}

static void start_done(NetworkStart *s) {
        definition_free(s->definition);
        netlink_close(s->links);
        bus_release(s->bus);
        undo_close(&s->undo);
        strbuf_done(&s->notices);
        error_done(&s->error);
}

static void adopt_autostart(const char *name) {
        _cleanup_free_ char *link = text_format("%s/qemu/networks/autostart/%s.xml", path_etc(), name), *unit = NULL;

        if (link && unit_name_for(&unit_network, name, &unit) >= 0)
                autostart_adopt_and_say(link, UNITDIR, unit);
}

static int verb_up(const char *name, int notify_fd) {
        static const NetworkFile stale[] = { NETWORK_FILE_ERROR, NETWORK_FILE_NOTICE };
        NetworkStart s = { .name = name, .notify_fd = notify_fd, .bus = bus_hold(), .undo.fd = -EBADF };
        int r;

        remove_files(name, stale, ELEMENTSOF(stale));
        r = up(&s);
        if (r < 0)
                (void) fail(name, notify_fd, error_text(&s.error, r));
        else
                adopt_autostart(name);
        start_done(&s);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The live definition was changed: what is told to nobody but dnsmasq and the firewall may change while the network
 * runs. */
static int reload(NetworkStart *s) {
        _cleanup_free_ char *path = network_file(NETWORK_FILE_LIVE, s->name);
        int r;

        if (!path)
                return -ENOMEM;
        r = load(s, path);
        if (r < 0 || !network_bridge(s->network) || !forward_mode_has_own_bridge(s->mode))
                return r;
        (void) snprintf(s->bridge, sizeof s->bridge, "%s", network_bridge(s->network));
        r = undo_open(s->name, true, &s->undo);
        if (r >= 0)
                r = rules_reload(s);
        return r < 0 ? r : dhcp_reload(s);
}

static int verb_reload(const char *name, int notify_fd) {
        NetworkStart s = { .name = name, .notify_fd = notify_fd, .undo.fd = -EBADF };
        int r = reload(&s);

        if (r < 0)
                (void) fail(name, -EBADF, error_text(&s.error, r));
        start_done(&s);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A start that was given up ends here too: the list says how far it came. A transient definition ends with its
 * network. */
static int verb_down(const char *name, int notify_fd) {
        static const NetworkFile live[] = { NETWORK_FILE_LIVE, NETWORK_FILE_TRANSIENT, NETWORK_FILE_NOTICE,
                                            NETWORK_FILE_RULES };
        _cleanup_free_ char *ports = text_format("%s/network/%s.ports", path_run(), name);
        int r;

        remove_files(name, live, ELEMENTSOF(live));
        if (ports)
                (void) rmdir(ports);   /* guests that run on keep theirs */
        bus_undescribe_network(name);
        r = undo_run(name, notify_fd);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* After the end of a start: what its own "down" would have done, had it not been killed as well. */
static int verb_clean(const char *name, int notify_fd) {
        _cleanup_free_ char *live = network_file(NETWORK_FILE_LIVE, name),
                            *list = network_file(NETWORK_FILE_UNDO, name);

        if (!live || !list)
                return EXIT_FAILURE;
        if (access(list, F_OK) < 0)
                return EXIT_SUCCESS;
        /* Killed after its last step, before systemd heard of that, it is no network that is up. */
        if (access(live, F_OK) >= 0 && !bus_network_has_ended(name))
                return EXIT_SUCCESS;
        log_notice("a start of the network was killed: what it made is taken away now");
        return verb_down(name, notify_fd);
}

/* %I of the unit: the name, or, where that is too long for a unit, what tells which it is. */
static int name_of_instance(const char *instance, char **ret) {
        _cleanup_free_ char *etc = text_format("%s/qemu/networks", path_etc()),
                            *run = text_format("%s/network/transient", path_run());
        int r = etc && run ? instance_to_name(instance, (const char *const[]) { run, etc, NULL }, ret) : -ENOMEM;

        return r < 0 ? log_error_errno(r, "there is no network behind '%s'", instance) : 0;
}

int main(int argc, char **argv) {
        static const struct { const char *name; int (*run)(const char *name, int notify_fd); } verbs[] = {
                { "up", verb_up }, { "reload", verb_reload }, { "down", verb_down },
                { "clean", verb_clean },
        };
        _cleanup_free_ char *name = NULL;
        bool broken = argc == 4 && streq(argv[1], "--broken");
        int notify_fd;

        log_open("vm-network", LOG_TARGET_AUTO);
        notify_fd = notify_open();
        if ((broken || argc == 3) && name_of_instance(argv[2], &name) < 0)
                return EXIT_FAILURE;
        if (broken)
                return fail(name, notify_fd, argv[3]);
        for (size_t i = 0; argc == 3 && i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].name, argv[1]))
                        return verbs[i].run(name, notify_fd);
        log_error("usage: vm-network up|reload|down|clean NAME (started by vm-network@NAME.service)");
        return EXIT_FAILURE;
}
