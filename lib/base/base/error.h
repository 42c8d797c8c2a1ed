/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The error of an operation, as a client of libvirt understands it.
 *
 * It is filled once, where the cause is known, and passed up unchanged next to
 * a negative errno. Whoever knows more (the file, the guest) puts words in
 * front with error_prefix(). The codes and origins are libvirt's public
 * numbers (virErrorNumber and virErrorDomain in libvirt/virterror.h). */

#include "base/macros.h"

typedef enum ErrorCode {
        ERROR_OK = 0,
        ERROR_INTERNAL = 1,
        ERROR_NO_MEMORY = 2,
        ERROR_NO_SUPPORT = 3,
        ERROR_NO_CONNECT = 5,
        ERROR_INVALID_CONN = 6,
        ERROR_INVALID_ARG = 8,
        ERROR_OPERATION_FAILED = 9,
        ERROR_OS_TYPE = 16,
        ERROR_NO_ROOT = 18,
        ERROR_XML_ERROR = 27,
        ERROR_DOM_EXIST = 28,
        ERROR_OPERATION_DENIED = 29,
        ERROR_CONF_SYNTAX = 33,
        ERROR_XML_DETAIL = 35,
        ERROR_SYSTEM_ERROR = 38,
        ERROR_RPC = 39,
        ERROR_NO_DOMAIN = 42,
        ERROR_NO_NETWORK = 43,
        ERROR_INVALID_STORAGE_POOL = 46,
        ERROR_INVALID_STORAGE_VOL = 47,
        ERROR_NO_STORAGE_POOL = 49,
        ERROR_NO_STORAGE_VOL = 50,
        ERROR_AUTH_FAILED = 45,
        ERROR_NO_NODE_DEVICE = 53,
        ERROR_OPERATION_INVALID = 55,
        ERROR_NO_INTERFACE = 57,
        ERROR_MULTIPLE_INTERFACES = 58,
        ERROR_INVALID_NWFILTER = 61,
        ERROR_NO_NWFILTER = 62,
        ERROR_INVALID_SECRET = 65,
        ERROR_NO_SECRET = 66,
        ERROR_CONFIG_UNSUPPORTED = 67,
        ERROR_OPERATION_TIMEOUT = 68,
        ERROR_ARGUMENT_UNSUPPORTED = 74,
        ERROR_STORAGE_PROBE_FAILED = 75,
        ERROR_STORAGE_POOL_BUILT = 76,
        ERROR_AUTH_CANCELLED = 79,
        ERROR_NO_DOMAIN_METADATA = 80,
        ERROR_OPERATION_UNSUPPORTED = 84,
        ERROR_AGENT_UNRESPONSIVE = 86,
        ERROR_RESOURCE_BUSY = 87,
        ERROR_ACCESS_DENIED = 88,
        ERROR_STORAGE_VOL_EXIST = 90,
        ERROR_CPU_INCOMPATIBLE = 91,
        ERROR_AUTH_UNAVAILABLE = 94,
        ERROR_XML_INVALID_SCHEMA = 92,
        ERROR_NO_SERVER = 95,
        ERROR_NO_CLIENT = 96,
        ERROR_DEVICE_MISSING = 99,
        ERROR_INVALID_NWFILTER_BINDING = 100,
        ERROR_NO_NWFILTER_BINDING = 101,
        ERROR_NETWORK_PORT_EXIST = 106,
        ERROR_NO_NETWORK_PORT = 107,
        ERROR_NO_HOSTNAME = 108,
        ERROR_NO_NETWORK_METADATA = 111,
        ERROR_AGENT_COMMAND_FAILED = 113,
} ErrorCode;

typedef enum ErrorOrigin {
        ORIGIN_NONE = 0,
        ORIGIN_CONF = 9,
        ORIGIN_XML = 5,
        ORIGIN_DOM = 6,
        ORIGIN_RPC = 7,
        ORIGIN_QEMU = 10,
        ORIGIN_REMOTE = 13,
        ORIGIN_DOMAIN = 20,
        ORIGIN_NETWORK = 19,
        ORIGIN_STORAGE = 18,
        ORIGIN_NODEDEV = 22,
        ORIGIN_INTERFACE = 26,
        ORIGIN_SECRET = 30,
        ORIGIN_CPU = 31,
        ORIGIN_NWFILTER = 33,
        ORIGIN_DOMAIN_SNAPSHOT = 35,
        ORIGIN_STREAMS = 38,
        ORIGIN_EVENT = 40,
        ORIGIN_LOCKING = 42,
        ORIGIN_AUTH = 46,
        ORIGIN_DBUS = 47,
        ORIGIN_LOCKSPACE = 51,
        ORIGIN_IDENTITY = 53,
        ORIGIN_ACCESS = 55,
        ORIGIN_SYSTEMD = 56,
        ORIGIN_POLKIT = 60,
        ORIGIN_ADMIN = 62,
        ORIGIN_LOGGING = 63,
        ORIGIN_RESCTRL = 67,
        ORIGIN_DOMAIN_CHECKPOINT = 69,
} ErrorOrigin;

typedef struct Error {
        int code;        /* ErrorCode; 0 when unset */
        int origin;      /* ErrorOrigin, libvirt's "domain" */
        int system;      /* errno where code is ERROR_SYSTEM_ERROR, else 0 */
        char *message;   /* whole text for people, owned; "<prefix of the code>: <detail>" */
        char *detail;    /* the part after the prefix, owned */
} Error;

#define ERROR_INIT ((Error) {})

/* Frees what the error holds and empties it. */
void error_done(Error *e);
#define _cleanup_error_ _cleanup_(error_done)

/* True once error_set() was called. */
static inline bool error_is_set(const Error *e) {
        return e && e->code != 0;
}

/* Fills an empty error; one that is set already stays, since the first cause is
 * the one that matters. e may be NULL. Returns r, so that callers can write
 * "return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_DOMAIN, ...)". */
int error_set(Error *e, int r, ErrorCode code, ErrorOrigin origin, const char *format, ...) _printf_(5, 6);

/* The same for a failed system call: code 38, "format: strerror(-r)". */
int error_set_errno(Error *e, int r, ErrorOrigin origin, const char *format, ...) _printf_(4, 5);

/* Puts "words: " in front of the detail, behind the prefix of the code. */
void error_prefix(Error *e, const char *format, ...) _printf_(2, 3);

/* The text to show: the message, or strerror(-r) where no error was filled. */
const char *error_text(const Error *e, int r);

/* The same for another program: as error_text(), with the code in front, "[38] ", where the text has no prefix that
 * says it. Owned by the caller; NULL without memory. */
char *error_to_text(const Error *e, int r);

/* The other way: fills the error from such a text, which another program left in a file. What begins with neither a
 * code nor the prefix of one gets the given code. Returns r. */
int error_set_from_text(Error *e, int r, ErrorCode otherwise, ErrorOrigin origin, const char *text);

/* The prefix libvirt's clients show for a code, e.g. "Domain not found"; NULL for an unknown code. */
const char *error_code_prefix(ErrorCode code);

/* Moves what from holds into to, which is emptied first. */
void error_move(Error *to, Error *from);
