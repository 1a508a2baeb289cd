/**
 * Builds the dashboard into `.dashboard/`: what `npm ci` does last. The server hands out what is there, and a plain first page where
 * nothing is.
 */
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../src/dashboard', import.meta.url));
const outDir = fileURLToPath(new URL('../.dashboard', import.meta.url));

try {
  const { build } = await import('vite');
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
    // Pictures stay files: the page takes none from within itself.
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  });
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error(
    'the dashboard is not built: that takes the development packages (npm ci without --omit=dev)',
  );
}
