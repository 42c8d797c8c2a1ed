/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "base/strings.h"

/* The words libvirt's clients are used to, and match on, for each code. */
static const struct {
        ErrorCode code;
        const char *prefix;
} code_prefixes[] = {
        { ERROR_INTERNAL, "internal error" },
        { ERROR_NO_MEMORY, "out of memory" },
        { ERROR_NO_SUPPORT, "this function is not supported by the connection driver" },
        { ERROR_NO_CONNECT, "no connection driver available for" },
        { ERROR_INVALID_CONN, "invalid connection pointer in" },
        { ERROR_INVALID_ARG, "invalid argument" },
        { ERROR_OPERATION_FAILED, "operation failed" },
        { ERROR_OS_TYPE, "unknown OS type" },
        { ERROR_XML_ERROR, "XML error" },
        { ERROR_CONF_SYNTAX, "configuration file syntax error" },
        { ERROR_DOM_EXIST, "domain is already active as" },
        { ERROR_OPERATION_DENIED, "operation forbidden" },
        { ERROR_NO_DOMAIN, "Domain not found" },
        { ERROR_NO_NETWORK, "Network not found" },
        { ERROR_NO_STORAGE_POOL, "Storage pool not found" },
        { ERROR_NO_STORAGE_VOL, "Storage volume not found" },
        { ERROR_STORAGE_PROBE_FAILED, "Storage pool probe failed" },
        { ERROR_STORAGE_POOL_BUILT, "Storage pool already built" },
        { ERROR_AUTH_FAILED, "authentication failed" },
        { ERROR_NO_NODE_DEVICE, "Node device not found" },
        { ERROR_OPERATION_INVALID, "Requested operation is not valid" },
        { ERROR_NO_INTERFACE, "Interface not found" },
        { ERROR_MULTIPLE_INTERFACES, "multiple matching interfaces found" },
        { ERROR_INVALID_NWFILTER, "Invalid network filter" },
        { ERROR_NO_NWFILTER, "Network filter not found" },
        { ERROR_INVALID_SECRET, "Invalid secret" },
        { ERROR_NO_SECRET, "Secret not found" },
        { ERROR_CONFIG_UNSUPPORTED, "unsupported configuration" },
        { ERROR_OPERATION_TIMEOUT, "Timed out during operation" },
        { ERROR_ARGUMENT_UNSUPPORTED, "argument unsupported" },
        { ERROR_AUTH_CANCELLED, "authentication cancelled" },
        { ERROR_NO_DOMAIN_METADATA, "metadata not found" },
        { ERROR_DEVICE_MISSING, "device not found" },
        { ERROR_INVALID_NWFILTER_BINDING, "Invalid network filter binding" },
        { ERROR_NO_NWFILTER_BINDING, "Network filter binding not found" },
        { ERROR_NETWORK_PORT_EXIST, "network port already exists" },
        { ERROR_NO_NETWORK_PORT, "network port not found" },
        { ERROR_NO_HOSTNAME, "no hostname found" },
        { ERROR_NO_NETWORK_METADATA, "metadata not found" },
        { ERROR_OPERATION_UNSUPPORTED, "Operation not supported" },
        { ERROR_AGENT_UNRESPONSIVE, "Guest agent is not responding" },
        { ERROR_RESOURCE_BUSY, "resource busy" },
        { ERROR_ACCESS_DENIED, "access denied" },
        { ERROR_XML_INVALID_SCHEMA, "XML document failed to validate against schema" },
        { ERROR_AUTH_UNAVAILABLE, "authentication unavailable" },
        { ERROR_NO_SERVER, "Server not found" },
        { ERROR_NO_CLIENT, "Client not found" },
        { ERROR_AGENT_COMMAND_FAILED, "guest agent command failed" },
};

const char *error_code_prefix(ErrorCode code) {
        for (size_t i = 0; i < ELEMENTSOF(code_prefixes); i++)
                if (code_prefixes[i].code == code)
                        return code_prefixes[i].prefix;
        return NULL;
}

void error_done(Error *e) {
        free(e->message);
        free(e->detail);
        *e = ERROR_INIT;
}

/* The message is made from the detail each time that changes. Without memory the
 * code alone has to do: error_text() copes. */
static void error_compose(Error *e) {
        const char *prefix = error_code_prefix(e->code);

        free(e->message);
        if (!prefix)
                e->message = e->detail ? strdup(e->detail) : NULL;
        else
                e->message = text_format(e->code == ERROR_NO_CONNECT ? "%s %s" : "%s: %s", prefix, e->detail ?: "");
}

int error_set(Error *e, int r, ErrorCode code, ErrorOrigin origin, const char *format, ...) {
        if (!e || e->code != 0)
                return r;

        e->code = code;
        e->origin = origin;
        e->detail = TEXT_OF_ARGUMENTS(format);
        error_compose(e);
        return r;
}

char *error_to_text(const Error *e, int r) {
        if (e->code == ERROR_SYSTEM_ERROR)
                return text_format("[%i] %s", e->code, e->message);
        return strdup(error_text(e, r));
}

int error_set_from_text(Error *e, int r, ErrorCode otherwise, ErrorOrigin origin, const char *text) {
        int code, end = 0;

        if (sscanf(text, "[%d] %n", &code, &end) == 1 && end > 0 && code == ERROR_SYSTEM_ERROR)
                return error_set(e, r, (ErrorCode) code, origin, "%s", text + end);
        for (size_t i = 0; i < ELEMENTSOF(code_prefixes); i++) {
                const char *detail = startswith(text, code_prefixes[i].prefix);

                detail = detail ? startswith(detail, ": ") : NULL;
                if (detail)
                        return error_set(e, r, code_prefixes[i].code, origin, "%s", detail);
        }
        return error_set(e, r, otherwise, origin, "%s", text);
}

int error_set_errno(Error *e, int r, ErrorOrigin origin, const char *format, ...) {
        _cleanup_free_ char *words = NULL;

        if (!e || e->code != 0)
                return r;

        words = TEXT_OF_ARGUMENTS(format);
        e->code = ERROR_SYSTEM_ERROR;
        e->origin = origin;
        e->system = -r;
        e->detail = text_format("%s: %s", words ?: "", strerror(-r));
        error_compose(e);
        return r;
}

void error_prefix(Error *e, const char *format, ...) {
        _cleanup_free_ char *words = NULL;
        char *detail;

        if (!error_is_set(e))
                return;

        words = TEXT_OF_ARGUMENTS(format);
        detail = words ? text_format("%s: %s", words, e->detail ?: "") : NULL;
        if (!detail)
                return;
        free(e->detail);
        e->detail = detail;
        error_compose(e);
}

const char *error_text(const Error *e, int r) {
        if (e && e->message)
                return e->message;
        return r < 0 ? strerror(-r) : "unknown error";
}

void error_move(Error *to, Error *from) {
        error_done(to);
        *to = *from;
        *from = ERROR_INIT;
}
