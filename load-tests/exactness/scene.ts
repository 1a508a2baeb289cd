/** Files of the streams, a server that was sent them, and DuckDB with the same. */
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { postEvents } from '../post-events.ts';
import { Server } from '../server.ts';
import { ask } from './ask.ts';
import { judge, putTogether, type Verdict } from './judge.ts';
import { keptOf } from './measures.ts';
import { Oracle } from './oracle.ts';
import { describe, type Question } from './questions.ts';
import { STREAMS, type VerifiedStream, writeStream } from './streams.ts';

export interface Judged extends Verdict {
  readonly asked: string;
  readonly from: string;
}

const PARTITIONS = 4;
const MiB = 2 ** 20;
/** What is sent at once: at most so much, and of a short stream an eighth. */
const PIECE_BYTES_MAX = MiB;
const PIECES_MIN = 8;
/** So many pieces are sent twice: what was counted must not count again. */
const TWICE_EVERY = 10;
/** Sent and not applied: what is more takes a busy machine longer to catch up with than anybody waits. */
const PIECES_AHEAD_MAX = 50;
const RETRY_MS = 50;
const POLL_MS = 50;
const COMMITTED_MS_MAX = 60_000;
const NEWLINE = 10;

const CONFIG = {
  rollups: Object.values(STREAMS).map(({ name, fields, topCapacity, resolutions }) => ({
    ...{ name: `measures_of_${name}`, stream: name },
    dimensions: [...new Set([fields.label, fields.few])],
    measures: keptOf(fields, topCapacity),
    ...(resolutions !== undefined && { resolutions }),
  })),
  // Exact quantiles hold all values of a question: eight of them, of all events, in each window that has them.
  cold: { memoryBytesMax: 2_048 * MiB, timeoutMs: 120_000 },
};

export class Scene {
  readonly server: Server;
  readonly #oracle: Oracle;

  /** @param events of the benchmark's stream; the others have a tenth of that. They end with `endMs`. */
  static async prepare(folder: string, events: number, endMs: number): Promise<Scene> {
    const server = await Server.prepare({ folder, partitions: PARTITIONS, config: CONFIG });
    const scene = new Scene(server, await Oracle.open());
    try {
      await server.start();
      for (const stream of Object.values(STREAMS)) {
        const file = join(folder, `${stream.name}.ndjson`);
        writeStream(
          stream,
          file,
          stream.name === STREAMS.events.name ? events : events / 10,
          endMs,
        );
        await scene.#send(stream, file);
      }
      await scene.#committed();
      return scene;
    } catch (error) {
      await scene.close();
      throw error;
    }
  }

  private constructor(server: Server, oracle: Oracle) {
    this.server = server;
    this.#oracle = oracle;
  }

  /** A verdict for each measure. */
  async verify(question: Question): Promise<Judged[]> {
    const { steps, sets, from, overlap } = question;
    const verdicts: Verdict[] = [];
    let answeredFrom = '';
    for (const measures of sets) {
      const answered = await ask(this.server, question, measures);
      const truth = await this.#oracle.truth(question, steps.compared ?? steps.points, measures);
      const how = { isFromEvents: from === 'events', overlap };
      verdicts.push(...judge(measures, answered, truth, how));
      answeredFrom = answered.from;
    }
    const byMeasure = Map.groupBy(verdicts, ({ measure }) => measure);
    return [...byMeasure].map(([measure, some]) => ({
      ...putTogether(measure, some),
      ...{ asked: describe(question), from: answeredFrom },
    }));
  }

  async close(): Promise<void> {
    await this.server.kill();
    this.#oracle.close();
  }

  /**
   * Half of it is archived before the rest comes, so that single events lie in segments and in the log. Throws if the ledger says
   * otherwise than the file.
   */
  async #send(stream: VerifiedStream, file: string): Promise<void> {
    const { name } = stream;
    const events = await this.#oracle.load(stream, file);
    let [index, sent, isArchived] = [0, 0, false];
    for await (const piece of piecesOf(file)) {
      const times = index++ % TWICE_EVERY === 0 ? 2 : 1;
      for (let i = 0; i < times; i++) {
        await postEvents(this.server, name, piece, { retryMs: RETRY_MS });
      }
      if (index % PIECES_AHEAD_MAX === 0) await this.server.caughtUp(name);
      sent += countOf(piece);
      if (isArchived || sent < events / 2) continue;
      isArchived = true;
      await this.server.caughtUp(name);
      await this.#committed();
      await this.server.query('mutation { archiveNow { rows } }');
    }
    const ledger = await this.server.caughtUp(name);
    const { applied, duplicate, rejected, expired, clamped, balanced } = ledger;
    if (applied === events && rejected + expired + clamped === 0 && duplicate > 0 && balanced) {
      return;
    }
    throw new Error(
      `expected ${events} applied and some duplicates, received ${JSON.stringify(ledger)}`,
    );
  }

  /** Single events are answered as far as they are committed. */
  async #committed(): Promise<void> {
    const places = async () =>
      (await this.server.query<Partitions>('{ partitions { appliedOffset committedOffset } }'))
        .partitions;
    const applied = (await places()).map(({ appliedOffset }) => appliedOffset);
    const deadline = performance.now() + COMMITTED_MS_MAX;
    for (;;) {
      const now = await places();
      if (now.every(({ committedOffset }, i) => committedOffset >= (applied[i] ?? 0))) return;
      if (performance.now() > deadline) {
        throw new Error(
          `not all is committed after ${COMMITTED_MS_MAX} ms: ${JSON.stringify(now)}`,
        );
      }
      await sleep(POLL_MS);
    }
  }
}

interface Partitions {
  readonly partitions: readonly {
    readonly appliedOffset: number;
    readonly committedOffset: number;
  }[];
}

/** The file's lines in their order, whole ones. */
async function* piecesOf(file: string): AsyncGenerator<Buffer<ArrayBuffer>> {
  const highWaterMark = Math.min(PIECE_BYTES_MAX, Math.ceil(statSync(file).size / PIECES_MIN));
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark })) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    rest = bytes.subarray(end);
    if (end > 0) yield bytes.subarray(0, end);
  }
  if (rest.length > 0) yield rest;
}

function countOf(lines: Buffer): number {
  let count = 0;
  for (let at = lines.indexOf(NEWLINE); at >= 0; at = lines.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
