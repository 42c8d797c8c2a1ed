/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Descriptors with names on their way from vm-prepare to vm-run.
 *
 * vm-run connects to vm-prepare's socket (SOCK_SEQPACKET) and says nothing. One packet comes back: with a descriptor
 * it is a parcel, a socket in which all of them wait to be read, and live as long as its one end does (unix(7),
 * SCM_RIGHTS); without one it is the reason why there is none. */

#include "base/macros.h"

#define PREPARE_SOCKET "prepare/socket" /* below path_run() */
#define PREPARE_ANSWER_MAX 2048U
/* The longest name that a descriptor in a parcel may have. */
#define PARCEL_NAME_MAX 255U

/* A parcel: *ret_in is the end that descriptors are put into, *ret_out the one that is handed on; both the caller's. */
int parcel_open(int *ret_in, int *ret_out);

/* Puts in a copy of fd, which stays the caller's. -ENAMETOOLONG; -EAGAIN when there are thousands. */
int parcel_put(int in, const char *name, int fd);

/* What was in a parcel. */
typedef struct Parcel {
        struct ParcelItem {
                char *name;
                int fd;
        } *items;
        size_t n;
} Parcel;

/* Adds one: fd is p's from then on, also on failure. -ENOMEM. */
int parcel_add(Parcel *p, const char *name, int fd);

/* Takes all out of it, close-on-exec, at numbers above the standard ones. What was read before an error stays in p. */
int parcel_unpack(int out, Parcel *p);

/* The descriptor of this name, which stays p's; -ENOENT. */
int parcel_find(const Parcel *p, const char *name);

/* Closes what was not taken (fd set to -EBADF), and frees. */
void parcel_done(Parcel *p);
