/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Events about objects. */

#include "object/kind.h"

/* Of all classes alike (but for node devices, where they are 2 and 3). */
enum { OBJECT_DEFINED, OBJECT_UNDEFINED };

/* Sends event 0, lifecycle, of the kind's class: VIR_x_EVENT_y and its detail. Nothing for kinds without events. */
void object_emit_lifecycle(const Object *o, int event, int detail);

/* Sends any other; msg as event_emit(). */
void object_emit(const Object *o, int id, const void *msg);
bool object_event_is_wanted(const Object *o, int id);
