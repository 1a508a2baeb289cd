/**
 * What one round of checkpoints has brought into the archive: a small file that names the part of each partition, and the server's
 * own (drawing: storage/FORMAT.md, "Checkpoints"). It is created last, at once and exclusively: parts that no set names are nobody's.
 *
 * Sets and parts are in the order of (life, number). A life is one start of a server over this log, and is claimed in the archive; a
 * number counts the rounds of a life. What was made in a later life has gone on from what was before it.
 */
import { z } from 'zod';
import { AppError } from '../../src/model/errors.ts';
import { CHECKPOINT_SET_BYTES_MAX } from '../limits.ts';

export const CHECKPOINT_FORMAT = 1;
/** In the root of the archive. Hive and Spark do not look into folders whose names begin with `_`. */
export const CHECKPOINTS_FOLDER = '_checkpoints';

/** A partition, or the rows that belong to the server as a whole. */
export type PartName = number | 'server';

/** Orders what a log's servers have written. */
export interface Turn {
  readonly life: number;
  readonly number: number;
}

const count = z.int().nonnegative();

const part = z.object({
  part: z.union([count, z.literal('server')]),
  /** The turn in which it was written: an idle partition's part is that of an earlier set. */
  life: count,
  number: count,
  /** Of a partition: everything of the log before this offset is in it. Of the server: changes up to this number are. */
  position: count,
  takenMs: count,
  rows: count,
  /** Of the compressed file. */
  bytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'),
});

const set = z.object({
  format: z.literal(CHECKPOINT_FORMAT),
  /** The log's id: positions mean something in no other. */
  log: z.string(),
  /** An offset is so much more than the record's in the topic: a new data folder goes on with it (`log-origin.ts`). */
  offsetBase: count,
  life: count,
  number: count,
  /** Version of the server that wrote it. */
  server: z.string(),
  /** Layout of the rows. */
  state: count,
  partitions: count,
  takenMs: count,
  parts: z.array(part),
});

export type CheckpointPart = Readonly<z.output<typeof part>>;
export type CheckpointSet = Readonly<z.output<typeof set>>;

/** Throws `checkpoint_corrupt`. */
export function decodeSet(bytes: Uint8Array, path: string): CheckpointSet {
  const parsed = set.safeParse(bytes.length > CHECKPOINT_SET_BYTES_MAX ? undefined : json(bytes));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const what = `${issue?.path.join('.') ?? ''}: ${issue?.message}`;
  throw new AppError(
    'checkpoint_corrupt',
    `${path} is not as a server of this version writes it: ${what}`,
    {
      path,
    },
  );
}

export const encodeSet = (written: CheckpointSet): Uint8Array =>
  Buffer.from(`${JSON.stringify(written)}\n`);

export const isLater = (a: Turn, b: Turn): boolean =>
  a.life > b.life || (a.life === b.life && a.number > b.number);

export const isSameTurn = (a: Turn, b: Turn): boolean => a.life === b.life && a.number === b.number;

/** Where the files of one log's checkpoints lie. */
export class CheckpointPaths {
  readonly sets: string;
  readonly parts: string;
  readonly lives: string;
  readonly changes: string;
  readonly identity: string;

  /** A log's id may have signs that are not good in a path on every kind of archive; the sets say the whole of it. */
  constructor(logId: string) {
    const folder = `${CHECKPOINTS_FOLDER}/${logId.replaceAll(/[^\w-]/g, '.')}`;
    this.sets = `${folder}/sets`;
    this.parts = `${folder}/parts`;
    this.lives = `${folder}/lives`;
    this.changes = `${folder}/changes`;
    this.identity = `${folder}/archive.json`;
  }

  set = (turn: Turn): string => `${this.sets}/${nameOf(turn)}.json`;
  part = ({ part, ...turn }: Turn & { readonly part: PartName }): string =>
    `${this.parts}/${part === 'server' ? part : `p${part}`}-${nameOf(turn)}.dump.zst`;
  life = (life: number): string => `${this.lives}/${digits(life)}.json`;
  change = (number: number): string => `${this.changes}/${digits(number)}.dump`;
}

/** Undefined for a name that says no turn. */
export function turnIn(name: string): Turn | undefined {
  const match = /^(?:server-|p\d+-)?(\d{16})-(\d{16})\.(?:json|dump\.zst)$/.exec(name);
  return match === null ? undefined : { life: Number(match[1]), number: Number(match[2]) };
}

export function lifeIn(name: string): number | undefined {
  const match = /^(\d{16})\.json$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Undefined for a name that is no change's. */
export function changeIn(name: string): number | undefined {
  const match = /^(\d{16})\.dump$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

const nameOf = ({ life, number }: Turn): string => `${digits(life)}-${digits(number)}`;
const digits = (number: number): string => String(number).padStart(16, '0');

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
