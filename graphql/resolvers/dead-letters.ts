/** Events that were refused: listed, counted, sent again. */
import { AppError } from '../../src/model/errors.ts';
import { textOfLetter } from '../../src/query/letter-event.ts';
import type { ResentLetter } from '../../src/query/letters.ts';
import { DEAD_LETTERS_PAGE_MAX } from '../../src/query/limits.ts';
import type { DeadLetterFilter, DeadLetterView } from '../../src/query/system.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import { refusalError } from '../send-refusal.ts';
import type { Maybe } from './arguments.ts';
import { eventTimes } from './events.ts';

interface FilterArgs {
  readonly stream?: Maybe<string>;
  readonly code?: Maybe<string>;
  readonly from?: Maybe<number>;
  readonly to?: Maybe<number>;
  readonly contains?: Maybe<string>;
}

interface PageArgs {
  readonly first: number;
  readonly after?: Maybe<string>;
}

interface ResendArgs extends PageArgs {
  readonly letters?: Maybe<readonly { readonly id: string; readonly text?: Maybe<string> }[]>;
  readonly matching?: Maybe<FilterArgs>;
}

export async function deadLetters(
  _: unknown,
  args: FilterArgs & PageArgs,
  context: GraphContext,
): Promise<object> {
  const { letters, nextCursor } = await pageOf(args, args, context);
  return { letters: letters.map(shownLetter), nextCursor };
}

export async function deadLetterCounts(
  _: unknown,
  args: FilterArgs,
  { access, services }: GraphContext,
): Promise<object> {
  const { counts, isComplete } = await services.letters.counts(filterOf(access.tenant, args));
  return {
    counts: counts.map(({ firstMs, lastMs, ...rest }) => ({
      ...rest,
      first: firstMs,
      last: lastMs,
    })),
    complete: isComplete,
  };
}

export async function resendDeadLetters(
  _: unknown,
  { letters, matching, ...page }: ResendArgs,
  context: GraphContext,
): Promise<object> {
  const { access, services } = context;
  demandScope(access, 'write');
  if ((letters == null) === (matching == null)) {
    throw invalid('either "letters" or "matching" says which letters are sent, and not both');
  }
  const found = matching == null ? undefined : await pageOf(matching, page, context);
  const wanted = (found?.letters ?? letters ?? []).map((letter) => ({
    id: letter.id,
    text: ('text' in letter ? letter.text : undefined) ?? undefined,
  }));
  const nextCursor = found?.nextCursor ?? null;
  if (found !== undefined && wanted.length === 0) return { letters: [], position: '', nextCursor };
  const resent = await services.letters.resend(access.tenant, wanted);
  if (!resent.ok) throw refusalError(resent.refusal);
  return { letters: resent.letters.map(shownResent), position: resent.position, nextCursor };
}

/** Throws `query_invalid` for a range that is none. */
export const filterOf = (
  tenant: string,
  { stream, code, from, to, contains }: FilterArgs,
): DeadLetterFilter => ({
  tenant,
  stream: stream ?? undefined,
  code: code ?? undefined,
  contains: contains ?? undefined,
  ...eventTimes(from, to),
});

async function pageOf(
  filter: FilterArgs,
  { first, after }: PageArgs,
  { access, services }: GraphContext,
): Promise<{ readonly letters: readonly DeadLetterView[]; readonly nextCursor: string | null }> {
  if (!(first >= 1 && first <= DEAD_LETTERS_PAGE_MAX)) {
    throw invalid(`"first" must be 1 to ${DEAD_LETTERS_PAGE_MAX}, received ${first}`);
  }
  // One more than asked tells whether there is a next page.
  const page = await services.system.deadLetters({
    ...filterOf(access.tenant, filter),
    after: after ?? undefined,
    first: first + 1,
  });
  const letters = page.letters.slice(0, first);
  const isMore = page.letters.length > first;
  const nextCursor = (isMore ? letters.at(-1)?.id : page.lookedTo) ?? null;
  return { letters, nextCursor };
}

function shownLetter({ arrivalMs, raw, ...rest }: DeadLetterView): object {
  const base64 = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64');
  return { ...rest, arrival: arrivalMs, text: textOfLetter(raw) ?? null, base64 };
}

const shownResent = (letter: ResentLetter): object => ({ code: null, message: null, ...letter });

const invalid = (message: string): AppError => new AppError('query_invalid', message);
