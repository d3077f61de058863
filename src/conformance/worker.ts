/** A worker process of the test pool: runs each test whose file name it is sent, and answers with the result. */
import { runTest, type TestOptions } from './test-run.ts';

const options = JSON.parse(process.argv[2]) as TestOptions;

process.on('message', (file: string) => process.send?.(runTest(file, options)));
process.on('disconnect', () => process.exit());
