import test from 'ava';
import { TimeHistogram } from '../src/model/time-histogram.ts';
import { histogramText } from '../src/plain-metrics.ts';

test('times are counted up to each bound, as Prometheus reads them', (t) => {
  const times = new TimeHistogram([10, 100]);
  for (const ms of [1, 10, 11, 1_000]) times.add(ms);
  const text = histogramText({
    name: 'work_milliseconds',
    help: 'What it took.',
    series: [
      { labels: { kind: 'sql' }, ...times },
      { labels: {}, ...new TimeHistogram([10]) },
    ],
  });
  t.deepEqual(text.split('\n'), [
    '# HELP streamgauge_work_milliseconds What it took.',
    '# TYPE streamgauge_work_milliseconds histogram',
    'streamgauge_work_milliseconds_bucket{kind="sql",le="10"} 2',
    'streamgauge_work_milliseconds_bucket{kind="sql",le="100"} 3',
    'streamgauge_work_milliseconds_bucket{kind="sql",le="+Inf"} 4',
    'streamgauge_work_milliseconds_sum{kind="sql"} 1022',
    'streamgauge_work_milliseconds_count{kind="sql"} 4',
    'streamgauge_work_milliseconds_bucket{le="10"} 0',
    'streamgauge_work_milliseconds_bucket{le="+Inf"} 0',
    'streamgauge_work_milliseconds_sum 0',
    'streamgauge_work_milliseconds_count 0',
    '',
  ]);
});
