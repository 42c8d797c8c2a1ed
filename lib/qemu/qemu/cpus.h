/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processors: which models an installed QEMU knows, what each has, and what this host's has. QEMU alone knows, and has
 * to run for it: vm-cpu does that in a unit of its own (vm-cpu.service), once for each state of the program's file, and
 * remembers it in /run/libvirt/qemu. Names of features are QEMU's here; cpu_feature_name() has libvirt's. */

#include "base/error.h"
#include "base/macros.h"

typedef struct CpuModel {
        char *name;
        char *alias_of;        /* the version that an unversioned name stands for; NULL */
        char **features;       /* sorted; NULL-terminated */
        char **unavailable;    /* what of it this host cannot give; NULL: nothing */
        bool deprecated;
} CpuModel;

typedef struct CpuModels {
        CpuModel *list;        /* by name */
        size_t n;
        CpuModel host;         /* what a guest of mode host-passthrough sees; of TCG: all that it can do */
        char **real;           /* what the host's own processor has, by the kernel, of what QEMU has names for */
        char vendor[16];       /* the host's, libvirt's word: "Intel", "AMD", ..., or empty */
        char guest_vendor[16]; /* of the CPU in host: with TCG another than the host's */
        unsigned address_bits; /* the host's; 0 unknown */
        uint64_t tsc_hz;       /* how fast KVM says that the host's time stamp counter runs; 0 unknown */
        bool tsc_scales;       /* ... and can a guest have another speed? */
} CpuModels;

/* What was remembered of this program with this accelerator ("kvm", "tcg"). -ENOENT where nothing is, -EBADMSG. */
int cpu_models_load(const char *emulator, const char *accel, CpuModels **ret);
/* Adds to m->real what only KVM tells of the processor: what stands in its registers (MSR), not in its flags. */
int cpu_models_add_real(CpuModels *m, const CpuModels *kvm);
/* The text of it. */
int cpu_models_parse(const char *text, CpuModels **ret);
CpuModels *cpu_models_free(CpuModels *m);
DEFINE_CLEANUP(CpuModels *, cpu_models_free);
#define _cleanup_cpu_models_ _cleanup_(cpu_models_freep)

/* Runs QEMU, asks it, and remembers what it said. Waits for it. errno of starting it, -EBADMSG, -ETIMEDOUT. */
int cpu_models_probe(const char *emulator, const char *accel);

/* May this program be asked? Those that came with the system may. */
bool cpu_models_may_ask(const char *emulator);

const CpuModel *cpu_model_find(const CpuModels *m, const char *name);
/* "Intel", "AMD", ...; NULL for models that are nobody's. */
const char *cpu_model_vendor(const char *name);
/* Has any of the models this feature, by QEMU's name? */
bool cpu_feature_is_known(const CpuModels *m, const char *name);
/* Of all that is in a CPU, what migration cannot take along. */
bool cpu_feature_migrates(const char *name);
/* libvirt's name of a feature ("lahf_lm"), and QEMU's of either one's. Static text, or name itself; the second writes
 * to buf. */
const char *cpu_feature_name(const char *qemu);
const char *cpu_feature_qemu(const char *name, char buf[static 64]);
