/**
 * A row of numbers as short text, as Prometheus writes it for the unit tests of its rules
 * (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series): `1 2 3`; `0+10x2` is `0 10 20`;
 * `100-5x2` is `100 95 90`; `7x2` is `7 7 7`; `_` is nothing, `_x3` three times.
 */
/** A year by the minute. */
export const SERIES_LENGTH_MAX = 600_000;

const WORD = /^(?:_(?:x(\d{1,6}))?|(-?[\d.]+(?:e-?\d+)?)(?:([+-][\d.]+(?:e-?\d+)?)?x(\d{1,6}))?)$/;

/** null stands for nothing; undefined if the text is no such row or too long. */
export function readSeries(text: string): (number | null)[] | undefined {
  const values: (number | null)[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const parts = WORD.exec(word);
    if (parts === null) return undefined;
    const [, missing, first, step, times] = parts;
    if (first === undefined) {
      values.push(...new Array<null>(Number(missing ?? 1)).fill(null));
    } else {
      const [from, by] = [Number(first), Number(step ?? 0)];
      if (!Number.isFinite(from) || !Number.isFinite(by)) return undefined;
      for (let i = 0; i <= Number(times ?? 0); i++) values.push(from + i * by);
    }
    if (values.length > SERIES_LENGTH_MAX) return undefined;
  }
  return values;
}
