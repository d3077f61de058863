# Flags of everything that runs on the emulated harts; set FIRMWARE to this directory before including.
# -misa-spec=2.2 keeps CSR instructions in I: GCC 12 would otherwise link rv64 libraries (Debian 12 multilibs).

CROSS ?= riscv64-unknown-elf-
CC = $(CROSS)gcc
AR = $(CROSS)ar

ARCH = -march=rv32imac -misa-spec=2.2 -mabi=ilp32 -mcmodel=medany
LIBC = --specs=picolibc.specs -DPICOLIBC_INTEGER_PRINTF_SCANF
CFLAGS = $(ARCH) $(LIBC) -O2 -g -ffunction-sections -fdata-sections -std=c11 -Wall -Wextra -Werror \
	-I$(FIRMWARE)/include -I$(FIRMWARE)/runtime -MMD -MP
LDFLAGS = $(ARCH) $(LIBC) -nostartfiles -T $(FIRMWARE)/link.ld -Wl,--gc-sections -Wl,--fatal-warnings

# Added for harts with Xpulp (CORE-V: xcvalu, xcvhwlp, xcvmem, xcvsimd), whose instructions come from octet_xcv.h.
# Relaxation could move a hardware loop to a 2-byte boundary.
XPULP = -DOCTET_XPULP -mno-relax
