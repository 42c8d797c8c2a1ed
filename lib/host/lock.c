/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "host/image.h"

#define NOTE_ATTRIBUTE "user.unitvirt.lock"
#define NOTE_MAX 512U

/* --- the lock --- */

static int set_lock(int fd, short type) {
        struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };

        if (fcntl(fd, F_OFD_SETLK, &l) >= 0)
                return 0;
        return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

int file_lock(int fd, bool shared) {
        return set_lock(fd, shared ? F_RDLCK : F_WRLCK);
}

void file_unlock(int fd) {
        (void) set_lock(fd, F_UNLCK);
}

/* --- who has it --- */

void lock_note(int fd, bool content, const char *guest) {
        char host[HOST_NAME_MAX + 1] = "";
        _cleanup_free_ char *text = NULL;

        (void) gethostname(host, sizeof host - 1);
        text = text_format("guest '%s' on host '%s'", guest, host);
        if (!text || strlen(text) > NOTE_MAX)
                return;
        if (!content)
                (void) fsetxattr(fd, NOTE_ATTRIBUTE, text, strlen(text), 0);
        else if (ftruncate(fd, 0) < 0 || (pwrite(fd, text, strlen(text), 0) < 0 && ftruncate(fd, 0) < 0))
                return; /* who is refused is told less, and that is all */
}

char *lock_noted(int fd, bool content) {
        char text[NOTE_MAX + 1];
        ssize_t n;

        n = content ? pread(fd, text, NOTE_MAX, 0) : fgetxattr(fd, NOTE_ATTRIBUTE, text, NOTE_MAX);
        if (n <= 0)
                return NULL;
        text[n] = 0;
        if (!startswith(text, "guest '"))
                return NULL;
        for (char *c = text; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 0x7f)
                        *c = '?';
        return strdup(text);
}

static int taken(int fd, bool content, const char *path, Error *e) {
        _cleanup_free_ char *holder = lock_noted(fd, content);

        return error_set(e, -EBUSY, ERROR_RESOURCE_BUSY, ORIGIN_LOCKSPACE, "Lockspace resource '%s' is locked%s%s",
                         path, holder ? " by " : "", holder ?: "");
}

static int take(int fd, const char *path, bool shared, bool content, const char *guest, Error *e) {
        int r = file_lock(fd, shared);

        if (r == -EBUSY)
                return taken(fd, content, path, e);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_LOCKSPACE, "cannot lock '%s'", path);
        if (guest)
                lock_note(fd, content, guest);
        return 0;
}

int lock_image(const char *path, unsigned flags, const char *guest, int *ret, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = image_open(path, IMAGE_WRITABLE, &fd, e);
        if (r >= 0)
                r = take(fd, path, flags & LOCK_SHARED, false, guest, e);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}

static int open_resource(const char *path, unsigned flags, int *ret, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | (flags & LOCK_CREATE ? O_CREAT : 0), 0600);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_LOCKSPACE, "cannot open the lock '%s'", path);
        if (!S_ISREG(st.st_mode))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_LOCKSPACE, "the lock '%s' is no file", path);
        *ret = TAKE_FD(fd);
        return 0;
}

/* virtlockd removes files of locks that it lets go of: then the lock is one on a file that nobody else will find. */
static bool is_in_place(int fd, const char *path) {
        struct stat ours, there;

        return fstat(fd, &ours) >= 0 && stat(path, &there) >= 0 && ours.st_dev == there.st_dev &&
               ours.st_ino == there.st_ino;
}

#define TRIES 100U

int lock_resource(const char *folder, const char *name, unsigned flags, const char *guest, int *ret, Error *e) {
        _cleanup_free_ char *path = text_format("%s/%s", folder, name);
        int r;

        if (!path)
                return -ENOMEM;
        if (!*name || strchr(name, '/') || streq(name, ".") || streq(name, ".."))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_LOCKSPACE,
                                 "'%s' cannot be the name of a lock: it is that of a file in a folder", name);
        for (unsigned i = 0; i < TRIES; i++) {
                _cleanup_close_ int fd = -EBADF;

                r = open_resource(path, flags, &fd, e);
                if (r >= 0)
                        r = take(fd, path, flags & LOCK_SHARED, flags & LOCK_CREATE, guest, e);
                if (r < 0)
                        return r;
                if (is_in_place(fd, path)) {
                        *ret = TAKE_FD(fd);
                        return 0;
                }
        }
        return error_set(e, -EBUSY, ERROR_RESOURCE_BUSY, ORIGIN_LOCKSPACE, "the lock '%s' is removed again and again",
                         path);
}

/* --- keys --- */

int lock_key_of_path(const char *path, char **ret) {
        char hex[65];

        sha256_hex(path, strlen(path), hex);
        *ret = strdup(hex);
        return *ret ? 0 : -ENOMEM;
}

static int block_number(const char *path, unsigned *ret_major, unsigned *ret_minor) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode))
                return -ENODEV;
        *ret_major = major(st.st_rdev);
        *ret_minor = minor(st.st_rdev);
        return 0;
}

/* The device mapper's uuid of a logical volume is "LVM-", that of the group, and that of the volume, which lvs(8)
 * shows in groups of 6 4 4 4 4 4 6. */
int lock_key_of_volume(const char *path, char **ret) {
        static const uint8_t groups[] = { 6, 4, 4, 4, 4, 4, 6 };
        _cleanup_free_ char *file = NULL, *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        const char *uuid;
        unsigned maj = 0, min = 0;
        int r;

        r = block_number(path, &maj, &min);
        if (r < 0)
                return r;
        file = text_format("/sys/dev/block/%u:%u/dm/uuid", maj, min);
        r = file ? file_read(file, 4096, &text, NULL) : -ENOMEM;
        if (r < 0)
                return r == -ENOENT ? -ENODEV : r;
        uuid = startswith(text, "LVM-");
        if (!uuid || strcspn(uuid, "-\n") < 64)
                return -ENODEV;
        uuid += 32;
        for (size_t i = 0; i < ELEMENTSOF(groups); uuid += groups[i++]) {
                if (i > 0)
                        strbuf_addc(&b, '-');
                strbuf_addn(&b, uuid, groups[i]);
        }
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* What scsi_id(8) says of a disk, udev has asked when the disk came, and remembers. */
int lock_key_of_disk(const char *path, char **ret) {
        _cleanup_free_ char *file = NULL, *text = NULL;
        const char *serial = NULL;
        bool scsi = false;
        unsigned maj = 0, min = 0;
        char *rest, *line;
        int r;

        r = block_number(path, &maj, &min);
        if (r < 0)
                return r;
        file = text_format("/run/udev/data/b%u:%u", maj, min);
        r = file ? file_read(file, 65536, &text, NULL) : -ENOMEM;
        if (r < 0)
                return r == -ENOENT ? -ENODEV : r;
        rest = text;
        while ((line = strsep(&rest, "\n"))) {
                serial = startswith(line, "E:ID_SERIAL=") ?: serial;
                scsi = scsi || streq(line, "E:ID_BUS=scsi") || streq(line, "E:ID_SCSI=1");
        }
        if (!scsi || !serial || !*serial || strchr(serial, '/'))
                return -ENODEV;
        *ret = strdup(serial);
        return *ret ? 0 : -ENOMEM;
}
