/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What clients are told beside the lifecycle (object/event.h): one function an event. All are cheap when nobody
 * listens. */

#include "guest/guest.h"
#include "rpc/remote.h"

void emit_reboot(const Guest *g);
void emit_pmwakeup(const Guest *g);
void emit_pmsuspend(const Guest *g);
void emit_pmsuspend_disk(const Guest *g);
void emit_metadata_change(const Guest *g, int type, const char *uri);
void emit_agent_lifecycle(const Guest *g, int state, int reason);

/* What was tuned while the guest runs: each parameter as "PREFIX.NAME", and before them "PREFIX.disk" where disk is not
 * NULL. */
void emit_tunable(const Guest *g, const char *prefix, const char *disk, const remote_typed_param *val, unsigned len);

void emit_device_added(const Guest *g, const char *alias);
void emit_device_removed(const Guest *g, const char *alias);

/* Sends QEMU's event as it came to those who asked for monitor events. */
void emit_monitor_event(const Guest *g, const char *name, json_t *data, uint64_t usec);
