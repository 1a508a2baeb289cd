import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const BIN = fileURLToPath(new URL('../../bin', import.meta.url));

/** A program with one source, `src/said.ts`, that is run as the server is. */
function program(t: ExecutionContext) {
  const root = mkdtempSync(join(tmpdir(), 'streamgauge-stripped-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  cpSync(BIN, join(root, 'bin'), { recursive: true });
  for (const folder of ['src', 'actors', 'storage', 'graphql']) mkdirSync(join(root, folder));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(root, 'main.js'),
    "import './bin/stripped.js';\nprocess.stdout.write((await import('./src/said.ts')).said);\n",
  );
  const kept = join(root, '.stripped');
  return {
    write: (word: string) =>
      writeFileSync(join(root, 'src/said.ts'), `export const said: string = '${word}';\n`),
    run: () => execFileSync(process.execPath, [join(root, 'main.js')], { encoding: 'utf8' }),
    kept: () => readdirSync(kept),
    keep: (name: string, text: string) => writeFileSync(join(kept, name), text),
  };
}

test('a source is stripped once, and loaded from there', (t) => {
  const { write, run, kept, keep } = program(t);
  write('one');
  t.is(run(), 'one');
  const [name = ''] = kept();
  keep(name, "export const said = 'kept';\n// whole\n");
  t.is(run(), 'kept');
});

test('a changed source is stripped anew, and what it was before is removed', (t) => {
  const { write, run, kept } = program(t);
  write('one');
  run();
  const before = kept();
  write('two');
  t.is(run(), 'two');
  t.is(kept().length, 1);
  t.notDeepEqual(kept(), before);
});

test('a file that was not written to its end is not loaded', (t) => {
  const { write, run, kept, keep } = program(t);
  write('one');
  run();
  keep(kept()[0] ?? '', "export const said = 'cut';\n");
  t.is(run(), 'one');
});
