/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Parts of the host in the capabilities. */

#include "guest/driver.h"
#include "model/writer.h"

/* <cpu>: what the processor is, as a model of QEMU's and what it has besides. May wait for QEMU to be asked. */
void host_cpu_describe(QemuDriver *d, DocumentWriter *w, DocumentElement *host);
void host_cpu_forget(QemuDriver *d);

/* <topology>: NUMA nodes with their memory, pages, distances and CPUs; <cache>: what CPUs share. */
void host_topology_describe(DocumentWriter *w, DocumentElement *host);
