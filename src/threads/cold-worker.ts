/** The main thread's end of the cold thread: there while it is asked. */
import type { ExportQuestion, ReadNumbers } from '../../actors/cold/questions.ts';
import type { ByteSource } from '../model/byte-source.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { type Whereabouts, withElsewhere } from './asked-state.ts';
import { AskedThread } from './asked-thread.ts';
import { ByteReader, type BytesMessage, type ReaderMessage } from './byte-stream.ts';
import type { ColdQuestions, ColdThreadData } from './cold-protocol.ts';
import { OnDemand } from './on-demand.ts';
import { attachProgress, type Progress } from './progress.ts';

/** What it has staged and opened is worth keeping for the next question, and takes 150 MB. */
const IDLE_MS_MAX = 5 * 60_000;

/** What a question may take beside the time that it is given: the first one starts a thread and a process. */
const START_GRACE_MS = 30_000;

/** Whoever looks at metrics does not wait for a thread that is busy. */
const READ_TIMEOUT_MS = 2_000;

type ColdThread = AskedThread<ColdQuestions, ReaderMessage, BytesMessage>;

export class ColdWorker {
  readonly #thread: OnDemand<ColdThread>;
  readonly #timeoutMs: number;
  /** By their numbers. */
  readonly #exports = new Map<number, { readonly reader: ByteReader; readonly sinceMs: number }>();
  readonly #progress: Progress;
  #exported = 0;
  #read: ReadNumbers | undefined;

  /** `whereabouts`: on a node of a cluster. */
  constructor(data: Omit<ColdThreadData, 'elsewhere'>, whereabouts?: Whereabouts) {
    this.#timeoutMs = data.timeoutMs + START_GRACE_MS;
    this.#progress = attachProgress(data.progress);
    const module = new URL('./cold.ts', import.meta.url);
    const hear = ({ stream, bytes }: BytesMessage) => this.#exports.get(stream)?.reader.hear(bytes);
    this.#thread = new OnDemand<ColdThread>(
      () => new AskedThread({ name: 'cold', module, hear, ...withElsewhere(data, whereabouts) }),
      IDLE_MS_MAX,
    );
  }

  /** Rejects with what the thread says, or `thread_failed` if it ended; the next question then starts another. */
  ask<Name extends keyof ColdQuestions>(
    name: Name,
    ask: ColdQuestions[Name]['ask'],
  ): Promise<ColdQuestions[Name]['answer']> {
    return this.#thread.use(({ asker }) => asker.ask(name, ask, this.#timeoutMs));
  }

  /** Its bytes; they reject as `ask` does. */
  export(question: ExportQuestion, timeoutMs: number): ByteSource {
    const stream = this.#exported++;
    const reader = new ByteReader((type) => this.#thread.running?.tell({ type, stream }));
    this.#exports.set(stream, { reader, sinceMs: systemClock.now() });
    this.#publishReading();
    this.#thread
      .use(async ({ asker }) => {
        if (reader.isClosed) return;
        await asker.ask('export', { stream, question }, timeoutMs + START_GRACE_MS);
      })
      .then(
        () => reader.finish(),
        (error: unknown) => reader.fail(error),
      )
      .finally(() => {
        this.#exports.delete(stream);
        this.#publishReading();
      });
    return reader;
  }

  /** The archive keeps what an export may still read: it may take longer than removed files stay. */
  #publishReading(): void {
    const [oldest] = this.#exports.values();
    this.#progress.readingSince[0] = oldest?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  /** Of the thread that runs, or of the last one that was asked while it ran; starts none. */
  async read(): Promise<ReadNumbers | undefined> {
    try {
      const { running } = this.#thread;
      this.#read = (await running?.asker.ask('read', undefined, READ_TIMEOUT_MS)) ?? this.#read;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    return this.#read;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
