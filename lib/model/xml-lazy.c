/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libxml2, loaded by the first call of one of its functions.
 *
 * It brings ICU and the C++ library along: half of the time that it takes to link the daemon, and most of its daemons,
 * and the first calls of every client (what runs here, and which version?), read no XML. So the program has the
 * functions that it uses itself, under their own names, hidden from everybody else: each looks its namesake in the
 * library up at its first call, and hands its arguments on. The library on the linker's command line is then not
 * needed, and not noted. (The linker's own lazy binding is no way: it is for functions of libraries that are loaded,
 * and off where -z now is on.)
 *
 * A function that is missing in the list is taken from the library as usual, which brings back the cost and nothing
 * else; the test "lazy-xml" tells. Types that are not those of the library's headers do not compile. What is missing in
 * the library ends the program, as a symbol that the linker does not find would. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <libxml/SAX2.h>
#include <libxml/parserInternals.h>

static void *find(const char *name) {
        /* As long as the program: there is no unloading of a library with state. */
        void *library = dlopen(XML_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        void *p = library ? dlsym(library, name) : NULL;

        if (!p) {
                fprintf(stderr, "cannot load %s of " XML_LIBRARY ": %s\n", name, dlerror());
                abort();
        }
        return p;
}

/* The result is of the type that a call has. */
#define LAZY(function, call, parameters, arguments)                                                          \
        __attribute__((visibility("hidden"))) typeof(call) function parameters {                             \
                static typeof(function) *target;                                                             \
                if (!target)                                                                                 \
                        target = (typeof(target)) find(#function);                                           \
                return target arguments;                                                                     \
        }
#define LAZY0(f) LAZY(f, f(), (void), ())
#define LAZY1(f, A) LAZY(f, f((A) 0), (A a), (a))
#define LAZY2(f, A, B) LAZY(f, f((A) 0, (B) 0), (A a, B b), (a, b))
#define LAZY3(f, A, B, C) LAZY(f, f((A) 0, (B) 0, (C) 0), (A a, B b, C c), (a, b, c))
#define LAZY4(f, A, B, C, D) LAZY(f, f((A) 0, (B) 0, (C) 0, (D) 0), (A a, B b, C c, D d), (a, b, c, d))
#define LAZY5(f, A, B, C, D, E)                                                                              \
        LAZY(f, f((A) 0, (B) 0, (C) 0, (D) 0, (E) 0), (A a, B b, C c, D d, E e), (a, b, c, d, e))
#define LAZY6(f, A, B, C, D, E, F)                                                                           \
        LAZY(f, f((A) 0, (B) 0, (C) 0, (D) 0, (E) 0, (F) 0), (A a, B b, C c, D d, E e, F f_), (a, b, c, d, e, f_))
#define LAZY9(f, A, B, C, D, E, F, G, H, I)                                                                  \
        LAZY(f, f((A) 0, (B) 0, (C) 0, (D) 0, (E) 0, (F) 0, (G) 0, (H) 0, (I) 0),                            \
             (A a, B b, C c, D d, E e, F f_, G g, H h, I i), (a, b, c, d, e, f_, g, h, i))

LAZY2(xmlAddChild, xmlNodePtr, xmlNodePtr)
LAZY2(xmlAddNextSibling, xmlNodePtr, xmlNodePtr)
LAZY2(xmlAddPrevSibling, xmlNodePtr, xmlNodePtr)
LAZY1(xmlBufferContent, const xmlBuffer *)
LAZY0(xmlBufferCreate)
LAZY2(xmlBufferCreateStatic, void *, size_t)
LAZY1(xmlBufferFree, xmlBufferPtr)
LAZY1(xmlBufferLength, const xmlBuffer *)
LAZY1(xmlCharEncCloseFunc, xmlCharEncodingHandler *)
LAZY3(xmlCharEncInFunc, xmlCharEncodingHandler *, xmlBufferPtr, xmlBufferPtr)
LAZY2(xmlCopyDoc, xmlDocPtr, int)
LAZY2(xmlCreateMemoryParserCtxt, const char *, int)
LAZY1(xmlCtxtGetLastError, void *)
LAZY6(xmlCtxtReadMemory, xmlParserCtxtPtr, const char *, int, const char *, const char *, int)
LAZY2(xmlCtxtUseOptions, xmlParserCtxtPtr, int)
LAZY2(xmlDetectCharEncoding, const unsigned char *, int)
LAZY3(xmlDocCopyNode, xmlNodePtr, xmlDocPtr, int)
LAZY1(xmlDocGetRootElement, const xmlDoc *)
LAZY2(xmlDocSetRootElement, xmlDocPtr, xmlNodePtr)
LAZY1(xmlFindCharEncodingHandler, const char *)
LAZY1(xmlFreeDoc, xmlDocPtr)
LAZY1(xmlFreeNode, xmlNodePtr)
LAZY1(xmlFreeNsList, xmlNsPtr)
LAZY1(xmlFreeParserCtxt, xmlParserCtxtPtr)
LAZY1(xmlGetCharEncodingHandler, xmlCharEncoding)
LAZY1(xmlGetLineNo, const xmlNode *)
LAZY1(xmlGetNodePath, const xmlNode *)
LAZY1(xmlIsBlankNode, const xmlNode *)
LAZY1(xmlNewDoc, const xmlChar *)
LAZY4(xmlNewDocNode, xmlDocPtr, xmlNsPtr, const xmlChar *, const xmlChar *)
LAZY2(xmlNewDocText, const xmlDoc *, const xmlChar *)
LAZY3(xmlNewNs, xmlNodePtr, const xmlChar *, const xmlChar *)
LAZY0(xmlNewParserCtxt)
LAZY2(xmlNodeSetName, xmlNodePtr, const xmlChar *)
LAZY1(xmlParseCharEncoding, const char *)
LAZY1(xmlParseDocument, xmlParserCtxtPtr)
LAZY5(xmlReadMemory, const char *, int, const char *, const char *, int)
LAZY1(xmlRemoveProp, xmlAttrPtr)
LAZY2(xmlReplaceNode, xmlNodePtr, xmlNodePtr)
LAZY3(xmlSAX2Characters, void *, const xmlChar *, int)
LAZY4(xmlSAX2EndElementNs, void *, const xmlChar *, const xmlChar *, const xmlChar *)
LAZY9(xmlSAX2StartElementNs, void *, const xmlChar *, const xmlChar *, const xmlChar *, int,
      const xmlChar **, int, int, const xmlChar **)
LAZY3(xmlSearchNs, xmlDocPtr, xmlNodePtr, const xmlChar *)
LAZY4(xmlSetNsProp, xmlNodePtr, xmlNsPtr, const xmlChar *, const xmlChar *)
LAZY1(xmlStopParser, xmlParserCtxtPtr)
LAZY2(xmlStrEqual, const xmlChar *, const xmlChar *)
LAZY1(xmlUnlinkNode, xmlNodePtr)
LAZY2(xmlValidateNCName, const xmlChar *, int)
