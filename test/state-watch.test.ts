import test from 'ava';
import { AppError } from '../src/model/errors.ts';
import { PATIENT_LOOKS, StateWatch } from '../src/state-watch.ts';
import { STATE_ROOM_BYTES } from '../storage/limits.ts';
import { RefusedWrites } from '../storage/state/refused-writes.ts';
import { silent } from './storage/archive/silent.ts';

/** A store and a disk as they are set, and what was told. */
class Scene {
  freeBytes: number | undefined = 0;
  takesWrites = true;
  tries = 0;
  readonly told: string[] = [];
  readonly faults: AppError[] = [];
  readonly refusedWrites = new RefusedWrites();
  readonly watch: StateWatch;

  constructor(role: 'alone' | 'node') {
    this.watch = new StateWatch({
      state: { refusedWrites: this.refusedWrites, tryWrite: async () => this.write() },
      dir: '/data/state',
      freeBytes: async () => this.freeBytes,
      changed: () => {},
      standAside: role === 'node' ? () => void this.told.push('aside') : undefined,
      stopped: (fault) => {
        this.told.push('stopped');
        this.faults.push(fault);
      },
      log: silent,
    });
  }

  write(): void {
    this.tries += 1;
    if (this.takesWrites) return;
    this.refusedWrites.add();
    throw new AppError('state_io', 'writing the state failed: No space left on device');
  }

  /** Some thread is refused a write. */
  fill(): void {
    this.takesWrites = false;
    this.refusedWrites.add();
  }

  async look(times: number): Promise<void> {
    for (let look = 0; look < times; look++) await this.watch.look();
  }
}

test('a store that refuses nothing is never written to', async (t) => {
  const scene = new Scene('alone');
  await scene.look(100);
  t.is(scene.tries, 0);
  t.deepEqual(scene.watch.problems, []);
});

test('a refused write is a problem that says what is free, where, and how much room is wanted', async (t) => {
  const scene = new Scene('alone');
  scene.fill();
  scene.freeBytes = 4_096;
  await scene.look(1);
  const [problem = ''] = scene.watch.problems;
  t.regex(problem, /4096 bytes are free in \/data\/state/);
  t.true(problem.includes(`${STATE_ROOM_BYTES}`));
  t.regex(problem, /No space left on device/);
});

test('a store that goes on by itself is no problem any more, and is opened by nobody', async (t) => {
  const scene = new Scene('alone');
  scene.fill();
  await scene.look(100);
  scene.freeBytes = STATE_ROOM_BYTES;
  await scene.look(PATIENT_LOOKS - 1);
  scene.takesWrites = true;
  await scene.look(PATIENT_LOOKS);
  t.deepEqual(scene.watch.problems, []);
  t.deepEqual(scene.told, []);
  const { tries } = scene;
  await scene.look(10);
  t.is(scene.tries, tries);
});

test('a server that is alone waits for room as long as it takes, then has its store opened anew', async (t) => {
  const scene = new Scene('alone');
  scene.fill();
  scene.freeBytes = STATE_ROOM_BYTES - 1;
  await scene.look(10 * PATIENT_LOOKS);
  t.deepEqual(scene.told, []);
  scene.freeBytes = STATE_ROOM_BYTES;
  await scene.look(PATIENT_LOOKS - 1);
  t.deepEqual(scene.told, []);
  await scene.look(100);
  t.deepEqual(scene.told, ['stopped']);
  t.is(scene.faults[0]?.code, 'state_stopped');
  t.regex(scene.faults[0]?.message ?? '', /No space left on device/);
  t.is(scene.faults[0]?.location.path, '/data/state');
});

test('room that comes and goes is none', async (t) => {
  const scene = new Scene('alone');
  scene.fill();
  for (let look = 0; look < 20 * PATIENT_LOOKS; look++) {
    scene.freeBytes = look % PATIENT_LOOKS === 0 ? 0 : STATE_ROOM_BYTES;
    await scene.look(1);
  }
  t.deepEqual(scene.told, []);
});

test('where nobody knows what is free, a store that refuses for long is opened anew', async (t) => {
  const scene = new Scene('alone');
  scene.fill();
  scene.freeBytes = undefined;
  await scene.look(PATIENT_LOOKS);
  t.deepEqual(scene.told, ['stopped']);
});

test('a node gives its partitions to others while there is no room, and comes back once there is, whatever its store does', async (t) => {
  for (const takesWrites of [false, true]) {
    const scene = new Scene('node');
    scene.fill();
    await scene.look(PATIENT_LOOKS - 1);
    t.deepEqual(scene.told, []);
    await scene.look(100);
    t.deepEqual(scene.told, ['aside']);
    scene.takesWrites = takesWrites;
    await scene.look(10);
    t.regex(scene.watch.problems[0] ?? '', /others have this node's partitions: 0 bytes are free/);
    scene.freeBytes = STATE_ROOM_BYTES;
    await scene.look(10);
    t.deepEqual(scene.told, ['aside', 'stopped']);
  }
});

test('a node that has room keeps its partitions until its store is opened anew', async (t) => {
  const scene = new Scene('node');
  scene.fill();
  scene.freeBytes = STATE_ROOM_BYTES;
  await scene.look(100);
  t.deepEqual(scene.told, ['stopped']);
});
