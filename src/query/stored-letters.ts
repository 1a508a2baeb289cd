/** The committed dead letters of all partitions, newest first. Keys order them by log offset, which all partitions share. */
import { deadLetterKey, deadLetterRange, parseDeadLetterKey } from '../../storage/state/keys.ts';
import { decodeDeadLetter } from '../../storage/state/rows.ts';
import { type StateReader, type StateRow, scan } from '../../storage/state/state.ts';
import { AppError } from '../model/errors.ts';
import type { DeadLetterQuery, DeadLetterView } from './system.ts';

/** Where a letter is in the log. */
interface Place {
  readonly offset: number;
  readonly row: number;
}

interface Placed extends Place {
  readonly view: DeadLetterView;
}

/** The store reads forward only: the newest are looked for in windows of the log that grow towards its start. */
const FIRST_WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOW_GROWTH = 8;

/** Throws `query_invalid` if `after` is no id of a letter. */
export async function readDeadLetters(
  state: StateReader,
  partitions: number,
  logEnd: number,
  query: DeadLetterQuery,
): Promise<readonly DeadLetterView[]> {
  const before = query.after === undefined ? { offset: logEnd, row: 0 } : placeOf(query.after);
  const found: Placed[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    found.push(...(await newestOf(state, partition, before, query)));
  }
  return found
    .sort((a, b) => b.offset - a.offset || b.row - a.row)
    .slice(0, query.first)
    .map(({ view }) => view);
}

async function newestOf(
  state: StateReader,
  partition: number,
  before: Place,
  { tenant, stream, first }: DeadLetterQuery,
): Promise<Placed[]> {
  const oldest = deadLetterRange(partition, tenant).from;
  let found: Placed[] = [];
  let to = deadLetterKey({ partition, tenant, ...before });
  let toOffset = before.offset;
  for (let window = FIRST_WINDOW_BYTES; found.length < first; window *= WINDOW_GROWTH) {
    const fromOffset = Math.max(0, toOffset - window);
    const from =
      fromOffset === 0 ? oldest : deadLetterKey({ partition, tenant, offset: fromOffset, row: 0 });
    const inWindow: Placed[] = [];
    for await (const row of scan(state, { from, to })) {
      const letter = read(row);
      if (stream !== undefined && letter.view.stream !== stream) continue;
      inWindow.push(letter);
      if (inWindow.length > first) inWindow.shift();
    }
    found = [...inWindow, ...found].slice(-first);
    if (fromOffset === 0) break;
    to = from;
    toOffset = fromOffset;
  }
  return found;
}

function read({ key, value }: StateRow): Placed {
  const { partition, offset, row } = parseDeadLetterKey(key);
  const { arrivalMs, stream, code, message, line, raw } = decodeDeadLetter(value);
  const id = [partition, offset, row].map((part) => part.toString(36)).join('.');
  return { offset, row, view: { id, arrivalMs, stream, code, message, line, raw } };
}

function placeOf(id: string): Place {
  const match = /^[0-9a-z]{1,4}\.([0-9a-z]{1,10})\.([0-9a-z]{1,6})$/.exec(id);
  if (match === null) {
    throw new AppError('query_invalid', '"after" must be the nextCursor of an earlier page');
  }
  const [offset, row] = [match[1], match[2]].map((part) => Number.parseInt(part ?? '', 36));
  return { offset: offset as number, row: row as number };
}
