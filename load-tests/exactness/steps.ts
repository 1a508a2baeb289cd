/** How a question cuts time: as GraphQL asks for it, and as DuckDB does it, whose calendar is that of ICU. */

export interface Steps {
  /** In the table. */
  readonly name: string;
  /** Arguments of `timeseries`. */
  readonly asked: string;
  /** A row a point, in epoch milliseconds: `t` is its name, and what counts lies in `[from_ms, end_ms)`. */
  readonly points: string;
  /** The same of the earlier time that is asked for beside it. */
  readonly compared?: string;
}

export interface EvenSteps {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  readonly windowMs?: number;
  /** What `compare` sets beside it, and how far back that is. */
  readonly compare?: { readonly asked: string; readonly backMs: number };
}

export function evenSteps(name: string, steps: EvenSteps): Steps {
  const { fromMs, toMs, stepMs, windowMs, compare } = steps;
  const points = (backMs: number): string =>
    `SELECT t, t + ${stepMs} - ${windowMs ?? stepMs} AS from_ms, t + ${stepMs} AS end_ms
      FROM range(${fromMs - backMs}, ${toMs - backMs}, ${stepMs}) AS steps(t)`;
  const asked = [
    `from: "${new Date(fromMs).toISOString()}"`,
    `to: "${new Date(toMs).toISOString()}"`,
    `step: "${stepMs}ms"`,
    ...(windowMs === undefined ? [] : [`window: "${windowMs}ms"`]),
    ...(compare === undefined ? [] : [`compare: ${compare.asked}`]),
  ];
  return {
    ...{ name, asked: asked.join(', '), points: points(0) },
    ...(compare !== undefined && { compared: points(compare.backMs) }),
  };
}

/** Intervals in both notations. */
const INTERVALS = {
  '6h': '6 hours',
  '1d': '1 day',
  '7d': '7 days',
  '1mo': '1 month',
  '3mo': '3 months',
} as const;
type Interval = keyof typeof INTERVALS;

export interface ZoneSteps {
  readonly timeZone: string;
  /** Days of the zone, of which `to` is the first that is not asked for. */
  readonly from: string;
  readonly to: string;
  readonly step: Interval;
  readonly window?: Interval;
}

export function zoneSteps({ timeZone, from, to, step, window }: ZoneSteps): Steps {
  const at = (local: string): string => `epoch_ms(timezone('${timeZone}', ${local}))`;
  const [length, back] = [step, window ?? step].map((each) => `INTERVAL '${INTERVALS[each]}'`);
  const asked = [
    ...[`timeZone: "${timeZone}"`, `localFrom: "${from}"`, `localTo: "${to}"`, `step: "${step}"`],
    ...(window === undefined ? [] : [`window: "${window}"`]),
  ];
  return {
    name: `${window === undefined ? '' : `${window} up to each `}${step}, ${timeZone}`,
    asked: asked.join(', '),
    points: `SELECT ${at('local')} AS t, ${at(`local + ${length} - ${back}`)} AS from_ms, ${at(`local + ${length}`)} AS end_ms
      FROM range(TIMESTAMP '${from}', TIMESTAMP '${to}', ${length}) AS steps(local)`,
  };
}
