/** What a changed configuration takes from a server's rollups, in words: rows that would mean something else now are not kept. */
import { type RollupDefinition, type RollupsControl, rowMeaningOf } from './model/rollup.ts';
import { isSessionStream, sessionIdentity } from './model/session.ts';

/** Rollups of alarm rules are left out: they begin anew with their rules. */
export function lostRollups(before: RollupsControl, now: RollupsControl): string[] {
  const after = new Map(now.rollups.map((rollup) => [rollup.name, rollup]));
  const lost = before.rollups
    .filter(({ frozen }) => frozen !== true)
    .flatMap((rollup) => lossOf(rollup, after.get(rollup.name)));
  const kept = new Set(now.sessions?.map(sessionIdentity));
  const ended = (before.sessions ?? [])
    .filter((sessions) => !kept.has(sessionIdentity(sessions)))
    .map(({ name }) => `sessions "${name}" are not declared as before: open ones are closed early`);
  return [...lost, ...ended];
}

function lossOf(before: RollupDefinition, after: RollupDefinition | undefined): string[] {
  const { name, stream } = before;
  if (after === undefined) {
    return [`rollup "${name}" is not declared any more: what it has counted is removed`];
  }
  if (rowMeaningOf(before) === rowMeaningOf(after)) return [];
  const rebuilt = isSessionStream(stream)
    ? ''
    : `; "streamgauge replay --stream ${stream} --rollup ${name}" builds it again from single events`;
  return [
    `rollup "${name}" is not declared as before (stream, filter, dimensions, measures or steps): what it has counted is removed, and it begins anew${rebuilt}`,
  ];
}
