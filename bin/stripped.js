/**
 * Imported before any TypeScript: lets this thread load files whose types are stripped already.
 *
 * Node strips them with a WebAssembly parser that each thread loads for itself and keeps: with three threads 50 MB, and
 * a good part of the start. Here a process that ends strips them once for all threads (`strip.js`). Which text belongs
 * to which source is told by the source's hash alone: what has changed since, or was never stripped because the folder
 * cannot be written, Node strips as ever.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { END, FOLDER, strippedFile } from './stripped-files.js';

/** Once a process: what one attempt leaves out will not come by a second. Other threads start after the main one's. */
let mayStrip = isMainThread;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (loaded.format !== 'module-typescript') return loaded;
    const file = strippedFile(loaded.source);
    const source = readWhole(file) ?? (stripAll() ? readWhole(file) : undefined);
    return source === undefined ? loaded : { ...loaded, format: 'module', source };
  },
});

/** A file that another process is writing, or that a power cut has shortened, counts as missing. */
function readWhole(file) {
  try {
    const text = readFileSync(file, 'utf8');
    return text.endsWith(END) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is worth to look again. */
function stripAll() {
  if (!mayStrip) return false;
  mayStrip = false;
  try {
    mkdirSync(FOLDER, { recursive: true });
    accessSync(FOLDER, constants.W_OK);
  } catch {
    return false;
  }
  const program = fileURLToPath(new URL('./strip.js', import.meta.url));
  return spawnSync(process.execPath, [program], { stdio: 'ignore' }).status === 0;
}
