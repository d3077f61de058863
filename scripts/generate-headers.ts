/** Writes the generated headers of the firmware: registers from the devices' maps, intrinsics from the instructions. */
import { writeFileSync } from 'node:fs';
import { generatedHeaders } from '../src/device/headers.ts';
import { instructionHeaders } from '../src/isa/headers.ts';

for (const [name, text] of Object.entries({ ...generatedHeaders(), ...instructionHeaders() })) {
  writeFileSync(new URL(`../firmware/include/${name}`, import.meta.url), text);
}
