import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { COLUMN_KIND } from '../../../src/model/columns.ts';
import { AppError, type FaultCode } from '../../../src/model/errors.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import {
  EMPTY_MANIFEST,
  MANIFEST_FORMAT,
  type Manifest,
  type ManifestVersion,
  type SegmentFile,
  SHARED_MANIFEST_FORMAT,
} from '../../../storage/archive/manifest.ts';
import {
  decodeCheckpoint,
  decodeVersion,
  encodeCheckpoint,
  encodeVersion,
} from '../../../storage/archive/manifest-codec.ts';
import { streamKey } from '../../../storage/archive/manifest-sum.ts';

const PATH = '_manifest/v00000000000000000007.json';
const text = fc.string({ unit: 'binary', maxLength: 12 });
const integer = fc.maxSafeNat();
const time = fc.double({ min: 0, max: 1e15, noNaN: true }).map((ms) => ms + 0);
const name = fc.stringMatching(/^[\w.%=-]{1,12}$/).filter((part) => !/^\.\.?$/.test(part));
const path = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((names) => `tenant=t/${names.join('/')}`);
const file: fc.Arbitrary<SegmentFile> = fc.record(
  {
    path,
    tenant: text,
    stream: text,
    hourMs: integer,
    partition: integer,
    from: integer,
    to: integer,
    rows: integer,
    bytes: integer,
    tsMinMs: time,
    tsMaxMs: time,
    aheadMaxMs: time.map((ms) => ms - 1e12),
    schema: integer,
  },
  {
    requiredKeys: [
      'path',
      'tenant',
      'stream',
      'hourMs',
      'from',
      'to',
      'rows',
      'bytes',
      'tsMinMs',
      'tsMaxMs',
      'schema',
    ],
    noNullPrototype: true,
  },
);
const schema: fc.Arbitrary<StreamSchema> = fc.record(
  {
    tenant: text,
    stream: text,
    version: integer,
    columns: fc.array(
      fc.record(
        { name: text, field: text, kind: fc.constantFrom(...Object.values(COLUMN_KIND)) },
        { noNullPrototype: true },
      ),
      { maxLength: 4 },
    ),
  },
  { noNullPrototype: true },
);
const owner = fc.record({ journal: text, host: text, pid: integer }, { noNullPrototype: true });
const partition = fc.integer({ min: 0, max: 65_535 });
const version: fc.Arbitrary<ManifestVersion> = fc.record(
  {
    format: fc.constant(MANIFEST_FORMAT),
    version: integer,
    commit: text,
    epoch: integer,
    owner,
    atMs: time,
    change: fc.constantFrom('claim', 'segments', 'compaction', 'erasure', 'retention'),
    positions: fc.dictionary(partition.map(String), integer, { noNullPrototype: true }),
    add: fc.array(file, { maxLength: 4 }),
    remove: fc.array(path, { maxLength: 4 }),
    deleted: fc.array(path, { maxLength: 4 }),
    schemas: fc.array(schema, { maxLength: 3 }),
  },
  { noNullPrototype: true },
);

/** Of a node of a cluster. */
const shared: fc.Arbitrary<ManifestVersion> = fc
  .tuple(
    version,
    fc.record(
      {
        format: fc.constant(SHARED_MANIFEST_FORMAT),
        change: fc.constantFrom('claim', 'segments', 'dismissal'),
        after: fc.dictionary(partition.map(String), integer, { noNullPrototype: true }),
        dismissed: fc.array(integer, { maxLength: 4 }),
      },
      { noNullPrototype: true, requiredKeys: ['format', 'change'] },
    ),
  )
  .map(([one, own]) => ({ ...one, ...own }));

test('a version comes back as it was encoded', (t) => {
  fc.assert(
    fc.property(fc.oneof(version, shared), (one) => {
      t.deepEqual(decodeVersion(encodeVersion(one), PATH), one);
    }),
  );
});

test('a checkpoint comes back as it was encoded', (t) => {
  const checkpoint: fc.Arbitrary<Manifest> = fc.record({
    version: integer,
    epoch: integer,
    owner,
    positions: fc
      .array(fc.tuple(partition, integer))
      .map((pairs) => new Map(pairs.sort(([a], [b]) => a - b))),
    files: fc.array(file).map((files) => new Map(files.map((one) => [one.path, one]))),
    removed: fc.array(fc.tuple(path, time)).map((pairs) => new Map(pairs)),
    schemas: fc.array(schema).map((all) => new Map(all.map((one) => [streamKey(one), one]))),
  });
  const writers = fc.array(integer).map((lives) => ({ writers: new Set(lives) }));
  fc.assert(
    fc.property(checkpoint, fc.option(writers), (one, others) => {
      const sum = { ...one, ...others };
      t.deepEqual(decodeCheckpoint(encodeCheckpoint(sum, 1), PATH), sum);
    }),
  );
});

test('bytes that are no version are a corruption of this file, and never another error', (t) => {
  const bytes = encodeVersion(VERSION);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const broken = Uint8Array.from(bytes);
      broken[at] = value;
      for (const damaged of [broken, bytes.subarray(0, at)]) {
        try {
          decodeVersion(damaged, PATH);
        } catch (error) {
          t.true(error instanceof AppError);
          if (error instanceof AppError) t.regex(error.code, /^manifest_(corrupt|version)$/);
        }
      }
    }),
  );
});

const FILE: SegmentFile = {
  path: 'tenant=acme/stream=web/dt=2026-11-21/hour=09/p3-0-10.parquet',
  tenant: 'acme',
  stream: 'web',
  hourMs: 1_795_251_600_000,
  partition: 3,
  from: 0,
  to: 10,
  rows: 5,
  bytes: 900,
  tsMinMs: 1,
  tsMaxMs: 2,
  schema: 1,
};
const VERSION: ManifestVersion = {
  format: MANIFEST_FORMAT,
  version: 7,
  commit: 'c',
  epoch: 2,
  owner: { journal: 'j', host: 'h', pid: 1 },
  atMs: 5,
  change: 'segments',
  positions: { 3: 10 },
  add: [FILE],
  remove: [],
  deleted: [],
  schemas: [],
};

const CASES: readonly {
  readonly title: string;
  readonly json: object | string;
  readonly code?: FaultCode;
  readonly says: RegExp;
}[] = [
  {
    title: 'no JSON',
    json: '{"format":1',
    says: /^_manifest\/v\S+: expected JSON, received 11 bytes/,
  },
  { title: 'no object', json: '[]', says: /: expected an object, received \[\]/ },
  {
    title: 'a newer format',
    json: { ...VERSION, format: 3 },
    code: 'manifest_version',
    says: /format 3, and this release reads formats 1 and 2: start the release that wrote it/,
  },
  {
    title: 'a number in place of a text',
    json: { ...VERSION, commit: 3 },
    says: /^commit in _manifest\/v\S+: expected a string of at most 65535 characters, received 3;/,
  },
  {
    title: 'no owner',
    json: { ...VERSION, owner: undefined },
    says: /^owner in \S+: expected an object, received nothing;/,
  },
  {
    title: 'an unknown change',
    json: { ...VERSION, change: 'magic' },
    says: /^change in \S+: expected one of claim, segments, .*, received magic;/,
  },
  {
    title: 'a partition that is none',
    json: { ...VERSION, positions: { '-1': 3 } },
    says: /^positions in \S+: expected numbers of partitions, received -1;/,
  },
  {
    title: 'a position past 2^53',
    json: { ...VERSION, positions: { 3: 2 ** 53 } },
    says: /^positions\.3 in \S+: expected an integer from 0 to 2\^53 - 1, received 9007199254740992;/,
  },
  {
    title: 'a file without rows',
    json: { ...VERSION, add: [FILE, { ...FILE, rows: undefined }] },
    says: /^add\[1\]\.rows in \S+: expected an integer from 0 to 2\^53 - 1, received nothing;/,
  },
  {
    title: 'a path out of the archive',
    json: { ...VERSION, remove: ['tenant=a/../../etc/passwd'] },
    says: /^remove\[0\] in \S+: expected a path below "tenant=…", received tenant=a\/\.\.\/\.\.\/etc/,
  },
  {
    title: 'a path of the manifest',
    json: { ...VERSION, deleted: ['_manifest/v1'] },
    says: /^deleted\[0\] in \S+: expected a path below "tenant=…"/,
  },
  {
    title: 'a column of no kind',
    json: {
      ...VERSION,
      schemas: [
        { tenant: 't', stream: 's', version: 1, columns: [{ name: 'a', field: 'a', kind: 9 }] },
      ],
    },
    says: /^schemas\[0\]\.columns\[0\]\.kind in \S+: expected one of 1, 2, 3, received 9;/,
  },
  {
    title: 'more files than a version has',
    json: { ...VERSION, remove: Array.from({ length: 10_001 }, () => FILE.path) },
    says: /^remove in \S+: expected at most 10000, received 10001;/,
  },
];

for (const { title, json, code = 'manifest_corrupt', says } of CASES) {
  test(`refused with what was expected and received: ${title}`, (t) => {
    const encoded = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
    const error = t.throws(() => decodeVersion(encoded, PATH), { instanceOf: AppError });
    t.is(error?.code, code);
    t.is(error?.location.path, PATH);
    t.regex(error?.message ?? '', says);
  });
}

test('what another release adds is passed over', (t) => {
  const encoded = Buffer.from(JSON.stringify({ ...VERSION, added: { later: true } }));
  t.deepEqual(decodeVersion(encoded, PATH), VERSION);
});

test('an archive that nobody has claimed has no checkpoint', (t) => {
  const bytes = encodeCheckpoint(EMPTY_MANIFEST, 1);
  t.throws(() => decodeCheckpoint(bytes, PATH), { message: /^owner in/ });
});

test('the examples in storage/FORMAT.md are what is written and read', (t) => {
  const text = readFileSync(new URL('../../../storage/FORMAT.md', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => json ?? '');
  const [alone = '', node = '', checkpoint = ''] = examples;
  const parse = (bytes: Uint8Array | string): unknown => JSON.parse(bytes.toString());
  for (const version of [alone, node]) {
    const one = decodeVersion(Buffer.from(version), PATH);
    t.deepEqual(parse(Buffer.from(encodeVersion(one))), parse(version));
  }
  const sum = decodeCheckpoint(Buffer.from(checkpoint), PATH);
  t.deepEqual(parse(Buffer.from(encodeCheckpoint(sum, 1_795_254_720_113))), parse(checkpoint));
});
