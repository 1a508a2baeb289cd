import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import { EPOCH_MS_MAX } from '../../src/model/units.ts';
import { rangeIn } from '../../src/query/range.ts';
import { MONTH_MS } from '../../src/query/time.ts';

const [HOUR, DAY] = [3_600_000, 86_400_000] as const;
const NOW = Date.parse('2026-05-01T12:00Z');
const EVENTS = { resolutions: [{ stepMs: 1, retentionMs: EPOCH_MS_MAX }] };
type Request = Parameters<typeof rangeIn>[1];

test('a range that reaches beyond the times that there are is refused with what it reached', (t) => {
  const refused = (request: Request): string => {
    const error = t.throws(() => rangeIn(EVENTS, request, NOW));
    t.true(isFault(error, 'query_invalid'));
    return error?.message ?? '';
  };
  t.regex(refused({ fromMs: -HOUR, toMs: 0, stepMs: HOUR }), /compare with, reaches -3600000:/);
  const years = { timeZone: 'UTC', lastMs: 720 * MONTH_MS, stepMs: 12 * MONTH_MS };
  t.regex(refused(years), /reaches -94694400000: use a shorter "last"/);
  const kathmandu = { timeZone: 'Asia/Kathmandu', fromMs: -5.5 * HOUR, toMs: DAY, stepMs: DAY };
  t.regex(refused(kathmandu), /reaches -19800000/);
  t.regex(refused({ stepMs: 10_000_000 * DAY }), /reaches 864000000000000:/);
  t.not(
    typeof rangeIn(EVENTS, { fromMs: 0, toMs: EPOCH_MS_MAX, stepMs: 366_000 * DAY }, NOW),
    'string',
  );
});
