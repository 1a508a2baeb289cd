/**
 * While an alarm that matches a source fires, nobody is told of those that match the target and agree with it on some
 * labels. As in Alertmanager, an alarm that is both source and target is not inhibited by others that are both: two of
 * them would keep each other silent. Pure.
 */
import type { Inhibition } from '../../src/model/notification.ts';
import { compileMatchers, type Labels, type LabelTest } from './matchers.ts';

/** What an alarm's labels make of it in one inhibition; `equal` are the values that have to agree. */
interface Trait {
  readonly inhibition: number;
  readonly isSource: boolean;
  readonly isTarget: boolean;
  readonly equal: string;
}
export type Traits = readonly Trait[];

interface Sources {
  all: number;
  /** Those that are not targets themselves. */
  pure: number;
}

export class Inhibitions {
  readonly #rules: readonly {
    readonly source: LabelTest;
    readonly target: LabelTest;
    readonly equal: readonly string[];
  }[];
  /** Alarms that fire and are a source, by inhibition and the values that have to agree. */
  readonly #sources: Map<string, Sources>[];

  constructor(inhibitions: readonly Inhibition[]) {
    this.#rules = inhibitions.map(({ source, target, equal }) => ({
      source: compileMatchers(source),
      target: compileMatchers(target),
      equal,
    }));
    this.#sources = inhibitions.map(() => new Map());
  }

  /** A function of the labels; empty for most alarms. Tenants never inhibit each other. */
  traitsOf(labels: Labels): Traits {
    return this.#rules.flatMap(({ source, target, equal }, inhibition) => {
      const [isSource, isTarget] = [source(labels), target(labels)];
      if (!isSource && !isTarget) return [];
      const values = ['tenant', ...equal].map((label) => labels[label] ?? '');
      return [{ inhibition, isSource, isTarget, equal: JSON.stringify(values) }];
    });
  }

  /** An alarm with these traits has begun to fire (1) or no longer does (-1). */
  count(traits: Traits, by: 1 | -1): void {
    for (const { inhibition, isSource, isTarget, equal } of traits) {
      if (!isSource) continue;
      const sources = this.#sources[inhibition];
      const counted = sources?.get(equal) ?? { all: 0, pure: 0 };
      counted.all += by;
      if (!isTarget) counted.pure += by;
      if (counted.all === 0) sources?.delete(equal);
      else sources?.set(equal, counted);
    }
  }

  isInhibited(traits: Traits): boolean {
    return traits.some(({ inhibition, isSource, isTarget, equal }) => {
      if (!isTarget) return false;
      const counted = this.#sources[inhibition]?.get(equal);
      return counted !== undefined && (isSource ? counted.pure : counted.all) > 0;
    });
  }
}
