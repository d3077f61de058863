import { defineConfig } from 'vite';

/**
 * The command line as a few files: a hundred modules to find and open would double its start-up time. They are
 * CommonJS, which can be run with code that V8 has compiled before (bin/load.js).
 */
export default defineConfig({
  ssr: { noExternal: true },
  build: {
    ssr: 'src/cli/main.ts',
    outDir: 'dist/bundle',
    target: 'node20',
    minify: true,
    rolldownOptions: {
      output: { format: 'cjs', entryFileNames: 'octet.cjs', chunkFileNames: '[name].cjs' },
    },
  },
});
