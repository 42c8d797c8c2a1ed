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
} HostCpu;

/* What cannot be read is counted as one. */
void host_cpu_read(HostCpu *ret);

/* Bits of the CPUs that are online; returns the number of those that are present, or negative errno. */
int host_cpu_map(uint8_t *map, size_t size, unsigned *ret_online);

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
