/**
 * Dead letters taken in again: through the decoder and the log like any event, and then out of the letters that are kept. In this
 * order, so that a crash in between loses nothing; the events have ids, so that what is sent again then counts once.
 */
import { packControl } from '../model/block.ts';
import type {
  DropLettersControl,
  LettersToSend,
  LetterToSend,
  SentLetter,
  SentLetters,
} from '../model/dead-letter.ts';
import { AppError, type Rejection } from '../model/errors.ts';
import { encodePositions } from '../model/positions.ts';
import type { Offset } from '../model/units.ts';
import { type AdmissionRules, type BusyRules, busyRefusal } from './admission.ts';
import type { AppliedWaits } from './applied.ts';
import { bytesBehind, type Coalescer, type OffsetBehind } from './coalescer.ts';
import { type BlockRows, Contribution } from './contribution.ts';
import type { Counters } from './counters.ts';
import type { Producer } from './producer.ts';
import { NO_MEMORY } from './receive-body.ts';
import { refusalOfFault } from './refusal.ts';

export interface ResendTools {
  readonly rules: BusyRules & Pick<AdmissionRules, 'memory'>;
  readonly coalescer: Pick<Coalescer, 'add'>;
  readonly producer: Producer;
  readonly applied: AppliedWaits;
  readonly counters: Counters;
  readonly offsetBehind?: OffsetBehind | undefined;
}

/** Rows of one letter once they are durable, or why there are none. */
type Taken =
  | { readonly ok: true; readonly contribution: Contribution }
  | { readonly ok: false; readonly rejection: Omit<Rejection, 'line'> };

const encoder = new TextEncoder();

/** Bounded by who asks. Never rejects for what the log or a sender may be refused for. */
export async function resendLetters(
  tools: ResendTools,
  { tenant, letters }: LettersToSend,
): Promise<SentLetters> {
  const { rules } = tools;
  const refusal = busyRefusal(rules, tenant) ?? (rules.memory.hasRoom ? undefined : NO_MEMORY);
  if (refusal !== undefined) return { ok: false, refusal };
  const taken = await Promise.all(letters.map((letter) => take(tools, tenant, letter)));
  const accepted = letters.filter((_, i) => taken[i]?.ok);
  try {
    const faulty = taken.find((one) => one.ok && one.contribution.fault !== undefined);
    if (faulty?.ok && faulty.contribution.fault !== undefined) throw faulty.contribution.fault;
    const drops = accepted.length === 0 ? [] : await drop(tools, tenant, accepted);
    return { ok: true, ...(await answered(tools, taken, drops)) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ok: false, refusal: refusalOfFault(error.code) };
  }
}

/** Resolves when it is durable, or known not to be. */
async function take(
  { coalescer, counters, rules }: ResendTools,
  tenant: string,
  { stream, event }: LetterToSend,
): Promise<Taken> {
  const settled = Promise.withResolvers<void>();
  const contribution = new Contribution(true, () => settled.resolve());
  const destination = { tenant, stream, form: 'json', keepsRefused: false } as const;
  const outcome = coalescer.add(destination, encoder.encode(event), contribution);
  contribution.end();
  await settled.promise;
  const [rejection] = outcome.rejections;
  if (rejection !== undefined) {
    const { code, message } = rejection;
    return { ok: false, rejection: { code, message } };
  }
  counters.decoded(outcome);
  rules.quotas.charge(tenant, outcome.accepted);
  return { ok: true, contribution };
}

/** One control block a partition; answers where they lie, nothing while they are spooled. */
async function drop(
  { rules, producer, offsetBehind = bytesBehind }: ResendTools,
  tenant: string,
  letters: readonly LetterToSend[],
): Promise<readonly BlockRows[]> {
  const byPartition = [...Map.groupBy(letters, ({ at }) => at.partition)];
  const blocks = byPartition.map(([partition, some]) => {
    const control: DropLettersControl = {
      type: 'dropDeadLetters',
      tenant,
      letters: some.map(({ at }) => [at.offset, at.row]),
    };
    return packControl(producer.next(partition), control);
  });
  // The log owns the blocks from here on.
  const lengths = blocks.map((block) => block.length);
  const appended = await rules.log.append(blocks);
  if (appended === 'spooled') return [];
  return byPartition.map(([partition], i) => {
    const offset = appended[i] as Offset;
    const nextOffset = offsetBehind(offset, lengths[i] as number);
    return { partition, offset, nextOffset, rowFrom: 0, rowTo: 0 };
  });
}

async function answered(
  { applied }: ResendTools,
  taken: readonly Taken[],
  drops: readonly BlockRows[],
): Promise<Omit<Extract<SentLetters, { ok: true }>, 'ok'>> {
  const wait = async (one: Taken): Promise<SentLetter> => {
    if (!one.ok) return { outcome: 'refused', ...one.rejection };
    const { position, rows } = one.contribution;
    const seen = position === undefined ? undefined : await applied.wait(rows);
    if (seen?.applied !== true) return { outcome: 'accepted' };
    return { outcome: seen.duplicates > 0 ? 'duplicate' : 'applied' };
  };
  const dropped = drops.length === 0 ? undefined : applied.wait(drops);
  const letters = await Promise.all(taken.map(wait));
  await dropped;
  const events = taken.flatMap((one) => (one.ok ? one.contribution.rows : []));
  const position = positionBehind([...events, ...drops]);
  return { letters, position, dropPosition: positionBehind(drops) };
}

/** Of what is in the log. */
function positionBehind(blocks: readonly BlockRows[]): string {
  const positions = new Map<number, Offset>();
  for (const { partition, nextOffset } of blocks) {
    const known = positions.get(partition);
    if (known === undefined || known < nextOffset) positions.set(partition, nextOffset);
  }
  return encodePositions(positions);
}
