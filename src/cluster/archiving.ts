/** `archiveNow` of a cluster: each node brings its partitions to the archive, and the leader compacts what they have brought. */
import { randomUUID } from 'node:crypto';
import { AppError } from '../model/errors.ts';
import { within } from '../model/within.ts';
import type { ArchivePort, ArchiverNumbers, ArchiveView } from '../query/archive-port.ts';
import type { Peers } from './node-questions.ts';

/** How it is with what a node was asked to bring. */
export interface ArchivingState {
  readonly isDone: boolean;
  /** Why it came to nothing. */
  readonly problem: string | undefined;
}

/** A node says that it is still at work before whoever asks gives it up. */
const STILL_AT_WORK_MS = 4_000;
const ANSWER_TIMEOUT_MS = 8_000;
/** Asked for at the same time: each is one person who waits. */
const RUNS_MAX = 16;
/** For numbers nobody waits long. */
const NUMBERS_TIMEOUT_MS = 2_000;

/** The part of one node. */
export class NodeArchiving {
  readonly #archive: ArchivePort;
  /** By who asks for it. */
  readonly #runs = new Map<string, Promise<ArchivingState>>();

  constructor(archive: ArchivePort) {
    this.#archive = archive;
  }

  async numbers(): Promise<ArchiverNumbers | undefined> {
    return (await this.#archive.view()).numbers;
  }

  /** Answers soon, also while it goes on: asked again with the same `id`, how it is with that. */
  async run(id: string): Promise<ArchivingState> {
    const running = this.#runs.get(id) ?? this.#begin(id);
    return (await within(running, STILL_AT_WORK_MS)) ?? AT_WORK;
  }

  #begin(id: string): Promise<ArchivingState> {
    const run = this.#archive.archiveNow().then(
      () => DONE,
      (error: unknown) => {
        if (error instanceof AppError) return { isDone: true, problem: error.message };
        throw error;
      },
    );
    this.#runs.set(id, run);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= RUNS_MAX) break;
      this.#runs.delete(oldest);
    }
    return run;
  }
}

const AT_WORK: ArchivingState = { isDone: false, problem: undefined };
const DONE: ArchivingState = { isDone: true, problem: undefined };

/** The archive as the leader answers for it. What is waiting, and what was cut, is that of all nodes. */
export function clusterArchive(archive: ArchivePort, peers: Peers): ArchivePort {
  return {
    segments: (query) => archive.segments(query),
    history: (query) => archive.history(query),
    async view() {
      const [own, others] = await Promise.all([
        archive.view(),
        peers.askAll('archiver', undefined, NUMBERS_TIMEOUT_MS),
      ]);
      return withOthers(
        own,
        others.flatMap(({ answer }) => answer ?? []),
      );
    },
    async archiveNow(compact) {
      const id = randomUUID();
      await Promise.all([archive.archiveNow(), othersArchive(peers, id)]);
      // By the newest version of the manifest, with what the others have brought.
      return archive.archiveNow(compact);
    },
  };
}

/** Resolves when every other node has. Rejects with `archive_unavailable` if one cannot, `node_away` if one does not answer. */
async function othersArchive(peers: Peers, id: string): Promise<void> {
  for (let isDone = false; !isDone; ) {
    isDone = true;
    for (const { node, answer } of await peers.askAll('archiveNow', id, ANSWER_TIMEOUT_MS)) {
      if (answer === undefined) {
        throw new AppError('node_away', `node "${node}" does not say whether it has archived`);
      }
      if (answer.problem !== undefined) {
        throw new AppError('archive_unavailable', `node "${node}": ${answer.problem}`);
      }
      isDone &&= answer.isDone;
    }
  }
}

/** What of the numbers is the work of one node, and not what the manifest says. */
const SUMMED = [
  'cuts',
  'filesWritten',
  'rowsWritten',
  'bytesWritten',
  'workMsTotal',
  'waitingBytes',
  'missedBytes',
] as const;

function withOthers(own: ArchiveView, others: readonly ArchiverNumbers[]): ArchiveView {
  const { numbers } = own;
  if (numbers === undefined) return own;
  const all = [numbers, ...others];
  const sums = Object.fromEntries(
    SUMMED.map((name) => [name, all.reduce((sum, each) => sum + each[name], 0)]),
  );
  const waiting = all.map(({ waitingSinceMs }) => waitingSinceMs).filter((ms) => ms > 0);
  const waitsFrom = all.flatMap((each) => each.waitsFrom);
  const waitingSinceMs = waiting.length === 0 ? 0 : Math.min(...waiting);
  const givesWay = all.some((each) => each.givesWay);
  return { ...own, numbers: { ...numbers, ...sums, waitsFrom, waitingSinceMs, givesWay } };
}
