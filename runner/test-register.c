/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bus and machined are sd-bus as a server, in this process; the guest's side is a child. The connection is made as
 * vm-prepare does it, with nothing said over it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include <cmocka.h>

#include "base/strings.h"
#include "register.h"

#define MACHINED "org.freedesktop.machine1"

RegisterMachine register_machine;

static const Registration guest = { "web", "vm@web.service", "01020304-0506-0708-090a-0b0c0d0e0f10", 4711 };

typedef struct Peer {
        sd_bus *bus;
        const char *unit;       /* of the machine that is there, NULL: none */
        const char *error;      /* what a registration gets, NULL: success */
        unsigned lingers;       /* registrations for which a machine that was unregistered is still there */
        bool vanishes;          /* the machine has ended by itself when it is asked for */
        bool silent;            /* nothing is answered but the bus's own greeting */
        unsigned registered, unregistered;
} Peer;

static int on_hello(Peer *p, sd_bus_message *m) {
        return sd_bus_reply_method_return(m, "s", ":1.1");
}

static int on_register(Peer *p, sd_bus_message *m) {
        static const uint8_t wanted[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
        const char *name, *service, *class, *root;
        const void *uuid;
        uint32_t leader;
        size_t n;

        if (p->unit || (p->unregistered > 0 && p->lingers > 0 && p->lingers--))
                return sd_bus_reply_method_errorf(m, MACHINED ".MachineExists", "Machine exists");
        if (p->error)
                return sd_bus_reply_method_errorf(m, p->error, "not today");
        assert_true(sd_bus_message_has_signature(m, "sayssus"));
        assert_true(sd_bus_message_read(m, "s", &name) > 0);
        assert_true(sd_bus_message_read_array(m, 'y', &uuid, &n) >= 0);
        assert_true(sd_bus_message_read(m, "ssus", &service, &class, &leader, &root) > 0);
        assert_string_equal(name, "web");
        assert_int_equal(n, 16);
        assert_memory_equal(uuid, wanted, 16);
        assert_string_equal(class, "vm");
        assert_int_equal(leader, 4711);
        p->registered++;
        return sd_bus_reply_method_return(m, "o", "/org/freedesktop/machine1/machine/web");
}

static int on_get_machine(Peer *p, sd_bus_message *m) {
        if (p->vanishes) {
                p->unit = NULL;
                return sd_bus_reply_method_errorf(m, MACHINED ".NoSuchMachine", "No machine 'web' known");
        }
        return sd_bus_reply_method_return(m, "o", "/org/freedesktop/machine1/machine/web");
}

static int on_get(Peer *p, sd_bus_message *m) {
        const char *interface, *property;

        assert_true(sd_bus_message_read(m, "ss", &interface, &property) > 0);
        assert_string_equal(interface, MACHINED ".Machine");
        assert_string_equal(property, "Unit");
        return sd_bus_reply_method_return(m, "v", "s", p->unit ?: guest.unit);
}

static int on_unregister(Peer *p, sd_bus_message *m) {
        p->unit = NULL;
        p->unregistered++;
        return sd_bus_reply_method_return(m, "");
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *e) {
        static const struct {
                const char *interface, *member;
                int (*answer)(Peer *p, sd_bus_message *m);
        } calls[] = {
                { "org.freedesktop.DBus",            "Hello",             on_hello },
                { MACHINED ".Manager",               "RegisterMachine",   on_register },
                { MACHINED ".Manager",               "GetMachine",        on_get_machine },
                { MACHINED ".Manager",               "UnregisterMachine", on_unregister },
                { "org.freedesktop.DBus.Properties", "Get",               on_get },
        };
        Peer *p = userdata;

        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                if (sd_bus_message_is_method_call(m, calls[i].interface, calls[i].member) && (i == 0 || !p->silent))
                        return calls[i].answer(p, m);
        return 1;
}

/* What the child's call returned, and "" or the text of the error after it. */
static int register_with(Peer *p, int limit, char *text, size_t size) {
        sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
        int s[2], answer[2], status, r = 0;
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
        assert_int_equal(pipe(answer), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                char *message = NULL;

                close(s[1]);
                (void) alarm((unsigned) limit);
                r = register_machine(s[0], &guest, &message);
                dprintf(answer[1], "%i %s", r, message ?: "");
                free(message);
                _exit(0);
        }
        close(s[0]);
        close(answer[1]);
        assert_true(sd_bus_new(&p->bus) >= 0);
        assert_true(sd_bus_set_fd(p->bus, s[1], s[1]) >= 0);
        assert_true(sd_bus_set_server(p->bus, true, id) >= 0);
        assert_true(sd_bus_add_filter(p->bus, NULL, on_message, p) >= 0);
        assert_true(sd_bus_start(p->bus) >= 0);
        while ((r = sd_bus_process(p->bus, NULL)) >= 0)
                if (r == 0)
                        (void) sd_bus_wait(p->bus, UINT64_MAX);
        sd_bus_close_unref(p->bus);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status))
                r = -ETIMEDOUT;
        else {
                char line[256] = "";

                assert_true(read(answer[0], line, sizeof line - 1) > 0);
                r = (int) strtol(line, NULL, 10);
                (void) snprintf(text, size, "%s", strchr(line, ' ') + 1);
        }
        close(answer[0]);
        return r;
}

static void a_login_without_a_name_is_enough(void **state) {
        Peer p = {};
        char text[256];

        assert_int_equal(register_with(&p, 10, text, sizeof text), 0);
        assert_string_equal(text, "");
        assert_int_equal(p.registered, 1);
}

static void what_an_earlier_run_left_is_replaced(void **state) {
        Peer p = { .unit = "vm@web.service" };
        char text[256];

        assert_int_equal(register_with(&p, 10, text, sizeof text), 0);
        assert_int_equal(p.unregistered, 1);
        assert_int_equal(p.registered, 1);
}

static void one_that_lingers_is_waited_for(void **state) {
        Peer p = { .unit = "vm@web.service", .lingers = 5 };
        char text[256];

        assert_int_equal(register_with(&p, 10, text, sizeof text), 0);
        assert_string_equal(text, "");
        assert_int_equal(p.lingers, 0);
        assert_int_equal(p.registered, 1);
}

static void one_that_ends_meanwhile_is_no_obstacle(void **state) {
        Peer p = { .unit = "vm@web.service", .vanishes = true };
        char text[256];

        assert_int_equal(register_with(&p, 10, text, sizeof text), 0);
        assert_string_equal(text, "");
        assert_int_equal(p.unregistered, 0);
        assert_int_equal(p.registered, 1);
}

static void a_machine_of_somebody_else_keeps_its_name(void **state) {
        Peer p = { .unit = "systemd-nspawn@web.service" };
        char text[256];

        assert_int_equal(register_with(&p, 10, text, sizeof text), -EEXIST);
        assert_int_equal(p.unregistered, 0);
        assert_int_equal(p.registered, 0);
}

static void an_error_gives_its_text(void **state) {
        Peer p = { .error = SD_BUS_ERROR_ACCESS_DENIED };
        char text[256];

        assert_int_equal(register_with(&p, 10, text, sizeof text), -EACCES);
        assert_string_equal(text, "not today");
}

static void without_machined_there_is_nothing_to_find(void **state) {
        Peer p = { .error = SD_BUS_ERROR_SERVICE_UNKNOWN };
        char text[256];

        assert_int_equal(register_with(&p, 10, text, sizeof text), -ENOENT);
}

static void a_silent_machined_is_waited_for_until_the_alarm(void **state) {
        Peer p = { .silent = true };
        char text[256];

        assert_int_equal(register_with(&p, 1, text, sizeof text), -ETIMEDOUT);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(a_login_without_a_name_is_enough),
                cmocka_unit_test(what_an_earlier_run_left_is_replaced),
                cmocka_unit_test(one_that_lingers_is_waited_for),
                cmocka_unit_test(one_that_ends_meanwhile_is_no_obstacle),
                cmocka_unit_test(a_machine_of_somebody_else_keeps_its_name),
                cmocka_unit_test(an_error_gives_its_text),
                cmocka_unit_test(without_machined_there_is_nothing_to_find),
                cmocka_unit_test(a_silent_machined_is_waited_for_until_the_alarm),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
