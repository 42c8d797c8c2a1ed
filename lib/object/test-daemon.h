/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The supervisor's side of a driver, for unit tests: a loop, calls with an identity, events as text, files in a
 * temporary folder that UNITVIRT_ETC, UNITVIRT_RUN and the like name. Everything runs in one loop of one process. */

#include "base/strings.h"
#include "object/call.h"

typedef struct TestDaemon {
        Loop *loop;
        DriverHost host;
        const Driver *driver;
        void *state;            /* of the driver, while it is started */
        char *folder;
        StrBuf events;
        Error error;            /* of the last call */
        const char *deny;       /* access control says no to an object of this name (or uuid) */
        bool readonly;          /* the connection is */
        bool hasty;             /* nothing is waited for: what is there is handled */
        int held;               /* DriverHost.hold() */
} TestDaemon;

void test_daemon_init(TestDaemon *d, const Driver *driver);
void test_daemon_done(TestDaemon *d);
/* The driver's hooks. The daemon is started once all is set up, and stopped before it is done. */
void test_daemon_start(TestDaemon *d);
void test_daemon_stop(TestDaemon *d);

/* Runs a procedure of the driver's tables in a fiber, to its end. */
int test_daemon_call(TestDaemon *d, uint32_t program, int32_t number, const void *args, void *ret);
#define TEST_CALL(d, NAME, args, ret) test_daemon_call(d, REMOTE_PROGRAM, REMOTE_PROC_##NAME, args, ret)
/* Any function in a fiber, to its end. */
void test_daemon_fiber(TestDaemon *d, FiberFunc f, void *userdata);
/* Handles all events that are there. */
void test_daemon_pump(TestDaemon *d);

/* Lifecycle events since the last time, "NAME EVENT DETAIL;" each, by numbers. */
const char *test_daemon_events(TestDaemon *d);

/* Files below the folder: "etc/qemu/web.xml". */
char *test_daemon_path(TestDaemon *d, const char *path);
void test_daemon_write(TestDaemon *d, const char *path, const char *text);
void test_daemon_remove(TestDaemon *d, const char *path);
bool test_daemon_has(TestDaemon *d, const char *path);
/* A folder that an environment variable names, made. */
void test_daemon_set_folder(TestDaemon *d, const char *variable, const char *folder);
