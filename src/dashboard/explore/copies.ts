/** A question and its answer in the forms that others take: GraphQL, curl, CSV. Pure. */

import type { Explored } from '../chart/explored.ts';
import { type Question, variablesOf } from '../question/question.ts';
import { documentOf } from '../question/timeseries-document.ts';
import { measureText } from '../question/words.ts';
import { curlOf } from '../server/curl.ts';

export const graphqlOf = (question: Question): string => documentOf(variablesOf(question));

export const curlOfQuestion = (question: Question, origin: string, needsKey: boolean): string =>
  curlOf(
    `${origin}/graphql`,
    needsKey,
    JSON.stringify({ query: graphqlOf(question).replace(/\n */g, ' ') }),
  );

/** A row for each point; of an earlier time the values that stand beside it. */
export function csvOf(answer: Explored, { measures, groupBy }: Question): string {
  const names = measures.filter(({ op }) => op !== 'top').map(measureText);
  const before = new Map(
    answer.compared?.series.map(({ labels, compared }) => [
      JSON.stringify(labels),
      new Map(compared.map(({ t, values }) => [t, values])),
    ]),
  );
  const isCompared = answer.compared !== undefined;
  const rows = answer.series.flatMap(({ labels, points }) =>
    points.map(({ t, end, values }) => {
      const earlier = before.get(JSON.stringify(labels))?.get(t);
      return [
        new Date(t).toISOString(),
        new Date(end).toISOString(),
        ...labels.map(({ value }) => value),
        ...values.flatMap(({ value, errorBound }) => [value, errorBound]),
        ...(isCompared ? names.map((_, i) => earlier?.[i]?.value ?? null) : []),
      ];
    }),
  );
  const head = [
    'from',
    'to',
    ...groupBy,
    ...names.flatMap((name) => [name, `${name} error bound`]),
    ...(isCompared ? names.map((name) => `${name} before`) : []),
  ];
  return [head, ...rows].map((row) => `${row.map(cellOf).join(',')}\r\n`).join('');
}

/** By RFC 4180. */
function cellOf(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
