/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What qemu.conf says about every guest's process, as a drop-in of the template: max_core, max_processes, max_files,
 * max_threads_per_process. Writes UNIT_DIR/vm@.service.d/40-qemu-conf.conf where one of them is set. A broken file
 * writes nothing, and a warning: vm-prepare refuses to start guests then. Logs; negative errno where that failed. */
int guests_generate(const char *unit_dir);
