/** `streamgauge tail`: prints events of a running server as they are committed. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../model/errors.ts';
import { serverAddress } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { postJson } from './post.ts';
import type { Terminal } from './terminal.ts';
import { whereOption } from './where-option.ts';

type Options = Readonly<Record<string, unknown>>;

const TAIL = `subscription ($stream: String!, $where: EventWhere, $contains: String, $maxPerSecond: Int!) {
  tail(stream: $stream, where: $where, contains: $contains, maxPerSecond: $maxPerSecond) {
    skipped events { id ts type fields }
  }
}`;

interface TailMessage {
  readonly skipped: number | null;
  readonly events: readonly {
    readonly id: string | null;
    readonly ts: number;
    readonly type: string | null;
    readonly fields: Readonly<Record<string, string | number | boolean>>;
  }[];
}
interface Payload {
  readonly data?: { readonly tail: TailMessage } | null;
  readonly errors?: readonly { readonly message: string }[];
}

/** Ends with 0 at a signal, or when nobody reads what it prints. */
export async function tail(options: Options, terminal: Terminal): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const { url, headers } = serverAddress(config, options, '/graphql');
  const stop = new AbortController();
  const stopListening = terminal.onStopSignal(() => stop.abort());
  const noReader = () => stop.abort();
  process.stdout.once('error', noReader);
  try {
    const body = { query: TAIL, variables: variablesOf(options) };
    const accepting = { ...headers, accept: 'text/event-stream' };
    const answer = await postJson(url, accepting, body, stop.signal);
    for await (const message of messagesOf(answer, url)) {
      print(message, options['json'] === true, terminal);
      // What is not read is not taken from the server, which then counts it.
      if (process.stdout.writableNeedDrain) {
        await once(process.stdout, 'drain', { signal: stop.signal });
      }
    }
    throw new AppError('query_timeout', `the server at ${url.origin} ended the subscription`);
  } catch (error) {
    if (stop.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    stopListening();
    process.stdout.off('error', noReader);
  }
}

const variablesOf = ({ stream, where, contains, rate }: Options): object => ({
  stream: stream ?? 'events',
  where: whereOption(where, '{"field":"user","eq":"u1"}'),
  contains,
  maxPerSecond: rate ?? 100,
});

async function* messagesOf(answer: IncomingMessage, { origin }: URL): AsyncGenerator<TailMessage> {
  const said = (what: string) =>
    new AppError('query_invalid', `the server at ${origin} said: ${what}`);
  const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true;
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) {
    text += piece;
    if (!isStream) continue;
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const data = /^data: (.+)$/m.exec(part)?.[1];
      if (data === undefined) continue;
      const payload: Payload = JSON.parse(data);
      if (payload.errors !== undefined) throw said(messagesIn(payload));
      if (payload.data) yield payload.data.tail;
    }
  }
  if (isStream) return;
  let refusal = `${answer.statusCode} ${text}`;
  try {
    refusal = messagesIn(JSON.parse(text)) || refusal;
  } catch {
    // Something else than a Streamgauge answered: what it said is shown as it is.
  }
  throw said(refusal);
}

const messagesIn = ({ errors = [] }: Payload): string =>
  errors.map(({ message }) => message).join('; ');

function print({ events, skipped }: TailMessage, asJson: boolean, terminal: Terminal): void {
  const lines = events.map(({ id, ts, type, fields }) => {
    const time = new Date(ts).toISOString();
    const named = { ...(id !== null && { id }), ts: time, type, ...fields };
    if (asJson) return harmless(JSON.stringify(named));
    const shown = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    return harmless([time, type ?? '-', id ?? '-', ...shown].join(' '));
  });
  if (lines.length > 0) terminal.out(`${lines.join('\n')}\n`);
  if (skipped !== 0) terminal.err(`… ${skipped ?? 'unknown many'} events passed over\n`);
}

/** Events come from anywhere, and what a terminal takes for a command is none of theirs. In JSON it means the same. */
const harmless = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
