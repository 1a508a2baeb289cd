/**
 * How far an import is, in a file that is there before the first event is sent. Of each source file it says how many records are settled, and
 * how far records may have been sent: what lies between is not known to have arrived, what lies behind is known not to have.
 * One run works with it at a time.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../../model/errors.ts';
import { newRunId } from './event-id.ts';

export interface Counts {
  accepted: number;
  refused: number;
  unreadable: number;
}

export interface SourceProgress extends Counts {
  /** Part of the ids of its records; never another file's. */
  readonly number: number;
  path: string;
  inode?: number;
  /** Of its first bytes, unpacked: a file that was renamed or packed is known by them. */
  headBytes: number;
  headHash: string;
  /** Records from its beginning that are settled: durable, refused, or no events. */
  settled: number;
  /** Records that may have been sent. Never less than `settled`. */
  sentMax: number;
  /** As it was when its last record was settled. */
  end?: { readonly bytes: number; readonly modifiedMs: number };
}

/** What would make other events of the same records. */
export interface ImportSettings {
  readonly server: string;
  readonly stream: string;
  readonly format: string;
  readonly type?: string | undefined;
  readonly typeField?: string | undefined;
  readonly timeField?: string | undefined;
}

interface StateFile {
  readonly version: 1;
  readonly id: string;
  readonly settings: ImportSettings;
  readonly sources: SourceProgress[];
}

/** Each is written with every save: 300 bytes, four times a second at most. */
const SOURCES_MAX = 10_000;

export class ImportState {
  readonly path: string;
  readonly #state: StateFile;

  private constructor(path: string, state: StateFile) {
    this.path = path;
    this.#state = state;
  }

  /** What is there, or a new one. Throws `config_invalid` if it is of another import, unless that has brought nothing. */
  static open(path: string, settings: ImportSettings): ImportState {
    const fresh: StateFile = { version: 1, id: newRunId(), settings, sources: [] };
    const found = read(path) ?? fresh;
    const differing = Object.entries({ ...found.settings, ...settings }).find(
      ([name, value]) => found.settings[name as keyof ImportSettings] !== value,
    );
    if (differing !== undefined) {
      if (found.sources.every(hasBroughtNothing)) return new ImportState(path, fresh);
      const [name, value] = differing;
      throw new AppError(
        'config_invalid',
        `"${path}" is of an import with another ${name}: expected ${JSON.stringify(found.settings[name as keyof ImportSettings])}, received ${JSON.stringify(value)}. Go on with that one, or begin another with --state`,
        { path },
      );
    }
    return new ImportState(path, found);
  }

  get id(): string {
    return this.#state.id;
  }

  get sources(): readonly SourceProgress[] {
    return this.#state.sources;
  }

  add(
    path: string,
    head: { readonly headBytes: number; readonly headHash: string },
  ): SourceProgress {
    const { sources } = this.#state;
    if (sources.length >= SOURCES_MAX) {
      throw new AppError(
        'config_invalid',
        `an import has at most ${SOURCES_MAX} files: import some of them, each part with a --state of its own`,
      );
    }
    const counts = { accepted: 0, refused: 0, unreadable: 0 };
    const source = { number: sources.length, path, ...head, settled: 0, sentMax: 0, ...counts };
    sources.push(source);
    return source;
  }

  /** Over all files. */
  total(): Counts {
    const sum = { accepted: 0, refused: 0, unreadable: 0 };
    for (const { accepted, refused, unreadable } of this.sources) {
      sum.accepted += accepted;
      sum.refused += refused;
      sum.unreadable += unreadable;
    }
    return sum;
  }

  /** Returns when it is on disk, whole: the old one or the new one is there at every moment. */
  save(): void {
    const fresh = `${this.path}.${process.pid}.new`;
    try {
      const file = openSync(fresh, 'w', 0o600);
      try {
        // Unlike `writeSync` it goes on where a disk that is nearly full took only a part, and so fails on one that takes no more.
        writeFileSync(file, `${JSON.stringify(this.#state)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(fresh, this.path);
      const folder = openSync(dirname(this.path), 'r');
      fsyncSync(folder);
      closeSync(folder);
    } catch (cause) {
      rmSync(fresh, { force: true });
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `the state of the import cannot be written: ${reason}; see --state`;
      throw new AppError('config_invalid', message, { path: this.path }, cause);
    }
  }
}

/** And nothing of it is under way. */
const hasBroughtNothing = ({ accepted, refused, settled, sentMax }: SourceProgress): boolean =>
  accepted + refused === 0 && settled === sentMax;

function read(path: string): StateFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw notReadable(path, cause);
  }
  try {
    const state: StateFile = JSON.parse(text);
    if (state.version === 1 && Array.isArray(state.sources)) return state;
  } catch {
    // As any other text.
  }
  throw notReadable(path, 'it is none');
}

function notReadable(path: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : cause;
  return new AppError(
    'config_invalid',
    `--state: expected the state of an import in "${path}", or no file: ${reason}`,
    { path },
    cause,
  );
}
