/** `streamgauge dead-letters`: what a running server has refused is listed, kept as a file, sent again. */
import { open } from 'node:fs/promises';
import { AppError } from '../model/errors.ts';
import { LETTERS_SENT_MAX } from '../query/limits.ts';
import { type AskServer, askServer } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { fetchToFile } from './export.ts';
import type { Terminal } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

const FILTERS = ['stream', 'code', 'from', 'to', 'contains'] as const;

const LIST = `query ($stream: String, $code: String, $from: Timestamp, $to: Timestamp, $contains: String, $first: Int!, $after: String) {
  deadLetters(stream: $stream, code: $code, from: $from, to: $to, contains: $contains, first: $first, after: $after) {
    nextCursor letters { id arrival stream code message line text base64 }
  }
}`;

const RESEND = `mutation ($letters: [LetterToResend!], $matching: DeadLetterFilter, $first: Int! = 100, $after: String) {
  resendDeadLetters(letters: $letters, matching: $matching, first: $first, after: $after) {
    nextCursor letters { id outcome code message }
  }
}`;

interface Letter {
  readonly id: string;
  readonly arrival: number;
  readonly stream: string;
  readonly code: string;
  readonly message: string;
  readonly text: string | null;
}
interface LetterPage {
  readonly nextCursor: string | null;
  readonly letters: readonly Letter[];
}
interface Resent {
  readonly nextCursor: string | null;
  readonly letters: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly code: string | null;
    readonly message: string | null;
  }[];
}
interface FixedLetter {
  readonly id: string;
  readonly text: string;
}

/** Of the letters in one request, as it carries them; the server takes 256 KiB with what is around them. */
const FIXED_BYTES_MAX = 240 * 1024;
const TEXT_CHARS_SHOWN = 200;

export async function listLetters(options: Options, terminal: Terminal): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const server = askServer(config, options);
  let left = Number(options['count'] ?? 20);
  for (let after: string | null = null; left > 0; ) {
    const first = Math.min(left, LETTERS_SENT_MAX);
    const page: LetterPage = (
      await server.ask<{ deadLetters: LetterPage }>(LIST, { ...filterOf(options), first, after })
    ).deadLetters;
    for (const letter of page.letters) {
      terminal.out(`${options['json'] === true ? JSON.stringify(letter) : shown(letter)}\n`);
    }
    left -= page.letters.length;
    after = page.nextCursor;
    if (after === null) break;
  }
  return EXIT.ok;
}

export const exportLetters = (options: Options, terminal: Terminal): Promise<ExitCode> =>
  fetchToFile('/v1/dead-letters', 'dead letters', () => filterOf(options), options, terminal);

/** Fails if some were refused again, or lines could not be sent: they are still there. What was done is told in any case. */
export async function resendLetters(options: Options, terminal: Terminal): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const server = askServer(config, options);
  const { file } = options;
  const counts = new Map<string, number>();
  const count = (outcome: string) => counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const skip = (why: string): void => {
    count('skipped');
    terminal.err(`${why}\n`);
  };
  const batches = file === undefined ? matching(server, options) : fixed(server, `${file}`, skip);
  try {
    for await (const { letters } of batches) {
      for (const { id, outcome, code, message } of letters) {
        count(outcome);
        if (outcome === 'refused') terminal.err(`${id}: ${code}: ${message}\n`);
      }
    }
    if (counts.size === 0) terminal.out('no dead letters match\n');
  } finally {
    const all = [...counts].map(([outcome, letters]) => `${letters} ${outcome}`);
    if (all.length > 0) terminal.out(`${all.join(', ')}\n`);
  }
  return counts.has('refused') || counts.has('skipped') ? EXIT.failed : EXIT.ok;
}

const filterOf = (options: Options): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    FILTERS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  );

const resend = async (server: AskServer, asked: object): Promise<Resent> =>
  (await server.ask<{ resendDeadLetters: Resent }>(RESEND, { ...asked })).resendDeadLetters;

async function* matching(server: AskServer, options: Options): AsyncGenerator<Resent> {
  let after: string | null = null;
  do {
    const asked = { matching: filterOf(options), first: LETTERS_SENT_MAX, after };
    const sent: Resent = await resend(server, asked);
    yield sent;
    after = sent.nextCursor;
  } while (after !== null);
}

/** Lines as the export has them, with the text as it should be; `skip` hears of those that cannot be sent. */
async function* fixed(
  server: AskServer,
  path: string,
  skip: (why: string) => void,
): AsyncGenerator<Resent> {
  const file = await open(path).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('config_invalid', `--file: ${reason}`, { path }, cause);
  });
  let batch: FixedLetter[] = [];
  let batchBytes = 0;
  let number = 0;
  for await (const line of file.readLines()) {
    number += 1;
    if (line.trim() === '') continue;
    const letter = letterIn(line);
    if (letter === undefined) {
      const received = printable(line).slice(0, TEXT_CHARS_SHOWN);
      skip(
        `${path}:${number}: skipped: expected {"id":"…","text":"…"}, a line of "dead-letters export" with the event as it should be in "text", received ${received}`,
      );
      continue;
    }
    const bytes = Buffer.byteLength(JSON.stringify(letter)) + 1;
    const isFull = batchBytes + bytes > FIXED_BYTES_MAX || batch.length >= LETTERS_SENT_MAX;
    if (isFull && batch.length > 0) {
      yield await resend(server, { letters: batch });
      batch = [];
      batchBytes = 0;
    }
    batch.push(letter);
    batchBytes += bytes;
  }
  if (batch.length > 0) yield await resend(server, { letters: batch });
}

/** Undefined if it is none, or what was received was no text (`base64`). */
function letterIn(line: string): FixedLetter | undefined {
  let letter: unknown;
  try {
    letter = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof letter !== 'object' || letter === null) return undefined;
  if (!('id' in letter && 'text' in letter)) return undefined;
  const { id, text } = letter;
  return typeof id === 'string' && typeof text === 'string' ? { id, text } : undefined;
}

function shown({ id, arrival, stream, code, message, text }: Letter): string {
  const received = text === null ? '(no text)' : printable(text).slice(0, TEXT_CHARS_SHOWN);
  const head = [new Date(arrival).toISOString(), id, stream, code].join('  ');
  return `${head}\n  ${printable(message)}\n  ${received}`;
}

/** A terminal obeys control characters. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, '�');
