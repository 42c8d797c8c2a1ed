/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libxml2, loaded by the first call of one of its functions.
 *
 * It brings ICU and the C++ library along: half of the time that it takes to link the daemon, and most of its daemons, and
 * the first calls of every client (what runs here, and which version?), read no XML. So the program has the functions
 * that it uses itself, under their own names, hidden from everybody else. Each is a jump: at first to where the function is
 * looked up, from then on to the function. The library on the linker's command line is then not needed, and not noted.
 *
 * A function that is missing in the list is taken from the library as usual, which brings back the cost and nothing else; the
 * test "lazy-xml" tells. What is missing in the library ends the program, as a symbol that the linker does not find would. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS(F)                                                                                         \
        F(xmlAddChild)                                                                                       \
        F(xmlAddNextSibling)                                                                                 \
        F(xmlAddPrevSibling)                                                                                 \
        F(xmlBufferContent)                                                                                  \
        F(xmlBufferCreate)                                                                                   \
        F(xmlBufferCreateStatic)                                                                             \
        F(xmlBufferFree)                                                                                     \
        F(xmlBufferLength)                                                                                   \
        F(xmlCharEncCloseFunc)                                                                               \
        F(xmlCharEncInFunc)                                                                                  \
        F(xmlCopyDoc)                                                                                        \
        F(xmlCreateMemoryParserCtxt)                                                                         \
        F(xmlCtxtGetLastError)                                                                               \
        F(xmlCtxtReadMemory)                                                                                 \
        F(xmlCtxtUseOptions)                                                                                 \
        F(xmlDetectCharEncoding)                                                                             \
        F(xmlDocCopyNode)                                                                                    \
        F(xmlDocGetRootElement)                                                                              \
        F(xmlDocSetRootElement)                                                                              \
        F(xmlFindCharEncodingHandler)                                                                        \
        F(xmlFreeDoc)                                                                                        \
        F(xmlFreeNode)                                                                                       \
        F(xmlFreeNsList)                                                                                     \
        F(xmlFreeParserCtxt)                                                                                 \
        F(xmlGetCharEncodingHandler)                                                                         \
        F(xmlGetLineNo)                                                                                      \
        F(xmlGetNodePath)                                                                                    \
        F(xmlIsBlankNode)                                                                                    \
        F(xmlNewDoc)                                                                                         \
        F(xmlNewDocNode)                                                                                     \
        F(xmlNewDocText)                                                                                     \
        F(xmlNewNs)                                                                                          \
        F(xmlNewParserCtxt)                                                                                  \
        F(xmlNodeSetName)                                                                                    \
        F(xmlParseCharEncoding)                                                                              \
        F(xmlParseDocument)                                                                                  \
        F(xmlReadMemory)                                                                                     \
        F(xmlRemoveProp)                                                                                     \
        F(xmlSAX2Characters)                                                                                 \
        F(xmlSAX2EndElementNs)                                                                               \
        F(xmlSAX2StartElementNs)                                                                             \
        F(xmlSetNsProp)                                                                                      \
        F(xmlStopParser)                                                                                     \
        F(xmlStrEqual)                                                                                       \
        F(xmlUnlinkNode)                                                                                     \
        F(xmlValidateNCName)

typedef struct LazyFunction {
        void *target;           /* what is jumped to */
        const char *name;
} LazyFunction;

#define hidden __attribute__((visibility("hidden")))

/* The object that the jump reads, and the jump itself. find_NAME hands the object on. */
#define LAZY(function)                                                                                       \
        extern const char find_##function[] hidden;                                                          \
        extern LazyFunction lazy_##function;                                                                 \
        hidden __attribute__((used)) LazyFunction lazy_##function = { (void *) find_##function, #function };                       \
        __asm__(".pushsection .text\n"                                                                       \
                ".globl " #function "\n"                                                                     \
                ".hidden " #function "\n"                                                                    \
                ".type " #function ", @function\n"                                                           \
                #function ":\n"                                                                              \
                "        jmp *lazy_" #function "(%rip)\n"                                                    \
                ".globl find_" #function "\n"                                                                \
                ".hidden find_" #function "\n"                                                               \
                "find_" #function ":\n"                                                                      \
                "        leaq lazy_" #function "(%rip), %r11\n"                                              \
                "        jmp lazy_find\n"                                                                    \
                ".size " #function ", .-" #function "\n"                                                     \
                ".popsection\n");
FUNCTIONS(LAZY)

/* Called with the stack as the caller of the function left it, and its arguments in the registers, which are kept. */
__asm__(".pushsection .text\n"
        ".type lazy_find, @function\n"
        "lazy_find:\n"
        "        pushq %rax\n"
        "        pushq %rdi\n"
        "        pushq %rsi\n"
        "        pushq %rdx\n"
        "        pushq %rcx\n"
        "        pushq %r8\n"
        "        pushq %r9\n"
        "        movq %r11, %rdi\n"
        "        call lazy_load\n"
        "        movq %rax, %r11\n"
        "        popq %r9\n"
        "        popq %r8\n"
        "        popq %rcx\n"
        "        popq %rdx\n"
        "        popq %rsi\n"
        "        popq %rdi\n"
        "        popq %rax\n"
        "        jmp *%r11\n"
        ".size lazy_find, .-lazy_find\n"
        ".popsection\n");

extern void *lazy_load(LazyFunction *f);
hidden __attribute__((used)) void *lazy_load(LazyFunction *f) {
        /* As long as the program: there is no unloading of a library with state. */
        void *library = dlopen(XML_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        void *p = library ? dlsym(library, f->name) : NULL;

        if (!p) {
                fprintf(stderr, "cannot load %s of " XML_LIBRARY ": %s\n", f->name, dlerror());
                abort();
        }
        f->target = p;
        return p;
}
