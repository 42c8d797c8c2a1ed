/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files: read whole, written so that a crash at any instant leaves the old
 * content or the new, never a part. */

#include <sys/stat.h>
#include <sys/types.h>

#include "base/macros.h"

/* Reads a regular file of at most max bytes; of one that says no size (in /proc), at most 1 MiB. *ret is NUL-terminated
 * and owned by the caller. -EFBIG when larger, -EISDIR, -EINVAL for what is no regular file, errno of open
 * otherwise. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len);
/* The same of one that is open, from where its descriptor stands. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len);

/* What somebody who is not to be trusted has left in a folder of his own, as one line: the first max bytes of a regular
 * file, control characters as spaces. *ret is the caller's. A link is not followed (-ELOOP); -ENODATA where it is
 * empty. */
int file_read_strangers(const char *path, size_t max, char **ret);

/* Writes path's new content beside it, with fsync, then renames, then syncs the folder.
 * mode is exact (no umask). */
#define FILE_WRITE_NOSYNC 1U /* for /run, which no crash of the machine survives anyway */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, unsigned flags);

/* Opens a new file beside path, with an end to its name that no reader of definitions looks at, mode 0600: to be
 * written, closed and renamed. The name is the caller's. */
int file_open_temporary(const char *path, char **ret_path);
/* Is it such a file's name, of one whose own name has that end and something before it? */
bool file_is_temporary(const char *entry, const char *end);

/* Removes path, and what writers of it that were killed have left beside it. For places where none can be at work: a
 * unit whose processes have ended, a daemon that begins. 0, also where nothing was there, or -errno. */
int file_remove(const char *path);
/* The second half alone: path itself stays. */
int file_remove_temporaries(const char *path);

/* Reads until the end, or until size bytes have come: *ret_len of them. Errno. */
int read_up_to(int fd, char *data, size_t size, size_t *ret_len);

/* Reads from a place of a file until its end, or until size bytes have come, which are fewer there. As above. */
int pread_up_to(int fd, char *data, size_t size, off_t offset, size_t *ret_len);

/* Waits for the lock of a file, which is made (0600) where it is missing. The descriptor that has it, or errno. */
int file_open_locked(const char *path);

/* Writes all len bytes to a descriptor that blocks. Negative errno of write(2); some bytes may have gone then. */
int write_all(int fd, const char *data, size_t len);

/* The last part of what a symbolic link leads to, as sysfs names things; the caller's. Negative errno: -ENOENT where
 * there is no link. */
int link_target_name(const char *path, char **ret);

/* Syncs the folder that holds path: after a rename or an unlink that must last. */
int fsync_parent(const char *path);

/* mkdir -p: creates path and its parents with mode; existing ones stay as they are. */
int mkdir_p(const char *path, mode_t mode);

/* The folder that a program keeps its files in, which tests move elsewhere:
 *   path_etc()  UNITVIRT_ETC or /etc/libvirt
 *   path_run()  UNITVIRT_RUN or /run/libvirt
 *   path_lib()  UNITVIRT_LIB or /var/lib/libvirt
 *   path_log()  UNITVIRT_LOG or /var/log/libvirt
 * and the kernel's view of devices:
 *   path_sys()  UNITVIRT_SYS or /sys */
const char *path_etc(void);
const char *path_run(void);
const char *path_lib(void);
const char *path_log(void);
const char *path_sys(void);

/* Is this the control domain of a Xen host? UNITVIRT_PROC_XEN moves /proc/xen, for tests. */
bool host_is_xen_control_domain(void);
