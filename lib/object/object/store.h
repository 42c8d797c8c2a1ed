/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The definition files of a kind: the index follows them, whoever writes them, and here is the one who writes for us.
 *
 * Up to three folders are watched by inotify. Whatever happens to a file NAME.xml in one of them, the object NAME is
 * looked at as a whole: what is there is compared with what the index says, and what differs is done (DEFINED and
 * UNDEFINED events, kind->store->live()). So the order of events does not matter, and those lost in an overflow are
 * made good by looking at all. For files whose shape is the usual one no XML is parsed until a definition is asked
 * for. */

#include "object/kind.h"

/* Reads all, and watches from then on. */
int object_store_start(ObjectIndex *i, Error *e);
/* Ends the watches. The objects stay. */
void object_store_stop(ObjectIndex *i);

/* Looks at the files of NAME (of a uuid, for uuid_files) again, now: for whoever has just written or removed one, who
 * sends DEFINED or UNDEFINED itself (quietly), or leaves it to this. Returns the object, borrowed, or NULL where no
 * file is left: then it is gone from the index. */
Object *object_refresh(ObjectIndex *i, const char *key, bool quietly);

/* What the watch did not look at because the object was being changed: called at the end of that. */
void object_look_again(Object *o);

/* FOLDER/NAME.xml; NULL without memory, or where the kind has no such place. key: name, or uuid for uuid_files. */
char *object_path(const ObjectKind *k, StorePlace place, const char *key);
/* The key of an object's files: its name, or its uuid written to the buffer. */
const char *object_key(const Object *o, char buffer[37]);

/* The one writer: the whole of a definition under its key, atomically, persistent ones synced to the disk.
 * DEFINITION_FORMAT_INACTIVE unless live. Nothing else follows: not the unit, not the index, not the event. ret_stamp
 * (or NULL): what was written, so that the writer can tell the index. Fills e. */
int object_write(const ObjectKind *k, StorePlace place, const char *key, const Definition *d, FileStamp *ret_stamp,
                 Error *e);
/* The same for text that is no Definition's. */
int object_write_text(const ObjectKind *k, StorePlace place, const char *key, const char *text, FileStamp *ret_stamp,
                      Error *e);
/* Tells the index which live definition was written, so that it is no news; NULL: there is none. Without memory it is
 * read once more. */
void object_set_live_stamp(Object *o, const FileStamp *stamp);
/* Removes a file; one that is not there is no error. */
int object_unlink(const ObjectKind *k, StorePlace place, const char *key, Error *e);

typedef enum ObjectVersion {
        OBJECT_INACTIVE,        /* persistent, or transient where there is none, or what is live */
        OBJECT_LIVE,            /* -ENOENT where it is not active */
        OBJECT_NEXT,            /* what the next start uses: the transient one where there is one */
        OBJECT_CURRENT,         /* live when active, else inactive */
} ObjectVersion;

/* Loads a definition; the caller's. */
int object_load(const Object *o, ObjectVersion version, Definition **ret, Error *e);

/* Name and uuid of a document that has the usual shape: comments, <ROOT ...>, then <name> and <uuid> as the first two
 * children (for kinds without names: <uuid> the first). *ret_name is malloc()ed, NULL without. False for any other
 * shape, which may well be a valid document. */
bool peek_identity(const char *root, bool has_name, const char *text, size_t len, char **ret_name,
                   uint8_t ret_uuid[16]);
/* The number in the id attribute of the root element; -1 where there is none. */
int peek_id(const char *root, const char *text, size_t len);
