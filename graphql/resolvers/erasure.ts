/** Events erased on request: asked for, followed, and told what came of it. */
import { AppError } from '../../src/model/errors.ts';
import { isStreamName, STREAM_NAME_RULE } from '../../src/model/stream-name.ts';
import type { ErasurePort, ErasureView } from '../../src/query/erasure-port.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import type { Maybe } from './arguments.ts';

const ERASURES_PAGE_MAX = 200;
/** Longer than any name or value that is taken in by default; what is longer is not looked for by hand. */
const FIELD_CHARS_MAX = 1_024;
const VALUE_CHARS_MAX = 65_536;
const STREAM_CHARS_SHOWN = 80;

export async function eraseUser(
  _: unknown,
  args: { readonly stream?: Maybe<string>; readonly field: string; readonly value: string },
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'admin');
  const { field, value, stream } = args;
  checkStream(stream);
  if (field === 'ts') throw invalid('"field" must not be "ts": no person has a time for a name');
  checkLength('field', field, FIELD_CHARS_MAX);
  checkLength('value', value, VALUE_CHARS_MAX);
  if (!value.isWellFormed()) throw invalid('"value" must be well-formed Unicode');
  const { tenant } = access;
  return shown(
    await erasuresOf(services).request({ tenant, stream: stream ?? undefined, field, value }),
  );
}

export async function erasure(
  _: unknown,
  { id }: { readonly id: string },
  { access, services }: GraphContext,
): Promise<object | undefined> {
  demandScope(access, 'admin');
  const found = await erasuresOf(services).find(access.tenant, id);
  return found && shown(found);
}

export async function erasures(
  _: unknown,
  { first }: { readonly first: number },
  { access, services }: GraphContext,
): Promise<readonly object[]> {
  demandScope(access, 'admin');
  if (!(first >= 1 && first <= ERASURES_PAGE_MAX)) {
    throw invalid(`"first" must be 1 to ${ERASURES_PAGE_MAX}, received ${first}`);
  }
  return (await erasuresOf(services).list(access.tenant, first)).map(shown);
}

const erasuresOf = ({ erasures: port }: GraphContext['services']): ErasurePort => port;

/** An event of another name was never taken in: a slip of the pen would be told that all is erased. */
function checkStream(stream: Maybe<string>): void {
  if (stream === undefined || stream === null || isStreamName(stream)) return;
  const received = JSON.stringify(stream.slice(0, STREAM_CHARS_SHOWN));
  throw invalid(
    `"stream" must be the name of a stream, or be left out: ${STREAM_NAME_RULE}, received ${received}`,
  );
}

function checkLength(name: string, text: string, max: number): void {
  if (text.length >= 1 && text.length <= max) return;
  throw invalid(`"${name}" must have 1 to ${max} characters, received ${text.length}`);
}

const invalid = (message: string): AppError => new AppError('query_invalid', message);

const shown = (view: ErasureView): object => ({
  ...view,
  requested: view.requestedMs,
  finished: view.finishedMs,
  before: typeof view.before === 'number' ? view.before : sum(view.before),
  log: { ...view.log, gone: view.logGoneByMs },
  archive: view.archive.streams,
  gone: view.goneByMs,
  notErased: notErased(view),
});

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, each) => total + each, 0);

interface NotErased {
  readonly what: string;
  readonly why: string;
  readonly rollups: readonly string[];
}

function notErased({ labels, sketches, log, hasArchive, isInTopic }: ErasureView): NotErased[] {
  const all: (NotErased | false)[] = [
    {
      what: 'counts and sums',
      why: 'an event that was counted stays counted: a sum does not say of whom its parts came',
      rollups: [],
    },
    labels.length > 0 && {
      what: 'labels of series',
      why: 'these rollups keep sums by this field, and the value is the name of one: change their dimensions, and drop what they have kept, by declaring them under another name',
      rollups: labels,
    },
    sketches.length > 0 && {
      what: 'sketches of distinct values and quantiles, and the heaviest, first and last values of fields',
      why: 'nothing can be taken out of them: sketches hold parts of hashes and numbers of values in ranges, from which nobody can read a value; the others hold values as they were sent, and a replay keeps them anew',
      rollups: sketches,
    },
    {
      what: 'alarms',
      why: 'history and notifications keep the labels of alarms that fired; receivers have been told',
      rollups: [],
    },
    {
      what: 'backups, exports and other copies of the data folder or the archive',
      why: 'this server does not know of them: delete those from before, or erase again after one is restored',
      rollups: [],
    },
    !hasArchive && {
      what: 'an archive',
      why: 'this server has never kept one: files that another has archived are not looked through',
      rollups: [],
    },
    isInTopic && {
      what: 'the topic that is the log',
      why: 'nobody can erase in a topic: nothing of this server reads the events there any more, and brokers delete them when the retention of the topic is over',
      rollups: [],
    },
    log.unreadable > 0 && {
      what: 'damaged blocks of the log',
      why: 'they cannot be read; "streamgauge log inspect" shows where they lie, and they are deleted with the log',
      rollups: [],
    },
  ];
  return all.filter((each) => each !== false);
}
