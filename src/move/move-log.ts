/**
 * Moves a data folder from its journal to a topic: what the server still needs of the journal is copied, and everything that is
 * stored about positions then says where that is now. A crash at any moment leaves a folder in which no server starts, and with which
 * the same command goes on:
 *
 * 1. `log.json` says that the folder is being moved, and from where on blocks are copied: `copying`;
 * 2. the topic gets the blocks, and is read back;
 * 3. the archive becomes the topic's;
 * 4. all partitions get their new positions, in one commit: from here on the folder is the topic's;
 * 5. `clearing`: the journal is deleted; then `log.json` names the topic alone.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartitionState } from '../../actors/partition/snapshot.ts';
import { sync } from '../../storage/archive/disk-files.ts';
import type { KafkaLogSource } from '../../storage/kafka/connection.ts';
import { copyJournal } from '../../storage/kafka/journal-copy.ts';
import { type KafkaLog, openKafkaLog } from '../../storage/kafka/kafka-log.ts';
import { prepareTopic } from '../../storage/kafka/kafka-topic.ts';
import { logIdOf } from '../../storage/kafka/log-id.ts';
import { tellDamagedEnd } from '../../storage/log/damaged-end.ts';
import { nodeDisk } from '../../storage/log/disk.ts';
import { openJournal } from '../../storage/log/journal.ts';
import { readJournalId } from '../../storage/log/journal-file.ts';
import { refuseLostJournal } from '../../storage/log/journal-lost.ts';
import {
  hasJournal,
  type LogMove,
  type LogOrigin,
  readLogOrigin,
  writeLogOrigin,
} from '../../storage/log/log-origin.ts';
import { createLogShared, type LogShared, logEnd, logStart } from '../../storage/log/log-shared.ts';
import { type OpenState, openState } from '../../storage/state/rocksdb.ts';
import type { Config } from '../config.ts';
import { prepareDataDir } from '../data-dir.ts';
import { AppError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { offset } from '../model/units.ts';
import { type MovingArchive, movingArchive } from './moved-archive.ts';
import { forgetVerdicts, MovedState, stateOf } from './moved-state.ts';
import { refuseUnfinished } from './unfinished-work.ts';

export type MoveStep =
  | 'copying'
  | 'reading back'
  | 'handing over'
  | 'switching'
  | 'switched'
  | 'clearing';

export interface MoveOptions {
  /** Of the server as it will be: with the topic. */
  readonly config: Config;
  readonly log: Logger;
  readonly progress: (step: MoveStep, bytes: number) => void;
}

export interface MovedLog {
  readonly topic: string;
  readonly id: string;
  readonly offsetBase: number;
  /** That were needed, and are in the topic; undefined if an attempt before has copied them all. */
  readonly blocks: number | undefined;
}

/** Offsets in the topic begin at a multiple of this behind the journal: what is a position of which can be seen. */
const OFFSET_BASE_STEP = 2 ** 20;

/** Rejects with `config_invalid` if the folder cannot be moved as it is, and as logs, the state and the archive do. */
export async function moveLog(options: MoveOptions): Promise<MovedLog> {
  const { config, progress } = options;
  const { dataDir, partitions } = config;
  await prepareDataDir(dataDir);
  const known = await readLogOrigin(dataDir);
  await refuseMoved(dataDir, known);
  const topic = await topicOf(options);
  if (known === undefined) await refuseUsed(topic, partitions);
  const state = await openState({ dir: join(dataDir, 'state'), partitions });
  try {
    const states = await Promise.all(allBelow(partitions).map((p) => stateOf(state, p)));
    const isHandedOver =
      known?.move?.phase === 'clearing' ||
      states.some(({ position }) => position >= (known?.offsetBase ?? Number.POSITIVE_INFINITY));
    if (isHandedOver) refuseOther(known, topic);
    const { origin, blocks } =
      isHandedOver && known !== undefined
        ? { origin: known, blocks: undefined }
        : await copy({ ...options, state, states, topic, known });
    progress('switched', 0);
    const { id, offsetBase } = origin;
    await clear(dataDir, origin, progress);
    return { topic: topic.topic, id, offsetBase, blocks };
  } finally {
    await state.close();
  }
}

type Topic = Omit<KafkaLogSource, 'offsetBase'>;
interface Planned extends LogOrigin {
  readonly move: LogMove;
}

interface Copying extends MoveOptions {
  readonly state: OpenState;
  readonly states: readonly PartitionState[];
  readonly topic: Topic;
  readonly known: LogOrigin | undefined;
}

async function copy(copying: Copying): Promise<{ origin: Planned; blocks: number }> {
  const { config, log, state, states, topic, progress } = copying;
  const archive = await movingArchive(config, log);
  const shared = createLogShared(config.partitions);
  const dir = join(config.dataDir, 'journal');
  const durableBefore = lastOf(states);
  await refuseLostJournal(config.dataDir, durableBefore);
  const journal = await openJournal({ dir, shared, durableBefore });
  const { damage: damages, damagedEnd } = journal.recovery;
  if (damagedEnd !== undefined) tellDamagedEnd(log, damagedEnd, 'the journal');
  for (const damage of damages) log.error(damage, 'the journal is damaged here');
  try {
    const end = logEnd(shared, 0) ?? 0;
    const origin = await planned(copying, archive, { dir, start: logStart(shared, 0), end });
    const { offsetBase, move } = origin;
    const moved = new MovedState({ store: state, states, archived: move.archived, offsetBase });
    const kafka = await openKafka({ ...topic, offsetBase }, config.partitions);
    let blocks: number;
    try {
      blocks = await copyJournal({
        journal: { openReader: journal.openReader, from: move.from, end },
        topic: { name: topic.topic, ...kafka, offsetBase },
        visit: (block, to) => moved.see(block, to),
        progress,
      });
    } finally {
      await kafka.writer.close();
    }
    progress('handing over', 0);
    const { archived } = moved;
    if (archive !== undefined && archived !== undefined) {
      const to = { to: topic.id, positions: archived };
      await archive.handOver({ from: move.journal, fromEnd: end, ...to });
    }
    progress('switching', 0);
    await moved.commit();
    return { origin, blocks };
  } finally {
    await journal.writer.close();
  }
}

/** As an attempt before has planned it: whatever the topic holds is by that. */
async function planned(
  { config, state, states, topic, known }: Copying,
  archive: MovingArchive | undefined,
  journal: { readonly dir: string; readonly start: number; readonly end: number },
): Promise<Planned> {
  const { dataDir } = config;
  if (known?.move !== undefined) {
    if ((known.move.archived === null) !== (archive === undefined)) {
      throw refused(dataDir, 'was begun to move with another setting of archive.enabled');
    }
    if (known.id !== topic.id) await takeBack(known, known.move, archive);
    const origin = { ...known, id: topic.id, topic: topic.topic, move: known.move };
    await writeLogOrigin(dataDir, origin);
    return origin;
  }
  await refuseUnfinished(dataDir, state);
  const id = await readJournalId(nodeDisk, journal.dir);
  const archived = await archive?.positions(id, journal.end);
  const archivedTo = archived && states.map((_, partition) => archived.get(partition) ?? 0);
  const from = states.map(({ position, generations }, partition) => {
    if (position < journal.start) {
      throw new AppError(
        'log_truncated',
        `partition ${partition} has applied the journal up to ${position}, but it starts at ${journal.start}: restore the missing files`,
        { partition, path: journal.dir },
      );
    }
    const needed = Math.min(position, generations[0]?.from ?? position);
    return Math.max(journal.start, Math.min(needed, archivedTo?.[partition] ?? needed));
  });
  const offsetBase = (Math.floor(journal.end / OFFSET_BASE_STEP) + 1) * OFFSET_BASE_STEP;
  for (const partition of from.keys()) await forgetVerdicts(state, partition, offsetBase);
  const move: LogMove = { phase: 'copying', journal: id, from, archived: archivedTo ?? null };
  const origin = { id: topic.id, topic: topic.topic, offsetBase, move };
  await writeLogOrigin(dataDir, origin);
  return origin;
}

/** From a topic that was deleted before all was done: the archive may have been its by then. */
async function takeBack(
  { id }: LogOrigin,
  { journal, archived }: LogMove,
  archive: MovingArchive | undefined,
): Promise<void> {
  const to = { to: journal, positions: archived ?? [] };
  const fromEnd = Number.POSITIVE_INFINITY;
  await archive?.handOver({ from: id, fromEnd, ...to, onlyIfHeld: true });
}

async function topicOf({ config, log }: MoveOptions): Promise<Topic> {
  const { kafka } = config.log;
  if (config.log.type !== 'kafka' || kafka === undefined) {
    throw new AppError(
      'config_invalid',
      'expected the configuration with which the server will run: "log.type: kafka", with log.kafka',
    );
  }
  const { topic: name, brokers, clientId, tls, sasl, ...wanted } = kafka;
  const connection = { brokers, clientId, tls, sasl };
  const { partitions } = config;
  const found = await prepareTopic(connection, { ...wanted, topic: name, partitions });
  for (const warning of found.warnings) log.warn({ topic: name }, warning);
  return { connection, topic: name, id: logIdOf(found) };
}

async function openKafka(
  source: KafkaLogSource,
  partitions: number,
): Promise<KafkaLog & { readonly shared: LogShared }> {
  const shared = createLogShared(partitions, 'kafka');
  return { ...(await openKafkaLog({ ...source, shared })), shared };
}

/** At the first attempt: what is there is nothing that the copy knows. */
async function refuseUsed(topic: Topic, partitions: number): Promise<void> {
  const { writer, shared } = await openKafka({ ...topic, offsetBase: 0 }, partitions);
  await writer.close();
  const used = allBelow(partitions).find((partition) => logEnd(shared, partition) !== 0);
  if (used === undefined) return;
  throw new AppError(
    'config_invalid',
    `the topic ${topic.topic} has had records already, in partition ${used}: a log moves to a topic of its own, which is new; choose another one with log.kafka.topic`,
  );
}

async function clear(
  dataDir: string,
  { move, ...moved }: LogOrigin,
  progress: MoveOptions['progress'],
): Promise<void> {
  if (move !== undefined) {
    await writeLogOrigin(dataDir, { ...moved, move: { ...move, phase: 'clearing' } });
  }
  progress('clearing', 0);
  await rm(join(dataDir, 'journal'), { recursive: true, force: true });
  await sync(dataDir);
  await writeLogOrigin(dataDir, moved);
}

async function refuseMoved(dataDir: string, known: LogOrigin | undefined): Promise<void> {
  if (known?.move !== undefined) return;
  if (known !== undefined) {
    throw refused(dataDir, `belongs to the topic ${known.topic} already: there is nothing to move`);
  }
  if (await hasJournal(dataDir)) return;
  throw refused(dataDir, 'has no journal: a new folder needs no move, start the server');
}

function refuseOther(known: LogOrigin | undefined, topic: Topic): void {
  if (known === undefined || known.id === topic.id) return;
  throw new AppError(
    'config_invalid',
    `the log has been moved to the topic ${known.topic} with the id ${known.id}, and ${topic.topic} has the id ${topic.id}: it is another one, or was deleted and made anew`,
  );
}

const refused = (dataDir: string, why: string): AppError =>
  new AppError('config_invalid', `the data folder ${dataDir} ${why}`, { path: dataDir });

const lastOf = (states: readonly PartitionState[]) =>
  offset(Math.max(...states.map(({ position }) => position)));

const allBelow = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
