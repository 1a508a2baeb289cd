/** One partition as its actor drives it: blocks in their order, commits when they are due, what was committed back after a crash. */
import { writeCommit } from '../../actors/partition/commit.ts';
import { type MachineOptions, PartitionMachine } from '../../actors/partition/machine.ts';
import { loadRollups, loadSnapshot } from '../../actors/partition/snapshot.ts';
import { VerdictCursor } from '../../actors/partition/verdict-cursor.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import type { MemoryStore } from './memory-store.ts';

export class SimulatedPartition {
  readonly machine: PartitionMachine;
  readonly #store: MemoryStore;
  readonly #verdicts: VerdictCursor;

  /** Blocks must be fed from `machine.neededFrom` on. */
  static async load(options: MachineOptions, store: MemoryStore): Promise<SimulatedPartition> {
    const snapshot = await loadSnapshot(store, options.partition);
    return new SimulatedPartition(new PartitionMachine(options, snapshot), store);
  }

  private constructor(machine: PartitionMachine, store: MemoryStore) {
    this.machine = machine;
    this.#store = store;
    this.#verdicts = new VerdictCursor(store, machine.partition);
  }

  /** `commit`: how it commits where a block asks for it. */
  async feed(logged: LoggedBlock, commit = () => this.commit()): Promise<void> {
    const { machine } = this;
    if (logged.offset < machine.position) {
      machine.relearn(logged, await this.#verdicts.at(logged.offset));
      return;
    }
    const effects = machine.apply(logged);
    if (effects.commit || effects.reload) await commit();
    if (!effects.reload) return;
    const { partition, definitions, watermarkMs } = machine;
    machine.reload(await loadRollups(this.#store, partition, definitions, watermarkMs));
  }

  async commit(): Promise<void> {
    const { letters } = await writeCommit(this.#store, this.machine.takeCommit());
    this.machine.committed(letters);
  }
}
