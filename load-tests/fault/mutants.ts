/** Faults that are planted on purpose: each must make the torture test fail, or the test proves nothing. */

/** A change of the server's source, made as it is loaded. */
export interface PlantedChange {
  readonly name: string;
  /** Path from the root of the project. */
  readonly file: string;
  /** Occurs exactly once in the file; if it no longer does, the preload ends the server and says so. */
  readonly find: string;
  readonly replace: string;
}

export interface PlantedFault extends PlantedChange {
  /** The promise that it breaks. */
  readonly breaks: string;
}

export interface Mutant extends PlantedFault {
  /** What a crash must leave of what was not synced for the fault to show. */
  readonly crash: 'cut' | 'spared';
  /** How long the load runs before each crash, if the fault needs more time than usual to show. */
  readonly loadMs?: number;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'missing-fdatasync',
    crash: 'cut',
    breaks: 'what is acknowledged survives a power cut',
    file: 'storage/log/journal-writer.ts',
    find: 'await this.#disk.syncData(this.#open.fd);',
    replace: 'await undefined;',
  },
  {
    name: 'early-acknowledgement',
    crash: 'cut',
    breaks: 'an answer is sent after the sync, not before',
    file: 'storage/log/append-queue.ts',
    find: 'this.#appends.push({ blocks, offsets, resolve, reject, durable: 0 });',
    replace:
      'this.#appends.push({ blocks, offsets, resolve, reject, durable: 0 }); resolve(offsets);',
  },
  {
    name: 'double-apply',
    crash: 'spared',
    breaks: 'an event that is sent again counts once',
    file: 'actors/partition/machine.ts',
    find: ': this.#dedup.judge(scopeOf(block), ids, rows, keep, offset, this.#nowMs);',
    replace: ': 0;',
  },
  {
    name: 'stale-position',
    crash: 'spared',
    breaks: 'the aggregates and the position that they stand for are committed together',
    // A life's first commit is sound, so that the fault is no other one than this: there must be a second.
    loadMs: 5_000,
    file: 'actors/partition/machine.ts',
    find: 'value: encodePartitionState({\n        position: this.#position,\n        watermarkMs: this.#watermarkMs,\n        nowMs: this.#nowMs,\n        producers: this.#producers.marks(),\n        generations: this.#dedup.marks(),\n        fieldsPaidToMs: this.#fields.paidToMs,\n      }),',
    replace:
      'value: (this.firstState ??= encodePartitionState({ position: this.#position, watermarkMs: this.#watermarkMs, nowMs: this.#nowMs, producers: this.#producers.marks(), generations: this.#dedup.marks(), fieldsPaidToMs: this.#fields.paidToMs })),',
  },
];

/** Those of alarms, which need only kills to show. */
export const ALARM_MUTANTS: readonly PlantedFault[] = [
  {
    name: 'new-id-for-each-attempt',
    breaks: 'a message has the same id in every attempt',
    file: 'src/notify/webhook-request.ts',
    find: '...signatureHeaders(notification.id, body.value',
    replace: '...signatureHeaders(notification.id + nowMs, body.value',
  },
  {
    name: 'progress-before-outbox',
    breaks: 'what a tick has found and how far the rule is are committed together',
    file: 'actors/alarm-board/board.ts',
    find: 'const made = changes &&',
    replace:
      'if (changes !== undefined) { await store.commit([...own, ...runs]); own.length = 0; runs.length = 0; await new Promise((resolve) => setTimeout(resolve, 1_000)); }\n    const made = changes &&',
  },
  {
    name: 'pending-forgotten',
    breaks: '"for" does not begin anew after a crash',
    file: 'src/alarm/rule-run.ts',
    find: 'active: active ?? null,',
    replace: "active: active === undefined || active.state === 'pending' ? null : active,",
  },
];

/** Names of changes, with commas between. */
export const MUTANT_ENV = 'LOAD_TEST_MUTANT';
/** Gets the name of each change that was made: a mutant whose file is never loaded must not pass for one that was caught. */
export const PLANTED_ENV = 'LOAD_TEST_MUTANT_PLANTED';

/** Throws unless `find` occurs exactly once. */
export function mutate(source: string, { name, file, find, replace }: PlantedChange): string {
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new Error(
      `planted change "${name}": expected ${JSON.stringify(find)} once in ${file}, found it ${parts.length - 1} times: ` +
        'adapt load-tests/fault to the changed code',
    );
  }
  return parts.join(replace);
}
