/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes UNIT-DIR/run-libvirt-qemu.mount.d/50-quota.conf, where the kernel has quotas for tmpfs. Negative errno. */
int mounts_generate(const char *unit_dir);
