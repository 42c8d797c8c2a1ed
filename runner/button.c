/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guest's power button, and whether anybody hears it.
 *
 * An operating system that wants to know of the button says so in a register of the board (ACPI: the event block's
 * enable register, bit 8). Until it has, a press is lost: QEMU does not even note it. A guest that sits in its firmware
 * for want of anything to boot would therefore keep its unit until the stop's time limit; it is ended as soon as it is
 * certain that it does nothing. */

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/strings.h"
#include "run.h"

/* How often a guest is asked to power off: a kernel that is still booting drops the first request. */
#define POWERDOWN_REPEAT (10 * USEC_PER_SEC)
/* As often as it was asked without hearing, while it wrote nothing, neither to a disk nor to a console. */
#define DEAF_LOOKS 3U

#define BUTTON_BIT 0x100U
#define UNMAPPED 0xffffU

/* Where firmware puts the register: SeaBIOS and OVMF have these two between them. */
static const unsigned registers[] = { 0x602, 0xb002 };

static void look_at(Run *run, size_t which);

static void set_deaf(Run *run, bool deaf) {
        if (!deaf)
                run->deaf_looks = 0;
        if (run->deaf == deaf)
                return;
        run->deaf = deaf;
        if (run->stopping)
                run_show_status(run, "");
}

static void found(Run *run, unsigned value) {
        set_deaf(run, !(value & BUTTON_BIT));
        if (!run->deaf || !run->stopping || ++run->deaf_looks < DEAF_LOOKS)
                return;
        log_notice("the guest does not listen to its power button, and does nothing: it is ended");
        run_quit(run, GUEST_EXIT_DESTROYED, "ended: nobody listened to the power button");
}

/* "portw[0x0602] = 0x0100" */
static bool parse(const json_t *result, unsigned *ret) {
        const char *text = json_string_value(result), *value = text ? strstr(text, "= 0x") : NULL;

        return value && sscanf(value, "= %x", ret) == 1;
}

static void got(Run *run, const json_t *result, size_t which) {
        unsigned value = UNMAPPED;

        if (run->state == RUN_ENDING || run->shut_down)
                return;
        if (parse(result, &value) && value != UNMAPPED)
                found(run, value);
        else if (which + 1 < ELEMENTSOF(registers))
                look_at(run, which + 1);
        else
                set_deaf(run, false); /* nobody knows: the time limit decides */
}

static void got_first(Run *run, const json_t *result, const char *error) {
        got(run, result, 0);
}

static void got_second(Run *run, const json_t *result, const char *error) {
        got(run, result, 1);
}

static void look_at(Run *run, size_t which) {
        static const ReplyFunction replies[] = { got_first, got_second };
        char json[128];

        (void) snprintf(json, sizeof json,
                        "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"i /h 0x%x\"}}\n",
                        registers[which]);
        (void) monitor_send(run, json, replies[which]);
}

void run_ask_to_power_off(Run *run) {
        (void) monitor_execute(run, "system_powerdown", NULL);
        if (run->state == RUN_RUNNING)
                look_at(run, 0);
        run->powerdown_next = now_usec() + POWERDOWN_REPEAT;
}
