/** A program whose harts are all at work for ever, and which the emulator cannot shorten as it does a polling loop. */
/** C: every hart counts random numbers, in a table of its own; nobody accesses `quiet` behind the tables. */
export const busySource = `
static volatile unsigned counts[8][256];
volatile unsigned quiet;
__attribute__((naked, section(".text.init"))) void _start(void) {
  __asm__ volatile("csrr a0, mhartid\\n\\tj work");
}
void work(unsigned hart) {
  for (unsigned x = hart;; x = x * 1664525u + 1013904223u) counts[hart][x >> 24]++;
}
`;

/** Linker flags for it. */
export const BUSY_FLAGS: readonly string[] = [
  '-O2',
  '-Wl,-N,-Ttext=0x80000000',
  '-Wl,--no-warn-rwx-segments',
];
