/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A vm-plug that opens nothing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/fds.h"
#include "base/guest-plug.h"
#include "base/strings.h"
#include "test-host.h"

static void note(TestHost *h, const char *request) {
        const char *verb = strstr(request, "verb=") + 5, *device = strstr(request, "device=") + 7;
        size_t n = strlen(h->plugged);

        snprintf(h->plugged + n, sizeof(h->plugged) - n, "%.*s %.*s;", (int) strcspn(verb, "\n"), verb,
                 (int) strcspn(device, "\n"), device);
}

static char *answer_to(TestHost *h, const char *request) {
        const char *device = strstr(request, "device=");
        _cleanup_free_ char *alias = device ? strndup(device + 7, strcspn(device + 7, "\n")) : NULL;

        if (!strstr(request, "verb=attach") && !strstr(request, "verb=change"))
                return strdup("{}");
        return h->plug && alias ? h->plug(alias, h->userdata)
                                : strdup(h->plug_answer ? h->plug_answer : "{\"error\": \"[38] nothing is there\"}");
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        char request[PLUG_REQUEST_MAX + 1];
        TestHost *h = userdata;
        _cleanup_free_ char *answer = NULL;
        ssize_t n;

        assert_true(connection >= 0 && null >= 0);
        n = recv(connection, request, sizeof(request) - 1, 0);
        assert_true(n > 0);
        request[n] = 0;
        note(h, request);
        answer = answer_to(h, request);
        assert_non_null(answer);
        assert_true(send_fds(connection, answer, strlen(answer), (int[]) { null, null }, 2, 0) > 0);
        close(null);
        close(connection);
        return 0;
}

void fake_plug_new(TestHost *h) {
        _cleanup_free_ char *path = test_path(h, "run/" PLUG_SOCKET), *folder = test_path(h, "run/plug");
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) mkdir(folder, 0700);
        strcpy(address.sun_path, path);
        h->plug_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(h->plug_fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(h->plug_fd, 5), 0);
        assert_true(sd_event_add_io(loop_event(h->loop), &h->plug_source, h->plug_fd, EPOLLIN, on_connection, h) >= 0);
}

void fake_plug_free(TestHost *h) {
        h->plug_source = sd_event_source_disable_unref(h->plug_source);
        close(h->plug_fd);
}

const char *test_plugged(TestHost *h) {
        static char text[sizeof(h->plugged)];

        strcpy(text, h->plugged);
        h->plugged[0] = 0;
        return text;
}
