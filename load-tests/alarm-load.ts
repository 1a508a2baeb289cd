/**
 * Services that are calm, busy, failing or silent for some seconds each, as a seed says. A second's events are one batch; what
 * is not acknowledged goes out again, the same ids in the same order, before anything newer.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LATENESS_S, type Second } from './alarm-model.ts';
import { type Random, seededRandom, weighted } from './random.ts';

const SERVICES = Array.from({ length: 16 }, (_, i) => `service-${i}`);
/** Events of a second, and how many of them are errors. */
const PHASES = {
  calm: { events: 2, errors: 0 },
  busy: { events: 12, errors: 0 },
  failing: { events: 6, errors: 5 },
  silent: { events: 0, errors: 0 },
} as const;
type Phase = keyof typeof PHASES;
const PHASE_NAMES: readonly Phase[] = ['calm', 'busy', 'failing', 'silent'];
const drawPhase = weighted([3, 4, 1.5, 1.5]);
const PHASE_S = { min: 2, max: 10 };
const REQUEST_MS_MAX = 2_000;
const RETRY_MS = 50;

interface Batch {
  readonly second: number;
  readonly body: string;
}

export class AlarmLoad {
  /** By service and second: what was sent. */
  readonly sent = new Map<string, Map<number, Second>>(SERVICES.map((name) => [name, new Map()]));
  readonly firstSecond: number;
  /** Every event of the seconds before it is acknowledged. */
  acknowledgedTo: number;
  /** The most that a second's acknowledgement was behind it. */
  slowestS = 0;
  readonly #url: string;
  readonly #random: Random;
  readonly #phases = new Map<string, { phase: Phase; untilS: number }>();
  readonly #queue: Batch[] = [];
  #isCalm = true;
  #isStopped = false;
  #next: number;
  readonly #done: Promise<void>;

  constructor(seed: number, ingestPort: number) {
    this.#url = `http://127.0.0.1:${ingestPort}/v1/events?stream=events`;
    this.#random = seededRandom(seed);
    this.firstSecond = Math.floor(Date.now() / 1_000) + 1;
    this.acknowledgedTo = this.firstSecond;
    this.#next = this.firstSecond;
    this.#done = this.#run();
  }

  /** All services calm from the next second on, or each as it is drawn. */
  setCalm(isCalm: boolean): void {
    this.#isCalm = isCalm;
    this.#phases.clear();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      while ((this.#next + 1) * 1_000 <= Date.now()) this.#queue.push(this.#batch(this.#next++));
      const batch = this.#queue[0];
      if (batch === undefined) {
        await sleep((this.#next + 1) * 1_000 - Date.now());
      } else if (await this.#isTaken(batch)) {
        this.#queue.shift();
        this.acknowledgedTo = batch.second + 1;
        this.slowestS = Math.max(this.slowestS, Date.now() / 1_000 - batch.second);
      } else await sleep(RETRY_MS);
    }
  }

  async #isTaken({ body }: Batch): Promise<boolean> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
      });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }

  #batch(second: number): Batch {
    const lines: string[] = [];
    for (const service of SERVICES) {
      const { events, errors } = PHASES[this.#phaseOf(service, second)];
      const sum: Second = { count: 0, errors: 0, amount: 0 };
      for (let i = 0; i < events; i++) {
        const type = i < errors ? 'error' : 'ok';
        const amount = this.#random.between(1, 10);
        const ts = second * 1_000 + this.#random.between(0, 1_000);
        // The user decides the partition: a service's events are in all of them.
        const user = `u${this.#random.between(0, 100)}`;
        lines.push(
          JSON.stringify({ id: `${service}-${second}-${i}`, ts, type, service, user, amount }),
        );
        sum.count += 1;
        sum.errors += Number(type === 'error');
        sum.amount += amount;
      }
      this.sent.get(service)?.set(second, sum);
    }
    return { second, body: lines.join('\n') };
  }

  #phaseOf(service: string, second: number): Phase {
    if (this.#isCalm) return 'calm';
    const known = this.#phases.get(service);
    if (known !== undefined && second < known.untilS) return known.phase;
    const phase = PHASE_NAMES[drawPhase(this.#random)] as Phase;
    const untilS = second + this.#random.between(PHASE_S.min, PHASE_S.max);
    this.#phases.set(service, { phase, untilS });
    return phase;
  }
}

/** A batch that is acknowledged later than this may hold events that were too late for their alarms. */
export const ACKNOWLEDGED_WITHIN_S = LATENESS_S;
