# Settings and commands for firmware on octet: gdb-multiarch -x tools/gdb/init.gdb firmware.elf
# The stub describes the machine by itself; what stands here is convenience.

set osabi none
set remotetimeout 30
set print pretty on
set confirm off

source -s tools/gdb/xpulp.py

define octet
  target remote :3333
end
document octet
Connect to octet at port 3333 of this machine.
end

define harts
  monitor harts
end
document harts
Cycle, instructions, pc and state of every hart.
end

define why
  monitor why
end
document why
Why the machine is halted, in words.
end

define ita
  monitor ita
end
document ita
The accelerator's job queue, the position of its engine and the current job.
end

define rewind
  monitor goto $arg0
  maintenance flush register-cache
end
document rewind
Go to a position of the recorded history (monitor when tells the present one): rewind POSITION
end
