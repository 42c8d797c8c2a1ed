/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host for the driver under test: files in a temporary folder, a fake systemd, fake QEMUs, and the supervisor's side of calls
 * and events. Everything runs in one loop of one process. */

#include "handlers.h"

typedef struct FakeQemu FakeQemu;

typedef struct TestHost {
        Loop *loop;
        DriverHost host;
        QemuDriver *driver;
        char *folder;
        sd_bus *client, *server; /* the two ends of a connection without a bus between */
        FakeQemu *qemus;
        StrBuf events, jobs;
        Error error;             /* of the last call */
        const char *fail_start;  /* the next start fails with this text */
        const char *chardevs;    /* what QEMUs answer to query-chardev */
        bool reloaded;           /* systemd reads the folder of generated units */
        unsigned n_jobs, next_id;
        int held;                /* DriverHost.hold() */
} TestHost;

int test_host_setup(void **state);
int test_host_teardown(void **state);

/* Runs a handler in a fiber until it has ended. */
int test_call(TestHost *h, RpcHandlerFunc f, const void *args, void *ret);
/* Handles all events that are there. */
void test_pump(TestHost *h);
/* As if the supervisor had been killed and started again. */
void test_restart_driver(TestHost *h);

/* Lifecycle events and calls to systemd since the last time, "name word detail;" each. */
const char *test_events(TestHost *h);
const char *test_jobs(TestHost *h);

void test_write(TestHost *h, const char *path, const char *text);
void test_remove(TestHost *h, const char *path);
bool test_file_exists(TestHost *h, const char *path);

/* The unit of a guest comes up: its live definition, folder and QEMU, running or not yet. */
void test_unit_start(TestHost *h, const char *name, bool running);
/* vm-cleanup: how it ended, and the live definition goes. */
void test_unit_cleanup(TestHost *h, const char *name, const char *reason);

/* A message of QEMU's (with ' for "); its death. */
void test_qemu_say(TestHost *h, const char *name, const char *message);
void test_qemu_close(TestHost *h, const char *name);

/* --- among the files of this host --- */

/* A path in the folder, owned by the caller. */
char *test_path(TestHost *h, const char *path);

/* test-systemd.c: both ends of a connection, with systemd's manager at one. */
void test_connect_buses(TestHost *h);

/* test-qemu.c */
void fake_qemu_new(TestHost *h, const char *name, const char *socket_path, bool running);
void fake_qemu_kill(TestHost *h, const char *name);
void fake_qemu_free(FakeQemu *q);
