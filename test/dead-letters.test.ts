/** Dead letters of a server as it is run: found, counted, exported, fixed and sent again. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { hashSecret } from '../src/model/access.ts';
import { runHeard } from './cli/heard-terminal.ts';

const WRITER = `sg_${'w'.repeat(43)}`;
const READER = `sg_${'r'.repeat(43)}`;
const OTHER = `sg_${'o'.repeat(43)}`;
const keyOf = (id: string, tenant: string, secret: string, scopes: readonly string[]) => ({
  ...{ id, tenant, scopes },
  hash: `sha256:${hashSecret(secret)}`,
});

const KEYS = [
  keyOf('writer', 'acme', WRITER, ['write', 'read']),
  keyOf('reader', 'acme', READER, ['read', 'admin']),
  keyOf('other', 'other', OTHER, ['write', 'read']),
];

async function site(t: ExecutionContext, config: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-letters-'));
  const server = await Server.prepare({
    folder,
    partitions: 3,
    config: {
      keys: KEYS,
      ...config,
    },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return { folder, server };
}

interface GraphError {
  readonly message: string;
  readonly extensions: {
    readonly code: string;
    readonly retryable?: boolean;
    readonly retryAfterMs?: number;
  };
}
interface Letter {
  readonly id: string;
  readonly arrival: number;
  readonly stream: string;
  readonly code: string;
  readonly text: string | null;
}
interface ResentLetter {
  readonly id: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly message: string | null;
}
interface Data {
  readonly deadLetters: { readonly letters: readonly Letter[]; readonly nextCursor: string | null };
  readonly deadLetterCounts: { readonly counts: readonly object[]; readonly complete: boolean };
  readonly resendDeadLetters: {
    readonly letters: readonly ResentLetter[];
    readonly position: string;
    readonly nextCursor: string | null;
  };
  readonly ledger: object;
}

async function answerTo(
  server: Server,
  query: string,
  { variables = {}, key = WRITER }: { variables?: object; key?: string } = {},
): Promise<{ data?: Data; errors?: readonly GraphError[] }> {
  const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  return JSON.parse(await response.text());
}

async function ask(...[server, query, how]: Parameters<typeof answerTo>): Promise<Data> {
  const { data, errors } = await answerTo(server, query, how);
  if (data === undefined || errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

/** Resolves when all of it is applied; dead letters are committed with the events behind them. */
async function send(server: Server, stream: string, lines: readonly string[]): Promise<void> {
  const response = await fetch(
    `http://${server.host}:${server.ingestPort}/v1/events?stream=${stream}&ack=applied`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${WRITER}` },
      body: lines.join('\n'),
    },
  );
  await response.text();
}

async function lettersOf(server: Server, args = 'first: 200', key = WRITER) {
  const query = `{ deadLetters(${args}) { nextCursor letters { id arrival stream code text } } }`;
  return (await ask(server, query, { key })).deadLetters;
}

async function until<T>(look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
  }
}

const committed = (server: Server, count: number) =>
  until(
    () => lettersOf(server),
    ({ letters }) => letters.length === count,
  );

const RESEND = `mutation ($letters: [LetterToResend!], $matching: DeadLetterFilter, $first: Int! = 100, $after: String) {
  resendDeadLetters(letters: $letters, matching: $matching, first: $first, after: $after) {
    position nextCursor letters { id outcome code message }
  }
}`;
const resend = async (server: Server, variables: object, key = WRITER) =>
  (await ask(server, RESEND, { variables, key })).resendDeadLetters;

async function ledgerOf(server: Server, stream: string) {
  const counts = 'received applied duplicate rejected pending balanced';
  return (await ask(server, `{ ledger(stream: "${stream}") { ${counts} } }`)).ledger;
}

async function run(server: Server, args: readonly string[], folder: string, key = WRITER) {
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, key);
  const url = `http://${server.host}:${server.queryPort}`;
  return runHeard('dead-letters', ...args, '--url', url, '--key-file', keyFile);
}

test('dead letters are found by what they are, and counted', async (t) => {
  const { server } = await site(t);
  await send(server, 'shop', ['{"type":"buy","ts":"once"}', '{"n":1}', '{"n":2,"who":"ann"}']);
  await send(server, 'web', ['{"type":"view","ts":true}']);
  const { letters } = await committed(server, 4);
  const found = async (args: string) => (await lettersOf(server, args)).letters.length;
  t.is(await found('stream: "shop"'), 3);
  t.is(await found('code: "missing_type"'), 2);
  t.is(await found('contains: "ann"'), 1);
  t.is(await found('code: "missing_type", stream: "web"'), 0);
  const last = Math.max(...letters.map(({ arrival }) => arrival));
  t.is(await found(`to: ${last + 1}`), 4);
  t.is(await found(`from: ${last + 1}`), 0);
  const counts = '{ deadLetterCounts { complete counts { stream code letters } } }';
  const { deadLetterCounts } = await ask(server, counts);
  t.true(deadLetterCounts.complete);
  t.deepEqual(deadLetterCounts.counts[0], { stream: 'shop', code: 'missing_type', letters: 2 });
  t.is(deadLetterCounts.counts.length, 3);
  t.deepEqual((await lettersOf(server, 'first: 9', OTHER)).letters, []);
});

test('a fixed letter counts once, and is no letter any more; what is refused again stays', async (t) => {
  const { server } = await site(t);
  const bad = ['{"type":"buy","ts":"once","n":1}', '{"n":2}', 'not JSON', '{"type":"buy","n":3}}'];
  await send(server, 'shop', bad);
  const { letters } = await committed(server, 4);
  const idOf = (text: string) => letters.find((letter) => letter.text === text)?.id ?? '';
  const [first, second, third, fourth] = bad.map(idOf);
  const sent = await resend(server, {
    letters: [
      { id: first, text: '{"type":"buy","ts":1790000000000,"n":1}' },
      { id: second, text: '{"id":"own","type":"buy","n":2}' },
      { id: third, text: '[{"type":"buy"}]' },
      { id: fourth },
      { id: '0.0.0.1' },
    ],
  });
  t.deepEqual(
    sent.letters.map(({ id, outcome, code }) => [id, outcome, code]),
    [
      [first, 'applied', null],
      [second, 'applied', null],
      [third, 'refused', 'not_an_object'],
      [fourth, 'refused', 'invalid_json'],
      ['0.0.0.1', 'gone', null],
    ],
  );
  t.deepEqual((await lettersOf(server)).letters.map(({ id }) => id).sort(), [third, fourth].sort());
  const again = await resend(server, {
    letters: [{ id: first, text: '{"type":"buy"}' }],
  });
  t.is(again.letters[0]?.outcome, 'gone');
  const counts = { received: 6, applied: 2, duplicate: 0, rejected: 4, pending: 0, balanced: true };
  t.deepEqual(await ledgerOf(server, 'shop'), counts);
  // What is fixed as an event that counts already, does not count again.
  const copy = await resend(server, {
    letters: [{ id: third, text: '{"id":"own","type":"buy","n":2}' }],
  });
  t.is(copy.letters[0]?.outcome, 'duplicate');
  t.is((await lettersOf(server)).letters.length, 1);
});

test('an event without id or time gets those of its letter', async (t) => {
  const { server } = await site(t, { archive: {} });
  await send(server, 'shop', ['{"n":1}']);
  const [letter] = (await committed(server, 1)).letters;
  const text = '{"type":"buy","n":1}';
  const { position } = await resend(server, { letters: [{ id: letter?.id, text }] });
  const query = `{ events(stream: "shop", position: "${position}") { events { id ts type } } }`;
  // Who answers about single events is only started by the first question.
  let answer = await answerTo(server, query);
  while (answer.errors?.[0]?.extensions.retryable) answer = await answerTo(server, query);
  const { data } = answer;
  const event = { id: `dead-letter:${letter?.id}`, ts: letter?.arrival, type: 'buy' };
  t.deepEqual<unknown, unknown>(data, { events: { events: [event] } });
});

test('letters that match are sent as they were received, page by page', async (t) => {
  const { server } = await site(t);
  const bad = Array.from({ length: 7 }, (_, n) => `{"n":${n}}`);
  await send(server, 'shop', [...bad, '{"type":"buy","ts":[]}']);
  await committed(server, 8);
  const matching = { code: 'missing_type' };
  const first = await resend(server, { matching, first: 5 });
  t.deepEqual(
    first.letters.map(({ outcome }) => outcome),
    Array(5).fill('refused'),
  );
  const second = await resend(server, { matching, first: 5, after: first.nextCursor });
  t.is(second.letters.length, 2);
  t.is(second.nextCursor, null);
  t.is((await lettersOf(server)).letters.length, 8);
  t.deepEqual((await resend(server, { matching: { code: 'too_deep' } })).letters, []);
});

test('letters whose cause is gone are sent as they were received', async (t) => {
  const eventTime = [{ stream: 'shop', past: { beyondMs: '1h', policy: 'deadLetter' } }];
  const { server, folder } = await site(t, { limits: { eventTime } });
  const old = Date.now() - 2 * 3_600_000;
  await send(
    server,
    'shop',
    [1, 2].map((n) => `{"type":"buy","ts":${old + n}}`),
  );
  const { letters } = await committed(server, 2);
  t.deepEqual(
    letters.map(({ code }) => code),
    ['ts_too_old', 'ts_too_old'],
  );
  await server.stop();
  const lenient = await Server.prepare({ folder, partitions: 3, config: { keys: KEYS } });
  await lenient.start();
  t.teardown(() => lenient.kill());
  const sent = await resend(lenient, { matching: { code: 'ts_too_old' } });
  t.deepEqual(
    sent.letters.map(({ outcome }) => outcome),
    ['applied', 'applied'],
  );
  t.deepEqual((await lettersOf(lenient)).letters, []);
});

test('what cannot be sent again is refused with what to do', async (t) => {
  const { server } = await site(t);
  await send(server, 'shop', ['{"n":1}']);
  const [letter] = (await committed(server, 1)).letters;
  const one = { id: letter?.id, text: '{"type":"buy"}' };
  const refusals: [object, string, string, RegExp][] = [
    [{ letters: [one] }, READER, 'forbidden', /scope "write"/],
    [{}, WRITER, 'query_invalid', /either "letters" or "matching"/],
    [{ letters: [one], matching: {} }, WRITER, 'query_invalid', /and not both/],
    [{ letters: [] }, WRITER, 'query_invalid', /1 to 200 letters .* received 0/],
    [{ letters: [one, one] }, WRITER, 'query_invalid', /is there twice/],
    [{ letters: [{ id: 'x' }] }, WRITER, 'query_invalid', /"id" must be the id of a dead/],
    [{ matching: {}, first: 201 }, WRITER, 'query_invalid', /"first" must be 1 to 200/],
    [{ matching: { from: 2, to: 1 } }, WRITER, 'query_invalid', /"from" \(2\) must lie before/],
  ];
  for (const [variables, key, code, message] of refusals) {
    const { errors } = await answerTo(server, RESEND, { variables, key });
    t.is(errors?.[0]?.extensions.code, code, JSON.stringify(variables));
    t.regex(errors?.[0]?.message ?? '', message);
  }
  // Another tenant's letter is none.
  t.is((await resend(server, { letters: [one] }, OTHER)).letters[0]?.outcome, 'gone');
  t.is((await lettersOf(server)).letters.length, 1);
});

test('a tenant over its quota is told when to come back, and its letters stay', async (t) => {
  const { server } = await site(t, { limits: { eventsPerSecondMax: 1 } });
  await send(server, 'shop', Array(2_000).fill('{"n":1}'));
  const { letters } = await until(
    () => lettersOf(server),
    (page) => page.letters.length > 0,
  );
  const one = { id: letters[0]?.id, text: '{"type":"buy"}' };
  const { errors } = await answerTo(server, RESEND, { variables: { letters: [one] } });
  t.is(errors?.[0]?.extensions.code, 'quota_exceeded');
  t.true((errors?.[0]?.extensions.retryAfterMs ?? 0) > 0);
  t.is((await lettersOf(server)).letters.length, letters.length);
});

test('a letter whose events were logged and that was not dropped, because of a crash, counts once', async (t) => {
  const { server } = await site(t, { commit: { intervalMs: 60_000 } });
  // The crash comes behind the event and before the control block, for that one's place in the code.
  await send(server, 'shop', ['{"n":1}']);
  await server.stop();
  await server.start();
  const [letter] = (await committed(server, 1)).letters;
  const event = `{"type":"buy","id":"dead-letter:${letter?.id}","ts":${letter?.arrival}}`;
  await send(server, 'shop', [event]);
  await server.kill();
  await server.start();
  const one = { id: letter?.id, text: '{"type":"buy"}' };
  t.is((await resend(server, { letters: [one] })).letters[0]?.outcome, 'duplicate');
  t.deepEqual((await lettersOf(server)).letters, []);
  await server.kill();
  await server.start();
  t.deepEqual((await lettersOf(server)).letters, []);
  const counts = { received: 3, applied: 1, duplicate: 1, rejected: 1, pending: 0, balanced: true };
  t.deepEqual(await ledgerOf(server, 'shop'), counts);
});

test('killed at any moment of sending letters again, each counts once in the end', async (t) => {
  const { server } = await site(t);
  const bad = Array.from({ length: 40 }, (_, n) => `{"n":${n},"user":"u${n}"}`);
  await send(server, 'shop', bad);
  const { letters } = await committed(server, 40);
  const fixed = letters.map(({ id, text }) => ({
    id,
    text: text?.replace('{', '{"type":"buy",'),
  }));
  for (let at = 0; at < 40; at += 10) {
    const some = fixed.slice(at, at + 10);
    const cut = resend(server, { letters: some }).catch(() => undefined);
    // In the midst of it: as far as it has come by the time that many questions take.
    for (let i = 0; i < at / 10; i++) await lettersOf(server, 'first: 1').catch(() => undefined);
    await server.kill();
    await cut;
    await server.start();
    const { letters: ends } = await resend(server, { letters: some });
    t.true(
      ends.every(({ outcome }) => ['applied', 'duplicate', 'gone'].includes(outcome)),
      JSON.stringify(ends),
    );
  }
  t.deepEqual((await lettersOf(server)).letters, []);
  const { applied, balanced } = (await ledgerOf(server, 'shop')) as Record<string, unknown>;
  t.deepEqual([applied, balanced], [40, true]);
});

test('the command line lists, exports and sends them again', async (t) => {
  const { server, folder } = await site(t);
  await send(server, 'shop', ['{"n":1}', '{"n":2}', '{"type":"\u0007"}x']);
  await committed(server, 3);
  const listed = await run(server, ['list', '--code', 'missing_type'], folder, READER);
  t.is(listed.exitCode, 0, listed.err);
  t.is(listed.out.match(/missing_type/g)?.length, 2);
  const bell = await run(server, ['list', '--code', 'invalid_json'], folder);
  t.false(bell.out.includes('\u0007'));
  const file = join(folder, 'bad.ndjson');
  const exported = await run(server, ['export', '--stream', 'shop', '--out', file], folder, READER);
  t.is(exported.exitCode, 0, exported.err);
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  t.is(lines.length, 3);
  const fixed = lines.map((line) => line.replace('{\\"n\\"', '{\\"type\\":\\"buy\\",\\"n\\"'));
  await writeFile(file, fixed.join('\n'));
  const sent = await run(server, ['resend', '--file', file], folder);
  t.is(sent.exitCode, 1);

  t.regex(sent.out, /2 applied/);
  t.regex(sent.err, /invalid_json/);
  const all = await run(server, ['resend', '--all', '--code', 'missing_type'], folder);
  t.deepEqual([all.exitCode, all.out], [0, 'no dead letters match\n']);
  await writeFile(file, '{"id":1}\n');
  const wrong = await run(server, ['resend', '--file', file], folder);
  t.regex(wrong.err, /bad\.ndjson:1: skipped: expected \{"id"/);
  t.deepEqual([wrong.exitCode, wrong.out], [1, '1 skipped\n']);
  t.is((await run(server, ['resend'], folder)).exitCode, 2);
  const unknown = await fetch(
    `http://${server.host}:${server.queryPort}/v1/dead-letters?streams=x`,
    { headers: { authorization: `Bearer ${READER}` } },
  );
  t.is(unknown.status, 400);
  t.regex(await unknown.text(), /there is no parameter \\"streams\\"/);
});

test('the command line sends what it can of a file: lines that are no text are skipped and told, and no request is too long', async (t) => {
  const { server, folder } = await site(t);
  await send(
    server,
    'shop',
    Array.from({ length: 60 }, (_, n) => `{"n":${n}}`),
  );
  await committed(server, 60);
  const file = join(folder, 'bad.ndjson');
  await run(server, ['export', '--stream', 'shop', '--out', file], folder);
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  // Together 270 KB in UTF-8: more than one request may have.
  const fixed = lines.map((line) =>
    line.replace('{\\"n\\"', `{\\"type\\":\\"buy\\",\\"pad\\":\\"${'€'.repeat(1_500)}\\",\\"n\\"`),
  );
  const unreadable = '{"id":"1s.0.0.1","base64":"/w=="}';
  await writeFile(file, [...fixed.slice(0, 5), unreadable, ...fixed.slice(5)].join('\n'));
  const sent = await run(server, ['resend', '--file', file], folder);
  t.is(sent.exitCode, 1);
  t.regex(sent.err, /bad\.ndjson:6: skipped: expected .*"base64"/);
  t.is(sent.out, '1 skipped, 60 applied\n');
});
