/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the two sides of the rules in the kernel share. */

#include "filter/port.h"
#include "load.h"

/* The lock's descriptor; it goes with it. */
int filter_lock(Error *e);
char *filter_rules_path(const char *dev);
char *filter_binding_path(const char *dev);
char *filter_closed_path(const char *dev);
/* *ret is NULL where there are none. */
int filter_rules_read(const char *dev, char **ret);
int filter_file_write(char *path, const char *text, Error *e);  /* takes path */
void filter_file_remove(char *path);                            /* the same */
/* Names of the taps that have rules; NULL: none. */
int filter_ports_list(char ***ret);
/* change behind the base, all or none. */
int filter_rules_run(const char *change, bool check, Error *e);
