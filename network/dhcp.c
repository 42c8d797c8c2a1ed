/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dnsmasq runs in a unit of its own, vm-dnsmasq@NAME.service, which is started in the middle of the network's start: it
 * needs the bridge, and a network whose dnsmasq does not come up has not come up. */

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "network/dnsmasq.h"
#include "plan/names.h"
#include "start.h"

#define COMPLAINT_MAX 65536U
#define CONFIG_MAX (16U << 20)
#define DNSMASQ "/usr/sbin/dnsmasq" /* as its unit has it */
#define DNSMASQ_USER "libvirt-dnsmasq"

/* dnsmasq's unit knows nothing but its instance, which for a long name is not that name: the two files that it names
 * are called by the instance, and one of them tells the rest. */
static char *instance_of(const char *name) {
        char *instance;

        return unit_instance(&unit_network, name, &instance) < 0 ? NULL : instance;
}

static char *unit_of(const char *name) {
        _cleanup_free_ char *instance = instance_of(name);

        return instance ? text_format("vm-dnsmasq@%s.service", instance) : NULL;
}

static char *file_of(NetworkFile file, const char *name) {
        _cleanup_free_ char *instance = NULL;

        if (file != NETWORK_FILE_ENVIRONMENT && file != NETWORK_FILE_COMPLAINT)
                return network_file(file, name);
        instance = instance_of(name);
        return instance ? network_file(file, instance) : NULL;
}

/* A value as EnvironmentFile= reads it (systemd.exec(5)). */
static void add_variable(StrBuf *b, const char *name, const char *value) {
        strbuf_addf(b, "%s=\"", name);
        for (const char *p = value; *p; p++) {
                if (strchr("\"\\`$", *p))
                        strbuf_addc(b, '\\');
                strbuf_addc(b, *p);
        }
        strbuf_add(b, "\"\n");
}

static char *environment_of(const NetworkStart *s) {
        _cleanup_free_ char *config = network_file(NETWORK_FILE_CONFIG, s->name);
        _cleanup_strbuf_ StrBuf b = {};

        if (!config)
                return NULL;
        add_variable(&b, "VIR_BRIDGE_NAME", s->bridge);
        add_variable(&b, "UNITVIRT_CONFIG", config);
        add_variable(&b, "UNITVIRT_NETWORK", s->name);
        return strbuf_take(&b);
}

static int write_file(NetworkStart *s, NetworkFile file, const char *text) {
        _cleanup_free_ char *path = file_of(file, s->name);
        int r = path ? file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC) : -ENOMEM;

        return r < 0 ? error_set_errno(&s->error, r, ORIGIN_NETWORK, "cannot write %s", path ?: "a file") : 0;
}

/* The leases of an earlier libvirt are root's; dnsmasq's script, which is not root, goes on with them. */
static int give_leases(NetworkStart *s) {
        _cleanup_free_ char *path = network_leases_file(s->bridge);
        const struct passwd *user = getpwnam(DNSMASQ_USER);

        if (!path)
                return -ENOMEM;
        if (!user)
                return error_set(&s->error, -ESRCH, ERROR_INTERNAL, ORIGIN_NETWORK,
                                 "there is no user " DNSMASQ_USER " (systemd-sysusers(8) makes it)");
        if (lchown(path, user->pw_uid, user->pw_gid) < 0 && errno != ENOENT)
                return error_set_errno(&s->error, -errno, ORIGIN_NETWORK, "cannot give %s to " DNSMASQ_USER, path);
        return 0;
}

int dhcp_write_files(NetworkStart *s) {
        _cleanup_free_ char *config = NULL, *dhcp = NULL, *dns = NULL, *environment = NULL,
                            *folder = network_dnsmasq_folder();
        int r;

        if (!network_needs_dnsmasq(s->network))
                return 0;
        environment = environment_of(s);
        if (!folder || !environment)
                return -ENOMEM;
        r = dnsmasq_config(s->network, s->bridge, folder, &config, &s->error);
        if (r >= 0)
                r = dnsmasq_dhcp_hosts(s->network, &dhcp, &s->error);
        if (r >= 0)
                r = dnsmasq_dns_hosts(s->network, &dns, &s->error);
        if (r >= 0)
                r = undo_add(&s->undo, UNDO_DNSMASQ, "");
        if (r >= 0)
                r = write_file(s, NETWORK_FILE_CONFIG, config);
        if (r >= 0)
                r = write_file(s, NETWORK_FILE_DHCP_HOSTS, dhcp);
        if (r >= 0)
                r = write_file(s, NETWORK_FILE_DNS_HOSTS, dns);
        if (r >= 0)
                r = write_file(s, NETWORK_FILE_ENVIRONMENT, environment);
        return r < 0 ? r : give_leases(s);
}

/* The last line of what dnsmasq said, without "dnsmasq: " in front. */
static char *last_complaint(const char *name) {
        _cleanup_free_ char *path = file_of(NETWORK_FILE_COMPLAINT, name), *text = NULL;
        char *line;
        size_t len;

        if (!path || file_read(path, COMPLAINT_MAX, &text, &len) < 0)
                return NULL;
        while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
                text[--len] = 0;
        line = strrchr(text, '\n');
        line = line ? line + 1 : text;
        line = (char *) (startswith(line, "dnsmasq: ") ?: line);
        return *line ? strdup(line) : NULL;
}

/* Why its unit did not come up. */
static int not_started(NetworkStart *s, const char *result) {
        _cleanup_free_ char *complaint = last_complaint(s->name);

        if (!complaint && access(DNSMASQ, X_OK) < 0)
                return error_set_errno(&s->error, -errno, ORIGIN_NETWORK, "Cannot check dnsmasq binary " DNSMASQ);
        return error_set(&s->error, -EIO, ERROR_INTERNAL, ORIGIN_NETWORK, "dnsmasq did not start (%s): %s", result,
                         complaint ?: "it said nothing; see journalctl -u of its unit");
}

int dhcp_start(NetworkStart *s) {
        _cleanup_free_ char *unit = unit_of(s->name), *result = NULL;
        int r;

        if (!network_needs_dnsmasq(s->network))
                return 0;
        if (!unit)
                return -ENOMEM;
        r = bus_unit_job("StartUnit", unit, &result, &s->error);
        return r < 0 || streq(result, "done") ? r : not_started(s, result);
}

/* dnsmasq reads hosts again at SIGHUP, and all else only at its start. */
static bool differs(NetworkFile file, const char *name, const char *text) {
        _cleanup_free_ char *path = network_file(file, name), *now = NULL;

        return !path || file_read(path, CONFIG_MAX, &now, NULL) < 0 || !streq(now, text);
}

int dhcp_reload(NetworkStart *s) {
        _cleanup_free_ char *unit = unit_of(s->name), *folder = network_dnsmasq_folder(), *config = NULL,
                            *result = NULL, *complaint = NULL;
        bool restart;
        int r;

        if (!network_needs_dnsmasq(s->network))
                return dhcp_stop(s->name);
        if (!unit || !folder)
                return -ENOMEM;
        r = dnsmasq_config(s->network, s->bridge, folder, &config, &s->error);
        if (r < 0)
                return r;
        restart = differs(NETWORK_FILE_CONFIG, s->name, config);
        r = dhcp_write_files(s);
        if (r >= 0)
                r = bus_unit_job(restart ? "RestartUnit" : "ReloadOrRestartUnit", unit, &result, &s->error);
        if (r < 0 || streq(result, "done"))
                return r;
        complaint = last_complaint(s->name);
        return error_set(&s->error, -EIO, ERROR_INTERNAL, ORIGIN_NETWORK, "dnsmasq did not take the change (%s): %s",
                         result, complaint ?: "it said nothing; see journalctl -u of its unit");
}

int dhcp_stop(const char *name) {
        static const NetworkFile files[] = {
                NETWORK_FILE_CONFIG,      NETWORK_FILE_DHCP_HOSTS, NETWORK_FILE_DNS_HOSTS,
                NETWORK_FILE_ENVIRONMENT, NETWORK_FILE_COMPLAINT,
        };
        _cleanup_free_ char *unit = unit_of(name), *result = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        int r;

        if (!unit)
                return -ENOMEM;
        r = bus_unit_job("StopUnit", unit, &result, &e);
        if (r < 0)
                log_warning("%s", error_text(&e, r));
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = file_of(files[i], name);

                int r2 = path ? file_remove(path) : -ENOMEM;

                r = r < 0 ? r : r2;
        }
        return r;
}
