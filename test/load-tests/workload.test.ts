import test from 'ava';
import { unpack } from 'msgpackr';
import { buildBodies, type StampedBody } from '../../load-tests/bodies.ts';
import { exactDistribution, TruthCounter } from '../../load-tests/truth.ts';
import { EVENT_TYPES, LAGS_MS, type WorkloadOptions } from '../../load-tests/workload.ts';

const WORKLOAD: WorkloadOptions = { seed: 7, source: 0xab, bodies: 20, eventsPerBody: 100 };
const HEAD = Buffer.from('head of some length ');
const frame = () => HEAD;

interface Event {
  readonly id: string;
  readonly ts: number;
  readonly type: string;
  readonly user: string;
  readonly duration_ms: number;
}

const readNdjson = (body: StampedBody): Event[] =>
  body.bytes
    .subarray(HEAD.length)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const readMsgpack = (body: StampedBody): Event[] => unpack(body.bytes.subarray(HEAD.length));

test('an event has 10 or 11 fields and about 200 bytes, of three mixed shapes', (t) => {
  const bodies = buildBodies(WORKLOAD, 'ndjson', frame);
  const events = bodies.flatMap(readNdjson);
  const shapes = new Set(events.map((event) => Object.keys(event).join()));
  t.is(shapes.size, 3);
  t.true(events.every((event) => [10, 11].includes(Object.keys(event).length)));
  const bytes = bodies.reduce((sum, body) => sum + body.bytes.length - HEAD.length, 0);
  t.true(bytes / events.length > 180 && bytes / events.length < 230);
});

test('the same options draw the same events, in both encodings', (t) => {
  const once = buildBodies(WORKLOAD, 'ndjson', frame).flatMap(readNdjson);
  t.deepEqual(buildBodies(WORKLOAD, 'ndjson', frame).flatMap(readNdjson), once);
  t.deepEqual(buildBodies(WORKLOAD, 'msgpack', frame).flatMap(readMsgpack), once);
  t.notDeepEqual(buildBodies({ ...WORKLOAD, seed: 8 }, 'ndjson', frame).flatMap(readNdjson), once);
});

for (const [encoding, read] of [
  ['ndjson', readNdjson],
  ['msgpack', readMsgpack],
] as const) {
  test(`stamps make ids unique and times recent (${encoding})`, (t) => {
    const bodies = buildBodies(WORKLOAD, encoding, frame);
    const ids = new Set<string>();
    let batch = 0xffff_ffff_ff00;
    for (let round = 0; round < 3; round++) {
      const nowMs = 1_795_000_000_000 + round * 12_345;
      for (const body of bodies) {
        body.stamp(batch++, nowMs);
        for (const event of read(body)) {
          ids.add(event.id);
          t.true(LAGS_MS.includes(nowMs - event.ts));
        }
      }
    }
    t.is(ids.size, 3 * WORKLOAD.bodies * WORKLOAD.eventsPerBody);
    t.true([...ids].every((id) => /^00abffffffff[0-9a-f]{8}$/.test(id)));
  });
}

test('the truth is what a reader of the bodies would count', (t) => {
  const bodies = buildBodies(WORKLOAD, 'ndjson', frame);
  const truth = new TruthCounter(bodies.length);
  const counted = new Map<string, { events: number; durationSumMs: number }>();
  const durations: number[] = [];
  const users = new Set<string>();
  bodies.forEach((body, batch) => {
    if (batch % 3 === 0) return;
    // Around a full minute, so that the lags reach into the one before.
    body.stamp(batch, 1_795_000_020_000 + batch * 30);
    truth.add(body);
    for (const event of readNdjson(body)) {
      const cell = `${event.ts - (event.ts % 60_000)} ${event.type}`;
      const { events, durationSumMs } = counted.get(cell) ?? { events: 0, durationSumMs: 0 };
      counted.set(cell, { events: events + 1, durationSumMs: durationSumMs + event.duration_ms });
      durations.push(event.duration_ms);
      users.add(event.user);
    }
  });
  const { minutes, events } = truth.read();
  t.is(events, durations.length);
  t.true(minutes.length > 1);
  for (const minute of minutes) {
    EVENT_TYPES.forEach((type, i) => {
      t.deepEqual(
        { events: minute.events[i], durationSumMs: minute.durationSumMs[i] },
        counted.get(`${minute.minuteMs} ${type}`) ?? { events: 0, durationSumMs: 0 },
      );
    });
  }
  durations.sort((a, b) => a - b);
  const exact = exactDistribution(truth.read(), WORKLOAD);
  t.is(exact.distinctUsers, users.size);
  t.is(exact.quantileMs(0.5), durations[Math.ceil(durations.length / 2) - 1] as number);
  t.is(exact.quantileMs(1), durations.at(-1) as number);
});
