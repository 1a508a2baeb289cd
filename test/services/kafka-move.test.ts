/** A data folder goes on with a topic in the place of its journal, whatever moment the move is killed at. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { Server } from '../../load-tests/server.ts';
import { LOG_ORIGIN_FILE, readLogOrigin } from '../../storage/log/log-origin.ts';
import { runHeard } from '../cli/heard-terminal.ts';
import { sendApplied } from '../send-applied.ts';
import { clientOf, makeLogTopic } from './kafka-topics.ts';

const PARTITIONS = 3;
const STREAM = 'events';
const MIB = 2 ** 20;
const DYING = fileURLToPath(new URL('./dying-move.ts', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-move-'));
let kafka: Kafka;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** One folder, and the servers that it is given to one after the other. */
function site(t: ExecutionContext, name: string) {
  const folder = join(dir, name);
  const prepare = async (config: object): Promise<Server> => {
    const server = await Server.prepare({
      folder,
      partitions: PARTITIONS,
      config: {
        rollups: [{ name: 'by_type', dimensions: ['type'], measures: ['count', 'distinct(user)'] }],
        ...config,
      },
    });
    t.teardown(() => server.kill());
    return server;
  };
  return {
    config: join(folder, 'streamgauge.yaml'),
    dataDir: join(folder, 'data'),
    /** A long interval leaves the end of the log uncommitted. */
    journal: (intervalMs: number) => prepare({ commit: { intervalMs } }),
    topic: (topic = name) =>
      prepare({ log: { type: 'kafka', kafka: { brokers: kafka.addresses, topic } } }),
  };
}

const events = (from: number, to: number, filler = 0): object[] =>
  Array.from({ length: to - from }, (_, i) => ({
    id: `e${from + i}`,
    type: ['buy', 'look', 'leave'][(from + i) % 3],
    ts: 1_790_000_000_000 + (from + i),
    user: `u${(from + i) % 101}`,
    ...(filler > 0 && { text: `${from + i}`.repeat(filler) }),
  }));

interface Answers {
  readonly ledger: { received: number; applied: number; duplicate: number; rejected: number };
  readonly timeseries: { series: { points: { values: { value: number }[] }[] }[] };
  readonly deadLetters: { letters: { text: string }[] };
}

async function answers(server: Server): Promise<Answers> {
  return server.query<Answers>(`{
    ledger(stream: "${STREAM}") { received applied duplicate rejected pending balanced }
    timeseries(stream: "${STREAM}", from: 1789948800000, to: 1790121600000, step: 86400000, groupBy: ["type"],
      measures: [{ op: count }, { op: distinct, field: "user" }]) {
      series { labels { value } points { t values { value } } }
    }
    deadLetters(first: 100) { letters { code text } }
  }`);
}

const counted = ({ timeseries }: Answers): number =>
  timeseries.series
    .flatMap(({ points }) => points)
    .reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);

async function deleteTopic(topic: string): Promise<void> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
}

/** Answers what ended it. */
async function killedMove(config: string, step: string, after = 0): Promise<string> {
  const child = spawn(process.execPath, [DYING, config, step, String(after)], { stdio: 'pipe' });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code, signal] = await once(child, 'exit');
  return signal ?? `exit code ${code}: ${said}`;
}

test('nothing is lost and nothing counts twice, though each step of the move is killed', async (t) => {
  const here = site(t, 'moved');
  let server = await here.journal(100);
  await server.start();
  await sendApplied(server, STREAM, [...events(0, 500), ...events(400, 450), { n: 'no type' }]);
  await server.query('mutation { archiveNow { waitingBytes } }');
  for (let from = 500; from < 20_500; from += 2_000) {
    await sendApplied(server, STREAM, events(from, from + 2_000, 60));
  }
  await server.stop();
  server = await here.journal(60_000);
  await server.start();
  // Of these nothing is committed, and some are copies.
  await sendApplied(server, STREAM, [...events(20_500, 21_000), ...events(0, 100)]);
  const before = await answers(server);
  t.like(before.ledger, { received: 21_151, applied: 21_000, duplicate: 150, rejected: 1 });
  t.is(counted(before), 21_000);
  await server.kill();

  server = await here.topic();
  await t.throwsAsync(server.start(), {
    message: /has a journal of its own.*streamgauge log move/,
  });
  await server.kill();
  for (const [step, after] of [
    ['copying', 0],
    ['copying', 5 * MIB],
    ['reading back', 0],
    ['handing over', 0],
    ['switching', 0],
  ] as const) {
    t.is(await killedMove(here.config, step, after), 'SIGKILL', step);
    t.is((await readLogOrigin(here.dataDir))?.move?.phase, 'copying');
  }
  // The archive is the topic's by now: it is given back, and to the next topic.
  await deleteTopic('moved');
  t.is(await killedMove(here.config, 'switching'), 'SIGKILL');
  server = await here.journal(100);
  await t.throwsAsync(server.start(), { message: /run \\?"streamgauge log move\\?" again/ });
  await server.kill();
  server = await here.topic();
  await t.throwsAsync(server.start(), { message: /run \\?"streamgauge log move\\?" again/ });
  await server.kill();
  for (const step of ['switched', 'clearing']) {
    t.is(await killedMove(here.config, step), 'SIGKILL', step);
  }
  const moved = await runHeard('log', 'move', '--config', here.config, '--json');
  t.is(moved.exitCode, 0, moved.err);
  t.false(existsSync(join(here.dataDir, 'journal')));
  const again = await runHeard('log', 'move', '--config', here.config);
  t.is(again.exitCode, 3);
  t.regex(again.err, /belongs to the topic moved already/);

  server = await here.topic();
  await server.start();
  // What was uncommitted is applied from the topic.
  const position = await sendApplied(server, STREAM, events(21_000, 21_001));
  t.truthy(position);
  const after = await answers(server);
  t.like(after.ledger, { received: 21_152, applied: 21_001, duplicate: 150, rejected: 1 });
  t.is(counted(after), 21_001);
  t.deepEqual(after.deadLetters, before.deadLetters);

  // All ids are known still: those of blocks that were archived, committed, and neither.
  await sendApplied(server, STREAM, events(0, 500));
  await sendApplied(server, STREAM, events(20_000, 21_001));
  await server.query('mutation { archiveNow { waitingBytes } }');
  await server.kill();
  server = await here.topic();
  await server.start();
  await sendApplied(server, STREAM, [...events(10_000, 10_100), ...events(21_001, 21_011)]);
  const last = await answers(server);
  t.like(last.ledger, { received: 22_763, applied: 21_011, duplicate: 1_751, rejected: 1 });
  t.is(counted(last), 21_011);
  await server.query('mutation { archiveNow { waitingBytes } }');
  const verified = await runHeard('segments', 'verify', '--config', here.config);
  t.is(verified.exitCode, 0, verified.out + verified.err);
  t.regex(verified.out, /21,?011/);
  await server.stop();
});

test('a folder moves to a topic that is new, with the configuration of the topic', async (t) => {
  const here = site(t, 'refused');
  const server = await here.journal(100);
  await server.start();
  await sendApplied(server, STREAM, events(0, 10));
  await server.stop();
  const unconfigured = await runHeard('log', 'move', '--config', here.config);
  t.is(unconfigured.exitCode, 3);
  t.regex(unconfigured.err, /log\.type: kafka/);

  const used = await makeLogTopic(kafka, { partitions: PARTITIONS });
  const producer = clientOf(kafka).producer();
  await producer.connect();
  await producer.send({ topic: used.topic, messages: [{ value: 'of somebody', partition: 1 }] });
  await producer.disconnect();
  await here.topic(used.topic);
  const refused = await runHeard('log', 'move', '--config', here.config);
  t.is(refused.exitCode, 3);
  t.regex(refused.err, /has had records already, in partition 1/);
  t.false(existsSync(join(here.dataDir, LOG_ORIGIN_FILE)), 'the folder is as it was');
});
