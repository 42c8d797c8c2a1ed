/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls to systemd's manager (org.freedesktop.systemd1) on the system bus.
 *
 * The connection is the program's: it is asked for at each use, so that it may come and go. Everything that says so
 * waits, and is to be called within a fiber; errors are filled with origin systemd (56) and the manager's own text. */

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "base/macros.h"
#include "loop/loop.h"

typedef struct Systemd Systemd;

/* bus gives the connection, attached to the loop, and fills e where there is none. */
int systemd_new(Loop *l, int (*bus)(void *userdata, sd_bus **ret, Error *e), void *userdata, Systemd **ret);
/* Fibers that wait for a job must have ended. Takes NULL, returns NULL. */
Systemd *systemd_free(Systemd *s);
DEFINE_CLEANUP(Systemd *, systemd_free);

/* How a job ended: systemd's words, see JobRemoved in org.freedesktop.systemd1(5). */
typedef enum JobResult {
        JOB_DONE,
        JOB_CANCELED,
        JOB_TIMEOUT,
        JOB_FAILED,
        JOB_DEPENDENCY,
        JOB_SKIPPED,
        JOB_OTHER,
        _JOB_RESULT_MAX,
        _JOB_RESULT_INVALID = -EINVAL,
} JobResult;

const char *job_result_to_string(JobResult r);
JobResult job_result_from_string(const char *s);

/* Queues a job ("StartUnit", "StopUnit", "RestartUnit" ...) with mode "replace" and waits for its end: 0, and how
 * it went in *ret. Negative where there was no job, or it did not end within timeout microseconds. */
int systemd_run_job(Systemd *s, const char *method, const char *unit, uint64_t timeout, JobResult *ret, Error *e);

/* The same for this unit alone: what requires it, or is bound to it, is left as it is (mode "ignore-requirements"). */
int systemd_run_job_alone(Systemd *s, const char *method, const char *unit, uint64_t timeout, JobResult *ret, Error *e);

/* Changes settings of a unit that is loaded, until the next boot or until its file below /run/systemd/system.control is
 * removed. append writes them, "(sv)" each. */
int systemd_set_properties(Systemd *s, const char *unit, int (*append)(sd_bus_message *m, void *userdata),
                           void *userdata, Error *e);

/* Sends a signal to the unit's main process. -ESRCH where the unit is not loaded or has none. Waits for the answer. */
int systemd_kill_main(Systemd *s, const char *unit, int signo, Error *e);

/* SIGKILL to all processes of the unit, its control processes too. -ESRCH as above. Waits for the answer. */
int systemd_kill_all(Systemd *s, const char *unit, Error *e);

/* Is anything of the unit running, or about to? 1 unless systemd calls it inactive or failed, or does not have it in
 * memory; then 0. Waits. */
int systemd_unit_is_active(Systemd *s, const char *unit, Error *e);

/* Is there a job of the unit that has not ended, because it waits for those of others? 1 or 0. Waits. */
int systemd_unit_has_job(Systemd *s, const char *unit, Error *e);

/* Forgets that the unit failed. No error where it is not loaded. Waits. */
int systemd_reset_failed(Systemd *s, const char *unit, Error *e);

/* A string or boolean property of a unit that is loaded; interface is Unit, Service ... without prefix.
 * -ENOENT where the unit is not loaded. Waits. */
int systemd_unit_string(Systemd *s, const char *unit, const char *interface, const char *property, char **ret,
                        Error *e);
int systemd_unit_bool(Systemd *s, const char *unit, const char *interface, const char *property, bool *ret, Error *e);

/* The settings DeviceAllow= of a unit that is loaded, "char-kvm rw" each; a list of strings, the caller's. Waits. */
int systemd_unit_devices(Systemd *s, const char *unit, char ***ret, Error *e);

/* Limits of a service that is loaded: a number, UINT64_MAX for none; a set, whose bits below max are added to bits; an
 * amount for each device, "/dev/vda 1000" each, in a list of the caller's. Wait. */
int systemd_unit_number(Systemd *s, const char *unit, const char *property, uint64_t *ret, Error *e);
int systemd_unit_set(Systemd *s, const char *unit, const char *property, uint64_t *bits, unsigned max, Error *e);
int systemd_unit_amounts(Systemd *s, const char *unit, const char *property, char ***ret, Error *e);

/* Did systemd skip the unit's last start because of a condition? Then 1, and *ret is it, as the unit's file says it:
 * "ConditionPathExists=/nope"; the caller's. Waits. */
int systemd_unit_unmet(Systemd *s, const char *unit, char **ret, Error *e);

/* Has a unit failed that this one needs (Requires=, BindsTo=), or one that such a unit needs? Then 1, and *ret is its
 * name; the caller's. Waits. */
int systemd_unit_failed_need(Systemd *s, const char *unit, char **ret, Error *e);

/* Did systemd fail before one of the programs that start the unit? Then 1, and *ret says where: "failed at step USER
 * before /usr/bin/x"; the caller's. Waits. */
int systemd_unit_failed_step(Systemd *s, const char *unit, char **ret, Error *e);

/* Makes or removes the links of the [Install] section, persistently, then has systemd read them soon. Waits. */
int systemd_enable(Systemd *s, const char *unit, bool enable, Error *e);

/* daemon-reload, and waits until it is done. */
int systemd_reload(Systemd *s, Error *e);

/* The files of the unit have changed: where systemd has it in memory, a daemon-reload follows within a second or
 * so, one for all units named meanwhile. Does not wait and needs no fiber; what goes wrong is made good at the next
 * start (systemd_unit_refresh()). */
void systemd_unit_changed(Systemd *s, const char *unit);

/* Makes a unit fit to be started: reloads where systemd holds older files of it than there are, forgets earlier
 * failures and the limit on starts in a row. Waits. */
int systemd_unit_refresh(Systemd *s, const char *unit, Error *e);

/* Makes sure that systemd reads units from a folder. It drops folders that were not there, or empty, when it last
 * loaded its configuration, and takes no notice of what comes into them later: then this reloads. Asks once, until
 * systemd_forget_unit_path() says that the folder is new. Waits. */
int systemd_ensure_unit_path(Systemd *s, const char *folder, Error *e);
void systemd_forget_unit_path(Systemd *s);
