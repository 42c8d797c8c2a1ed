/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-driver.h"

#include <fcntl.h>

#include "loop/fiber.h"

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        *ret_state = host;
        return 0;
}

/* Answers at once. */
static int get_state(Call *call, const remote_domain_get_state_args *args, remote_domain_get_state_ret *ret, Error *e) {
        ret->state = 1;
        ret->reason = (int) args->flags;
        return 0;
}

/* Fails with an error of its own. */
static int lookup(Call *call, const remote_domain_lookup_by_name_args *args, remote_domain_lookup_by_name_ret *ret,
                  Error *e) {
        return error_set(e, -ENOENT, ERROR_NO_DOMAIN, ORIGIN_QEMU, "no domain with matching name '%s'", args->name);
}

/* Waits, as long as the id of the domain says in milliseconds. */
static int suspend(Call *call, const remote_domain_suspend_args *args, rpc_void *ret, Error *e) {
        return fiber_sleep((uint64_t) args->dom.id * 1000U);
}

static int emit(DriverHost *host, const remote_nonnull_domain *dom, int id, const void *msg) {
        return event_emit(host->events, &(EventObject){ EVENT_DOMAIN, dom->name, (const uint8_t *) dom->uuid }, id,
                          NULL, msg);
}

/* Tells of an event. */
static int create(Call *call, const remote_domain_create_args *args, rpc_void *ret, Error *e) {
        remote_domain_event_callback_lifecycle_msg msg = { .msg = { .dom = args->dom, .event = 2, .detail = 0 } };
        DriverHost *host = call_driver(call);

        return emit(host, &args->dom, 0, &msg);
}

static int wakeup(Call *call, const remote_domain_pm_wakeup_args *args, rpc_void *ret, Error *e) {
        remote_domain_event_callback_pmwakeup_msg msg = { .reason = 0, .msg = { .dom = args->dom } };
        DriverHost *host = call_driver(call);

        return emit(host, &args->dom, 11, &msg);
}

/* A text of as many bytes as the flags say. */
static int get_xml(Call *call, const remote_domain_get_xml_desc_args *args, remote_domain_get_xml_desc_ret *ret,
                   Error *e) {
        if (args->flags > 8U * 1024U * 1024U)
                return error_set(e, -EFBIG, ERROR_INVALID_ARG, ORIGIN_DOM, "that is too long");
        ret->xml = malloc((size_t) args->flags + 1);
        if (!ret->xml)
                return -ENOMEM;
        memset(ret->xml, 'x', args->flags);
        ret->xml[args->flags] = '\0';
        return 0;
}

/* An echo: a terminal gives back what is typed. */
static int open_console(Call *call, const remote_domain_open_console_args *args, rpc_void *ret, Error *e) {
        int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

        return fd < 0 ? -errno : stream_open_fd(call, fd, e);
}

/* A file, from its beginning to its end. */
static int screenshot(Call *call, const remote_domain_screenshot_args *args, remote_domain_screenshot_ret *ret,
                      Error *e) {
        int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : stream_open_fd(call, fd, e);
}

/* Passes a descriptor out: the reading end of a pipe with a word in it. */
static int open_graphics_fd(Call *call, const remote_domain_open_graphics_fd_args *args, rpc_void *ret, Error *e) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        if (write(fds[1], "word", 4) != 4)
                return -EIO;
        close(fds[1]);
        return call_add_fd(call, fds[0], e);
}

/* Takes descriptors in, and writes to each. */
static int fd_associate(Call *call, const remote_domain_fd_associate_args *args, rpc_void *ret, Error *e) {
        for (size_t i = 0; i < call_n_fds(call); i++)
                if (write(call_fd(call, i), "hello", 5) != 5)
                        return -EIO;
        return call_n_fds(call) > 0 ? 0 : error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_DOM, "no descriptors");
}

static const RpcHandler handlers[] = {
        REMOTE_HANDLER(DOMAIN_GET_STATE, get_state),
        REMOTE_HANDLER(DOMAIN_LOOKUP_BY_NAME, lookup),
        REMOTE_HANDLER(DOMAIN_SUSPEND, suspend),
        REMOTE_HANDLER(DOMAIN_CREATE, create),
        REMOTE_HANDLER(DOMAIN_PM_WAKEUP, wakeup),
        REMOTE_HANDLER(DOMAIN_GET_XML_DESC, get_xml),
        REMOTE_HANDLER(DOMAIN_OPEN_CONSOLE, open_console),
        REMOTE_HANDLER(DOMAIN_SCREENSHOT, screenshot),
        REMOTE_HANDLER(DOMAIN_OPEN_GRAPHICS_FD, open_graphics_fd),
        REMOTE_HANDLER(DOMAIN_FD_ASSOCIATE, fd_associate),
};

static int supports_feature(void *state, int feature) {
        return feature == 12;
}

static const Driver driver_test = {
        .name = "test",
        .class = DRIVER_HYPERVISOR,
        .origin = ORIGIN_QEMU,
        .handlers = handlers,
        .n_handlers = ELEMENTSOF(handlers),
        .start = driver_start,
        .supports_feature = supports_feature,
};

/* A second hypervisor: it tells itself from the first by one answer. */
static int other_state(Call *call, const remote_domain_get_state_args *args, remote_domain_get_state_ret *ret,
                       Error *e) {
        ret->state = 5;
        return 0;
}

static const RpcHandler other_handlers[] = {
        REMOTE_HANDLER(DOMAIN_GET_STATE, other_state),
};

static const Driver driver_other = {
        .name = "other",
        .class = DRIVER_HYPERVISOR,
        .origin = ORIGIN_NONE,
        .handlers = other_handlers,
        .n_handlers = ELEMENTSOF(other_handlers),
};

/* What hypervisors have beside guests. */
static int count(Call *call, const rpc_void *args, remote_connect_num_of_secrets_ret *ret, Error *e) {
        ret->num = 7;
        return 0;
}

static const RpcHandler secret_handlers[] = {
        REMOTE_HANDLER(CONNECT_NUM_OF_SECRETS, count),
};

static const Driver driver_secrets = {
        .name = "secret",
        .class = DRIVER_SECRET,
        .origin = ORIGIN_SECRET,
        .handlers = secret_handlers,
        .n_handlers = ELEMENTSOF(secret_handlers),
};

const KnownDriver test_drivers[] = {
        { "test", DRIVER_HYPERVISOR, "TEST", &driver_test },
        { "other", DRIVER_HYPERVISOR, NULL, &driver_other },
        { "network", DRIVER_NETWORK, NULL, NULL },
        { "secret", DRIVER_SECRET, NULL, &driver_secrets },
};
const size_t n_test_drivers = ELEMENTSOF(test_drivers);
