/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of rpcbench that define, start and end guests, and that wait for events. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpcbench.h"

enum {
        EVENT_LIMIT_USEC = 10 * 1000 * 1000,
        LISTED_PAUSE_USEC = 1000,
        TEMPLATE_MAX = 65536,
};

/* When the last event of a guest's stop came, 0 before. */
static _Atomic uint64_t stopped_at;

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *userdata) {
        if (event == VIR_DOMAIN_EVENT_STOPPED)
                stopped_at = now_usec();
        return 0;
}

static void *event_loop(void *userdata) {
        while (virEventRunDefaultImpl() >= 0)
                ;
        return NULL;
}

int session_run_events(Session *s) {
        pthread_t thread;

        s->events = true;
        if (virEventRegisterDefaultImpl() < 0 || pthread_create(&thread, NULL, event_loop, NULL) != 0)
                return -1;
        return pthread_detach(thread);
}

int session_connect(Session *s) {
        if (s->connection && virConnectIsAlive(s->connection) == 1)
                return 0;
        session_disconnect(s);
        s->connection = virConnectOpen(s->uri);
        if (!s->connection)
                return failed();
        if (s->events && virConnectDomainEventRegister(s->connection, on_lifecycle, NULL, NULL) < 0)
                return failed();
        return 0;
}

void session_disconnect(Session *s) {
        if (s->connection)
                virConnectClose(s->connection);
        s->connection = NULL;
}

static int print_times(uint64_t wall, uint64_t cpu) {
        printf("wall=%llu cpu=%llu\n", (unsigned long long) wall, (unsigned long long) cpu);
        return 0;
}

/* Replaces each @NAME@ of a template. */
static void fill_in(const char *template, const char *name, char *text, size_t size) {
        size_t n = 0;

        while (*template && n + strlen(name) + 1 < size) {
                if (strncmp(template, "@NAME@", 6) == 0) {
                        n += (size_t) sprintf(text + n, "%s", name);
                        template += 6;
                } else
                        text[n++] = *template++;
        }
        text[n] = 0;
}

static int read_template(const char *path, char *text, size_t size) {
        FILE *f = fopen(path, "re");
        size_t n;

        if (!f) {
                printf("error cannot open %s: %s\n", path, strerror(errno));
                return -1;
        }
        n = fread(text, 1, size - 1, f);
        text[n] = 0;
        fclose(f);
        return 0;
}

/* define TEMPLATE PREFIX N: defines PREFIX0, PREFIX1, ... on one connection. */
int verb_define(Session *s, char **argv) {
        static char template[TEMPLATE_MAX], text[TEMPLATE_MAX];
        int n = atoi(argv[2]);
        uint64_t cpu, begin;
        char name[64];

        if (read_template(argv[0], template, sizeof(template)) < 0)
                return -1;
        cpu = cpu_usec();
        begin = now_usec();
        for (int i = 0; i < n; i++) {
                virDomainPtr domain;

                snprintf(name, sizeof(name), n == 1 ? "%s" : "%s%d", argv[1], i);
                fill_in(template, name, text, sizeof(text));
                domain = virDomainDefineXML(s->connection, text);
                if (!domain)
                        return failed();
                virDomainFree(domain);
        }
        return print_times(now_usec() - begin, cpu_usec() - cpu);
}

/* undefine PREFIX N: what define made. */
int verb_undefine(Session *s, char **argv) {
        int n = atoi(argv[1]), r;
        uint64_t cpu = cpu_usec(), begin = now_usec();
        char name[64];

        for (int i = 0; i < n; i++) {
                virDomainPtr domain;

                snprintf(name, sizeof(name), n == 1 ? "%s" : "%s%d", argv[0], i);
                domain = virDomainLookupByName(s->connection, name);
                if (!domain)
                        return failed();
                r = virDomainUndefine(domain);
                virDomainFree(domain);
                if (r < 0)
                        return failed();
        }
        return print_times(now_usec() - begin, cpu_usec() - cpu);
}

/* listed N MILLISECONDS: until a client that connects afresh is told of N guests. */
int verb_listed(Session *s, char **argv) {
        int wanted = atoi(argv[0]), n = -1;
        uint64_t cpu = cpu_usec(), begin = now_usec(), limit = (uint64_t) atoi(argv[1]) * 1000;

        while (n != wanted) {
                virConnectPtr connection = virConnectOpenReadOnly(s->uri);
                virDomainPtr *domains = NULL;

                n = connection ? virConnectListAllDomains(connection, &domains, 0) : -1;
                for (int i = 0; i < n; i++)
                        virDomainFree(domains[i]);
                free(domains);
                if (connection)
                        virConnectClose(connection);
                if (n == wanted)
                        break;
                if (now_usec() - begin > limit) {
                        printf("error %d guests are listed instead of %d\n", n, wanted);
                        return -1;
                }
                usleep(LISTED_PAUSE_USEC);
        }
        return print_times(now_usec() - begin, cpu_usec() - cpu);
}

static int act(Session *s, const char *name, int (*action)(virDomainPtr domain)) {
        virDomainPtr domain = virDomainLookupByName(s->connection, name);
        uint64_t cpu = cpu_usec(), begin = now_usec();
        int r;

        if (!domain)
                return failed();
        r = action(domain);
        if (r < 0)
                failed();
        else
                r = print_times(now_usec() - begin, cpu_usec() - cpu);
        virDomainFree(domain);
        return r;
}

/* start NAME, destroy NAME: one call. */
int verb_start(Session *s, char **argv) {
        return act(s, argv[0], virDomainCreate);
}

int verb_destroy(Session *s, char **argv) {
        return act(s, argv[0], virDomainDestroy);
}

/* kill NAME PID: SIGKILL to a guest's QEMU, until this client is told that the guest has stopped. */
int verb_kill(Session *s, char **argv) {
        uint64_t begin;

        if (!s->events) {
                printf("error kill needs --events\n");
                return -1;
        }
        stopped_at = 0;
        begin = now_usec();
        if (kill((pid_t) atoi(argv[1]), SIGKILL) < 0) {
                printf("error cannot kill %s: %s\n", argv[1], strerror(errno));
                return -1;
        }
        while (stopped_at == 0 && now_usec() - begin < EVENT_LIMIT_USEC)
                usleep(100);
        if (stopped_at == 0) {
                printf("error no event of %s came\n", argv[0]);
                return -1;
        }
        return print_times(stopped_at - begin, 0);
}
