/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Kinds of units, and which kind of document becomes which: a guest is vm@NAME.service, a network
 * vm-network@NAME.service, a pool vm-pool@NAME.service. All are functions of names and definitions alone. */

#include "base/error.h"
#include "base/macros.h"
#include "model/kind.h"

typedef struct Plan Plan;
typedef struct PlanFacts PlanFacts;
typedef struct Definition Definition;

typedef struct UnitKind {
        const char *prefix;             /* of the template, "vm@" */
        const char *suffix;             /* ".service" */
        const char *word;               /* what messages call the thing: "guest" */
        const char *description;        /* of its unit, with specifiers: "Virtual machine %I" */
        const char *prepare;            /* below LIBEXECDIR, takes "--broken INSTANCE MESSAGE": "vm-prepare" */
        const char *target; /* what its instances are wanted by when they start at boot: "machines.target" */
        size_t name_max;                /* length of the longest name that systemd can start, with prefix and suffix */
        ErrorOrigin origin;
        const struct UnitKind *const
                *sidecars; /* helper units that a plan may have beside this one; ends with NULL; NULL: none */
        bool own_user;                  /* of a sidecar: that of each is its own */
        bool own_start;                 /* of a sidecar: a program of the thing starts and ends it */
} UnitKind;

extern const UnitKind unit_guest, unit_network, unit_pool, unit_swtpm, unit_virtiofsd, unit_passt,
        unit_pr_helper, unit_gpu, unit_nbdkit, unit_dbus, unit_dnsmasq;

/* One row for each kind of document that has units of its own: for the generator, and for whoever plans. */
typedef struct PlanKind {
        const DocumentKind *document;
        const UnitKind *unit;
        const char *folder; /* of the definitions, NAME.xml, below /etc/libvirt; autostart/ below it has the links */
        const char *run_folder;         /* of those that are gone when the host is, below /run/libvirt; NULL: none */
        /* Fills the plan of one definition. Settings that follow from another definition come by plan_reference(). */
        int (*build)(const Definition *d, const PlanFacts *facts, Plan *p, Error *e);
} PlanKind;

/* The rows one after the other; NULL behind the last. */
const PlanKind *plan_kind_at(size_t i);

/* The row of a kind of documents, or of units; NULL where there is none. */
const PlanKind *plan_kind_of(const DocumentKind *kind);
const PlanKind *plan_kind_of_unit(const UnitKind *kind);
