import { defineConfig } from 'vite';

/** The command line as a few files: a hundred modules to find and open would double its start-up time. */
export default defineConfig({
  ssr: { noExternal: true },
  build: {
    ssr: 'src/cli/main.ts',
    outDir: 'dist/bundle',
    target: 'node20',
    minify: true,
    rolldownOptions: { output: { entryFileNames: 'octet.js', chunkFileNames: '[name].js' } },
  },
});
