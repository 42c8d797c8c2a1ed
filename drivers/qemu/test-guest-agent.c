/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-guest-agent.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/fs.h"
#include "plan/names.h"
#include "test-steps.h"

static void say(FakeAgent *a, const char *text) {
        (void) !send(a->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void hang_up(FakeAgent *a) {
        a->read_source = sd_event_source_disable_unref(a->read_source);
        if (a->fd >= 0)
                close(TAKE_FD(a->fd));
}

static void answer_number(FakeAgent *a, const char *line) {
        const char *id = strstr(line, "\"id\":");
        long long number;
        char text[64];

        assert_non_null(id);
        number = strtoll(id + 5, NULL, 10);
        for (; a->wrong_numbers > 0; a->wrong_numbers--) {
                snprintf(text, sizeof(text), "\xff{\"return\": %lld}\n", number + a->wrong_numbers);
                say(a, text);
        }
        snprintf(text, sizeof(text), "\xff{\"return\": %lld}\n", number);
        say(a, text);
}

static void on_line(FakeAgent *a, const char *line) {
        size_t n, length;

        if (strstr(line, "guest-sync-delimited")) {
                if (a->before)
                        say(a, a->before);
                if (!a->silent)
                        answer_number(a, line);
                return;
        }
        n = strlen(a->asked);
        length = strlen(line);
        assert_true(length < sizeof(a->asked) - n);
        memcpy(a->asked + n, line, length + 1);
        if (a->forgetful)
                hang_up(a);
        else if (a->answer)
                say(a, a->answer);
}

static int on_read(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        FakeAgent *a = userdata;
        ssize_t n = read(fd, a->line + a->n, sizeof(a->line) - a->n - 1);
        char *end;

        if (n <= 0) {
                hang_up(a);
                return 0;
        }
        a->n += (size_t) n;
        a->line[a->n] = 0;
        while (a->fd >= 0 && (end = strchr(a->line, '\n'))) {
                *end = 0;
                on_line(a, a->line);
                a->n -= (size_t) (end + 1 - a->line);
                memmove(a->line, end + 1, a->n + 1);
        }
        return 0;
}

static int on_endless(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        FakeAgent *a = userdata;
        static char junk[64 * 1024];

        memset(junk, 'x', sizeof(junk));
        if (send(fd, junk, sizeof(junk), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
                hang_up(a);
        return 0;
}

static int on_accept(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        FakeAgent *a = userdata;

        hang_up(a);
        a->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(a->fd >= 0);
        a->n = 0;
        a->n_connections++;
        assert_true(sd_event_add_io(loop_event(a->host->loop), &a->read_source, a->fd,
                                    a->endless ? EPOLLOUT : EPOLLIN, a->endless ? on_endless : on_read, a) >= 0);
        return 0;
}

void agent_stop(FakeAgent *a) {
        hang_up(a);
        sd_event_source_disable_unref(a->accept_source);
        close(a->listener);
}

void agent_start(TestHost *h, FakeAgent *a, bool open) {
        _cleanup_free_ char *user = NULL, *path = NULL, *folder = NULL, *xml = NULL;
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        *a = (FakeAgent) { .host = h, .fd = -EBADF };
        assert_int_equal(user_name_for_guest("web", &user), 0);
        assert_true(asprintf(&folder, "run/qemu/%s/agent.sock", user) > 0);
        path = test_path(h, folder);
        assert_true(asprintf(&xml,
                             "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid><memory unit='MiB'>128</memory>"
                             "<vcpu>2</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
                             "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/x'/>"
                             "<target dev='vda' bus='virtio'/><address type='pci' domain='0' bus='0' slot='9' "
                             "function='0'/></disk>"
                             "<channel type='unix'><source mode='bind' path='%s'/>"
                             "<target type='virtio' name='org.qemu.guest_agent.0'/><alias name='ua-agent'/>"
                             "</channel></devices></domain>", path) > 0);
        assert_int_equal(define(h, xml), 0);
        h->chardevs = open ? "[{\"label\": \"charua-agent\", \"filename\": \"x\", \"frontend-open\": true}]" : "[]";
        assert_int_equal(SIMPLE_CALL(h, DOMAIN_CREATE), 0);
        assert_state(h, DOMAIN_RUNNING, RUNNING_BOOTED);
        assert_true(strlen(path) < sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(a->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(a->listener, 5), 0);
        assert_true(sd_event_add_io(loop_event(h->loop), &a->accept_source, a->listener, EPOLLIN, on_accept, a) >= 0);
}
