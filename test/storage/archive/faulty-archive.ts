/** The archive as one process of several sees it: calls take turns, fail before or after they are done, and the process may die in each. */
import { AppError } from '../../../src/model/errors.ts';
import type { Archive } from '../../../storage/archive/archive.ts';
import type { Random } from '../../simulation/random.ts';
import type { MemoryArchive } from './memory-archive.ts';
import { Died, type Process, type Turns } from './turns.ts';

export interface FaultRates {
  /** Of all calls. */
  readonly die: number;
  readonly unavailable: number;
  readonly io: number;
}

export interface FaultyArchiveOptions {
  readonly archive: MemoryArchive;
  readonly process: Process;
  readonly turns: Turns;
  readonly random: Random;
  readonly rates: FaultRates;
  /** Before each call. */
  readonly begin: () => void;
  /** After everything that may have changed a file. */
  readonly look: () => void;
}

export function faultyArchive(options: FaultyArchiveOptions): Archive {
  const { archive, process, turns, random, rates, begin, look } = options;

  async function call<T>(whole: () => Promise<T>, half?: () => void): Promise<T> {
    begin();
    await turns.take(process);
    const fault = faultOf(random, rates);
    const done = random.pick(half === undefined ? ['none', 'all'] : ['none', 'half', 'all']);
    if (fault === undefined) {
      const answer = await whole();
      look();
      // Others may get their turns before the answer arrives.
      if (random.chance(0.2)) await turns.take(process);
      return answer;
    }
    if (done === 'half') half?.();
    if (done === 'all') await whole();
    look();
    if (fault !== 'die') throw new AppError(fault, 'planted');
    turns.kill(process);
    throw new Died();
  }

  return {
    url: archive.url,
    put: (path, localPath) =>
      call(
        () => archive.put(path, localPath),
        () => archive.putHalf(path, localPath),
      ),
    create: (path, bytes) => call(() => archive.create(path, bytes)),
    move: (from, to) =>
      call(
        () => archive.move(from, to),
        () => archive.moveHalf(from, to),
      ),
    read: (path) => call(() => archive.read(path)),
    fetch: (path, localPath) => call(() => archive.fetch(path, localPath)),
    list: (folder) => call(() => archive.list(folder)),
    remove: (path) => call(() => archive.remove(path)),
    close: () => archive.close(),
  };
}

function faultOf(
  random: Random,
  { die, unavailable, io }: FaultRates,
): 'die' | 'archive_unavailable' | 'archive_io' | undefined {
  const chance = random.next();
  if (chance < die) return 'die';
  if (chance < die + unavailable) return 'archive_unavailable';
  if (chance < die + unavailable + io) return 'archive_io';
  return undefined;
}
