/** The guard word under each hart's stack. */
#ifndef OCTET_STACK_H
#define OCTET_STACK_H

#define STACK_GUARD 0x57ac6a2d

#ifndef __ASSEMBLER__

/** Ends the program with a message when this hart's stack has grown over its guard word. */
void stack_check(void);

#endif
#endif
