/** Values of rows about open sessions (drawing: storage/FORMAT.md, "Open sessions"). JSON: a user has one, or two for a moment. */
import { AppError } from '../../src/model/errors.ts';
import { parseJson } from './rows.ts';

/** As `Session` of the aggregates, which storage does not know. */
export interface SessionRow {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly events: number;
  readonly taken: readonly ({ readonly atMs: number; readonly text: string } | undefined)[];
}

export const encodeSessionRow = (sessions: readonly SessionRow[]): Uint8Array =>
  Buffer.from(
    JSON.stringify(
      sessions.map(({ firstMs, lastMs, events, taken }) => [
        firstMs,
        lastMs,
        events,
        taken.map((each) => each && [each.atMs, each.text]),
      ]),
    ),
  );

type Written = readonly [number, number, number, readonly (readonly [number, string] | null)[]];

/** Throws `state_corrupt`. */
export function decodeSessionRow(row: Uint8Array): SessionRow[] {
  const sessions = parseJson('the open sessions of a user', row);
  if (!Array.isArray(sessions) || !sessions.every(isWritten)) {
    throw new AppError('state_corrupt', 'the open sessions of a user are none');
  }
  return sessions.map(([firstMs, lastMs, events, taken]) => ({
    ...{ firstMs, lastMs, events },
    taken: taken.map((each) => (each === null ? undefined : { atMs: each[0], text: each[1] })),
  }));
}

const isWritten = (session: unknown): session is Written =>
  Array.isArray(session) &&
  session.length === 4 &&
  session.slice(0, 3).every(Number.isFinite) &&
  Array.isArray(session[3]);
