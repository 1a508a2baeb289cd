/** The tree as text: what no compiler and no linter looks at. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { FAULT, REJECTION } from '../src/model/errors.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PRODUCT = ['src', 'actors', 'storage', 'graphql'];
const SOURCES = filesIn([...PRODUCT, 'bin', 'deploy', 'load-tests', 'test'], /\.(tsx?|js)$/);
const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...filesIn(['docs', 'storage', 'deploy', 'load-tests'], /\.md$/),
];

test('every folder with sources is on the map in ARCHITECTURE.md', (t) => {
  const map = read('ARCHITECTURE.md');
  const folders = new Set(
    SOURCES.filter((path) => !path.startsWith('test/')).map((p) => dirname(p)),
  );
  t.deepEqual([...folders].filter((folder) => !map.includes(`${folder}/`)).sort(), []);
});

test('every source of the product is imported by the product, or is where a process or thread begins', (t) => {
  const users = SOURCES.filter((path) => !/^(test|deploy|load-tests)\//.test(path));
  const used = new Set([...users, 'src/dashboard/index.html'].flatMap(pathsNamedIn));
  const product = users.filter((path) => !path.startsWith('bin/'));
  t.deepEqual(
    product.filter((path) => !used.has(path)),
    [],
  );
});

test('every error code is made somewhere in the product', (t) => {
  const text = SOURCES.filter((path) => PRODUCT.some((root) => path.startsWith(`${root}/`)))
    .filter((path) => path !== 'src/model/errors.ts')
    .map(read)
    .join('\n');
  const codes = [...Object.keys(FAULT), ...Object.keys(REJECTION)];
  t.deepEqual(
    codes.filter((code) => !text.includes(`'${code}'`)),
    [],
  );
});

test('no name says only that things are in it', (t) => {
  const vague = /(^|[-/.])(utils?|helpers?|common|managers?|misc)([-/.]|$)/;
  t.deepEqual(
    SOURCES.filter((path) => vague.test(path)),
    [],
  );
});

test('no test is left out or singled out', (t) => {
  const tests = SOURCES.filter((path) => path.endsWith('.test.ts'));
  const left = /\b(?:test|t)\.(?:only|skip|todo|failing)\b/;
  t.deepEqual(
    tests.filter((path) => left.test(read(path))),
    [],
  );
});

test('the compiler is not talked out of its opinion', (t) => {
  const escapes = new RegExp(
    ['@ts-(ignore|expect-error|nocheck)', 'as unknown as', 'as any\\b'].join('|'),
  );
  const others = SOURCES.filter((path) => path !== 'test/tidy.test.ts');
  t.deepEqual(
    others.filter((path) => escapes.test(read(path))),
    [],
  );
});

// The escapes in the pattern keep this file from finding itself.
test('nothing is left for later in a comment', (t) => {
  const later = /\b(TO\x44O|FIX\x4dE|X\x58X)\b/;
  t.deepEqual(
    [...SOURCES, ...DOCUMENTS].filter((path) => later.test(read(path))),
    [],
  );
});

test('a script that a document names exists', (t) => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));
  const named = [...DOCUMENTS, '.ci/run'].flatMap((path) =>
    [...read(path).matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)].map((match) => match[1] ?? ''),
  );
  t.deepEqual(
    named.filter((name) => !(name in scripts)),
    [],
  );
});

test('a link between documents leads somewhere', (t) => {
  const broken = DOCUMENTS.flatMap((path) =>
    [...read(path).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(ROOT, dirname(path), target)))
      .map((target) => `${path} → ${target}`),
  );
  t.deepEqual(broken, []);
});

// A lock file written where the registry lacks some platform's build has holes, and npm ci then refuses it
// everywhere. Add the missing entries by hand: version, os, cpu, libc, "optional": true.
test('the lock file has the optional packages of every platform', (t) => {
  const lock: { packages: Record<string, Locked> } = JSON.parse(read('package-lock.json'));
  const wanted = Object.values(lock.packages).flatMap(({ optionalDependencies }) =>
    Object.keys(optionalDependencies ?? {}),
  );
  t.deepEqual(
    wanted.filter((name) => !(`node_modules/${name}` in lock.packages)),
    [],
  );
});

interface Locked {
  readonly optionalDependencies?: Record<string, string>;
}

/** Files that this one names by a relative path: static, dynamic and `new URL` for a thread alike. */
function pathsNamedIn(path: string): string[] {
  const folder = dirname(resolve(ROOT, path));
  return [...read(path).matchAll(/['"](\.{1,2}\/[^'"\n]+\.tsx?)['"]/g)].map((match) =>
    relative(ROOT, resolve(folder, match[1] ?? '')),
  );
}

function filesIn(roots: readonly string[], name: RegExp): string[] {
  return roots
    .filter((root) => existsSync(join(ROOT, root)))
    .flatMap((root) =>
      readdirSync(join(ROOT, root), { recursive: true, encoding: 'utf8' }).map((path) =>
        join(root, path),
      ),
    )
    .filter((path) => name.test(basename(path)))
    .sort();
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
