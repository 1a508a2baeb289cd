/** What a receiver was told, held against what happened: everything at least once, and once if ids are remembered. */
import type { Change } from './alarm-model.ts';
import type { Recorded } from './recorder.ts';

interface Alert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

export function toldDifferences(
  changes: readonly Change[],
  recorded: readonly Recorded[],
  toS: number,
): string[] {
  const found = recorded.flatMap(({ problem, id }) => (problem ? [`${id}: ${problem}`] : []));
  const bodies = new Map<string, string>();
  for (const { id, body } of recorded) {
    const known = bodies.get(id) ?? body;
    if (known !== body) found.push(`${id} came with two different bodies`);
    bodies.set(id, known);
  }
  const taken = new Set(recorded.flatMap(({ id, answered }) => (answered === 'ok' ? [id] : [])));
  for (const id of bodies.keys()) if (!taken.has(id)) found.push(`${id} was never taken`);

  const told = [...bodies.values()].flatMap(alertsOf);
  const times = new Map<string, number>();
  for (const alert of told) times.set(lineOf(alert), (times.get(lineOf(alert)) ?? 0) + 1);
  for (const [line, count] of times) {
    if (count > 1) found.push(`told ${count} times under different ids: ${line}`);
  }
  const isTold = (line: (severity: string) => string): boolean =>
    ['warning', 'critical'].some((severity) => times.has(line(severity)));
  for (const episode of episodesOf(changes)) {
    const { severity } = episode;
    const start = `${episode.rule} ${episode.service} since ${episode.fromS}`;
    const end = `resolved ${severity} ${start} to ${episode.toS}`;
    if (episode.toS !== undefined && times.get(end) !== 1) found.push(`not told: ${end}`);
    // What is over before it was told is told with its end.
    const isEnded = episode.toS !== undefined && times.has(end);
    if (!isEnded && !isTold((each) => `firing ${each} ${start}`)) found.push(`not told: ${start}`);
    times.delete(end);
    for (const each of ['warning', severity]) times.delete(`firing ${each} ${start}`);
  }
  for (const [line] of times) {
    // What began after the last second that was compared is of no matter.
    if (Number(/since (\d+)/.exec(line)?.[1]) <= toS)
      found.push(`told, but did not happen: ${line}`);
  }
  return found;
}

interface Episode {
  readonly rule: string;
  readonly service: string;
  readonly fromS: number;
  toS: number | undefined;
  severity: Change['severity'];
}

/** From firing to ok. */
function episodesOf(changes: readonly Change[]): Episode[] {
  const episodes: Episode[] = [];
  const open = new Map<string, Episode>();
  for (const { rule, service, atS, to, severity } of changes) {
    const key = `${rule} ${service}`;
    const known = open.get(key);
    if (to === 'firing' && known !== undefined) known.severity = severity;
    else if (to === 'firing') {
      const episode = { rule, service, fromS: atS, toS: undefined, severity };
      episodes.push(episode);
      open.set(key, episode);
    } else if (to === 'ok' && known !== undefined) {
      known.toS = atS;
      open.delete(key);
    }
  }
  return episodes;
}

function alertsOf(body: string): readonly Alert[] {
  const message: { readonly alerts: readonly Alert[] } = JSON.parse(body);
  return message.alerts;
}

function lineOf({ status, labels, startsAt, endsAt }: Alert): string {
  const { alertname, service = '', severity } = labels;
  const since = `${status} ${severity} ${alertname} ${service} since ${Date.parse(startsAt) / 1_000}`;
  return status === 'firing' ? since : `${since} to ${Date.parse(endsAt) / 1_000}`;
}
