import test from 'ava';
import { givesWay, Pace, type PaceReading } from '../../../actors/archiver/pace.ts';

const GiB = 2 ** 30;

/** Slowed to four fifths, far from every bound. */
const SLOWED: PaceReading = {
  besideRate: 40_000,
  withoutRate: 50_000,
  waitingBytes: GiB,
  roomBytes: 31 * GiB,
  waitedMs: 60_000,
  waitedMsMax: 600_000,
};

test('archiving gives way where it slows ingest and the log is far from its bounds', (t) => {
  t.true(givesWay(SLOWED));
  t.true(givesWay({ ...SLOWED, roomBytes: Number.POSITIVE_INFINITY }));
});

test('archiving does not give way where ingest keeps its rate, or nobody knows', (t) => {
  t.false(givesWay({ ...SLOWED, besideRate: 48_000 }));
  t.false(givesWay({ ...SLOWED, besideRate: 65_000 }));
  t.false(givesWay({ ...SLOWED, besideRate: undefined }));
  t.false(givesWay({ ...SLOWED, withoutRate: undefined }));
  t.false(givesWay({ ...SLOWED, besideRate: 0, withoutRate: 500 }));
});

test('archiving does not give way where much of the log waits, or has waited for long', (t) => {
  t.true(givesWay({ ...SLOWED, waitingBytes: 7 * GiB, roomBytes: 25 * GiB }));
  t.false(givesWay({ ...SLOWED, waitingBytes: 8 * GiB, roomBytes: 24 * GiB }));
  t.false(givesWay({ ...SLOWED, roomBytes: 0 }));
  t.true(givesWay({ ...SLOWED, waitedMs: 299_999 }));
  t.false(givesWay({ ...SLOWED, waitedMs: 300_000 }));
});

/** A log that grows as it is told, and a clock with it. */
function scene() {
  const clock = { ms: 1_000, now: () => clock.ms };
  let end = 5_000;
  const logBytes = (distances: Iterable<number>) => Math.max(0, ...distances);
  const pace = new Pace({ clock, logEnds: () => [end], logBytes });
  const pass = (ms: number, bytesPerMs: number) => {
    clock.ms += ms;
    end += ms * bytesPerMs;
  };
  return { pace, pass };
}

test('rates are of the log beside cuts and without them', (t) => {
  const { pace, pass } = scene();
  t.deepEqual(pace.rates, { besideRate: undefined, withoutRate: undefined });
  t.false(pace.isKnown);
  pass(3_000, 10_000);
  pace.beginCuts();
  t.true(pace.isKnown);
  pass(6_000, 8_000);
  pace.endCuts();
  t.deepEqual(pace.rates, { besideRate: 8_000, withoutRate: 10_000 });
  pass(4_000, 9_000);
  pace.look();
  t.deepEqual(pace.rates, { besideRate: 8_000, withoutRate: 9_000 });
});

test('a moment is too short for a rate', (t) => {
  const { pace, pass } = scene();
  pass(1_999, 10_000);
  pace.beginCuts();
  pass(1_999, 10_000);
  pace.endCuts();
  t.deepEqual(pace.rates, { besideRate: undefined, withoutRate: undefined });
});

test('in a long rest the rate is that of its end', (t) => {
  const { pace, pass } = scene();
  pass(10_000, 10_000);
  pace.look();
  pass(5_000, 4_000);
  pace.look();
  t.is(pace.rates.withoutRate, 4_000);
});

test('who gives way rests for as long as it has cut, who does not for a moment', (t) => {
  const { pace, pass } = scene();
  t.false(pace.isResting(true));
  pace.beginCuts();
  pass(6_000, 8_000);
  pace.endCuts();
  pass(1_999, 10_000);
  t.true(pace.isResting(false));
  pass(1, 10_000);
  t.false(pace.isResting(false));
  t.true(pace.isResting(true));
  pass(3_999, 10_000);
  t.true(pace.isResting(true));
  pass(1, 10_000);
  t.false(pace.isResting(true));
});

test('who does not give way does not rest where next to nothing comes', (t) => {
  const { pace, pass } = scene();
  pace.beginCuts();
  pass(6_000, 500);
  pace.endCuts();
  t.true(pace.isKnown);
  t.false(pace.isResting(false));
});
