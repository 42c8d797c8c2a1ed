/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "storage/ring.h"

int ring_new(Ring *ret, int *ret_fd) {
        _cleanup_close_ int fd = memfd_create("stream", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0 || ftruncate(fd, RING_SIZE) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
                return -errno;
        r = ring_map(fd, ret);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int ring_map(int fd, Ring *ret) {
        struct stat st;
        char *data;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size < (off_t) RING_SIZE)
                return -EBADMSG;
        data = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        *ret = (Ring) { .data = data };
        return 0;
}

void ring_done(Ring *r) {
        if (r->data)
                (void) munmap(r->data, RING_SIZE);
        *r = (Ring) {};
}

char *ring_space(const Ring *r, size_t *ret_len) {
        size_t at = (size_t) (r->in % RING_SIZE);

        *ret_len = MIN(RING_SIZE - at, ring_room(r));
        return r->data + at;
}

const char *ring_content(const Ring *r, size_t *ret_len) {
        size_t at = (size_t) (r->out % RING_SIZE);

        *ret_len = MIN(RING_SIZE - at, ring_used(r));
        return r->data + at;
}

size_t ring_put(Ring *r, const char *data, size_t len) {
        size_t done = 0;

        while (done < len && ring_room(r) > 0) {
                size_t n;
                char *to = ring_space(r, &n);

                n = MIN(n, len - done);
                memcpy(to, data + done, n);
                r->in += n;
                done += n;
        }
        return done;
}

int ring_came_in(Ring *r, uint64_t len) {
        if (len > ring_room(r))
                return -EBADMSG;
        r->in += len;
        return 0;
}

int ring_went_out(Ring *r, uint64_t len) {
        if (len > ring_used(r))
                return -EBADMSG;
        r->out += len;
        return 0;
}
