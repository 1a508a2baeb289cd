/** Which fields there are. */
import type { FieldStatistics } from '../../src/query/field-statistics.ts';
import type { GraphContext } from '../context.ts';

export async function fields(
  _: unknown,
  { stream }: { readonly stream: string },
  { access, services }: GraphContext,
): Promise<object> {
  const { hasOthers, ...rest } = await services.fields(access.tenant, stream);
  return { ...rest, stream, more: hasOthers, fields: rest.fields.map(shown) };
}

function shown({ texts, numbers, booleans, firstSeenMs, lastSeenMs, ...rest }: FieldStatistics) {
  const types = [
    { type: 'text', events: texts },
    { type: 'number', events: numbers },
    { type: 'boolean', events: booleans },
  ];
  return {
    ...rest,
    types: types.filter(({ events }) => events > 0),
    firstSeen: firstSeenMs,
    lastSeen: lastSeenMs,
  };
}
