/** Writes the register headers of the firmware from the register maps of the devices. */
import { writeFileSync } from 'node:fs';
import { generatedHeaders } from '../src/device/headers.ts';

for (const [name, text] of Object.entries(generatedHeaders())) {
  writeFileSync(new URL(`../firmware/include/${name}`, import.meta.url), text);
}
