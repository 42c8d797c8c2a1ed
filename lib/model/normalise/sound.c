/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sound, and audio: the place where the host plays it. */

#include "base/strings.h"
#include "normalise.h"

bool has_spice(const Normaliser *n) {
        XML_FOREACH(g, n->devices, "graphics")
                if (xml_attr_is(g, "type", "spice"))
                        return true;

        return false;
}

/* The last screen that could carry sound decides; what plays on the host is asked for. NULL: no backend is added. */
static const char *usual_backend(const Normaliser *n) {
        const char *type = xml_child(n->devices, "graphics") ? NULL : "none";

        XML_FOREACH(g, n->devices, "graphics")
                if (xml_attr_is(g, "type", "vnc"))
                        type = "none";
                else if (xml_attr_is(g, "type", "spice"))
                        type = "spice";
                else if (xml_attr_is(g, "type", "sdl"))
                        type = NULL;

        return type;
}

static int normalise_audio(Normaliser *n) {
        unsigned next = 1;

        if (!xml_child(n->devices, "audio") && usual_backend(n)) {
                xmlNode *audio = norm_add(n, n->devices, "audio");

                norm_set(n, audio, "id", "1");
                norm_set(n, audio, "type", usual_backend(n));
        }

        XML_FOREACH(audio, n->devices, "audio")
                if (number_or(audio, "id", 0) >= next)
                        next = number_or(audio, "id", 0) + 1;
        XML_FOREACH(audio, n->devices, "audio") {
                if (!xml_attr(audio, "type"))
                        return fail_xml(n, audio, "missing audio type");
                if (xml_attr(audio, "id") && number_or(audio, "id", 0) == 0)
                        return fail_xml(n, audio, "the id of an audio backend is more than 0");
                if (number_or(audio, "id", 0) == 0)
                        norm_setf(n, audio, "id", "%u", next++);
                for (xmlNode *other = xml_next(audio, "audio"); other; other = xml_next(other, "audio"))
                        if (number_or(other, "id", 0) == number_or(audio, "id", 0))
                                return fail_xml(n, other, "audio id '%s' is used more than once",
                                                attr_or(audio, "id", ""));
        }

        return 0;
}

int normalise_sounds(Normaliser *n) {
        XML_FOREACH(sound, n->devices, "sound") {
                if (!xml_attr(sound, "model"))
                        return fail_xml(n, sound, "missing sound device model");
                XML_FOREACH(codec, sound, "codec")
                        if (!xml_attr(codec, "type"))
                                return fail_xml(n, codec, "missing codec type");
                if (xml_attr_is(sound, "model", "virtio"))
                        norm_set_default(n, sound, "streams", "2");
                if (!xml_attr_is(sound, "model", "ich6") && !xml_attr_is(sound, "model", "ich9"))
                        xml_remove_children(sound, "codec");
        }

        return normalise_audio(n);
}
