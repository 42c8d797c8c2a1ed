/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemons' configuration files to drop-ins of their socket units.
 *
 * libvirt ignores these keys as soon as systemd owns the sockets: listen_tls,
 * listen_tcp, tls_port, tcp_port, listen_addr, unix_sock_group, unix_sock_dir
 * and unix_sock_{ro,rw,admin}_perms. Here they become
 * UNIT-DIR/NAME.socket.d/10-unitvirt.conf. */

/* Logs what is wrong, with file and line; a daemon whose file is broken keeps its sockets as shipped. Negative errno
 * only where writing failed. */
int sockets_generate(const char *unit_dir);
