/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/strings.h"

/* offset: -1 is where the file is at. */
static int read_until(int fd, char *data, size_t size, off_t offset, size_t *ret_len) {
        size_t len = 0;

        while (len < size) {
                ssize_t n = offset < 0 ? read(fd, data + len, size - len) :
                                         pread(fd, data + len, size - len, offset + (off_t) len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t) n;
        }
        *ret_len = len;
        return 0;
}

int read_up_to(int fd, char *data, size_t size, size_t *ret_len) {
        return read_until(fd, data, size, -1, ret_len);
}

int pread_up_to(int fd, char *data, size_t size, off_t offset, size_t *ret_len) {
        return offset < 0 ? -EINVAL : read_until(fd, data, size, offset, ret_len);
}

int file_open_locked(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* The kernel's own files say 4096 in /sys and 0 in /proc, whatever is in them. */
#define NO_SIZE_MAX ((size_t) 1024 * 1024)

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len) {
        _cleanup_free_ char *data = NULL;
        size_t len = 0, size;
        struct stat st;
        bool known;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        known = st.st_size > 0 && (uint64_t) st.st_size <= max;
        size = known ? (size_t) st.st_size : st.st_size > 0 ? max : MIN(max, NO_SIZE_MAX);
        data = malloc(size + 2);
        if (!data)
                return -ENOMEM;
        /* one more shows that there is more */
        r = read_up_to(fd, data, known ? size : size + 1, &len);
        if (r < 0)
                return r;
        if (len > size)
                return -EFBIG;
        data[len] = 0;
        *ret = TAKE_PTR(data);
        if (ret_len)
                *ret_len = len;
        return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        return fd < 0 ? -errno : file_read_fd(fd, max, ret, ret_len);
}

int file_read_strangers(const char *path, size_t max, char **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        _cleanup_free_ char *text = malloc(max + 1);
        size_t len = 0;
        struct stat st;
        int r;

        if (!text)
                return -ENOMEM;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        r = S_ISREG(st.st_mode) ? read_up_to(fd, text, max, &len) : -EINVAL;
        if (r < 0)
                return r;
        if (len == 0)
                return -ENODATA;
        for (size_t i = 0; i < len; i++)
                if ((unsigned char) text[i] < ' ' || text[i] == 0x7f)
                        text[i] = ' ';
        text[len] = 0;
        *ret = TAKE_PTR(text);
        return 0;
}

int write_all(int fd, const char *data, size_t len) {
        while (len > 0) {
                ssize_t n = write(fd, data, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                len -= (size_t) n;
        }
        return 0;
}

int link_target_name(const char *path, char **ret) {
        char target[PATH_MAX];
        ssize_t n = readlink(path, target, sizeof target - 1);
        const char *last;

        if (n < 0)
                return -errno;
        target[n] = 0;
        last = strrchr(target, '/');
        *ret = strdup(last ? last + 1 : target);
        return *ret ? 0 : -ENOMEM;
}

int fsync_parent(const char *path) {
        _cleanup_free_ char *copy = strdup(path);
        _cleanup_close_ int fd = -EBADF;

        if (!copy)
                return -ENOMEM;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

#define TEMPORARY_SUFFIX ".XXXXXX.new"

int file_open_temporary(const char *path, char **ret_path) {
        _cleanup_free_ char *temporary = text_format("%s" TEMPORARY_SUFFIX, path);
        int fd;

        if (!temporary)
                return -ENOMEM;
        fd = mkostemps(temporary, 4, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_path = TAKE_PTR(temporary);
        return fd;
}

bool file_is_temporary(const char *entry, const char *end) {
        size_t len = strlen(entry), n = strlen(end), tail = strlen(TEMPORARY_SUFFIX);
        const char *at = entry + len - tail;

        return len > n + tail && endswith(entry, ".new") && *at == '.' && strcspn(at + 1, "./") == 6 &&
               strncmp(at - n, end, n) == 0;
}

static bool is_temporary_of(const char *entry, const char *name) {
        return startswith(entry, name) && strlen(entry) == strlen(name) + strlen(TEMPORARY_SUFFIX) &&
               file_is_temporary(entry, "");
}

int file_remove_temporaries(const char *path) {
        _cleanup_free_ char *copy = strdup(path);
        const char *name = strrchr(path, '/');
        const struct dirent *entry;
        DIR *dir;
        int r = 0;

        if (!copy)
                return -ENOMEM;
        dir = opendir(dirname(copy));
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        name = name ? name + 1 : path;
        while ((entry = readdir(dir)))
                if (is_temporary_of(entry->d_name, name) && unlinkat(dirfd(dir), entry->d_name, 0) < 0)
                        r = -errno;
        closedir(dir);
        return r;
}

int file_remove(const char *path) {
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        return file_remove_temporaries(path);
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, unsigned flags) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = file_open_temporary(path, &temporary);
        if (fd < 0)
                return fd;
        r = write_all(fd, data, len);
        if (r >= 0 && mode != 0600 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r >= 0 && !(flags & FILE_WRITE_NOSYNC) && fsync(fd) < 0)
                r = -errno;
        /* Closed under the old name, so that whoever watches the folder is told once of the new one. */
        closep(&fd);
        fd = -EBADF;
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(temporary);
                return r;
        }
        return flags & FILE_WRITE_NOSYNC ? 0 : fsync_parent(path);
}

int mkdir_p(const char *path, mode_t mode) {
        _cleanup_free_ char *p = NULL;

        /* As a rule it is there, or its parent is. */
        if (mkdir(path, mode) >= 0 || errno == EEXIST)
                return 0;
        if (errno != ENOENT)
                return -errno;
        p = strdup(path);
        if (!p)
                return -ENOMEM;
        for (char *s = p + 1;; s++) {
                char c = *s;

                if (c != '/' && c != 0)
                        continue;
                *s = 0;
                if (mkdir(p, mode) < 0 && errno != EEXIST)
                        return -errno;
                if (c == 0)
                        return 0;
                *s = c;
        }
}

static const char *path_of(const char *variable, const char *fallback) {
        const char *e = secure_getenv(variable);

        return e && *e ? e : fallback;
}

const char *path_etc(void) {
        return path_of("UNITVIRT_ETC", "/etc/libvirt");
}

const char *path_run(void) {
        return path_of("UNITVIRT_RUN", "/run/libvirt");
}

const char *path_lib(void) {
        return path_of("UNITVIRT_LIB", "/var/lib/libvirt");
}

const char *path_log(void) {
        return path_of("UNITVIRT_LOG", "/var/log/libvirt");
}

const char *path_sys(void) {
        return path_of("UNITVIRT_SYS", "/sys");
}

bool host_is_xen_control_domain(void) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t len;

        path = text_format("%s/capabilities", getenv("UNITVIRT_PROC_XEN") ?: "/proc/xen");
        if (!path)
                return true;
        return file_read(path, 4096, &text, &len) >= 0 && strstr(text, "control_d");
}
