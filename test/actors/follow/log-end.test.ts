/** Following a log whose partitions are with several nodes. */
import test from 'ava';
import { Follower } from '../../../actors/follow/follower.ts';
import { LogEnd } from '../../../actors/follow/log-end.ts';
import type { FollowedEvents } from '../../../actors/follow/questions.ts';
import type { Voucher } from '../../../actors/partition/voucher.ts';
import { AppError } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import type { LoggedBlock, LogReader } from '../../../storage/log/log.ts';
import { partitionOf, verdictKey, verdictOffset } from '../../../storage/state/keys.ts';
import { encodeVerdict } from '../../../storage/state/rows.ts';
import type { StateReader } from '../../../storage/state/state.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';

function scene() {
  const blocks: LoggedBlock[] = [];
  const committed = [0, 0];
  const verdicts = new Map<string, Uint8Array>();
  /** Whose verdicts can be read, and whether they hold. */
  const here = { of: new Set([0, 1]), holds: true, answers: true };
  const state: StateReader = {
    getMany: async () => [],
    page: async ({ from }) => {
      if (!here.answers) throw new AppError('node_away', 'silent');
      const partition = partitionOf(from);
      return blocks
        .filter((block) => block.partition === partition && block.offset >= verdictOffset(from))
        .flatMap(({ offset: at }) => {
          const value = verdicts.get(`${partition} ${at}`);
          return value === undefined ? [] : [{ key: verdictKey(partition, at), value }];
        });
    },
  };
  const voucher: Voucher = {
    vouch: async (to) => ({
      partitions: new Set([...to.keys()].filter((partition) => here.of.has(partition))),
      fault: undefined,
      holds: async () => here.holds,
    }),
  };
  const open = (from: ReadonlyMap<number, number>): LogReader => ({
    read: async () => ({
      blocks: blocks.filter(({ partition, offset: at }) => at >= (from.get(partition) ?? 1e9)),
      readTo: (partition) => offset(committed[partition] ?? 0),
    }),
    seek: () => {},
    release: () => {},
    close: () => {},
  });
  /** The second of two events was dropped. */
  const append = (partition: number, name: string) => {
    const at = committed[partition] ?? 0;
    const events = [{ id: name }, { id: `${name} again` }];
    const { bytes } = eventBlock(events, { arrivalMs: 1, partition, stream: 'shop' });
    blocks.push({ partition, offset: offset(at), nextOffset: offset(at + 1), bytes });
    verdicts.set(`${partition} ${at}`, encodeVerdict(new Uint8Array([1, 0]), 2));
    committed[partition] = at + 1;
  };
  let nowMs = 0;
  const now = () => (nowMs += 1_000);
  const logEnd = new LogEnd({ openReader: open, state, voucher, committed: () => committed, now });
  const told: FollowedEvents[] = [];
  const follower = new Follower(
    { tenant: 'default', stream: 'shop', maxPerSecond: 100 },
    {
      random: () => 0,
      tell: (message) => {
        told.push(message);
        follower.taken();
      },
    },
    now(),
  );
  logEnd.add(follower);
  const seen = () => told.splice(0).flatMap(({ events }) => events.map(({ id }) => id));
  return { append, here, logEnd, committed, seen };
}

test('events of all partitions are told, without those that were dropped', async (t) => {
  const { append, logEnd, seen } = scene();
  for (const p of [0, 1]) append(p, `first of ${p}`);
  await logEnd.look();
  t.deepEqual(seen().sort(), ['first of 0', 'first of 1']);
  append(1, 'second of 1');
  await logEnd.look();
  t.deepEqual(seen(), ['second of 1']);
});

test('a partition on its way to another node holds nobody else up, and is told once it is there', async (t) => {
  const { append, here, logEnd, seen } = scene();
  here.of = new Set([0]);
  for (const p of [0, 1]) append(p, `first of ${p}`);
  await logEnd.look();
  t.deepEqual(seen(), ['first of 0']);
  await logEnd.look();
  t.deepEqual(seen(), []);
  here.of = new Set([0, 1]);
  await logEnd.look();
  t.deepEqual(seen(), ['first of 1']);
});

test('what was read of a partition that moved meanwhile, or that does not answer, is told later, and once', async (t) => {
  const { append, here, logEnd, seen } = scene();
  append(0, 'first');
  here.holds = false;
  await logEnd.look();
  here.holds = true;
  here.answers = false;
  await logEnd.look();
  t.deepEqual(seen(), []);
  here.answers = true;
  await logEnd.look();
  await logEnd.look();
  t.deepEqual(seen(), ['first']);
});

test('an owner that is behind the one before has nothing told twice', async (t) => {
  const { append, logEnd, committed, seen } = scene();
  append(0, 'first');
  append(0, 'second');
  await logEnd.look();
  t.deepEqual(seen(), ['first', 'second']);
  committed[0] = 1;
  await logEnd.look();
  committed[0] = 2;
  await logEnd.look();
  t.deepEqual(seen(), []);
  append(0, 'third');
  await logEnd.look();
  t.deepEqual(seen(), ['third']);
});
