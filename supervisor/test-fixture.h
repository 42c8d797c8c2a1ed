/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon with a test driver, in a process of its own and a folder of its own, for each test; alone or behind a
 * proxy. Includes what the tests of it need; cmocka.h comes before. */

#include "daemon.h"
#include "test-client.h"
#include "test-driver.h"

typedef struct Fixture {
        char folder[64];
        char path[96];
        char ro_path[96];
        char admin_path[96];
        pid_t pid;
        pid_t proxy;            /* 0, or a virtproxyd in front, whose sockets are then those above */
} Fixture;

/* The guest that the test driver knows. */
#define TEST_GUEST ((remote_nonnull_domain) { .name = (char *) "guest", .uuid = { 1, 2, 3 }, .id = 1 })

int set_up(void **state);
int set_up_idle(void **state);          /* ends after a second without clients */
int set_up_several(void **state);       /* two hypervisors, and a driver of what they have beside guests */
int set_up_proxy(void **state);
int tear_down(void **state);

#define daemon_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define several_test(f) cmocka_unit_test_setup_teardown(f, set_up_several, tear_down)
#define proxy_test(f) cmocka_unit_test_setup_teardown(f, set_up_proxy, tear_down)

/* Another one in the same folder, in place of one that has ended. */
pid_t start_daemon(const Fixture *f, const char *timeout);
/* A new client is served. */
void check_alive(const Fixture *f);

/* The same program is the daemon where it is started under its name: a process of its own that inherits nothing. */
bool is_test_daemon(char **argv);
int run_test_daemon(int argc, char **argv);
