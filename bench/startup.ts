/**
 * Start-up and MobileBERT: `octet run` of hello world beside `node -e 0`, and one inference warm and as a command, with
 * where its time goes and what ten of them do to memory. Run with `npx tsx bench/startup.ts [--quick]`.
 */
import { helloText, mobilebertText } from './support/report.ts';
import { measureHello } from './support/hello.ts';
import { measureMobileBert } from './support/mobilebert.ts';

const quick = process.argv.includes('--quick');
const hello = measureHello(10);
console.log(`${helloText(hello)} ratio ${(hello.octet / hello.node).toFixed(2)}\n`);
const effort = quick
  ? { layers: 2, inferences: 3, commands: 1 }
  : { layers: 24, inferences: 10, commands: 3 };
console.log(mobilebertText(measureMobileBert({ ...effort, progress: () => undefined })));
