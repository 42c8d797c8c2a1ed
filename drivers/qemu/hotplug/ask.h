/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Questions to vm-plug, which opens what may only root: base/guest-plug.h. */

#include "base/fds.h"
#include "guest/guest.h"
#include "plan/plan.h"

typedef struct PlugAnswer {
        json_t *json;
        int fds[MESSAGE_FDS_MAX];
        unsigned n_fds;
} PlugAnswer;

void plug_answer_done(PlugAnswer *a);
#define _cleanup_plug_answer_ _cleanup_(plug_answer_done)

/* What the device of this name in the pending definition needs. version: of QEMU; set: the first number of a set of
 * descriptors that it does not use. Waits, a minute at most; the error is vm-plug's own. */
int plug_ask_attach(const Guest *g, const char *alias, const char *version, unsigned set, PlugAnswer *ret, Error *e);

/* Before either of these two: the unit that has the rules of a guest's filters put back when others flush them, where
 * the device is a card with a filter. Else a guest that had none at its start would be without them from then on. */
int plug_guard_filter(const Guest *g, const xmlNode *device, Error *e);

/* The passt of a card, the virtiofsd of a folder, or what makes reservations for the first disk that has it made, is
 * started before the device is attached, and stopped once that has gone, or came to nothing. *ret is NULL for all other
 * devices, and where stop takes it. */
int plug_start_helper(Guest *g, const Definition *live, const xmlNode *device, Plan **ret, Error *e);
void plug_stop_helper(Guest *g, const Plan *helper);
/* The same for a device that was attached before. */
void plug_stop_helper_of(Guest *g, const Definition *live, const xmlNode *device);

/* Has done to the host what the card of this name is in the pending definition; the answer has the card as it is
 * now. */
int plug_ask_change(const Guest *g, const char *alias, PlugAnswer *ret, Error *e);

/* Has threads of the guest ("17 18 23") bound to CPUs of the host ("0-3,8"). */
int plug_ask_pin(const Guest *g, const char *threads, const char *cpus, Error *e);

/* Has the thread of a vCPU put into the groups of resctrl that are the vCPU's. */
int plug_ask_join(const Guest *g, const char *thread, unsigned vcpu, Error *e);

/* Has threads of the guest take so much of the CPUs: "50000 100000" or "max 100000", microseconds in each period. group
 * is the name that those have in common: "vcpu0", "iothread1", "emulator". */
int plug_ask_limit(const Guest *g, const char *threads, const char *group, const char *limit, Error *e);

/* Has the macvtap of the card of this name take these frames (base/guest-plug.h). */
int plug_ask_receive(const Guest *g, const char *alias, const char *frames, Error *e);

/* Has the lock of a lease in the pending definition taken, or let go of: its name is definition_lease_name(). */
int plug_ask_lock(const Guest *g, const char *lease, bool lock, Error *e);

/* Has undone what was made on the host for a device, where anything was. What fails is in the journal. */
void plug_ask_release(const Guest *g, const char *alias);
