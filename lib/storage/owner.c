/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "storage/owner.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/strings.h"

/* As whom this process acts; the kernel's ids for files are the same, but while it pauses. */
static uid_t acting_uid;
static gid_t acting_gid;

bool owner_may_help(int r) {
        return r == -EACCES || r == -EPERM;
}

int owner_of_folder(const char *folder, uid_t *ret_uid, gid_t *ret_gid) {
        _cleanup_free_ char *path = strdup(folder);
        struct stat st;

        if (!path)
                return -ENOMEM;
        while (stat(*path ? path : "/", &st) < 0) {
                char *slash = strrchr(path, '/');

                if (!slash || !owner_may_help(-errno))
                        return -errno;
                *slash = '\0';
        }
        if (st.st_uid == 0)
                return -EACCES;
        *ret_uid = st.st_uid;
        *ret_gid = st.st_gid;
        return 0;
}

/* setfsuid(2) does not say whether it did. */
static int set_ids(uid_t uid, gid_t gid) {
        (void) setfsgid(gid);
        (void) setfsuid(uid);
        return (uid_t) setfsuid((uid_t) -1) == uid && (gid_t) setfsgid((gid_t) -1) == gid ? 0 : -EPERM;
}

int owner_act_as(uid_t uid, gid_t gid) {
        const struct passwd *pw = getpwuid(uid);
        int r = pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL);

        r = r < 0 ? -errno : set_ids(uid, gid);
        if (r < 0)
                return r;
        acting_uid = uid;
        acting_gid = gid;
        return 0;
}

int owner_act(const char *folder) {
        uid_t uid;
        gid_t gid;
        int r = owner_of_folder(folder, &uid, &gid);

        return r < 0 ? r : owner_act_as(uid, gid);
}

void owner_rest(void) {
        acting_uid = 0;
        acting_gid = 0;
        (void) set_ids(0, 0);
        (void) setgroups(0, NULL);
}

bool owner_pause(void) {
        if (acting_uid == 0)
                return false;
        (void) set_ids(0, 0);
        return true;
}

void owner_resume(bool acted) {
        if (acted)
                (void) set_ids(acting_uid, acting_gid);
}

/* The ids for files alone, since that is what a file system that does not trust root looks at. */
int owner_keep(void) {
        struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct data[2] = {};

        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int owner_become(void) {
        if (acting_uid == 0)
                return 0;
        if (setresgid(acting_gid, acting_gid, acting_gid) < 0 || setresuid(acting_uid, acting_uid, acting_uid) < 0)
                return -errno;
        return 1;
}
