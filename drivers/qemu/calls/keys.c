/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh send-key: keys by the numbers of several keyboards, for QEMU as what it calls "number": the code of the AT
 * keyboard's first set, with 0x80 for those that it sends behind 0xe0. */

#include <linux/input-event-codes.h>

#include "base/strings.h"
#include "calls/calls.h"
#include "calls/keys.h"
#include "run/monitor.h"

#define HOLD_DEFAULT 100U /* milliseconds */

/* virKeycodeSet of libvirt-domain.h */
enum { KEYCODES_LINUX, KEYCODES_XT, KEYCODES_ATSET1, KEYCODES_QNUM = 9 };

static const char *const sets[] = { "linux", "xt",     "atset1", "atset2", "atset3",
                                    "os_x",  "xt_kbd", "usb",    "win32",  "qnum" };

/* Linux numbers the keys below this one as that keyboard does. */
#define LINUX_SAME 0x54U

static const struct {
        unsigned linux_code, number;
} keys[] = {
        { KEY_102ND, 0x56 },    { KEY_F11, 0x57 },       { KEY_F12, 0x58 },       { KEY_RO, 0x73 },
        { KEY_KATAKANA, 0x78 }, { KEY_HIRAGANA, 0x77 },  { KEY_HENKAN, 0x79 },    { KEY_KATAKANAHIRAGANA, 0x70 },
        { KEY_MUHENKAN, 0x7b }, { KEY_KPJPCOMMA, 0x5c }, { KEY_KPENTER, 0x9c },   { KEY_RIGHTCTRL, 0x9d },
        { KEY_KPSLASH, 0xb5 },  { KEY_SYSRQ, 0x54 },     { KEY_RIGHTALT, 0xb8 },  { KEY_LINEFEED, 0x5b },
        { KEY_HOME, 0xc7 },     { KEY_UP, 0xc8 },        { KEY_PAGEUP, 0xc9 },    { KEY_LEFT, 0xcb },
        { KEY_RIGHT, 0xcd },    { KEY_END, 0xcf },       { KEY_DOWN, 0xd0 },      { KEY_PAGEDOWN, 0xd1 },
        { KEY_INSERT, 0xd2 },   { KEY_DELETE, 0xd3 },    { KEY_MUTE, 0xa0 },      { KEY_VOLUMEDOWN, 0xae },
        { KEY_VOLUMEUP, 0xb0 }, { KEY_POWER, 0xde },     { KEY_KPEQUAL, 0x59 },   { KEY_PAUSE, 0xc6 },
        { KEY_KPCOMMA, 0x7e },  { KEY_YEN, 0x7d },       { KEY_LEFTMETA, 0xdb },  { KEY_RIGHTMETA, 0xdc },
        { KEY_COMPOSE, 0xdd },  { KEY_CALC, 0xa1 },      { KEY_SLEEP, 0xdf },     { KEY_WAKEUP, 0xe3 },
        { KEY_MAIL, 0xec },     { KEY_BOOKMARKS, 0xe6 }, { KEY_COMPUTER, 0xeb },  { KEY_BACK, 0xea },
        { KEY_FORWARD, 0xe9 },  { KEY_NEXTSONG, 0x99 },  { KEY_PLAYPAUSE, 0xa2 }, { KEY_PREVIOUSSONG, 0x90 },
        { KEY_STOPCD, 0xa4 },   { KEY_HOMEPAGE, 0xb2 },  { KEY_REFRESH, 0xe7 },   { KEY_SEARCH, 0xe5 },
};

static int number_of_linux_key(unsigned code) {
        if (code > 0 && code < LINUX_SAME)
                return (int) code;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].linux_code == code)
                        return (int) keys[i].number;
        return -EOPNOTSUPP;
}

/* With the 0xe0 in front, as the keyboard says it. */
static int number_of_scan_code(unsigned code) {
        if (code > 0 && code < 0x80)
                return (int) code;
        if (code > 0xe000 && code < 0xe080)
                return (int) (0x80 | (code & 0x7f));
        return -EOPNOTSUPP;
}

int key_number(unsigned set, unsigned code) {
        switch (set) {
        case KEYCODES_LINUX:
                return number_of_linux_key(code);
        case KEYCODES_XT:
        case KEYCODES_ATSET1:
                return number_of_scan_code(code);
        case KEYCODES_QNUM:
                return code > 0 && code < 0x100 ? (int) code : -EOPNOTSUPP;
        default:
                return -EINVAL;
        }
}

static int add_key(json_t *list, unsigned set, unsigned code, Error *e) {
        int number = key_number(set, code);

        if (number == -EINVAL)
                return error_set(e, number, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "keycode set %s is not supported: linux, xt, atset1 and qnum are",
                                 set < ELEMENTSOF(sets) ? sets[set] : "?");
        if (number < 0)
                return error_set(e, number, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                 "key %u of keycode set %s is not known", code, sets[set]);
        return json_array_append_new(list, json_pack("{s:s,s:i}", "type", "number", "data", number)) < 0 ? -ENOMEM : 0;
}

static int send_key(Call *c, Guest *g, const remote_domain_send_key_args *args, rpc_void *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *list = json_array();
        int r = list ? 0 : -ENOMEM;

        for (unsigned i = 0; r >= 0 && i < args->keycodes.keycodes_len; i++)
                r = add_key(list, args->codeset, args->keycodes.keycodes_val[i], e);
        if (r < 0)
                return r;
        return guest_command(g, "send-key",
                             json_pack("{s:O,s:I}", "keys", list, "hold-time",
                                       (json_int_t) (args->holdtime ? args->holdtime : HOLD_DEFAULT)),
                             NULL, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_SEND_KEY, send_key, .needs = NEED_ACTIVE),
};
const RpcTable qemu_keys_table = RPC_TABLE(rows);
