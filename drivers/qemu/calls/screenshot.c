/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guest's screen shows. QEMU writes the picture into a file without a name that it is handed, so nothing is
 * looked up in a folder of the guest's. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "calls/calls.h"
#include "rpc/stream.h"
#include "run/monitor.h"

#define PICTURE_MAX (256 * 1024 * 1024) /* bytes; 8K in three colours is a third */
#define MIME_PPM "image/x-portable-pixmap"
#define MIME_PNG "image/png"

/* The file, and a descriptor of it that only writes: QEMU takes none that does more than it asks for. */
static int new_picture(int *ret_read, int *ret_write) {
        _cleanup_close_ int fd = memfd_create("screenshot", MFD_CLOEXEC);
        char path[32];

        if (fd < 0)
                return -errno;
        snprintf(path, sizeof(path), "/proc/self/fd/%i", fd);
        *ret_write = open(path, O_WRONLY | O_CLOEXEC);
        if (*ret_write < 0)
                return -errno;
        *ret_read = TAKE_FD(fd);
        return 0;
}

/* The card that has the screen of this number, where each has as many as its model says; *screen becomes the number
 * there. */
static const xmlNode *card_of(const Definition *d, unsigned *screen) {
        XML_FOREACH(video, definition_devices(d), "video") {
                unsigned heads = 1;

                (void) xml_attr_uint(xml_child(video, "model"), "heads", &heads);
                if (xml_attr_is(xml_child(video, "model"), "type", "none"))
                        continue;
                if (*screen < heads)
                        return video;
                *screen -= heads;
        }
        return NULL;
}

/* QEMU knows PNG since version 7.1, where it was built with it. */
static int dump_to(Guest *g, const char *file, const xmlNode *card, unsigned head, const char **ret_mime, Error *e) {
        json_t *arguments = json_pack("{s:s,s:s,s:i}", "filename", file, "device", device_alias(card), "head",
                                      (int) head);
        json_t *as_png = json_deep_copy(arguments);

        if (as_png && json_object_set_new(as_png, "format", json_string("png")) >= 0 &&
            guest_command(g, "screendump", as_png, NULL, NULL) >= 0) {
                json_decref(arguments);
                *ret_mime = MIME_PNG;
                return 0;
        }
        *ret_mime = MIME_PPM;
        return guest_command(g, "screendump", arguments, NULL, e);
}

static int dump_screen(Guest *g, int fd, const xmlNode *card, unsigned head, const char **ret_mime, Error *e) {
        _cleanup_(json_decrefp) json_t *set = NULL;
        json_int_t number;
        char path[48];
        int r;

        r = guest_command_fds(g, json_pack("{s:s}", "execute", "add-fd"), &fd, 1, &set, false, e);
        if (r < 0)
                return r;
        number = json_integer_value(json_object_get(set, "fdset-id"));
        snprintf(path, sizeof(path), "/dev/fdset/%" JSON_INTEGER_FORMAT, number);
        r = dump_to(g, path, card, head, ret_mime, e);
        (void) guest_command(g, "remove-fd", json_pack("{s:I}", "fdset-id", number), NULL, NULL);
        return r;
}

static int screenshot(Call *c, Guest *g, const remote_domain_screenshot_args *args, remote_domain_screenshot_ret *ret,
                      Error *e) {
        _cleanup_close_ int picture = -EBADF, writing = -EBADF;
        unsigned head = args->screen;
        const xmlNode *card;
        const char *mime;
        struct stat st;
        int r;

        if (!xml_child(definition_devices(call_definition(c)), "video"))
                return error_set(e, -ENODEV, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "no screens to take screenshot from");
        card = card_of(call_definition(c), &head);
        if (!card)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_QEMU, "no such screen ID %u",
                                 args->screen);
        r = new_picture(&picture, &writing);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_QEMU, "cannot make a file for the picture");
        r = dump_screen(g, writing, card, head, &mime, e);
        if (r < 0)
                return r;
        if (fstat(picture, &st) < 0 || st.st_size <= 0 || st.st_size > PICTURE_MAX || lseek(picture, 0, SEEK_SET) < 0)
                return error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "QEMU gave no picture");
        ret->mime = malloc(sizeof(*ret->mime));
        if (!ret->mime)
                return -ENOMEM;
        *ret->mime = NULL;
        r = reply_string(ret->mime, mime);
        return r < 0 ? r : stream_open_fd(c, TAKE_FD(picture), e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_SCREENSHOT, screenshot, .needs = NEED_LIVE),
};
const RpcTable qemu_screenshot_table = RPC_TABLE(rows);
