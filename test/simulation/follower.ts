/**
 * Follows frozen rollups over all crashes of a partition, and remembers every closed row and every label that it was ever
 * told. What it is told again must be the same: from memory or from the store, before or after a crash or late events.
 */
import assert from 'node:assert/strict';
import type { PartitionMachine } from '../../actors/partition/machine.ts';
import type { PartialsAnswer } from '../../actors/partition/protocol.ts';
import { layoutOf } from '../../src/aggregate/layout.ts';
import { identityOf, type RollupDefinition } from '../../src/model/rollup.ts';
import { parseRollupRowKey, rollupRowRange } from '../../storage/state/keys.ts';
import { type StateReader, scan } from '../../storage/state/state.ts';
import { Random } from './random.ts';

export class Follower {
  /** `rollup/generation/…` of a row or a series -> its bytes or labels. */
  readonly seen = new Map<string, string>();
  /** By generation: it has been told everything before. */
  readonly #hasTo = new Map<number, number>();
  /** By generation: series up to this one are named. */
  readonly #series = new Map<number, number>();
  /**
   * Generations that a control block has ended. A crash in its commit may come behind the deletion of their rows, and nobody
   * follows them once that block is in the log.
   */
  readonly #ended = new Set<number>();
  readonly #random = new Random(1);

  async look(machine: PartitionMachine, store: StateReader): Promise<void> {
    for (const definition of machine.definitions?.rollups ?? []) {
      if (definition.frozen) await this.#lookAt(definition, machine, store);
    }
  }

  /** To be called with a machine that has crashed: it may know of definitions that its successor does not. */
  crashed(machine: PartitionMachine): void {
    const { rollups = [], began, version: newest = 0 } = machine.definitions ?? {};
    const frozen = rollups.filter((rollup) => rollup.frozen);
    const current = frozen.map(({ name }) => began?.[name]?.version);
    for (const generation of this.#hasTo.keys()) {
      if (generation < newest && !current.includes(generation)) this.#ended.add(generation);
    }
  }

  async #lookAt(
    definition: RollupDefinition,
    machine: PartitionMachine,
    store: StateReader,
  ): Promise<void> {
    const { name, tenant = '', resolutions } = definition;
    const retentionMs = resolutions[0]?.retentionMs ?? 0;
    const generation = machine.definitions?.began?.[name]?.version ?? 0;
    if (this.#ended.has(generation)) return;
    const keptMs = Math.max(0, machine.nowMs - retentionMs);
    const hasTo = this.#hasTo.get(generation) ?? 0;
    // Mostly what is new; sometimes all that is still kept.
    const isAgain = this.#random.chance(0.05);
    const fromMs = isAgain ? Math.min(hasTo, keptMs) : hasTo;
    const identity = identityOf(definition);
    const ask = {
      tenant,
      rollup: name,
      identity,
      fromMs,
      neededFromMs: machine.nowMs,
      afterSeries: isAgain ? 0 : (this.#series.get(generation) ?? 0),
    };
    machine.closeAsked({ asks: [ask] });
    const [answer] = machine.partials({ asks: [ask] }).answers;
    assert(answer !== undefined && answer.generation === generation);
    for (const { id, labels } of answer.series) {
      this.#note(`${name}/${generation}/labels/${id}`, JSON.stringify(labels));
    }
    this.#series.set(
      generation,
      Math.max(this.#series.get(generation) ?? 0, answer.series.at(-1)?.id ?? 0),
    );
    const told = new Set<string>();
    await this.#rows(definition, answer, fromMs, machine.partition, store, (at, bytes) => {
      const key = `${name}/${generation}/${at.bucketMs}/${at.group}`;
      told.add(key);
      this.#note(key, Buffer.from(bytes).toString('hex'));
    });
    const { closedToMs } = answer;
    this.#hasTo.set(generation, Math.max(hasTo, closedToMs));
    for (const key of isAgain ? this.seen.keys() : []) {
      const [rollup, of, bucket] = key.split('/');
      const bucketMs = Number(bucket);
      const isAsked = bucketMs >= Math.max(fromMs, keptMs) && bucketMs < closedToMs;
      if (rollup !== name || Number(of) !== generation || !isAsked) continue;
      assert(told.has(key), `row ${key} is gone`);
    }
  }

  async #rows(
    definition: RollupDefinition,
    { closedToMs, rowsFromMs, rows }: PartialsAnswer,
    fromMs: number,
    partition: number,
    store: StateReader,
    visit: (at: { bucketMs: number; group: number }, bytes: Uint8Array) => void,
  ): Promise<void> {
    const { name: rollup, tenant = '', resolutions } = definition;
    const stepMs = resolutions[0]?.stepMs ?? 1;
    const storedToMs = Math.min(closedToMs, rowsFromMs);
    for (let group = 0; group <= layoutOf(definition).sketches.length; group++) {
      if (fromMs >= storedToMs) break;
      const at = { partition, tenant, rollup, stepMs, group };
      for await (const { key, value } of scan(store, rollupRowRange(at, fromMs, storedToMs))) {
        visit(parseRollupRowKey(key), value);
      }
    }
    for (const row of rows) {
      assert(row.bucketMs >= fromMs && row.bucketMs < closedToMs);
      if (row.bucketMs >= rowsFromMs) visit(row, row.bytes);
    }
  }

  #note(key: string, value: string): void {
    const known = this.seen.get(key) ?? value;
    assert.equal(value, known, `${key} is not what it was`);
    this.seen.set(key, value);
  }
}
