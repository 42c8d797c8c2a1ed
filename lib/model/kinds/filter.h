/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/filter.h"
#include "normalise/normaliser.h"

/* A reference to a filter with values for its variables: in filters, bindings and the cards of guests. */
int normalise_filterref(Normaliser *n, xmlNode *ref);
