/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan in the making: shared by the files that fill one. */

#include "plan/plan.h"

struct Plan {
        char *unit;
        PlanSetting *settings;  /* values and options are owned */
        size_t n;
        char stamp[17];
};

int plan_new(const char *name, Plan **ret);

/* Adds one line at the end; a line that is there already (and not empty) is not repeated.
 * -EINVAL where a unit file cannot express the value. */
int plan_add(Plan *p, PlanSection section, const char *key, const char *value);
int plan_addf(Plan *p, PlanSection section, const char *key, const char *format, ...) _printf_(4, 5);
int plan_add_full(Plan *p, PlanSection section, const char *key, const char *value, const char *options);

/* Computes the stamp and adds it; nothing may be added later. */
int plan_seal(Plan *p);
