/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Steps that several tests of the driver have in common, about the guest "web". */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "test-host.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define OTHER_UUID "11111111-2222-3333-4444-666666666666"

#define XML_OF(name, uuid)                                                                                   \
        "<domain type='qemu'><name>" name "</name>" uuid "<memory unit='MiB'>128</memory><vcpu>2</vcpu>"     \
        "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
#define WEB XML_OF("web", "<uuid>" UUID "</uuid>")

/* The names of a guest, as calls have them; borrowed. */
remote_nonnull_domain dom_of(const char *name, const char *uuid);

/* Defines a guest; the handler's result. */
int define(TestHost *h, const char *xml);

/* Calls a procedure that wants nothing but the guest. */
#define SIMPLE_CALL(h, NAME)                                                                                 \
        ({                                                                                                   \
                remote_args_##NAME _args = { .dom = dom_of("web", UUID) };                                   \
                char _ret[512] = {};                                                                         \
                test_call((h), REMOTE_PROC_##NAME, &_args, _ret);                                            \
        })

/* State and reason of the guest are these. */
void assert_state(TestHost *h, int state, int reason);

/* Its definition, owned by the caller. */
char *dumpxml(TestHost *h, unsigned flags);

/* How many guests a list with these flags has. */
unsigned count(TestHost *h, unsigned flags);

/* Defines it and starts it. */
void start_web(TestHost *h);

/* Devices of the guest are attached, detached and changed; the handler's result. */
#define LIVE 1U
#define CONFIG 2U
int attach(TestHost *h, const char *xml, unsigned flags);
int detach(TestHost *h, const char *xml, unsigned flags);
int detach_alias(TestHost *h, const char *alias, unsigned flags);
int update(TestHost *h, const char *xml, unsigned flags);

/* Is the text in the guest's persistent, or live, definition? */
bool has(TestHost *h, const char *text);
bool lives(TestHost *h, const char *text);

/* The last call was refused with this code, and says so. */
#define assert_refused(h, code_, text)                                                                       \
        do {                                                                                                 \
                assert_int_equal((h)->daemon.error.code, (code_));                                           \
                assert_non_null(strstr((h)->daemon.error.message, (text)));                                  \
        } while (false)

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_host_setup, test_host_teardown)
