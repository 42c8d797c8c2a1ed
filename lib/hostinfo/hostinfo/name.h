/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The name of the host. */

/* What others reach it by: the resolver's full name where it needs no network to find it. The caller's to free.
 * -ENOMEM, or the errno of gethostname(2). */
int host_name(char **ret);
