/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Apart from the names of files: who needs no more than those, as dnsmasq's script at each lease, is not linked to
 * libxml2, whose libraries take longer to load than all that it does. */

#include "base/fs.h"
#include "network/files.h"

int network_load(NetworkFile file, const char *name, xmlDocPtr *ret, Error *e) {
        _cleanup_free_ char *path = network_file(file, name), *text = NULL;
        size_t len;
        int r = path ? file_read(path, XML_MAX_BYTES, &text, &len) : -ENOMEM;

        return r < 0 ? r : xml_parse(text, len, path, "network", ret, e);
}
