/** Ids for lines of NDJSON that have none, so that what is sent twice counts once. */
import { randomBytes } from 'node:crypto';

/** Of one run: 50 random bits, so that no two runs share one. */
export const newRunId = (): string =>
  randomBytes(10).reduce((text, byte) => text + (byte & 31).toString(32), '');

/** As long for every line, so that ids are in the order of the lines: 78 billion of them. */
export const lineId = (runId: string, line: number): string =>
  `${runId}.${line.toString(36).padStart(7, '0')}`;

/** The line with this id, unless it has its own, or is no object: the server says then what is wrong. */
export function withId(line: string, id: string): string {
  const from = line.search(/[^ \t\r]/);
  if (line[from] !== '{') return line;
  const own = line.includes('"id"') ? topLevelId(line) : undefined;
  if (own === undefined) {
    const rest = line.slice(from + 1);
    return /^\s*\}/.test(rest) ? line : `{"id":"${id}",${rest}`;
  }
  if (own !== null) return line;
  // Of two members with one name the last one counts.
  return `${line.slice(0, line.lastIndexOf('}'))},"id":"${id}"}`;
}

function topLevelId(line: string): unknown {
  try {
    return JSON.parse(line).id;
  } catch {
    return undefined;
  }
}
