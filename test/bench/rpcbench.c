/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rpcbench: one libvirt client for all servers that are compared.
 *
 *     rpcbench URI [--events]
 *
 * Each line on standard input is a command, each is answered by one line of KEY=VALUE words, or by "error TEXT".
 * Times are in microseconds. cpu= is what this process used for the command; what the server used is read from its
 * cgroup by the caller. --events runs libvirt's event loop in a thread, which the commands of rpcbench-life.c need
 * that wait for events; rates are measured without, because the loop's wake-ups would be counted as the call's.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "rpcbench.h"

enum {
        CONNECTIONS_MAX = 64,
        SAMPLES_MAX = 1000000,
};

typedef int (*CallFunction)(virConnectPtr connection, virDomainPtr domain);

/* One connection that repeats one call until the time is over. */
typedef struct Worker {
        virConnectPtr connection;
        virDomainPtr domain;
        CallFunction call;
        uint64_t until;
        float *samples;
        size_t n;
        int r;
} Worker;

uint64_t now_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

uint64_t cpu_usec(void) {
        struct rusage u;

        getrusage(RUSAGE_SELF, &u);
        return (uint64_t) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
               (uint64_t) (u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int failed(void) {
        const virError *e = virGetLastError();

        printf("error %s\n", e && e->message ? e->message : "without a message");
        return -1;
}

static int call_state(virConnectPtr connection, virDomainPtr domain) {
        int state;

        return virDomainGetState(domain, &state, NULL, 0);
}

static int call_version(virConnectPtr connection, virDomainPtr domain) {
        unsigned long version;

        return virConnectGetVersion(connection, &version);
}

static int call_xml(virConnectPtr connection, virDomainPtr domain) {
        char *text = virDomainGetXMLDesc(domain, 0);

        free(text);
        return text ? 0 : -1;
}

static int call_list(virConnectPtr connection, virDomainPtr domain) {
        virDomainPtr *domains = NULL;
        int n = virConnectListAllDomains(connection, &domains, 0);

        for (int i = 0; i < n; i++)
                virDomainFree(domains[i]);
        free(domains);
        return n < 0 ? -1 : 0;
}

static const struct {
        const char *name;
        CallFunction call;
} calls[] = {
        { "state",   call_state   },
        { "version", call_version },
        { "xml",     call_xml     },
        { "list",    call_list    },
};

static void *work(void *userdata) {
        Worker *w = userdata;
        uint64_t before = now_usec(), after;

        while (before < w->until && w->n < SAMPLES_MAX) {
                w->r = w->call(w->connection, w->domain);
                if (w->r < 0)
                        break;
                after = now_usec();
                w->samples[w->n++] = (float) (after - before);
                before = after;
        }
        return NULL;
}

static int compare_floats(const void *a, const void *b) {
        float x = *(const float *) a, y = *(const float *) b;

        return x < y ? -1 : x > y;
}

/* Runs the prepared workers and prints what came of it. */
static int run_workers(Worker *workers, int n, double seconds) {
        uint64_t cpu = cpu_usec(), begin = now_usec(), wall;
        pthread_t threads[CONNECTIONS_MAX];
        size_t total = 0;

        for (int i = 0; i < n; i++) {
                workers[i].until = begin + (uint64_t) (seconds * 1e6);
                if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
                        abort();
        }
        for (int i = 0; i < n; i++)
                pthread_join(threads[i], NULL);
        wall = now_usec() - begin;
        cpu = cpu_usec() - cpu;

        for (int i = 0; i < n; i++) {
                if (workers[i].r < 0) {
                        printf("error a call failed on connection %d\n", i);
                        return -1;
                }
                total += workers[i].n;
        }
        qsort(workers[0].samples, workers[0].n, sizeof(float), compare_floats);
        printf("calls=%zu wall=%llu cpu=%llu p50=%.1f p99=%.1f\n", total, (unsigned long long) wall,
               (unsigned long long) cpu, (double) workers[0].samples[workers[0].n / 2],
               (double) workers[0].samples[workers[0].n * 99 / 100]);
        return 0;
}

/* rate CALL DOMAIN CONNECTIONS SECONDS: how often a call can be made, one after another on each connection. */
static int verb_rate(Session *s, char **argv) {
        int n = atoi(argv[2]), r = 0;
        Worker workers[CONNECTIONS_MAX] = {};
        CallFunction call = NULL;

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
                if (strcmp(calls[i].name, argv[0]) == 0)
                        call = calls[i].call;
        if (!call || n < 1 || n > CONNECTIONS_MAX) {
                printf("error no such call, or too many connections\n");
                return -1;
        }

        for (int i = 0; i < n && r >= 0; i++) {
                workers[i].call = call;
                workers[i].samples = malloc(SAMPLES_MAX * sizeof(float));
                workers[i].connection = virConnectOpen(s->uri);
                workers[i].domain = workers[i].connection && strcmp(argv[1], "-") != 0 ?
                                    virDomainLookupByName(workers[i].connection, argv[1]) : NULL;
                if (!workers[i].samples || !workers[i].connection || (strcmp(argv[1], "-") != 0 && !workers[i].domain))
                        r = failed();
        }
        if (r >= 0)
                r = run_workers(workers, n, atof(argv[3]));

        for (int i = 0; i < n; i++) {
                if (workers[i].domain)
                        virDomainFree(workers[i].domain);
                if (workers[i].connection)
                        virConnectClose(workers[i].connection);
                free(workers[i].samples);
        }
        return r;
}

/* open N: connections opened and closed, one after another. */
static int verb_open(Session *s, char **argv) {
        int n = atoi(argv[0]);
        uint64_t cpu = cpu_usec(), begin = now_usec();

        for (int i = 0; i < n; i++) {
                virConnectPtr connection = virConnectOpen(s->uri);

                if (!connection)
                        return failed();
                virConnectClose(connection);
        }
        printf("calls=%d wall=%llu cpu=%llu\n", n, (unsigned long long) (now_usec() - begin),
               (unsigned long long) (cpu_usec() - cpu));
        return 0;
}

static const struct {
        const char *name;
        int n_args;
        bool needs_connection;
        int (*run)(Session *s, char **argv);
} verbs[] = {
        { "rate",     4, false, verb_rate     },
        { "open",     1, false, verb_open     },
        { "define",   3, true,  verb_define   },
        { "undefine", 2, true,  verb_undefine },
        { "listed",   2, false, verb_listed   },
        { "start",    1, true,  verb_start    },
        { "destroy",  1, true,  verb_destroy  },
        { "kill",     2, true,  verb_kill     },
};

static int run_line(Session *s, char *line) {
        char *argv[8] = {}, *saved = NULL, *word = strtok_r(line, " \n", &saved);
        int n = 0;

        if (!word)
                return 0;
        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
                if (strcmp(verbs[i].name, word) != 0)
                        continue;
                while (n < 8 && (argv[n] = strtok_r(NULL, " \n", &saved)))
                        n++;
                if (n != verbs[i].n_args)
                        break;
                if (verbs[i].needs_connection && session_connect(s) < 0)
                        return -1;
                return verbs[i].run(s, argv);
        }
        printf("error no command '%s' with so many arguments\n", word);
        return -1;
}

static void ignore_error(void *userdata, virErrorPtr error) {
}

int main(int argc, char **argv) {
        Session session = {};
        char *line = NULL;
        size_t size = 0;

        if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "--events") != 0)) {
                fprintf(stderr, "usage: rpcbench URI [--events]\n");
                return 2;
        }
        session.uri = argv[1];
        setvbuf(stdout, NULL, _IOLBF, 0);
        virSetErrorFunc(NULL, ignore_error);
        if (virInitialize() < 0 || (argc == 3 && session_run_events(&session) < 0))
                return 1;
        /* An error is an answer; the caller decides what it means. */
        while (getline(&line, &size, stdin) > 0)
                (void) run_line(&session, line);
        free(line);
        session_disconnect(&session);
        return 0;
}
