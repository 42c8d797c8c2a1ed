/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rules of taps, made from documents. */

#include "filter/port.h"
#include "model/definition.h"

/* Gives a tap its rules, before any frame can come from it; what there was of that name is replaced. binding is
 * normalised. */
int filter_port_bind(const Definition *binding, Error *e);

/* The rules of all taps anew, from the filters as they are, all in one; candidate (or NULL) stands for the definition
 * of its name. check: only whether that could be done. What cannot be done leaves all as it was. */
int filter_ports_rebuild(const Definition *candidate, bool check, Error *e);

/* The same tap by tap: one whose filter is broken keeps its rules, and is told of by report. */
int filter_ports_refresh(void (*report)(const char *text), Error *e);
