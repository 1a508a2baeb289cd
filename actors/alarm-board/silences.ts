/** Silences: what people asked not to be told of for a while. Pure; time is handed in. */
import type { Silence } from '../../src/model/notification.ts';
import { SILENCE_KEPT_MS, SILENCES_ENDED_PER_TENANT_MAX } from './limits.ts';
import { compileMatchers, type Labels, type LabelTest } from './matchers.ts';

interface Compiled {
  readonly silence: Silence;
  readonly test: LabelTest;
}

export class Silences {
  readonly #silences = new Map<string, Compiled>();
  /** Those in effect in `[from, to)` of the clock. */
  #active: readonly Compiled[] = [];
  #from = 0;
  #to = 0;
  #version = 0;

  constructor(silences: Iterable<Silence> = []) {
    for (const silence of silences) this.put(silence);
  }

  put(silence: Silence): void {
    this.#silences.set(silence.id, { silence, test: compileMatchers(silence.matchers) });
    this.#to = this.#from;
  }

  get(id: string): Silence | undefined {
    return this.#silences.get(id)?.silence;
  }

  *all(): Generator<Silence> {
    for (const { silence } of this.#silences.values()) yield silence;
  }

  /** Of a tenant, those that have not ended. */
  countOpen(tenant: string, nowMs: number): number {
    let open = 0;
    for (const silence of this.all()) {
      if (silence.tenant === tenant && silence.endsAtMs > nowMs) open++;
    }
    return open;
  }

  /** Another number means that other silences are in effect: what was found out by `silencing` may be kept until then. */
  versionAt(nowMs: number): number {
    if (nowMs < this.#from || nowMs >= this.#to) this.#look(nowMs);
    return this.#version;
  }

  /** Ids of the silences in effect that hold for these labels, in the order in which they were made. */
  silencing(labels: Labels, nowMs: number): readonly string[] {
    this.versionAt(nowMs);
    if (this.#active.length === 0) return NONE;
    const found = this.#active.filter(
      ({ silence, test }) => silence.tenant === labels['tenant'] && test(labels),
    );
    return found.length === 0 ? NONE : found.map(({ silence }) => silence.id);
  }

  /** Drops what ended long ago, and answers it. */
  prune(nowMs: number): Silence[] {
    const old = [...this.all()].filter(({ endsAtMs }) => endsAtMs + SILENCE_KEPT_MS < nowMs);
    for (const { id } of old) this.#silences.delete(id);
    return old;
  }

  /** Drops those of a tenant that ended first and are more than are kept, and answers them. */
  pruneEnded(tenant: string, nowMs: number): Silence[] {
    const ended = [...this.all()].filter(
      (each) => each.tenant === tenant && each.endsAtMs <= nowMs,
    );
    const excess = Math.max(0, ended.length - SILENCES_ENDED_PER_TENANT_MAX);
    const old = ended.sort((a, b) => a.endsAtMs - b.endsAtMs).slice(0, excess);
    for (const { id } of old) this.#silences.delete(id);
    return old;
  }

  #look(nowMs: number): void {
    let to = Number.POSITIVE_INFINITY;
    const active: Compiled[] = [];
    for (const compiled of this.#silences.values()) {
      const { startsAtMs, endsAtMs } = compiled.silence;
      if (nowMs < startsAtMs) to = Math.min(to, startsAtMs);
      else if (nowMs < endsAtMs) {
        active.push(compiled);
        to = Math.min(to, endsAtMs);
      }
    }
    this.#active = active;
    this.#from = nowMs;
    this.#to = to;
    this.#version += 1;
  }
}

const NONE: readonly string[] = [];
