/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* vm-run: the main process of one guest's unit. One Run is the whole program.
 *
 *   run.c       the program, its loop, and time
 *   begin.c     from QEMU's greeting until the unit is ready
 *   lifecycle.c what the guest does, and how it ends
 *   dump.c      the guest's memory into a file
 *   button.c    the power button, and whether it is heard
 *   signals.c   what the service manager and machined ask for
 *   console.c   what the guest and QEMU write
 *   ports.c     ... at ports that were plugged in later
 *   monitor.c   QMP: one command at a time, its answer, events
 *   threads.c   where and how QEMU's threads run
 *   spawn.c     QEMU's descriptors and process
 *   confine.c   what QEMU may not do to vm-run
 *   screens.c   clients of the guest's screen
 *   websocket.c ... that come by websockets
 *   registration.c  the guest's name in machined
 *   launch.c    what to do, from vm-prepare
 *   notify.c    words to the service manager and the journal */

#include <jansson.h>

#include "base/guest-exit.h"
#include "base/macros.h"
#include "base/rotate.h"
#include "image-locks.h"
#include "late-port.h"
#include "launch.h"
#include "notify.h"
#include "parcel.h"

/* What this QEMU does. "Ending" is irrevocable: it was told to quit, or killed. */
typedef enum RunState {
        RUN_STARTING,
        RUN_RUNNING,
        RUN_PAUSED,
        RUN_ENDING,
} RunState;

typedef struct Run Run;

/* The answer to a command: result on success, else the text of QEMU's error. */
typedef void (*ReplyFunction)(Run *run, const json_t *result, const char *error);

typedef struct Command {
        char *text;
        int fd;                /* goes with it, owned; or -EBADF */
        ReplyFunction reply;   /* may be NULL */
} Command;

#define COMMANDS_MAX 64U

typedef struct Monitor {
        int fd;
        bool greeted;
        char *buffer;          /* what was read of an unfinished line */
        size_t len, size;
        Command queue[COMMANDS_MAX];  /* the first one is on its way once sent is true */
        size_t n_queue;
        bool sent;
} Monitor;

/* A dump of the guest's memory. */
typedef struct Dump {
        int fd;                /* to vm-dump */
        bool writing;          /* QEMU has the file */
        bool said_whole;       /* ... and is done with it */
        uint64_t give_up;      /* vm-dump is waited for until then */
        void (*then)(Run *run); /* not NULL while there is one */
} Dump;

/* A kind of sockets that clients of a screen connect to: as in their names, and as QEMU is told. */
typedef struct ScreenKind {
        const char *name, *protocol;
        bool tls;
} ScreenKind;

typedef struct Screen {
        int fd;
        const ScreenKind *kind;
} Screen;

#define CONSOLE_COPIES 2U
typedef struct Console {
        int fd;
        char *late_alias;        /* of one that was plugged in later */
        bool vacant;             /* ... and is gone */
        bool quiet;              /* it goes to files alone */
        RotatingFile copies[CONSOLE_COPIES]; /* files that it goes to as well; fd -EBADF: none */
        JournalLines lines;
} Console;

struct Run {
        Launch launch;
        RunState state;
        const char *status;      /* word for the unit's status line while not running */
        GuestExit end;           /* exit status once QEMU is gone */
        bool end_known;          /* end was decided; otherwise QEMU died by itself */
        bool stopping;           /* the unit is being stopped: the guest was asked to power off */
        bool rebooting;          /* the next power off becomes a reset */
        bool deaf;               /* it does not listen to its power button */
        unsigned deaf_looks;     /* ... and did nothing since it was asked, for so many looks */
        bool shut_down;          /* the guest has powered off, QEMU waits */
        bool suspended;          /* it sleeps, until it is woken up */
        bool crashed;            /* its kernel has panicked, and it was not reset since */
        size_t next_step;        /* of launch.commands */
        bool event_seen;         /* ... where that is an event */
        void (*tuned)(Run *run); /* goes on with the start once the threads are tuned */
        pid_t *known_threads;    /* vCPUs and I/O threads: the others are the emulator's */
        size_t n_known_threads;
        int thread_groups;       /* control group below which threads have limits of their own, or -EBADF */

        pid_t qemu;
        int signal_fd;
        int notify_fd;
        Parcel parcel;           /* what vm-prepare opened */
        int journal_fd;
        pid_t registrar;         /* has a connection to the bus as root: ends before the guest's first instruction */
        const char *runtime_dir; /* $RUNTIME_DIRECTORY or NULL */
        Monitor monitor;
        Dump dump;
        Screen screens[SCREENS_MAX];
        size_t n_screens;
        pid_t websockets;        /* carries those of browsers to QEMU, 0: there is none */
        ImageLocks image_locks;
        bool handing;            /* a client is on its way to QEMU */
        Console *consoles;       /* stderr first, then those of the launch file */
        size_t n_consoles;
        int ports_fd;            /* where such ports are waited for */
        char words[2048];        /* the end of what QEMU wrote to stderr */
        size_t n_words;

        uint64_t since;          /* microseconds since the epoch */
        uint64_t ask_usec;       /* how often to ask QEMU whether it is there */
        bool watched;            /* the service manager wants to hear of each answer (WatchdogSec=) */
        uint64_t ask_next;       /* monotonic microseconds of the next time, 0: none */
        uint64_t answer_due;     /* later than this QEMU is silent; 0: it was not asked */
        bool silent;             /* ... and it is */
        char silent_since[32];   /* time of day */
        uint64_t powerdown_next;
        uint64_t stop_give_up;   /* no more extension of the stop timeout after this */
        uint64_t flush_at;       /* an unfinished line of a console is shown then: a prompt has no end of line */
        uint64_t kill_at;        /* SIGKILL for a QEMU that does not end */
        uint64_t console_bytes;
        uint64_t disk_writes;
        uint64_t last_progress;  /* sum of both at the last look */
};

#define USEC_PER_SEC ((uint64_t) 1000000)

uint64_t now_usec(void);

/* begin.c */
void run_greeted(Run *run);
/* An event, which the start may be waiting for. */
void run_begin_event(Run *run, const char *name, const json_t *data);

/* threads.c */
/* Before any other process is there: where threads are to have quotas, this one moves to a control group below the
 * unit's. */
int run_enter_thread_groups(Run *run);
/* Applies launch.threads, then calls then; the start fails where the host does not let it. */
void run_tune_threads(Run *run, void (*then)(Run *run));

/* lifecycle.c */
/* Tells the service manager what the guest does, with what else it shall know, as "KEY=VALUE\n": each message makes it
 * tell everybody on the bus. */
void run_show_status(Run *run, const char *more);
/* Not once it is ending. status is kept by reference. */
void run_set_state(Run *run, RunState state, const char *status);
/* The exit status; the first decision holds. */
void run_decide_end(Run *run, GuestExit end);
/* Ends it: by QMP, by SIGTERM, by a signal alone. SIGKILL follows where the first two do not do. */
void run_quit(Run *run, GuestExit end, const char *status);
void run_destroy(Run *run, const char *status);
void run_kill_qemu(Run *run, int sig);
void run_fail_start(Run *run, const char *format, ...) _printf_(2, 3);
/* An event of QEMU's. */
void run_event(Run *run, const char *name, const json_t *data);
/* Whether an action of on_poweroff or on_crash starts the guest anew. */
bool run_is_restart(const char *action);
/* The answer to "cont". */
void run_resumed(Run *run, const json_t *result, const char *error);
void run_monitor_closed(Run *run);

/* dump.c */
/* Begins a dump; then follows at its end, whether it worked or not, unless QEMU is ending by then. */
void run_dump(Run *run, void (*then)(Run *run));
/* vm-dump has something to say; QEMU has written all, or failed; vm-dump is overdue. */
void run_dump_read(Run *run);
void run_dump_completed(Run *run, const json_t *data);
void run_dump_timed_out(Run *run);
/* QEMU ends: what is not written by now never will be. */
void run_dump_give_up(Run *run);

/* signals.c */
int signals_open(Run *run);
void signals_read(Run *run);

/* button.c */
/* The power button, and again after a while. A guest that never hears it, and does nothing, is ended. */
void run_ask_to_power_off(Run *run);

/* console.c */
/* Reads what is there; closes it at its end. */
void console_read(Run *run, Console *c);
/* Sends unfinished lines. */
void consoles_flush(Run *run);

/* ports.c */
/* Listens for them. */
void ports_open(Run *run);
void ports_accept(Run *run);

/* screens.c */
/* Takes what vm-prepare opened. */
void screens_open(Run *run);
void screens_close(Run *run);
/* What to wait for at the i-th of them: -1 while QEMU takes no client. */
int screens_fd(const Run *run, size_t i);
/* Hands a client to QEMU. */
void screens_accept(Run *run, size_t i);

/* websocket.c */
/* Starts what carries websockets to QEMU, where it has any. */
void websocket_start(Run *run);
/* Whether a child has ended that was it. */
void websocket_reap(Run *run);

/* monitor.c */
/* Queues a command, given as whole JSON text, or formatted as json_pack() does. */
int monitor_send(Run *run, const char *json, ReplyFunction reply);
/* The same with a descriptor, which is QEMU's then, and closed here also in case of an error. */
int monitor_send_fd(Run *run, const char *json, int fd, ReplyFunction reply);
int monitor_execute(Run *run, const char *command, ReplyFunction reply);
/* Reads what is there and calls back. */
void monitor_read(Run *run);
void monitor_done(Monitor *m);

/* registration.c */
/* Has a child ask machined to know the guest, over the connection that vm-prepare left, before there is a QEMU. */
void registration_begin(Run *run);
/* Waits for the child's end, before the guest's first instruction. */
void registration_end(Run *run);

/* spawn.c */
/* Has vm-prepare open what the guest needs, and unpacks it: QEMU's copies are the only ones once it runs, so taps go
 * with it. Says what went wrong. */
int take_parcel(Run *run);
/* Starts QEMU; fills consoles, monitor.fd and qemu. Negative errno. */
int spawn_qemu(Run *run);
/* console.c */
/* Opens the console's copies, by its alias: what vm-prepare left, or what came with a late port. */
int console_open_copies(const Run *run, Console *c, const char *alias, const LatePort *late);
void console_done(Console *c);
/* NAME.log: how QEMU is started, and how the guest ended; alias "qemu". */
void console_log_start(Run *run);
void console_log_end(Run *run, const char *reason);
