/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/socket.h"
#include "base/strings.h"
#include "client.h"
#include "config/names.h"
#include "rpc/packet.h"

/* The daemon of the driver's own, then the one that has all drivers, or leads to them. */
static const char *const daemons[] = { "virtqemud", "libvirtd" };

void client_close(Client *c) {
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -EBADF;
}

static int connect_to(const char *daemon) {
        _cleanup_free_ char *path = daemon_socket_path(daemon_by_name(daemon), SUFFIX_MAIN, path_run());

        return path ? unix_connect(path, SOCK_STREAM) : -ENOMEM;
}

/* --- packets --- */

static int receive(int fd, void *data, size_t len) {
        for (size_t done = 0; done < len;) {
                ssize_t n = recv(fd, (char *) data + done, len - done, 0);

                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t) n : 0;
        }
        return 0;
}

static int receive_packet(int fd, Buffer *b, PacketHeader *h) {
        uint8_t length[4];
        size_t len;
        int r = receive(fd, length, sizeof(length));

        if (r < 0)
                return r;
        len = packet_word(length);
        if (len < PACKET_HEADER_SIZE || len > PACKET_SIZE_MAX)
                return -EBADMSG;
        b->len = 0;
        r = buffer_add(b, length, sizeof(length));
        if (r >= 0)
                r = buffer_reserve(b, len - sizeof(length));
        if (r >= 0)
                r = receive(fd, b->data + sizeof(length), len - sizeof(length));
        if (r < 0)
                return r;
        b->len = len;
        packet_parse_header(b->data, h);
        return 0;
}

/* What the daemon refused, in its words. */
static int take_error(const Buffer *b, Error *e) {
        rpc_error told = {};
        int r = rpc_decode(b->data + PACKET_HEADER_SIZE, b->len - PACKET_HEADER_SIZE, (xdrproc_t) xdr_rpc_error, &told);

        if (r < 0)
                return r;
        r = error_set_from_text(e, -EREMOTEIO, (ErrorCode) told.code, (ErrorOrigin) told.domain,
                                told.message ? *told.message : "the daemon does not say why");
        rpc_free((xdrproc_t) xdr_rpc_error, &told);
        return r;
}

static int wait_for_reply(Client *c, int32_t procedure, const RpcCodec *codec, void *v, Error *e) {
        _cleanup_buffer_ Buffer b = {};
        PacketHeader h;
        int r;

        do {
                r = receive_packet(c->fd, &b, &h);
                if (r < 0)
                        return r;
        } while (h.type != PACKET_REPLY || h.serial != c->serial || h.procedure != procedure);
        if (h.status != PACKET_OK)
                return take_error(&b, e);
        return rpc_decode(b.data + PACKET_HEADER_SIZE, b.len - PACKET_HEADER_SIZE, codec->ret, v);
}

int client_call(Client *c, int32_t procedure, const RpcCodec *codec, const void *args, void *v, Error *e) {
        _cleanup_buffer_ Buffer b = {};
        const PacketHeader h = { .program = REMOTE_PROGRAM, .version = RPC_VERSION, .procedure = procedure,
                                 .type = PACKET_CALL, .serial = ++c->serial };
        int r = packet_add_value(&b, &h, codec->args, args);

        for (size_t done = 0; r >= 0 && done < b.len;) {
                ssize_t n = send(c->fd, b.data + done, b.len - done, MSG_NOSIGNAL);

                if (n < 0 && errno != EINTR)
                        r = -errno;
                done += n > 0 ? (size_t) n : 0;
        }
        if (r >= 0)
                r = wait_for_reply(c, procedure, codec, v, e);
        if (r < 0 && !error_is_set(e))
                error_set(e, r, ERROR_RPC, ORIGIN_RPC, "the daemon did not answer: %s", strerror(-r));
        return r;
}

int client_open(Client *c, Error *e) {
        char *uri = (char *) "qemu:///system";
        const remote_connect_open_args args = { .name = &uri };
        remote_auth_list_ret methods = {};
        rpc_void none;
        int r;

        *c = (Client) { .fd = -EBADF };
        for (size_t i = 0; c->fd == -EBADF || (c->fd == -ENOENT && i < ELEMENTSOF(daemons)); i++)
                c->fd = connect_to(daemons[i]);
        if (c->fd < 0)
                return error_set(e, c->fd, ERROR_SYSTEM_ERROR, ORIGIN_RPC,
                                 "no daemon for guests of QEMU can be reached below %s: %s (systemctl start "
                                 "virtqemud.socket)", path_run(), strerror(-c->fd));
        r = client_call(c, REMOTE_PROC_AUTH_LIST, &remote_codec_AUTH_LIST, &none, &methods, e);
        if (r < 0)
                return r;
        rpc_free((xdrproc_t) xdr_remote_auth_list_ret, &methods);
        return client_call(c, REMOTE_PROC_CONNECT_OPEN, &remote_codec_CONNECT_OPEN, &args, &none, e);
}

int client_look_up(Client *c, const char *name, remote_nonnull_domain *ret, Error *e) {
        const remote_domain_lookup_by_name_args args = { .name = (char *) name };
        remote_domain_lookup_by_name_ret found = {};
        int r = client_call(c, REMOTE_PROC_DOMAIN_LOOKUP_BY_NAME, &remote_codec_DOMAIN_LOOKUP_BY_NAME, &args, &found,
                            e);

        if (r >= 0)
                *ret = found.dom;
        return r;
}
