/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host for the driver under test: files in a temporary folder, a fake systemd, fake QEMUs, and the supervisor's side
 * of calls and events. Everything runs in one loop of one process. */

#include "calls/calls.h"
#include "test-daemon.h"

typedef struct FakeQemu FakeQemu;

typedef struct TestHost {
        TestDaemon daemon;
        Loop *loop;              /* its */
        sd_bus *client, *server; /* the two ends of a connection without a bus between */
        FakeQemu *qemus;
        StrBuf jobs;
        const char *fail_start;  /* the next start fails with this text */
        const char *chardevs;    /* what QEMUs answer to query-chardev */
        bool reloaded;           /* systemd reads the folder of generated units */
        const char *unit_state;  /* ActiveState of all units; NULL: active while there is a live definition */
        bool fail_other;         /* units that are no guests' do not start */
        char **devices;          /* what units may open, DeviceAllow= */
        const char *unmet;       /* starts are skipped: there is no such path */
        bool silent;             /* QEMUs answer nothing */
        bool stubborn;           /* SIGUSR1 ends nothing */
        const char *refuse;      /* QEMUs refuse this command */
        char *(*lie)(const char *command, void *userdata); /* instead of their answer: "return" or "error" of the reply,
                                                              owned by who asks */
        void *liar;
        const char *peripherals; /* what they answer to qom-list */
        const char *places;      /* ... to query-hotpluggable-cpus */
        bool slow_unplug;        /* devices do not go at once */
        char commands[2048];     /* what they were told since the last time, but for questions: "name;" each */
        void (*hear)(const json_t *command, void *userdata); /* is shown all that QEMUs are told */
        const char *plug_answer; /* what vm-plug answers to attach */
        char *(*plug)(const char *alias, void *userdata); /* ... where it depends on the device; owned by who asks */
        void *userdata;          /* of both */
        char plugged[256];       /* what it was asked since the last time, "verb device;" each */
        int plug_fd;
        sd_event_source *plug_source;
        char asked[256];         /* the unit whose properties are read */
        unsigned n_jobs, next_id;
} TestHost;

int test_host_setup(void **state);
int test_host_teardown(void **state);

QemuDriver *test_driver(TestHost *h);

/* Runs a procedure of the remote program in a fiber until it has ended. */
int test_call(TestHost *h, int32_t number, const void *args, void *ret);
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
/* It answers what it owes, and from now on. */
void test_qemu_catch_up(TestHost *h, const char *name);
/* It closes its monitor and lives on. */
void test_qemu_hide(TestHost *h, const char *name);

/* What QEMUs were told, and vm-plug was asked, since the last time. */
const char *test_commands(TestHost *h);
const char *test_plugged(TestHost *h);

/* --- among the files of this host --- */

/* A path in the folder, owned by the caller. */
char *test_path(TestHost *h, const char *path);

/* test-systemd.c: both ends of a connection, with systemd's manager at one. */
void test_connect_buses(TestHost *h);

/* test-qemu.c */
void fake_qemu_new(TestHost *h, const char *name, const char *socket_path, bool running);
/* test-plug.c: a vm-plug that answers as plug_answer says. */
void fake_plug_new(TestHost *h);
void fake_plug_free(TestHost *h);
void fake_qemu_kill(TestHost *h, const char *name);
void fake_qemu_free(FakeQemu *q);
