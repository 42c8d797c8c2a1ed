/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a guest ended, as the exit status of vm-run, the main process of
 * vm@NAME.service. systemd hands it to vm-cleanup ($EXIT_STATUS), to Restart=
 * rules and to anybody who asks for ExecMainStatus.
 *
 * The numbers stay clear of those that shells, LSB and systemd (200 to 243)
 * give a meaning to. 0 is the only orderly end that systemd knows by itself;
 * the others of that kind are in SuccessExitStatus= of vm@.service. */

typedef enum GuestExit {
        GUEST_EXIT_SHUTDOWN = 0,       /* the guest powered off, by itself or because it was asked to */
        GUEST_EXIT_USAGE = 2,          /* vm-run was called wrongly */
        GUEST_EXIT_DESTROYED = 80,     /* ended on request without asking the guest (SIGUSR1) */
        GUEST_EXIT_SAVED = 81,         /* its state was saved to a file, it may be resumed */
        GUEST_EXIT_MIGRATED = 82,      /* it runs on another host now */
        GUEST_EXIT_START_FAILED = 83,  /* it never ran: QEMU or its monitor refused something */
        GUEST_EXIT_CRASHED = 84,       /* the guest's kernel panicked and on_crash ends it */
        GUEST_EXIT_QEMU_DIED = 85,     /* QEMU ended without being asked to */
        GUEST_EXIT_CRASHED_RESTART = 86, /* as CRASHED or QEMU_DIED, and on_crash wants it started again:
                                          * RestartForceExitStatus= in the guest's drop-in */
} GuestExit;

/* reason= in NAME.last; the words are those that virsh domstate --reason shows. */
typedef enum GuestEnd {
        GUEST_END_UNKNOWN,
        GUEST_END_SHUTDOWN,
        GUEST_END_DESTROYED,
        GUEST_END_CRASHED,
        GUEST_END_MIGRATED,
        GUEST_END_SAVED,
        GUEST_END_FAILED,
        _GUEST_END_MAX,
} GuestEnd;

/* "shutdown" and so on; never NULL for a valid value. */
const char *guest_end_to_string(GuestEnd end);
/* GUEST_END_UNKNOWN for NULL and for words nobody knows. */
GuestEnd guest_end_from_string(const char *s);

/* What systemd says about the end of the unit: result as in $SERVICE_RESULT ("success",
 * "exit-code", "signal", "timeout", "watchdog", "oom-kill", ...), code and status as in
 * $EXIT_CODE and $EXIT_STATUS. Each may be NULL: then the start failed before vm-run. */
GuestEnd guest_end_from_service(const char *result, const char *code, const char *status);
