/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of this folder have in common: calls to systemd over the bus of the process. */

#include "dbus/systemd.h"
#include "loop/fiber.h"

#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER DESTINATION ".Manager"

/* The bus, on which jobs are watched; s keeps the reference. */
int systemd_get_bus(Systemd *s, sd_bus **ret, Error *e);

/* Fills e with what systemd said, or with r's text, and returns r; unit may be NULL. */
int systemd_call_failed(int r, const sd_bus_error *error, const char *what, const char *unit, Error *e);

/* 1 and the object path (the caller's; ret may be NULL), or 0 where the unit is not in memory. Waits. */
int systemd_get_unit(Systemd *s, const char *unit, char **ret, Error *e);

/* A property of a unit that is in memory; the reply is the caller's and stands in the variant, whose content is of
 * type. interface is without prefix. -ENOENT where the unit is not in memory. Waits. */
int systemd_get_property(Systemd *s, const char *unit, const char *interface, const char *property, const char *type,
                         sd_bus_message **ret, Error *e);

/* Adds what a property of an object has, texts, to a list. Waits. */
int systemd_get_list(Systemd *s, const char *path, const char *interface, const char *property, char ***list,
                     Error *e);

/* Calls a method of the manager. */
#define MANAGER_CALL(s, method, unit, ret_reply, error, e, ...)                                              \
        ({                                                                                                   \
                sd_bus *_bus;                                                                                \
                int _r = systemd_get_bus((s), &_bus, (e));                                                   \
                if (_r >= 0)                                                                                 \
                        _r = fiber_bus_call_method(_bus, DESTINATION, MANAGER_PATH, MANAGER, (method),       \
                                                   (error), (ret_reply), __VA_ARGS__);                       \
                _r;                                                                                          \
        })
