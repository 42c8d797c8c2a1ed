/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan in the making: shared by the files that fill one. */

#include "plan/plan.h"

struct Plan {
        const UnitKind *kind;   /* NULL: a unit of its own, not an instance of a template */
        char *name;             /* of the thing it is the unit of, NULL for a unit of its own */
        const char *word;       /* what the definition is of, for the head of the file */
        char *unit;
        PlanSetting *settings;  /* values and options are owned */
        size_t n;
        uint64_t references;    /* hash over the other definitions that were looked at */
        char stamp[17];
        Plan **others;          /* owned: sidecars, and units of their own */
        size_t n_others;
};

/* An empty plan of the unit of this kind. -EINVAL for what cannot be a name. */
int plan_new(const UnitKind *kind, const char *name, Plan **ret);

/* Whether systemd can be told this value at all: a unit file is lines, and only C escapes reach beyond. */
bool plan_is_expressible(const char *key, const char *value);

/* Adds one line at the end; a line that is there already (and not empty) is not repeated.
 * -EINVAL where a unit file cannot express the value. */
int plan_add(Plan *p, PlanSection section, const char *key, const char *value);
int plan_addf(Plan *p, PlanSection section, const char *key, const char *format, ...) _printf_(4, 5);
int plan_add_full(Plan *p, PlanSection section, const char *key, const char *value, const char *options);

/* Requires= and After=: the thing cannot start before that unit has, and not without it. */
int plan_require(Plan *p, const char *unit);

/* The same for the unit of another thing, a network or a pool: only its name is needed. */
int plan_require_unit_of(Plan *p, const UnitKind *kind, const char *name);

/* The driver of the host that leaves PCI devices to guests (NULL: vfio-pci) may be a module: it is loaded before. */
int plan_pci_driver(Plan *p, const char *model);

/* A helper beside the unit of p, an instance of its own template: kind is one of p's kind's sidecars; part (NULL: there
 * is but one) tells several of them apart. It is bound to the unit of p and started before it, unless it has a start of
 * its own. *ret belongs to p. */
int plan_add_sidecar(Plan *p, const UnitKind *kind, const char *part, Plan **ret);

/* A unit without template beside the unit of p: a whole file of this name ("srv-images.mount"). What ties the two is
 * the caller's to add (plan_require()). *ret belongs to p. */
int plan_add_unit(Plan *p, const char *unit, Plan **ret);

/* Another definition that p's follows: it becomes part of the stamp. *ret (the facts' own) is NULL, and the result 0,
 * where there is none, or no facts. */
int plan_reference(Plan *p, const PlanFacts *facts, const DocumentKind *kind, const char *name, const Definition **ret);

/* The same without the stamp, for what of it becomes a setting anyway; and only where one of the words is in its text,
 * which is all that most cost. */
int plan_look_at(const PlanFacts *facts, const DocumentKind *kind, const char *name, const char *const *words,
                 const Definition **ret);

/* Computes the stamps and adds them; nothing may be added later. */
int plan_seal(Plan *p);

/* A storage pool; the other builders of the rows in kinds.c are below. */
int plan_pool(const Definition *d, const PlanFacts *facts, Plan *p, Error *e);

/* The builders of the rows in kinds.c. */
int plan_guest(const Definition *d, const PlanFacts *facts, Plan *p, Error *e);
int plan_network(const Definition *d, const PlanFacts *facts, Plan *p, Error *e);
