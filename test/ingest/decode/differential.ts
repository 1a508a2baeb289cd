/**
 * The differential property: a decoder that has learned shapes gives what a decoder gives that knows none, to
 * which every line is the first and so goes through `JSON.parse`. Shared by the test and `load-tests/decode-fuzz.ts`.
 */
import fc from 'fast-check';
import { type BodyForm, StreamDecoder } from '../../../src/ingest/decode/decoder.ts';
import { DEFAULT_DECODE_LIMITS } from '../../../src/ingest/decode/limits.ts';
import { NASTY_LINES } from './corpus.ts';
import { batchRows, type Row } from './rows.ts';

const ARRIVAL_MS = 1_700_000_000_000;
/** Small, so that the limits are met often; every rejection is kept, to be compared. */
export const TIGHT_LIMITS = {
  ...DEFAULT_DECODE_LIMITS,
  lineBytesMax: 400,
  valueBytesMax: 60,
  fieldNameBytesMax: 24,
  fieldsMax: 12,
  depthMax: 4,
  rejectionsKeptMax: 100_000,
};

export interface Decoded {
  readonly rows: readonly Row[];
  readonly rejected: readonly string[];
}

const newDecoder = (rows: Row[]): StreamDecoder =>
  new StreamDecoder(TIGHT_LIMITS, (batch) => {
    rows.push(...batchRows(batch));
    batch.reset();
  });

/** Decodes bodies in turn with one decoder. */
export function decodeAll(form: BodyForm, bodies: readonly Uint8Array[]): Decoded {
  const rows: Row[] = [];
  const decoder = newDecoder(rows);
  const rejected: string[] = [];
  for (const body of bodies) {
    const outcome = decoder.decode(form, body, ARRIVAL_MS);
    rejected.push(...outcome.rejections.map(({ code }) => code));
  }
  rows.push(...batchRows(decoder.batch));
  return { rows, rejected };
}

/** What every line gives to a decoder that has seen no other. */
export function decodeOneByOne(lines: readonly Uint8Array[]): Decoded {
  const rows: Row[] = [];
  const rejected: string[] = [];
  for (const line of lines) {
    const single = decodeAll('ndjson', [line]);
    rows.push(...single.rows);
    rejected.push(...single.rejected);
  }
  return { rows, rejected };
}

/** Undefined if both are the same. */
export function difference(left: Decoded, right: Decoded): string | undefined {
  if (left.rejected.join() !== right.rejected.join()) {
    const at = left.rejected.findIndex((code, i) => code !== right.rejected[i]);
    return `rejection ${at}: ${left.rejected[at]} and ${right.rejected[at]}`;
  }
  if (left.rows.length !== right.rows.length) {
    return `${left.rows.length} and ${right.rows.length} rows`;
  }
  for (let i = 0; i < left.rows.length; i++) {
    const [a, b] = [left.rows[i]!, right.rows[i]!];
    for (const key of new Set([...a.keys(), ...b.keys()])) {
      if (!Object.is(a.get(key), b.get(key))) {
        return `row ${i}, ${key}: ${JSON.stringify(a.get(key))} and ${JSON.stringify(b.get(key))}`;
      }
    }
  }
  return undefined;
}

const names = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('id', 'ts', 'type', 'key', 'user', 'url', 'n', 'flag') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'a.b', '', 'ü', '0', 'toString', 'x"y'),
  },
);

const numbers = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeNat(),
  fc.constantFrom(
    -0,
    0.1,
    1e21,
    1.7976931348623157e308,
    999999999999999,
    10_000_000_000_000_000,
    5e-324,
  ),
  fc.integer({ min: 0, max: 999_999 }).map((n) => n / 100),
);

const scalars = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'a',
      'click',
      '',
      'DE',
      'ä€😀',
      'a/b',
      '\\',
      '"',
      '\u2028',
      '\ud800',
    ),
  },
  { weight: 4, arbitrary: numbers },
  { weight: 2, arbitrary: fc.constantFrom(true, false, null) },
);

const values = fc.oneof(
  { weight: 12, arbitrary: scalars },
  { weight: 1, arbitrary: fc.array(scalars, { maxLength: 3 }) },
  { weight: 2, arbitrary: fc.dictionary(names, scalars, { maxKeys: 3 }) },
);

const times = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 41 }),
  fc
    .date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((d) => d.toISOString()),
  scalars,
);

/** How a program writes: its keys, in its order, its white space, and whether it escapes all it can. */
interface Program {
  readonly keys: readonly string[];
  readonly spaced: string;
  readonly escaping: boolean;
}

const program: fc.Arbitrary<Program> = fc
  .record({
    keys: fc.uniqueArray(names, { maxLength: 7 }),
    spaced: fc.constantFrom('', ' ', '\t'),
    escaping: fc.boolean(),
  })
  .map(({ keys, ...style }) => ({
    ...style,
    keys: ['type', ...keys.filter((key) => key !== 'type')],
  }));

/** The same keys in the same order, every time with other values. */
const programLine = ({ keys, spaced, escaping }: Program): fc.Arbitrary<string> =>
  fc
    .tuple(
      ...keys.map((key) =>
        key === 'ts' ? times : key === 'type' ? fc.constantFrom('a', 'b') : values,
      ),
    )
    .map((parts) => {
      const fields = parts.map((part, i) => {
        const text = jsonText(part);
        return `${JSON.stringify(keys[i])}:${spaced}${escaping ? escapeAll(text) : text}`;
      });
      return `{${fields.join(`,${spaced}`)}}`;
    });

/** `JSON.stringify` writes no -0. */
const jsonText = (value: unknown): string =>
  Object.is(value, -0) ? '-0' : (JSON.stringify(value) ?? 'null');

/** As json.dumps of Python and json_encode of PHP do; hexadecimal digits in either case. */
const escapeAll = (text: string): string =>
  text.replaceAll('/', '\\/').replace(/[\u007f-\uffff]/g, (unit) => {
    const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${unit.charCodeAt(0) % 2 === 0 ? hex : hex.toUpperCase()}`;
  });

type Mutation = readonly [kind: number, where: number, byte: number];
const mutation: fc.Arbitrary<Mutation> = fc.tuple(
  fc.nat(5),
  fc.nat(400),
  fc.oneof(
    fc.nat(255),
    fc.constantFrom(...'{}[]",:\\0123456789.-+eE tfn\r'.split('').map((c) => c.charCodeAt(0))),
  ),
);

/** One byte other, more or fewer; a cut; a piece twice; never a line feed, which would make two lines of it. */
function mutate(line: Buffer, [kind, where, byte]: Mutation): Buffer {
  const at = where % (line.length + 1);
  const safe = byte === 0x0a ? 0x20 : byte;
  const [head, tail] = [line.subarray(0, at), line.subarray(at)];
  if (kind === 0) return Buffer.concat([head, Buffer.from([safe]), tail.subarray(1)]);
  if (kind === 1) return Buffer.concat([head, Buffer.from([safe]), tail]);
  if (kind === 2) return Buffer.concat([head, tail.subarray(1)]);
  if (kind === 3) return Buffer.from(head);
  if (kind === 4) return Buffer.concat([head, line.subarray(Math.max(0, at - 8))]);
  return line;
}

/** Lines of a few programs, some of them hurt, some from the corpus. */
export const hostileLines: fc.Arbitrary<Buffer[]> = fc
  .array(program, { minLength: 1, maxLength: 3 })
  .chain((programs) =>
    fc.array(
      fc.oneof(
        {
          weight: 3,
          arbitrary: fc.oneof(...programs.map(programLine)).map((line) => Buffer.from(line)),
        },
        {
          weight: 2,
          arbitrary: fc
            .tuple(fc.oneof(...programs.map(programLine)), mutation)
            .map(([line, how]) => mutate(Buffer.from(line), how)),
        },
        {
          weight: 1,
          arbitrary: fc.constantFrom(...NASTY_LINES.map(({ line }) => Buffer.from(line))),
        },
      ),
      { minLength: 1, maxLength: 24 },
    ),
  )
  // An empty line is no event, and a byte order mark is skipped at the start of a body only.
  .map((lines) => lines.filter((line) => line.length > 0 && line[0] !== 0xef));

/** What is wrong with how these lines are decoded, or undefined. */
export function disagreement(lines: readonly Buffer[]): string | undefined {
  if (lines.length === 0) return undefined;
  const expected = decodeOneByOne(lines);
  const twice = {
    rows: [...expected.rows, ...expected.rows],
    rejected: [...expected.rejected, ...expected.rejected],
  };
  const bodies = lines.flatMap((line) => [line, Buffer.from('\n')]);
  const whole = Buffer.concat(bodies);
  const inOneBody = difference(decodeAll('ndjson', [whole, whole]), twice);
  if (inOneBody !== undefined) return `in one body: ${inOneBody}`;
  const oneByOne = difference(decodeAll('ndjson', [...lines, ...lines]), twice);
  if (oneByOne !== undefined) return `as bodies of their own: ${oneByOne}`;
  return undefined;
}

/** The same for the elements of a JSON array, whose lines must be JSON, or the array would be broken as a whole. */
export function arrayDisagreement(lines: readonly Buffer[]): string | undefined {
  const elements = lines.filter((line) => {
    try {
      JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line));
      return true;
    } catch {
      return false;
    }
  });
  const expected = decodeOneByOne(elements.map((line) => Buffer.from(line.toString().trim())));
  const array = Buffer.from(`\n[ ${elements.join(' ,\n')}\t]\n`);
  const warm = [array, array, array];
  const thrice: Decoded = {
    rows: warm.flatMap(() => expected.rows),
    rejected: warm.flatMap(() => expected.rejected),
  };
  return difference(decodeAll('json', warm), thrice);
}
