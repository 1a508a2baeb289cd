/** What is true of a stream, computed by DuckDB from the file that was sent. */
import { type DuckDBConnection, DuckDBInstance, type JS } from '@duckdb/node-api';
import type { ExactSql, Measure } from './measures.ts';
import type { Question } from './questions.ts';
import type { VerifiedStream } from './streams.ts';

/** Of one measure in one point. */
export interface Exact {
  readonly value: number | null;
  readonly scale?: number | null;
  readonly counts?: readonly number[];
  readonly near?: readonly number[];
  /** Of a `top`: what each value weighs. */
  readonly weights?: ReadonlyMap<string, number>;
}

/** Of each point by its name, in the order of the measures. */
export type Truth = ReadonlyMap<string, readonly Exact[]>;

/** A point's name: where it begins and ends, epoch milliseconds, and the labels of its series. */
export const pointName = (t: number, endMs: number, labels: readonly (string | null)[]): string =>
  JSON.stringify([t, endMs, ...labels]);

const PARTS = ['value', 'scale', 'counts', 'near'] as const;

export class Oracle {
  readonly #duck: DuckDBConnection;

  static async open(): Promise<Oracle> {
    return new Oracle(await (await DuckDBInstance.create(':memory:')).connect());
  }

  private constructor(duck: DuckDBConnection) {
    this.#duck = duck;
  }

  /** Takes a file of NDJSON in as a table. Resolves with the number of its lines. */
  async load({ name, columns }: VerifiedStream, file: string): Promise<number> {
    const types = Object.entries(columns).map(([column, type]) => `"${column}": '${type}'`);
    await this.#duck.run(
      `CREATE TABLE "${name}" AS FROM
        read_json('${file}', format = 'newline_delimited', columns = {${types.join(', ')}})`,
    );
    const [row] = await this.#rows(`SELECT count(*)::DOUBLE AS events FROM "${name}"`);
    return Number(row?.['events']);
  }

  /** @param points of `Steps` */
  async truth(question: Question, points: string, measures: readonly Measure[]): Promise<Truth> {
    const columns = measures.flatMap(({ exact }, i) =>
      PARTS.flatMap((part) => columnOf(exact, part, i)),
    );
    const { labels, from, group } = clausesOf(question, points);
    const rows = await this.#rows(
      `SELECT ${[...labels, ...columns].join(', ')} FROM ${from} GROUP BY ${group}`,
    );
    const weights = await Promise.all(
      measures.map((measure) =>
        measure.judgement === 'top' ? this.#weights(question, points, measure) : undefined,
      ),
    );
    return new Map(
      rows.map((row) => {
        const name = nameOf(row, question);
        return [
          name,
          measures.map((_, i) => ({ ...exactOf(row, i), ...weightsOf(weights[i], name) })),
        ];
      }),
    );
  }

  close(): void {
    this.#duck.closeSync();
  }

  /** Of every value in every point. */
  async #weights(
    question: Question,
    points: string,
    { field, weight }: Extract<Measure, { judgement: 'top' }>,
  ): Promise<Map<string, Map<string, number>>> {
    const { labels, from, group } = clausesOf(question, points);
    const rows = await this.#rows(
      `SELECT ${labels.join(', ')}, ${field} AS heavy, fsum(${weight}) AS weight FROM ${from}
        AND ${field} IS NOT NULL AND ${weight} > 0 GROUP BY ${group}, ${field}`,
    );
    const found = new Map<string, Map<string, number>>();
    for (const row of rows) {
      const name = nameOf(row, question);
      const values = found.get(name) ?? new Map<string, number>();
      found.set(name, values.set(String(row['heavy']), Number(row['weight'])));
    }
    return found;
  }

  async #rows(sql: string): Promise<readonly Record<string, JS>[]> {
    return (await this.#duck.runAndReadAll(sql)).getRowObjectsJS();
  }
}

function clausesOf({ stream, groupBy, where }: Question, points: string) {
  const labels = groupBy.map((field, i) => `${field}::VARCHAR AS label${i}`);
  return {
    labels: ['t::DOUBLE AS t', 'end_ms::DOUBLE AS end_ms', ...labels],
    from: `(SELECT *, (end_ms - from_ms) / 1000 AS seconds FROM (${points})) AS points
      JOIN "${stream}" AS events ON ts >= from_ms AND ts < end_ms WHERE ${where?.exact ?? 'true'}`,
    group: ['t', 'end_ms', ...groupBy].join(', '),
  };
}

function columnOf(exact: ExactSql, part: (typeof PARTS)[number], i: number): string[] {
  const sql = exact[part];
  if (sql === undefined) return [];
  const isNumber = part === 'value' || part === 'scale';
  return [`(${sql})${isNumber ? '::DOUBLE' : ''} AS ${part}${i}`];
}

function exactOf(row: Readonly<Record<string, JS>>, i: number): Exact {
  const [value, scale, counts, near] = PARTS.map((part) => row[`${part}${i}`]);
  return {
    value: numberOrNull(value),
    ...(scale !== undefined && { scale: numberOrNull(scale) }),
    ...(Array.isArray(counts) && { counts: counts.map(Number) }),
    ...(Array.isArray(near) && { near: near.map(Number) }),
  };
}

const numberOrNull = (value: JS | undefined): number | null =>
  typeof value === 'number' ? value : null;

const weightsOf = (
  weights: ReadonlyMap<string, ReadonlyMap<string, number>> | undefined,
  name: string,
): Pick<Exact, 'weights'> =>
  weights === undefined ? {} : { weights: weights.get(name) ?? new Map() };

const nameOf = (row: Readonly<Record<string, JS>>, { groupBy }: Question): string =>
  pointName(
    Number(row['t']),
    Number(row['end_ms']),
    groupBy.map((_, i) => {
      const label = row[`label${i}`];
      return typeof label === 'string' ? label : null;
    }),
  );
