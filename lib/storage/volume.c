/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Volumes as lines: short enough that ten thousand of them are read in milliseconds. */

#include <inttypes.h>

#include "base/strings.h"
#include "storage/scan.h"
#include "storage/volume.h"

#define NAME_MAX_BYTES 255U

static const char *const type_names[_VOLUME_TYPE_MAX] = { "file", "block", "dir", "network", "netdir", "ploop" };

const char *volume_type_name(VolumeType type) {
        return (unsigned) type < _VOLUME_TYPE_MAX ? type_names[type] : NULL;
}

Volume *volume_free(Volume *v) {
        if (!v)
                return NULL;
        free(v->name);
        free(v->path);
        free(v->key);
        free(v->format);
        free(v->backing);
        free(v->backing_format);
        free(v->extents);
        free(v);
        return NULL;
}

static bool is_plain(char c) {
        return c != '\\' && (unsigned char) c >= 0x20;
}

/* Tabs and line feeds part fields and lines; "-" stands for a text that is not there. */
static void add_text(StrBuf *b, const char *s) {
        if (!s || streq(s, "-")) {
                strbuf_add(b, s ? "\\-" : "-");
                return;
        }
        while (*s) {
                size_t n = 0;

                while (s[n] && is_plain(s[n]))
                        n++;
                strbuf_addn(b, s, n);
                s += n;
                if (*s)
                        strbuf_addf(b, "\\%03o", (unsigned) (unsigned char) *s++);
        }
}

bool volume_name_is_plain(const char *name) {
        const char *p = name;

        while (*p && is_plain(*p))
                p++;
        return !*p && !streq(name, "-");
}

char *volume_name_to_line(const char *name) {
        StrBuf b = {};

        add_text(&b, name);
        return strbuf_take(&b);
}

static int unescape(const char *s, size_t len, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        *ret = NULL;
        if (len == 1 && *s == '-')
                return 0;
        for (size_t i = 0; i < len; i++)
                if (s[i] != '\\') {
                        strbuf_addc(&b, s[i]);
                } else if (i + 1 < len && s[i + 1] == '-') {
                        strbuf_addc(&b, '-');
                        i++;
                } else if (i + 3 < len) {
                        strbuf_addc(&b, (char) ((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0')));
                        i += 3;
                } else
                        return -EBADMSG;
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* In the order of the line. Paths of volumes in a folder are the folder's and the name, but are written whole: they are
 * looked up. */
static const size_t texts_first[] = { offsetof(Volume, name), offsetof(Volume, path), offsetof(Volume, key),
                                      offsetof(Volume, format), offsetof(Volume, backing),
                                      offsetof(Volume, backing_format), offsetof(Volume, extents) };
#define TEXT_AT(v, at) (*(char **) ((char *) (v) + (at)))

/* Ten thousand lines have 200,000 numbers: those of printf(3) and scanf(3) would take longer than the disk. */
static void add_number(StrBuf *b, uint64_t v) {
        char digits[20];
        size_t at = sizeof digits;

        do
                digits[--at] = (char) ('0' + v % 10);
        while ((v /= 10) > 0);
        strbuf_addn(b, digits + at, sizeof digits - at);
}

/* Times before 1970 have a sign. */
static uint64_t read_number(const char **p, bool *bad) {
        bool negative = **p == '-';
        uint64_t v = 0;

        *p += negative;
        *bad |= **p < '0' || **p > '9';
        for (; **p >= '0' && **p <= '9'; (*p)++)
                *bad |= __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t) (**p - '0'), &v);
        if (**p == '\t')
                (*p)++;
        else
                *bad |= **p != '\0';
        return negative ? -v : v;
}

enum {
        NUMBER_TYPE, NUMBER_CAPACITY, NUMBER_ALLOCATION, NUMBER_PHYSICAL, NUMBER_HAS_STAT, NUMBER_MODE, NUMBER_UID,
        NUMBER_GID, NUMBER_TIMES, NUMBER_FEATURES = NUMBER_TIMES + 6, NUMBER_VERSION, NUMBER_CLUSTER,
        NUMBER_ENCRYPTION, NUMBER_DEVICE, NUMBER_INODE, _NUMBER_MAX,
};

static void take_numbers(const Volume *v, uint64_t n[_NUMBER_MAX]) {
        const struct timespec *times[] = { &v->atime, &v->mtime, &v->ctime };

        n[NUMBER_TYPE] = v->type;
        n[NUMBER_CAPACITY] = v->capacity;
        n[NUMBER_ALLOCATION] = v->allocation;
        n[NUMBER_PHYSICAL] = v->physical;
        n[NUMBER_HAS_STAT] = v->has_stat;
        n[NUMBER_MODE] = v->mode;
        n[NUMBER_UID] = v->uid;
        n[NUMBER_GID] = v->gid;
        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                n[NUMBER_TIMES + 2 * i] = (uint64_t) times[i]->tv_sec;
                n[NUMBER_TIMES + 2 * i + 1] = (uint64_t) times[i]->tv_nsec;
        }
        n[NUMBER_FEATURES] = v->features;
        n[NUMBER_VERSION] = v->version;
        n[NUMBER_CLUSTER] = v->cluster_size;
        n[NUMBER_ENCRYPTION] = v->encryption;
        n[NUMBER_DEVICE] = v->device;
        n[NUMBER_INODE] = v->inode;
}

static void give_numbers(Volume *v, const uint64_t n[_NUMBER_MAX]) {
        struct timespec *times[] = { &v->atime, &v->mtime, &v->ctime };

        v->type = (VolumeType) n[NUMBER_TYPE];
        v->capacity = n[NUMBER_CAPACITY];
        v->allocation = n[NUMBER_ALLOCATION];
        v->physical = n[NUMBER_PHYSICAL];
        v->has_stat = n[NUMBER_HAS_STAT] > 0;
        v->mode = (unsigned) n[NUMBER_MODE];
        v->uid = (uid_t) n[NUMBER_UID];
        v->gid = (gid_t) n[NUMBER_GID];
        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                times[i]->tv_sec = (time_t) n[NUMBER_TIMES + 2 * i];
                times[i]->tv_nsec = (long) n[NUMBER_TIMES + 2 * i + 1];
        }
        v->features = (unsigned) n[NUMBER_FEATURES];
        v->version = (unsigned) n[NUMBER_VERSION];
        v->cluster_size = n[NUMBER_CLUSTER];
        v->encryption = (ImageEncryption) n[NUMBER_ENCRYPTION];
        v->device = n[NUMBER_DEVICE];
        v->inode = n[NUMBER_INODE];
}

char *volume_to_line(const Volume *v) {
        uint64_t numbers[_NUMBER_MAX];
        StrBuf b = {};

        for (size_t i = 0; i < ELEMENTSOF(texts_first); i++) {
                add_text(&b, TEXT_AT(v, texts_first[i]));
                strbuf_addc(&b, '\t');
        }
        take_numbers(v, numbers);
        for (size_t i = 0; i < _NUMBER_MAX; i++) {
                bool negative = i >= NUMBER_TIMES && i < NUMBER_FEATURES && (int64_t) numbers[i] < 0;

                if (i > 0)
                        strbuf_addc(&b, '\t');
                if (negative)
                        strbuf_addc(&b, '-');
                add_number(&b, negative ? -numbers[i] : numbers[i]);
        }
        return strbuf_take(&b);
}

static int next_text(const char **p, char **ret) {
        const char *end = strchr(*p, '\t');
        int r;

        if (!end)
                return -EBADMSG;
        r = unescape(*p, (size_t) (end - *p), ret);
        *p = end + 1;
        return r;
}

static int read_numbers(const char *p, Volume *v) {
        uint64_t numbers[_NUMBER_MAX];
        bool bad = false;

        for (size_t i = 0; i < _NUMBER_MAX && !bad; i++)
                numbers[i] = read_number(&p, &bad);
        if (bad || *p || numbers[NUMBER_TYPE] >= _VOLUME_TYPE_MAX || numbers[NUMBER_ENCRYPTION] > IMAGE_LUKS)
                return -EBADMSG;
        give_numbers(v, numbers);
        return 0;
}

int volume_line_figures(const char *line, Volume *ret) {
        const char *p = line;
        size_t texts = ELEMENTSOF(texts_first);

        for (; *p && texts > 0; p++)
                texts -= *p == '\t';
        *ret = (Volume) {};
        return texts > 0 ? -EBADMSG : read_numbers(p, ret);
}

int volume_from_line(const char *line, Volume **ret) {
        _cleanup_volume_ Volume *v = calloc(1, sizeof *v);
        const char *p = line;
        int r;

        if (!v)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(texts_first); i++) {
                r = next_text(&p, &TEXT_AT(v, texts_first[i]));
                if (r < 0)
                        return r;
        }
        if (!v->name || !v->path)
                return -EBADMSG;
        r = read_numbers(p, v);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(v);
        return 0;
}

int volume_line_names(const char *line, char **ret_name, char **ret_path, char **ret_key) {
        _cleanup_free_ char *name = NULL, *path = NULL, *key = NULL;
        const char *p = line;
        int r;

        r = next_text(&p, &name);
        if (r >= 0)
                r = next_text(&p, &path);
        if (r >= 0)
                r = next_text(&p, &key);
        if (r < 0)
                return r;
        if (!name || !path)
                return -EBADMSG;
        if (!key && !(key = strdup(path)))
                return -ENOMEM;
        *ret_name = TAKE_PTR(name);
        *ret_path = TAKE_PTR(path);
        *ret_key = TAKE_PTR(key);
        return 0;
}

/* Length of the UTF-8 character at s; 0 where there is none. */
static size_t utf8_length(const char *s) {
        unsigned char c = (unsigned char) *s;
        size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

        for (size_t i = 1; i < n; i++)
                if (((unsigned char) s[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

int volume_name_check(const char *name, Error *e) {
        if (!*name)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "missing volume name element");
        if (strlen(name) > NAME_MAX_BYTES)
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "volume name is longer than %u bytes",
                                 NAME_MAX_BYTES);
        if (streq(name, ".") || streq(name, "..") || strchr(name, '/'))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE, "volume name '%s' cannot contain '/'",
                                 name);
        if (endswith(name, VOLUME_PART_SUFFIX))
                return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE,
                                 "volume name '%s' has the end that volumes in the making have", name);
        for (const char *p = name; *p;) {
                size_t n = utf8_length(p);

                if (n == 0 || (unsigned char) *p < 0x20 || *p == 0x7f)
                        return error_set(e, -EINVAL, ERROR_XML_ERROR, ORIGIN_STORAGE,
                                         "volume name has a control character or is not UTF-8");
                p += n;
        }
        return 0;
}
