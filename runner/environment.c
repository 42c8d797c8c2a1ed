/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Variables of QEMU's environment that the definition asks for. */

#include "base/strings.h"
#include "plan/desktop.h"
#include "prepare.h"

/* The X server lets in who knows its cookie, in a file of the user's alone: the guest gets a copy. */
static int copy_cookie(Prepare *p, const xmlNode *graphics) {
        const char *file = xml_attr(graphics, "xauth");
        _cleanup_free_ char *copy = file ? text_format("%s/xauth", p->run_dir) : NULL;
        int r;

        if (!file)
                return 0;
        r = copy ? prepare_copy_file(file, copy, 0400, p->uid, p->gid) : -ENOMEM;
        if (r < 0)
                return prepare_refuse(p, r, graphics, "cannot read '%s': %s", file, strerror(-r));
        return strv_addf(&p->launch.environment, "XAUTHORITY=%s", copy);
}

static int prepare_sdl(Prepare *p, const xmlNode *graphics) {
        _cleanup_free_ char *display = desktop_x11_display(xml_attr(graphics, "display"));
        int r;

        if (!xml_attr_is(graphics, "type", "sdl"))
                return 0;
        r = display ? copy_cookie(p, graphics) : -ENOMEM;
        return r < 0 ? r : strv_addf(&p->launch.environment, "DISPLAY=%s", display);
}

/* What the libraries of sound read. */
static int prepare_sound(Prepare *p, const xmlNode *audio) {
        const char *folder = xml_attr(audio, "runtimeDir"), *driver = xml_attr(audio, "driver");

        if (xml_attr_is(audio, "type", "pipewire") && folder)
                return strv_addf(&p->launch.environment, "PIPEWIRE_RUNTIME_DIR=%s", folder);
        if (xml_attr_is(audio, "type", "sdl") && driver)
                return strv_addf(&p->launch.environment, "SDL_AUDIODRIVER=%s", driver);
        return 0;
}

int prepare_environment(Prepare *p) {
        const xmlNode *domain = definition_root(p->live), *clock = xml_child(domain, "clock");
        int r = 0;

        /* The C library of QEMU makes local time of it. */
        if (xml_attr_is(clock, "offset", "timezone"))
                r = strv_addf(&p->launch.environment, "TZ=%s", xml_attr(clock, "timezone") ?: "");
        XML_FOREACH(graphics, definition_devices(p->live), "graphics")
                if (r >= 0)
                        r = prepare_sdl(p, graphics);
        XML_FOREACH(audio, definition_devices(p->live), "audio")
                if (r >= 0)
                        r = prepare_sound(p, audio);
        XML_FOREACH(env, xml_child(domain, "qemu:commandline"), "qemu:env")
                if (r >= 0)
                        r = strv_addf(&p->launch.environment, "%s=%s", xml_attr(env, "name") ?: "",
                                      xml_attr(env, "value") ?: "");
        /* libssh refuses to work without. The first of two counts, so this is last. */
        return r < 0 ? r : strv_addf(&p->launch.environment, "HOME=%s", p->run_dir);
}
