/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <sound> and <audio>: adapters and where they play. */

#include "build.h"

static void put_audiodev(Build *b, json_t *o, const xmlNode *sound) {
        const char *id = xml_get(sound, "audio/@id") ?: xml_get(b->devices, "audio/@id") ?: "1";

        put_strf(b, o, "audiodev", "audio%s", id);
}

static void add_codec(Build *b, const xmlNode *sound, const char *type, unsigned slot) {
        static const char *const types[][2] = {
                { "duplex", "hda-duplex" }, { "micro", "hda-micro" }, { "output", "hda-output" },
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                json_t *o;

                if (!streq(types[i][0], type))
                        continue;
                o = device_new(b, types[i][1]);
                put_strf(b, o, "id", "%s-codec%u", need_alias(b, sound), slot);
                put_strf(b, o, "bus", "%s.0", need_alias(b, sound));
                put_int(b, o, "cad", slot);
                put_audiodev(b, o, sound);
                add_props(b, QEMU_PART_DEVICE, o);
                return;
        }
        build_refuse(b, sound, "codec '%s' is not supported", type);
}

static void add_codecs(Build *b, const xmlNode *sound) {
        unsigned slot = 0;

        XML_FOREACH(codec, sound, "codec")
                add_codec(b, sound, xml_attr(codec, "type") ?: "", slot++);
        if (slot == 0)
                add_codec(b, sound, "duplex", 0);
}

static const struct {
        const char *model, *driver;   /* driver NULL: part of the machine */
        bool hda;                     /* plays through codecs */
} models[] = {
        { "pcspk", NULL, false },
        { "sb16", "sb16", false },
        { "es1370", "ES1370", false },
        { "ac97", "AC97", false },
        { "ich6", "intel-hda", true },
        { "ich9", "ich9-intel-hda", true },
        { "usb", "usb-audio", false },
        { "virtio", "virtio-sound-pci", false },
};

static void add_sound(Build *b, const xmlNode *n, size_t i) {
        json_t *o = device_new(b, models[i].driver);

        if (streq(models[i].model, "virtio"))
                put_virtio(b, o, n);
        put_alias(b, o, n);
        if (!models[i].hda)
                put_audiodev(b, o, n);
        if (streq(models[i].model, "virtio"))
                put_int(b, o, "streams", (long long) attr_u64(b, n, "streams", 2));
        if (streq(models[i].model, "usb") && xml_attr(n, "multichannel"))
                put_bool(b, o, "multi", xml_attr_bool(n, "multichannel", false));
        put_address(b, o, n);
        add_props(b, QEMU_PART_DEVICE, o);
        if (models[i].hda)
                add_codecs(b, n);
}

void build_sound(Build *b, const xmlNode *n) {
        const char *model = xml_attr(n, "model") ?: "";

        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                if (!streq(models[i].model, model))
                        continue;
                if (streq(model, "virtio") && !qemu_caps_has(b->caps, QEMU_CAP_SOUND_VIRTIO))
                        build_refuse(b, n, "sound model 'virtio' is not supported by this QEMU");
                if (models[i].driver)
                        add_sound(b, n, i);
                return;
        }
        build_refuse(b, n, "sound model '%s' is not supported", model);
}

static const char *const audio_drivers[][2] = {
        { "none", "none" },   { "spice", "spice" }, { "alsa", "alsa" },   { "pulseaudio", "pa" },
        { "pipewire", "pipewire" }, { "jack", "jack" }, { "oss", "oss" }, { "sdl", "sdl" },
        { "file", "wav" },    { "dbus", "dbus" },   { "coreaudio", "coreaudio" },
};

/* Where and how recording ("in") and playing ("out") happen. */
static void put_direction(Build *b, json_t *o, const char *key, const xmlNode *n) {
        const xmlNode *settings = xml_child(n, "settings");
        json_t *d;

        if (!n)
                return;
        d = json_object();
        put_json(b, o, key, d);
        if (!o || !d)
                return;
        put_attr_bool(b, d, "mixing-engine", n, "mixingEngine");
        put_attr_bool(b, d, "fixed-settings", n, "fixedSettings");
        put_attr_uint(b, d, "voices", n, "voices");
        put_attr_uint(b, d, "buffer-length", n, "bufferLength");
        put_attr_uint(b, d, "frequency", settings, "frequency");
        put_attr_uint(b, d, "channels", settings, "channels");
        put_attr(b, d, "format", settings, "format");
        put_attr(b, d, "dev", n, "dev");
        put_attr_uint(b, d, "buffer-count", n, "bufferCount");
        put_attr_bool(b, d, "try-poll", n, "tryPoll");
        put_attr(b, d, "name", n, "name");
        put_attr(b, d, "stream-name", n, "streamName");
        put_attr_uint(b, d, "latency", n, "latency");
        put_attr(b, d, "server-name", n, "serverName");
        put_attr(b, d, "client-name", n, "clientName");
        put_attr(b, d, "connect-ports", n, "connectPorts");
        put_attr_bool(b, d, "exact-name", n, "exactName");
}

void build_audio(Build *b, const xmlNode *n) {
        const char *type = xml_attr(n, "type") ?: "";

        for (size_t i = 0; i < ELEMENTSOF(audio_drivers); i++) {
                json_t *o;

                if (!streq(audio_drivers[i][0], type))
                        continue;
                if (streq(type, "pipewire") && !qemu_caps_has(b->caps, QEMU_CAP_AUDIO_PIPEWIRE))
                        build_refuse(b, n, "audio type 'pipewire' is not supported by this QEMU");
                o = props_new(b);
                put_strf(b, o, "id", "audio%s", xml_attr(n, "id") ?: "1");
                put_str(b, o, "driver", audio_drivers[i][1]);
                put_attr_uint(b, o, "timer-period", n, "timerPeriod");
                put_attr(b, o, "path", n, "path");
                put_attr(b, o, "server", n, "serverName");
                put_attr_bool(b, o, "try-mmap", n, "tryMMap");
                put_attr_bool(b, o, "exclusive", n, "exclusive");
                put_attr_uint(b, o, "dsp-policy", n, "dspPolicy");
                put_direction(b, o, "in", xml_child(n, "input"));
                put_direction(b, o, "out", xml_child(n, "output"));
                add_props(b, QEMU_PART_AUDIODEV, o);
                return;
        }
        build_refuse(b, n, "audio type '%s' is not supported", type);
}
