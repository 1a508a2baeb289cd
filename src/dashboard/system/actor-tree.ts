/** Actors in the order of their tree, each with how deep it stands. */
import type { Actor } from '../server/answers.ts';

export interface Placed {
  readonly actor: Actor;
  /** 0 of one without a parent among them. */
  readonly depth: number;
}

/** A parent's path begins that of its children: `partitions/0` that of `partitions/0/partition/7`. */
export function treeOf(actors: readonly Actor[]): readonly Placed[] {
  const paths = new Set(actors.map(({ path }) => path));
  const depthOf = (path: string): number => {
    const parts = path.split('/');
    const parents = parts.map((_, i) => parts.slice(0, i).join('/'));
    return parents.filter((parent) => paths.has(parent)).length;
  };
  return [...actors]
    .sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }))
    .map((actor) => ({ actor, depth: depthOf(actor.path) }));
}
