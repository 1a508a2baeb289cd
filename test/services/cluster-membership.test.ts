/** Who is in the cluster, and who has what, as members know it over a real broker. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCoordinatorV4 } from '@platformatic/kafka';
import test, { type ExecutionContext } from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { NODE_SESSION_MS } from '../../src/cluster/limits.ts';
import {
  clusterGroupOf,
  joinCluster,
  type Membership,
  type Standing,
} from '../../src/cluster/membership.ts';
import { isFault } from '../../src/model/errors.ts';
import { apiOf, KafkaCluster } from '../../storage/kafka/cluster.ts';
import { silent } from '../storage/archive/silent.ts';
import type { MemberSettings, Said } from './cluster-member.ts';
import { makeLogTopic } from './kafka-topics.ts';
import { until } from './source-scene.ts';

const PARTITIONS = 6;
const IN_COMMON = {
  archive: { id: 'the archive', url: 'file:///mnt/archive' },
  secret: 'a secret that all nodes have',
};
const FIND_COORDINATOR = apiOf(10, 4, findCoordinatorV4.parseResponse);
const PROGRAM = new URL('./cluster-member.ts', import.meta.url);
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-membership-'));
let kafka: Kafka;
let lives = 0;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** A cluster of its own. */
const newTopic = async (): Promise<string> =>
  (await makeLogTopic(kafka, { partitions: PARTITIONS })).topic;

function settingsOf(topic: string, name: string, url = `http://${name}:8081`): MemberSettings {
  lives += 1;
  return {
    connection: { brokers: kafka.addresses },
    topic,
    partitions: PARTITIONS,
    node: { name, url, life: lives, version: '0.1.0', configDigest: 'abc' },
    inCommon: IN_COMMON,
  };
}

type Rows = ReadonlyMap<number, number>;

function member(t: ExecutionContext, settings: MemberSettings, rows: Rows = new Map()): Membership {
  const membership = joinCluster({ ...settings, positions: async () => rows, logger: silent });
  t.teardown(() => membership.leave());
  return membership;
}

/** Once all of them, and nobody else, are in, and know the same. */
async function agreed(...members: readonly Membership[]): Promise<readonly Standing[]> {
  return await until(async () => {
    const all = members.map((each) => each.standing());
    const generations = new Set(all.map(({ view }) => view?.generation));
    const isSo = all.every(({ isMember, view }) => isMember && view?.nodes.length === all.length);
    return isSo && generations.size === 1 ? all : undefined;
  }, `${members.length} members of one generation`);
}

const mineOf = ({ view }: Standing): readonly number[] => view?.mine ?? [];
const countsOf = (all: readonly Standing[]) => all.map((each) => mineOf(each).length);

test.serial(
  'one node has all, three share, two share what the third had: all know of all',
  async (t) => {
    const topic = await newTopic();
    const a = member(t, settingsOf(topic, 'a'));
    const [alone] = await agreed(a);
    t.deepEqual(alone && mineOf(alone), [0, 1, 2, 3, 4, 5]);
    t.is(alone?.problem, undefined);
    const heard: Standing[] = [];
    t.teardown(a.subscribe((standing) => heard.push(standing)));
    const b = member(t, settingsOf(topic, 'b'));
    const c = member(t, settingsOf(topic, 'c'));
    const three = await agreed(a, b, c);
    t.deepEqual(countsOf(three), [2, 2, 2]);
    const views = three.map(({ view }) => view?.nodes);
    t.deepEqual(views[1], views[0]);
    t.deepEqual(views[2], views[0]);
    t.like(views[0]?.[1], { name: 'b', url: 'http://b:8081', version: '0.1.0' });
    t.deepEqual(
      three.map(({ view }) => view?.leader.name),
      ['a', 'a', 'a'],
    );
    t.is(heard.at(-1)?.view, three[0]?.view, 'who follows is told');
    await b.leave();
    t.false(b.standing().isMember);
    t.is(await b.ended, undefined);
    const two = await agreed(a, c);
    t.deepEqual(countsOf(two), [3, 3]);
    for (const [i, before] of [three[0], three[2]].entries()) {
      t.deepEqual(
        before && mineOf(before).filter((each) => !mineOf(two[i] as Standing).includes(each)),
        [],
      );
    }
  },
);

test.serial('what must move goes to the node that has the most of it', async (t) => {
  const topic = await newTopic();
  const all = new Map([0, 1, 2, 3, 4, 5].map((partition) => [partition, 100]));
  const a = member(t, settingsOf(topic, 'a'), all);
  await agreed(a);
  const b = member(
    t,
    settingsOf(topic, 'b'),
    new Map([
      [2, 90],
      [4, 100],
      [5, 99],
    ]),
  );
  const two = await agreed(a, b);
  t.deepEqual(two.map(mineOf), [
    [0, 1, 3],
    [2, 4, 5],
  ]);
});

test.serial(
  'a node that is started again at once keeps what it had, and is known as new',
  async (t) => {
    const topic = await newTopic();
    const a = member(t, settingsOf(topic, 'a'));
    const b = await started(t, settingsOf(topic, 'b'));
    await until(async () => (a.standing().view?.nodes.length === 2 ? true : undefined), 'both');
    const before = await b.until(
      ({ isMember, view }) => isMember && view?.nodes.length === 2,
      'both',
    );
    b.process.kill('SIGKILL');
    const again = member(
      t,
      settingsOf(topic, 'b'),
      new Map(mineOf(before).map((each) => [each, 5])),
    );
    const two = await agreed(a, again);
    t.deepEqual(mineOf(two[1] as Standing), mineOf(before));
    const known = two[0]?.view?.nodes.find(({ name }) => name === 'b');
    t.is(known?.life, lives);
    t.true((two[0]?.view?.generation ?? 0) > (before.view?.generation ?? 0));
  },
);

test.serial(
  'a node that stands still loses its partitions, knows it when it wakes, and comes back',
  async (t) => {
    const topic = await newTopic();
    const zombie = await started(t, settingsOf(topic, 'a'));
    const led = await zombie.until(({ isMember }) => isMember, 'a member');
    t.is(led.view?.leader.name, 'a');
    const b = member(t, settingsOf(topic, 'b'));
    const two = await zombie.until(({ view }) => view?.nodes.length === 2, 'another');
    zombie.process.kill('SIGSTOP');
    const [alone] = await agreed(b);
    t.deepEqual(alone && countsOf([alone]), [PARTITIONS]);
    t.is(alone?.view?.leader.name, 'b');
    zombie.process.send({});
    zombie.process.kill('SIGCONT');
    const woken = await zombie.asked();
    t.false(woken.isMember, 'before anybody has told it');
    t.is(woken.view?.generation, two.view?.generation);
    const back = await zombie.until(
      ({ isMember, view }) => isMember && (view?.generation ?? 0) > (alone?.view?.generation ?? 0),
      'a member again',
    );
    t.is(back.view?.leader.name, 'b', 'nobody leads because of what was');
    t.is(mineOf(back).length, PARTITIONS / 2);
  },
);

test.serial(
  'a node is out while no broker answers, says why, and is in again afterwards',
  async (t) => {
    const topic = await newTopic();
    const a = member(t, settingsOf(topic, 'a'));
    const b = member(t, settingsOf(topic, 'b'));
    const before = await agreed(a, b);
    const killedMs = performance.now();
    const gone = Promise.withResolvers<Standing>();
    t.teardown(a.subscribe((now) => now.isMember || gone.resolve(now)));
    await kafka.broker.kill();
    const out = await gone.promise;
    t.true(
      performance.now() - killedMs < 2 * NODE_SESSION_MS,
      'about a session after it was last heard',
    );
    t.regex(out.problem ?? '', /out of reach|no broker answers/);
    t.is(out.view, before[0]?.view, 'it goes on with what it has');
    await kafka.start();
    const after = await agreed(a, b);
    t.deepEqual(
      after.map(({ problem }) => problem),
      [undefined, undefined],
    );
    t.deepEqual(after.map(mineOf), before.map(mineOf));
  },
);

test.serial('a second node of one name is refused, and the first is not disturbed', async (t) => {
  const topic = await newTopic();
  const first = member(t, settingsOf(topic, 'a'));
  const [before] = await agreed(first);
  const second = member(t, settingsOf(topic, 'a', 'http://elsewhere:8081'));
  const fault = await second.ended;
  t.true(fault && isFault(fault, 'config_invalid'));
  t.regex(fault?.message ?? '', /as "a", at http:\/\/a:8081: give each node a cluster\.node/);
  t.false(second.standing().isMember);
  t.true(first.standing().isMember);
  t.is(first.standing().view, before?.view);
});

test.serial(
  'of two nodes with one name and one address the later is the node, and the earlier ends',
  async (t) => {
    const topic = await newTopic();
    const first = member(t, settingsOf(topic, 'a'));
    await agreed(first);
    const second = member(t, settingsOf(topic, 'a'));
    const fault = await first.ended;
    t.regex(fault?.message ?? '', /another node is in the cluster as "a"/);
    await agreed(second);
    t.false(first.standing().isMember);
  },
);

test.serial(
  'a node with another archive ends, and those that are there are not disturbed',
  async (t) => {
    const topic = await newTopic();
    const first = member(t, settingsOf(topic, 'a'));
    const [before] = await agreed(first);
    const archive = { id: 'another archive', url: 'file:///not/mounted' };
    const inCommon = { ...IN_COMMON, archive };
    const second = member(t, { ...settingsOf(topic, 'b'), inCommon });
    const fault = await second.ended;
    t.true(fault && isFault(fault, 'config_invalid'));
    t.regex(
      fault?.message ?? '',
      /node "a", at http:\/\/a:8081, .* whose is file:\/\/\/not\/mounted/,
    );
    t.is(second.standing().view, undefined);
    t.true(first.standing().isMember);
    t.is(first.standing().view, before?.view, 'nothing was shared out anew');
  },
);

test.serial(
  'of two nodes with two secrets that come at once one ends, and the other has all',
  async (t) => {
    const topic = await newTopic();
    const inCommon = { ...IN_COMMON, secret: 'a secret that nobody else has' };
    const a = member(t, settingsOf(topic, 'a'));
    const b = member(t, { ...settingsOf(topic, 'b'), inCommon });
    const [ended, stays] = await Promise.race([
      a.ended.then(() => [a, b] as const),
      b.ended.then(() => [b, a] as const),
    ]);
    const fault = await ended.ended;
    t.true(fault && isFault(fault, 'config_invalid'));
    t.regex(
      fault?.message ?? '',
      /node "[ab]", .* another secret than this node: give both the sam/,
    );
    t.is(ended.standing().view, undefined, 'it has taken nothing');
    const [alone] = await agreed(stays);
    t.deepEqual(alone && mineOf(alone), [0, 1, 2, 3, 4, 5]);
  },
);

test.serial('a node leaves within seconds while no broker answers', async (t) => {
  const topic = await newTopic();
  const a = member(t, settingsOf(topic, 'a'));
  await agreed(a);
  await kafka.broker.kill();
  const startedMs = performance.now();
  await a.leave();
  t.true(performance.now() - startedMs < 2 * NODE_SESSION_MS);
  t.is(await a.ended, undefined);
  await kafka.start();
});

test.serial(
  'another broker coordinates when the one that did is killed, and nothing moves',
  async (t) => {
    const three = await startKafka({ dir: join(dir, 'three'), nodes: 3 });
    t.teardown(() => three.stop());
    const { topic, connection } = await makeLogTopic(three, { partitions: PARTITIONS });
    const members = ['a', 'b', 'c'].map((name) =>
      member(t, { ...settingsOf(topic, name), connection }),
    );
    const before = await agreed(...members);
    const cluster = new KafkaCluster(connection);
    t.teardown(() => cluster.close());
    const coordinator = await coordinatorOf(cluster, topic);
    await three.brokers[coordinator - 1]?.kill();
    const killedMs = performance.now();
    const outs = new Set<string>();
    for (const [i, each] of members.entries()) {
      t.teardown(each.subscribe(({ isMember }) => isMember || outs.add(`node ${i}`)));
    }
    await until(
      async () =>
        members.some((each) => each.standing().problem !== undefined) ? true : undefined,
      'somebody to miss it',
    );
    await until(async () => {
      const now = await coordinatorOf(cluster, topic).catch(() => coordinator);
      return now === coordinator ? undefined : now;
    }, 'another coordinator');
    const after = await until(async () => {
      const all = members.map((each) => each.standing());
      return all.every((each) => each.isMember && each.problem === undefined) ? all : undefined;
    }, 'everybody to be heard again');
    const tookMs = Math.round(performance.now() - killedMs);
    t.log(`heard again after ${tookMs} ms; out meanwhile: ${[...outs].join(', ') || 'nobody'}`);
    t.deepEqual(after.map(mineOf), before.map(mineOf));
    t.is(after[0]?.view?.leader.name, before[0]?.view?.leader.name);
  },
);

/** The id of the broker: they count from 1. */
async function coordinatorOf(cluster: KafkaCluster, topic: string): Promise<number> {
  const found = await cluster.topic(topic);
  const node = found?.partitions.find(({ leader }) => leader >= 0)?.leader ?? -1;
  const { coordinators } = await cluster.request(node, FIND_COORDINATOR, () =>
    findCoordinatorV4.createRequest(0, [clusterGroupOf(topic)]),
  );
  const [{ nodeId, errorCode } = { nodeId: -1, errorCode: -1 }] = coordinators;
  if (errorCode !== 0) throw new Error(`no coordinator: ${errorCode}`);
  return nodeId;
}

interface Remote {
  readonly process: ChildProcess;
  until(isSo: (standing: Standing) => boolean | undefined, what: string): Promise<Standing>;
  /** Its answer to the message that was sent to it last. */
  asked(): Promise<Standing>;
}

async function started(t: ExecutionContext, settings: MemberSettings): Promise<Remote> {
  const child = fork(PROGRAM, { stdio: 'inherit', execArgv: [] });
  t.teardown(() => child.kill('SIGKILL'));
  const answers: Standing[] = [];
  let newest: Standing | undefined;
  child.on('message', (said: Said) => {
    newest = said.standing;
    if (said.kind === 'asked') answers.push(said.standing);
  });
  await once(child, 'spawn');
  child.send(settings);
  return {
    process: child,
    until: (isSo, what) => until(async () => (newest && isSo(newest) ? newest : undefined), what),
    asked: () => until(async () => answers.shift(), 'an answer'),
  };
}
