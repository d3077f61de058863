"""Shows Xpulp instructions by name in GDB: x/i and disassemble ask octet where GDB's own disassembler knows no name.

GDB 12 or later with Python; sourced by init.gdb. Without a connection to octet nothing changes.
"""

import re

import gdb
import gdb.disassembler


class Xpulp(gdb.disassembler.Disassembler):
    """Replaces .4byte, .insn and the like by what `monitor disasm` says."""

    UNKNOWN = re.compile(r"^(\.(insn|[248]?byte|word|short|half)\b|unimp\b|0x[0-9a-f]+$)")
    # address, symbol or nothing, digits of the word, text
    LINE = re.compile(r"^0x[0-9a-f]+\s+(?:\S+\s+)?(?:[0-9a-f]{8}|[0-9a-f]{4})\s+(.+)$")

    def __init__(self):
        super().__init__("octet-xpulp")

    def __call__(self, info):
        result = gdb.disassembler.builtin_disassemble(info)
        if not self.UNKNOWN.match(result.string):
            return result
        text = self.ask(info.address)
        if text is None:
            return result
        return gdb.disassembler.DisassemblerResult(length=result.length, string=text)

    def ask(self, address):
        connection = gdb.selected_inferior().connection
        if connection is None or "remote" not in connection.type:
            return None
        try:
            answer = gdb.execute(f"monitor disasm {address & 0xffffffff:#x} 1", to_string=True)
        except gdb.error:
            return None
        match = self.LINE.match(answer.strip())
        return match.group(1) if match else None


gdb.disassembler.register_disassembler(Xpulp(), None)
