/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's processors, from /proc and /sys. */

#include "base/macros.h"

typedef struct HostCpu {
        int online;        /* CPUs in use */
        int nodes, sockets, cores, threads; /* sockets a node, cores a socket, threads a core */
        int mhz;
        char vendor[16];   /* "Intel", "AMD", or empty */
        char arch[16];
        int address_bits;  /* physical; 0 unknown */
        unsigned family, model, stepping; /* family 0: unknown */
        unsigned microcode; /* its version; 0 unknown */
} HostCpu;

/* What cannot be read is counted as one. */
void host_cpu_read(HostCpu *ret);

/* Bits of the CPUs that are online; returns the number of those that are present, or negative errno. */
int host_cpu_map(uint8_t *map, size_t size, unsigned *ret_online);

/* The same of the CPUs of a NUMA node that are online; *ret_count is their number. On a host without NUMA node 0 has
 * all. -ENOENT for no such node. */
int host_node_cpus(int node, uint8_t *map, size_t size, unsigned *ret_count);

/* A cache that CPUs share. */
typedef struct HostCache {
        unsigned id, level;
        const char *type;  /* "both", "code", "data" */
        uint64_t kib;
        char cpus[256];    /* "0-3,8" */
} HostCache;

/* The cache with an index ("index3") of a CPU. -ENOENT where there is none. */
int host_cpu_cache(int cpu, unsigned index, HostCache *ret);

/* Socket, core and thread siblings of one CPU, for the topology in the capabilities. */
void host_cpu_place(int cpu, int *ret_socket, int *ret_die, int *ret_core, char *siblings, size_t size);

/* Time that the processors have spent since the start, in nanoseconds. */
typedef struct HostCpuTimes {
        uint64_t kernel, user, idle, iowait;
        uint64_t guest; /* part of user */
} HostCpuTimes;

#define HOST_ALL_CPUS (-1)
/* Of all together (HOST_ALL_CPUS) or of one: -ENOENT where there is none of that number. */
int host_cpu_times(int cpu, HostCpuTimes *ret);

/* What KVM allows; 0 without KVM. */
int host_kvm_max_vcpus(void);
bool host_has_kvm(void);
