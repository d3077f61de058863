/** The part of the untyped npm package `elf-tools` (1.1.2) that octet uses: its reader, as `lib/elf-reader.js` returns it. */
declare module 'elf-tools' {
  export interface ProgramHeader {
    /** `load`, `note`, …; undefined for types the package does not know. */
    readonly type: string | undefined;
    readonly offset: number;
    readonly vaddr: number;
    readonly paddr: number;
    readonly filesz: number;
    readonly memsz: number;
    /** `read`, `write` and `execute` joined by `|`. */
    readonly flags: string;
  }

  export interface SectionHeader {
    readonly name: string;
    readonly type: string | undefined;
    readonly addr: number;
    readonly offset: number;
    readonly size: number;
    readonly link: number;
    readonly entsize: number;
  }

  export interface Image {
    readonly header: { readonly entry: number; readonly flags: number };
    readonly programs: readonly { readonly header: ProgramHeader }[];
    readonly sections: readonly { readonly header: SectionHeader }[];
  }

  const elfTools: { parse(image: Buffer): Image };
  export default elfTools;
}
