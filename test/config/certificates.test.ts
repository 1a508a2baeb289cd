/** Certificates and keys that settings name. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { certificateProblem } from '../../src/config/certificates.ts';
import { formatProblem, loadConfig } from '../../src/config.ts';

const FIXTURES = fileURLToPath(new URL('../ingest/tls/', import.meta.url));
const fixture = (name: string): string => join(FIXTURES, name);
const YEAR_MS = 365.25 * 86_400_000;

/** A configuration with these texts as certificate and key. */
function load(t: ExecutionContext, { cert = '', key = '', nowMs = Date.now() }) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-certificates-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'tls.crt'), cert);
  writeFileSync(join(cwd, 'tls.key'), key);
  writeFileSync(join(cwd, 'streamgauge.yaml'), 'tls:\n  certFile: tls.crt\n  keyFile: tls.key\n');
  return loadConfig({ cwd, env: {}, clock: { now: () => nowMs } });
}

const first = {
  cert: readFileSync(fixture('first.crt'), 'utf8'),
  key: readFileSync(fixture('first.key'), 'utf8'),
};
const second = { key: readFileSync(fixture('second.key'), 'utf8') };

const UNUSABLE: Record<string, [files: { cert?: string; key?: string }, said: RegExp]> = {
  'a certificate that is none': [
    { ...first, cert: 'hello' },
    /^streamgauge\.yaml:2:3: tls\.certFile: expected a certificate as PEM \(/,
  ],
  'a certificate that is cut': [
    { ...first, cert: first.cert.slice(0, 300) },
    /tls\.certFile: expected a certificate as PEM \(/,
  ],
  'an empty key': [{ cert: first.cert }, /tls\.keyFile: expected a private key as PEM, without/],
  'a key of another certificate': [
    { cert: first.cert, ...second },
    /^streamgauge\.yaml:3:3: tls\.keyFile: expected the private key of the first certificate in "certFile", which is of "CN=first"/,
  ],
  'two files the wrong way round': [{ cert: first.key, key: first.cert }, /tls\.certFile: /],
};

for (const [what, [files, said]] of Object.entries(UNUSABLE)) {
  test(`${what} is a problem that names the setting`, (t) => {
    const loaded = load(t, files);
    t.false(loaded.ok);
    const [problem = '', ...others] = loaded.ok ? [] : loaded.error.map(formatProblem);
    t.regex(problem, said);
    t.deepEqual(others, []);
  });
}

test('a certificate with its key is usable, without a warning', (t) => {
  const loaded = load(t, first);
  t.deepEqual(loaded.ok && loaded.value.warnings, []);
});

test('one whose time is over, or has not come, is usable with a warning', (t) => {
  for (const [years, said] of [
    [200, /tls\.certFile: the certificate expired on Oct 28 .* 2126 GMT: clients refuse it/],
    [-2, /tls\.certFile: the certificate is valid from Nov 21 .* 2026 GMT on/],
  ] as const) {
    const loaded = load(t, { ...first, nowMs: Date.UTC(2027, 0, 1) + years * YEAR_MS });
    const [warning = ''] = loaded.ok ? loaded.value.warnings.map(formatProblem) : [];
    t.regex(warning, said);
  }
});

test('a file that cannot be read is named with the reason', (t) => {
  const certFile = fixture('first.crt');
  t.deepEqual(certificateProblem({ certFile: FIXTURES, keyFile: fixture('first.key') }), {
    key: 'certFile',
    message: 'expected a file that can be read (EISDIR)',
  });
  t.deepEqual(certificateProblem({ certFile, keyFile: fixture('none.key') }), {
    key: 'keyFile',
    message: 'expected a file that can be read (ENOENT)',
  });
});
