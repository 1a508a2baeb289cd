/**
 * Builds the client of pages, `src/client`, into `.client/`: `client.js`, the script that the ingest listener serves. With `--package`
 * also `package/`, what is published as `streamgauge-client`. `--out FOLDER` builds elsewhere.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Where each part begins. */
const ENTRY = {
  script: '../src/client/browser/script.ts',
  browser: '../src/client/browser/index.ts',
  node: '../src/client/node/index.ts',
};

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(ROOT, '.client') },
    package: { type: 'boolean', default: false },
  },
});

// An installation without what is for development has no bundler: its server says so where the script would be.
const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) process.exit(0);

mkdirSync(options.out, { recursive: true });
await esbuild.build({
  entryPoints: [fileURLToPath(new URL(ENTRY.script, import.meta.url))],
  outfile: join(options.out, 'client.js'),
  bundle: true,
  minify: true,
  format: 'iife',
  // Private members as they are: what browsers of 2022 know, and shorter than what stands in for them.
  target: 'es2022',
});
if (options.package) buildPackage(join(options.out, 'package'));

function buildPackage(folder) {
  rmSync(folder, { recursive: true, force: true });
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  const project = join(ROOT, 'src/client');
  const { status } = spawnSync(compiler, ['-p', project, '--outDir', folder], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  const { version, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const manifest = {
    name: 'streamgauge-client',
    version,
    description: 'Sends events to Streamgauge from browsers and Node.js, each counted once',
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: { '.': { browser: entryPoint(ENTRY.browser), node: entryPoint(ENTRY.node) } },
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const name of ['LICENSE', 'docs/client.md']) {
    const to = name.endsWith('.md') ? 'README.md' : name;
    writeFileSync(join(folder, to), readFileSync(join(ROOT, name)));
  }
}

function entryPoint(source) {
  const path = source.replace('../src/client', '.').replace(/ts$/, '');
  return { types: `${path}d.ts`, default: `${path}js` };
}
