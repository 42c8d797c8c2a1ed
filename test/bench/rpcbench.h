/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <stdint.h>

/* What lives as long as the program: the URI, and one connection for the commands that change something. */
typedef struct Session {
        const char *uri;
        bool events;
        virConnectPtr connection;
} Session;

uint64_t now_usec(void);
uint64_t cpu_usec(void);

/* Prints libvirt's last error as the answer, and returns -1. */
int failed(void);

int session_run_events(Session *s);
int session_connect(Session *s);
void session_disconnect(Session *s);

/* Commands, see rpcbench-life.c. Each prints one line and returns negative when that line is an error. */
int verb_define(Session *s, char **argv);
int verb_undefine(Session *s, char **argv);
int verb_listed(Session *s, char **argv);
int verb_start(Session *s, char **argv);
int verb_destroy(Session *s, char **argv);
int verb_kill(Session *s, char **argv);
