/**
 * Strips the types of all sources of the server into `.stripped/`, and removes from there what belongs to none of them.
 * `stripped.js` runs it when a file is missing, `npm ci` does for servers whose folder cannot be written.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { END, FOLDER, strippedFile } from './stripped-files.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['src', 'actors', 'storage', 'graphql'];

// A Node that cannot strip cannot run the server either, and the launcher says so; an installation goes on.
if (module.stripTypeScriptTypes === undefined) process.exit(0);

mkdirSync(FOLDER, { recursive: true });
const present = new Set(readdirSync(FOLDER));
const wanted = new Set();
for (const folder of SOURCES) {
  for (const name of readdirSync(join(ROOT, folder), { recursive: true })) {
    // The page runs in browsers: Vite reads it.
    if (name.endsWith('.ts') && !name.startsWith('dashboard/')) strip(join(ROOT, folder, name));
  }
}
for (const name of present) if (!wanted.has(name)) rmSync(join(FOLDER, name), { force: true });

function strip(path) {
  const source = readFileSync(path, 'utf8');
  const file = strippedFile(source);
  wanted.add(basename(file));
  if (!present.has(basename(file))) {
    writeFileSync(file, module.stripTypeScriptTypes(source) + END);
  }
}
