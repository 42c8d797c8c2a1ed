/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* polkit: may the process at the other end of a UNIX socket do this? */

#include "loop/fiber.h"
#include "server.h"

#define ALLOW_INTERACTION 1U

static int append_subject(sd_bus_message *m, const Identity *peer) {
        return sd_bus_message_append(m, "(sa{sv})", "unix-process", 3, "pid", "u", (uint32_t) peer->pid, "start-time",
                                     "t", peer->pid_start, "uid", "i", (int32_t) peer->uid);
}

/* The details of an answer say whether the user waved the question away. */
static int read_answer(sd_bus_message *reply, int *ret_authorized, int *ret_challenge, bool *ret_dismissed) {
        const char *key, *value;
        int r;

        *ret_dismissed = false;
        r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "bb", ret_authorized, ret_challenge);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
                if (strcmp(key, "polkit.dismissed") == 0)
                        *ret_dismissed = true;
        return r;
}

static int append_details(sd_bus_message *m, const char *const *details) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{ss}");
        for (; r >= 0 && details && details[0] && details[1]; details += 2)
                r = sd_bus_message_append(m, "{ss}", details[0], details[1]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int ask(sd_bus *bus, const Identity *peer, const char *action, const char *const *details, bool interactive,
               sd_bus_message **ret, Error *e) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.PolicyKit1",
                                           "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r >= 0)
                r = append_subject(m, peer);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", action);
        if (r >= 0)
                r = append_details(m, details);
        if (r >= 0)
                r = sd_bus_message_append(m, "us", interactive ? ALLOW_INTERACTION : 0U, "");
        /* The user may take long to type a password. */
        if (r >= 0)
                r = fiber_bus_call(bus, m, FIBER_FOREVER, &error, ret);
        if (r < 0)
                error_set(e, r, ERROR_AUTH_FAILED, ORIGIN_POLKIT, "polkit cannot be asked: %s",
                          error.message ?: strerror(-r));
        sd_bus_error_free(&error);
        sd_bus_message_unref(m);
        return r;
}

int polkit_check(Server *s, const Identity *peer, const char *action, const char *const *details, bool interactive,
                 Error *e) {
        sd_bus_message *reply = NULL;
        int authorized, challenge, r;
        bool dismissed;
        sd_bus *bus;

        if (peer->pid <= 0 || peer->pid_start == 0)
                return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_POLKIT, "the calling process is not known");
        r = s->host.bus(&s->host, &bus, e);
        if (r < 0)
                return r;
        r = ask(bus, peer, action, details, interactive, &reply, e);
        if (r >= 0)
                r = read_answer(reply, &authorized, &challenge, &dismissed);
        sd_bus_message_unref(reply);
        if (r < 0)
                return error_set(e, r, ERROR_AUTH_FAILED, ORIGIN_POLKIT, "polkit's answer cannot be read");
        if (authorized)
                return 0;
        if (dismissed)
                return error_set(e, -ECANCELED, ERROR_AUTH_CANCELLED, ORIGIN_POLKIT,
                                 "user cancelled authentication process");
        if (challenge)
                return error_set(e, -EACCES, ERROR_AUTH_UNAVAILABLE, ORIGIN_POLKIT,
                                 "no polkit agent available to authenticate action '%s'", action);
        return error_set(e, -EACCES, ERROR_AUTH_FAILED, ORIGIN_POLKIT, "access denied by policy");
}
