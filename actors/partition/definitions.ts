/** Which rollups a partition has, as the newest control block declares them, and what a new one changes. Pure. */
import {
  identityOf,
  type RollupDefinition,
  type RollupsControl,
  rowMeaningOf,
} from '../../src/model/rollup.ts';

/**
 * The definitions in effect, as a commit stores them. A rollup whose lateness was raised would take closed buckets for
 * open again, of which finer rows may be gone. So its own watermark is held where they stay closed, until the partition's
 * has come there.
 */
export interface Definitions extends RollupsControl {
  readonly heldMs?: Readonly<Record<string, number>>;
  /** Of each rollup, but for those that were declared before this was kept. */
  readonly began?: Readonly<Record<string, Beginning>>;
  /** Of rollups that were rebuilt from single events: from when on they count nevertheless, by `rebuiltKey`. */
  readonly rebuilt?: Readonly<Record<string, number>>;
}

export const rebuiltKey = (tenant: string, rollup: string): string => `${rollup}/${tenant}`;

/** Where in the log a rollup was declared as it is now: what came before is not in it. */
interface Beginning {
  /** Of the control block. */
  readonly version: number;
  /** The watermark there; before the first event, the time. */
  readonly atMs: number;
}

/** The watermark of a rollup when the partition's is `watermarkMs`. */
export const rollupWatermark = (
  definitions: Definitions | undefined,
  rollup: string,
  watermarkMs: number,
): number => Math.max(watermarkMs, definitions?.heldMs?.[rollup] ?? Number.NEGATIVE_INFINITY);

interface Declared {
  readonly definition: RollupDefinition;
  readonly identity: string;
}

/** From the definitions in effect to others. */
export interface Succession {
  readonly definitions: Definitions;
  /** Rollups that keep their rows. All others begin without. */
  readonly kept: ReadonlySet<string>;
  /** Of these, those whose states must be loaded anew; first, what ends before `closeToMs` must be closed in what is stored. */
  readonly changed: readonly { readonly rollup: string; readonly closeToMs: number }[];
}

const NONE: readonly RollupDefinition[] = [];

export class DeclaredRollups {
  readonly definitions: Definitions | undefined;
  readonly hasFrozen: boolean;
  readonly #byName: ReadonlyMap<string, Declared>;
  readonly #byStream: ReadonlyMap<string, readonly RollupDefinition[]>;
  /** By stream, then tenant: those of the stream that count the tenant's events. */
  readonly #ofTenant = new Map<string, Map<string, readonly RollupDefinition[]>>();

  constructor(definitions: Definitions | undefined) {
    const rollups = definitions?.rollups ?? [];
    this.definitions = definitions;
    this.hasFrozen = rollups.some(({ frozen }) => frozen);
    this.#byName = new Map(
      rollups.map((definition) => {
        return [definition.name, { definition, identity: identityOf(definition) }];
      }),
    );
    this.#byStream = Map.groupBy(rollups, ({ stream }) => stream);
  }

  named(rollup: string): Declared | undefined {
    return this.#byName.get(rollup);
  }

  /** Those that count the events of a tenant's stream. */
  of(tenant: string, stream: string): readonly RollupDefinition[] {
    const definitions = this.#byStream.get(stream);
    if (definitions === undefined) return NONE;
    const ofTenant = this.#ofTenant.get(stream) ?? new Map<string, readonly RollupDefinition[]>();
    let declared = ofTenant.get(tenant);
    if (declared === undefined) {
      declared = definitions.filter((each) => each.tenant === undefined || each.tenant === tenant);
      this.#ofTenant.set(stream, ofTenant.set(tenant, declared));
    }
    return declared;
  }

  watermark(rollup: string, watermarkMs: number): number {
    return rollupWatermark(this.definitions, rollup, watermarkMs);
  }

  /** What a control block that is newer than these definitions makes of them. */
  succeededBy(control: RollupsControl, watermarkMs: number, nowMs: number): Succession {
    const heldMs: Record<string, number> = {};
    const began: Record<string, Beginning> = {};
    const kept = new Set<string>();
    const changed: { rollup: string; closeToMs: number }[] = [];
    const { version } = control;
    const beginMs = Number.isFinite(watermarkMs) ? watermarkMs : nowMs;
    for (const after of control.rollups) {
      const { definition: before, identity } = this.#byName.get(after.name) ?? {};
      const goesOn = before !== undefined && rowMeaningOf(before) === rowMeaningOf(after);
      const known = goesOn ? this.definitions?.began?.[after.name] : undefined;
      const isNew = !goesOn || after.frozen;
      if (known !== undefined) began[after.name] = known;
      else if (isNew) began[after.name] = { version, atMs: beginMs };
      if (!goesOn) continue;
      kept.add(after.name);
      const soonerMs = before.latenessMs - after.latenessMs;
      const closedMs = this.watermark(after.name, watermarkMs) - soonerMs;
      if (closedMs > watermarkMs) heldMs[after.name] = closedMs;
      if (identity === identityOf(after)) continue;
      changed.push({ rollup: after.name, closeToMs: Math.max(watermarkMs, closedMs) + soonerMs });
    }
    const rebuilt = Object.fromEntries(
      Object.entries(this.definitions?.rebuilt ?? {}).filter(([key]) =>
        kept.has(key.slice(0, key.lastIndexOf('/'))),
      ),
    );
    return { definitions: { ...control, heldMs, began, rebuilt }, kept, changed };
  }
}
