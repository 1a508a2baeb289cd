/** What happens in a shop in three hours of today, and how often: for servers that are sent it, and readers that count it. */
const HOUR_MS = 3_600_000;
/** Not at a full second, so that a reader that cuts times off is found out. */
export const FIRST_MS = Math.floor(Date.now() / HOUR_MS - 5) * HOUR_MS + 123;
/** Between two events: a thousand of them reach into three hours. */
const STEP_MS = 10_001;
export const EVENTS = 1_000;
/** Behind the last of them. */
export const END_MS = FIRST_MS + EVENTS * STEP_MS;

export interface ShopEvent {
  readonly id: string;
  readonly type: 'buy' | 'look';
  readonly ts: number;
  /** The time once more, as a number that rollups have the least and the greatest of. */
  readonly sent_ms: number;
  readonly user: string;
  readonly amount: number | string;
  readonly coupon?: string;
  readonly rare?: number;
}

/** A field that comes later, one that changes its kind, and one that few have. */
export const eventsFrom = (from: number, to: number): ShopEvent[] =>
  Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    const ts = FIRST_MS + n * STEP_MS;
    return {
      ...{ id: `e${n}`, type: n % 3 === 0 ? 'buy' : 'look', ts, sent_ms: ts },
      ...{ user: n % 5 === 0 ? 'ann' : `bob${n % 7}`, amount: n },
      ...(n >= 600 && { coupon: `c${n % 3}`, amount: `${n} EUR` }),
      ...(n % 500 === 7 && { rare: n }),
    };
  });

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);

/** By type, of all events, to be had from columns of any age, and times to the millisecond. */
export const countsByType = (source: string): string => `SELECT
    type, count(*) AS total, count(DISTINCT id) AS ids, sum(amount) AS amount,
    count(amount_string) AS texts, count(coupon) AS coupons, CAST(min(ts) AS STRING) AS first,
    sum(CAST(\`more\`['rare'] AS INT)) AS rare
  FROM ${source} GROUP BY type ORDER BY type`;

/** The rows of `countsByType`. */
export const COUNTS_BY_TYPE = (['buy', 'look'] as const).map((type) => {
  const of = eventsFrom(0, EVENTS).filter((event) => event.type === type);
  const texts = of.filter(({ amount }) => typeof amount === 'string').length;
  const first = new Date(of[0]?.ts ?? 0).toISOString();
  return {
    type,
    total: of.length,
    ids: of.length,
    amount: sumOf(of.map(({ amount }) => (typeof amount === 'number' ? amount : 0))),
    texts,
    coupons: texts,
    first: first.slice(0, 23).replace('T', ' '),
    rare: sumOf(of.map(({ rare = 0 }) => rare)),
  };
});
