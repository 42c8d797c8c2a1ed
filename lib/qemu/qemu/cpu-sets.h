/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What CPUs have in common, and whether one can do what another asks for: cpu-compare and cpu-baseline. */

#include <libxml/tree.h>

#include "qemu/cpus.h"

/* libvirt's numbers */
typedef enum CpuComparison { CPU_INCOMPATIBLE, CPU_IDENTICAL, CPU_SUPERSET } CpuComparison;

/* Compares what a host has with <cpu>: of a host (no attribute match), or wanted by a guest. *ret_why, the caller's,
 * says what makes it CPU_INCOMPATIBLE, and is NULL else. Code 1 for a model or feature that nobody knows, code 27 for
 * what is no CPU. */
int cpu_compare(const CpuModels *m, char *const *host, const xmlNode *cpu, CpuComparison *ret, char **ret_why,
                Error *e);

/* The CPU that is the nearest to features: a model, what it lacks and what it has too much. */
typedef struct CpuChoice {
        const CpuModel *model;
        const char *vendor;    /* NULL: none in particular */
        char **require, **disable;
} CpuChoice;
void cpu_choice_done(CpuChoice *c);
#define _cleanup_cpu_choice_ _cleanup_(cpu_choice_done)

/* exact: a model that has no more than the features. -ENOENT where none fits. */
int cpu_choose(const CpuModels *m, char *const *features, const char *vendor, bool exact, CpuChoice *ret);

/* The host's own processor: a model that has no more than it, and what it has besides. -ENOENT. */
int cpu_choose_host(const CpuModels *m, CpuChoice *ret);
/* What a guest of mode host-model gets, with the accelerator that m is of. -ENOENT. */
int cpu_choose_host_model(const CpuModels *m, CpuChoice *ret);
/* Makes <cpu mode='host-model'> what it is for the run of a guest: mode custom, with a model and all that differs from
 * it. What the definition says of a feature stays. -ENOENT, -ENOMEM. */
int cpu_fix_host_model(xmlNode *cpu, const CpuModels *m);

/* An optional feature is there or not for the run of a guest, as m says of the host: require or disable. -ENOMEM. */
int cpu_decide_optional(xmlNode *cpu, const CpuModels *m);
bool cpu_has_optional(const xmlNode *cpu);

/* What all of these <cpu> have. migratable: without what cannot migrate; limit: nothing that is not in it (NULL: any).
 * Errors as cpu_compare()'s; -ENOENT with code 9 where there is nothing, or no model for it. */
int cpu_baseline(const CpuModels *m, const xmlNode *const *cpus, size_t n, bool migratable, char *const *limit,
                 CpuChoice *ret, Error *e);
