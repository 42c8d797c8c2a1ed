/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Why systemd did not start a unit: a condition that is not met, or a step on the way to its program. */

#include <signal.h>

#include "base/strings.h"
#include "internal.h"

/* --- conditions --- */

/* Each: its name, whether it triggers, whether it is negated, its parameter, and how it was: below 0 not met; 0 where
 * it was not looked at, as of a unit that was dropped from memory since. */
static int find_unmet(sd_bus_message *m, int state_max, char **ret) {
        const char *type, *parameter;
        int trigger, negate, state, r;
        StrBuf text = {};

        r = sd_bus_message_enter_container(m, 'a', "(sbbsi)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(sbbsi)", &type, &trigger, &negate, &parameter, &state)) > 0)
                if (state <= state_max)
                        strbuf_addf(&text, "%s%s=%s%s%s", text.len > 0 ? " or " : "", type, trigger ? "|" : "",
                                    negate ? "!" : "", parameter);
        if (r >= 0 && text.len == 0)
                strbuf_add(&text, "a condition of it");
        *ret = strbuf_take(&text);
        return r < 0 ? r : *ret ? 1 : -ENOMEM;
}

static int read_conditions(Systemd *s, const char *unit, const char *path, int state_max, char **ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus;
        int r;

        r = systemd_get_bus(s, &bus, e);
        if (r >= 0)
                r = fiber_bus_call_method(bus, DESTINATION, path, "org.freedesktop.DBus.Properties", "Get", &error,
                                          &reply, "ss", DESTINATION ".Unit", "Conditions");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'v', "a(sbbsi)");
        return r < 0 ? systemd_call_failed(r, &error, "cannot read the conditions of", unit, e)
                     : find_unmet(reply, state_max, ret);
}

int systemd_unit_unmet(Systemd *s, const char *unit, char **ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *path = NULL;
        const char *loaded;
        bool met = true;
        int r;

        r = systemd_unit_bool(s, unit, "Unit", "ConditionResult", &met, e);
        if ((r < 0 && r != -ENOENT) || (r >= 0 && met))
                return r;
        if (r >= 0) {
                r = systemd_get_unit(s, unit, &path, e);
                if (r > 0)
                        return read_conditions(s, unit, path, -1, ret, e);
        }
        /* It is not even in memory, so nothing of it runs. */
        r = MANAGER_CALL(s, "LoadUnit", unit, &reply, &error, e, "s", unit);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &loaded);
        return r < 0 ? systemd_call_failed(r, &error, "cannot load", unit, e)
                     : read_conditions(s, unit, loaded, 0, ret, e);
}

/* --- steps before a program --- */

/* What systemd's child ends with where it does not come to its program: "Process Exit Codes" in systemd.exec(5). */
static const char *const steps[] = {
        [200] = "CHDIR",
        [201] = "NICE",
        [202] = "FDS",
        [203] = "EXEC",
        [204] = "MEMORY",
        [205] = "LIMITS",
        [206] = "OOM_ADJUST",
        [207] = "SIGNAL_MASK",
        [208] = "STDIN",
        [209] = "STDOUT",
        [210] = "CHROOT",
        [211] = "IOPRIO",
        [212] = "TIMERSLACK",
        [213] = "SECUREBITS",
        [214] = "SETSCHEDULER",
        [215] = "CPUAFFINITY",
        [216] = "GROUP",
        [217] = "USER",
        [218] = "CAPABILITIES",
        [219] = "CGROUP",
        [220] = "SETSID",
        [222] = "STDERR",
        [224] = "PAM",
        [225] = "NETWORK",
        [226] = "NAMESPACE",
        [227] = "NO_NEW_PRIVILEGES",
        [228] = "SECCOMP",
        [229] = "SELINUX_CONTEXT",
        [230] = "PERSONALITY",
        [231] = "APPARMOR",
        [232] = "ADDRESS_FAMILIES",
        [233] = "RUNTIME_DIRECTORY",
        [235] = "CHOWN",
        [236] = "SMACK_PROCESS_LABEL",
        [237] = "KEYRING",
        [238] = "STATE_DIRECTORY",
        [239] = "CACHE_DIRECTORY",
        [240] = "LOGS_DIRECTORY",
        [241] = "CONFIGURATION_DIRECTORY",
        [242] = "NUMA_POLICY",
        [243] = "CREDENTIALS",
        [244] = "BPF",
};

/* Each program of a setting: its path, its arguments, whether its failure counts, when it began and ended by two
 * clocks, its pid, and how it ended: si_code and si_status of waitid(2). */
static int find_failed_step(sd_bus_message *m, char **ret) {
        const char *program;
        int code, status, r;

        r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
                r = sd_bus_message_read(m, "s", &program);
                if (r >= 0)
                        r = sd_bus_message_skip(m, "asbttttu");
                if (r >= 0)
                        r = sd_bus_message_read(m, "ii", &code, &status);
                if (r < 0)
                        return r;
                if (code == CLD_EXITED && status > 0 && (size_t) status < ELEMENTSOF(steps) && steps[status]) {
                        *ret = text_format("failed at step %s before %s", steps[status], program);
                        return *ret ? 1 : -ENOMEM;
                }
                r = sd_bus_message_exit_container(m);
        }
        return r;
}

int systemd_unit_failed_step(Systemd *s, const char *unit, char **ret, Error *e) {
        static const char *const settings[] = { "ExecStartPre", "ExecStart" };

        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                int r = systemd_get_property(s, unit, "Service", settings[i], "a(sasbttttuii)", &reply, e);

                if (r >= 0)
                        r = find_failed_step(reply, ret);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* --- other units --- */

/* What did not start because of another has not failed itself: then it is that other. */
static int failed_need(Systemd *s, const char *unit, unsigned depth, char **ret, Error *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_strv_ char **names = NULL;
        const char *path;
        int r;

        /* what was not started may not be in memory any more; by its path it comes back */
        r = MANAGER_CALL(s, "LoadUnit", unit, &reply, &error, e, "s", unit);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = systemd_get_list(s, path, DESTINATION ".Unit", "Requires", &names, e);
        if (r >= 0)
                r = systemd_get_list(s, path, DESTINATION ".Unit", "BindsTo", &names, e);
        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *state = NULL;

                if (systemd_unit_string(s, *name, "Unit", "ActiveState", &state, NULL) < 0 || streq(state, "active"))
                        continue;
                if (streq(state, "failed")) {
                        *ret = strdup(*name);
                        return *ret ? 1 : -ENOMEM;
                }
                r = depth > 0 ? failed_need(s, *name, depth - 1, ret, e) : 0;
                if (r > 0)
                        return r;
        }
        return MIN(r, 0);
}

int systemd_unit_failed_need(Systemd *s, const char *unit, char **ret, Error *e) {
        return failed_need(s, unit, 1, ret, e);
}
