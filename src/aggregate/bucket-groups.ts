/** Sorts a block's rows by time bucket, stably, without an object per row. */

/** Rows grouped by bucket: bucket `i` owns `rows[ends[i - 1], ends[i])`; buckets ascend. */
export interface BucketGroups {
  readonly buckets: readonly number[];
  readonly ends: readonly number[];
  readonly rows: Uint32Array;
}

/** Buckets between a block's first and last for which counting them all is cheaper than sorting. */
const COUNTED_SPAN_MAX = 65_536;

/** Reused by every call: the groups are valid until the next one. */
let grouped = new Uint32Array(8192);
const starts = new Uint32Array(COUNTED_SPAN_MAX + 1);

/** Groups `rows[0..count)` by the bucket of `times[row]`. `count` is at least 1. */
export function groupByBucket(
  times: Float64Array,
  rows: Uint32Array,
  count: number,
  stepMs: number,
): BucketGroups {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let isSorted = true;
  for (let j = 0; j < count; j++) {
    const time = times[rows[j] as number] as number;
    if (time < min) min = time;
    if (time >= max) max = time;
    else isSorted = false;
  }
  const first = Math.floor(min / stepMs);
  const span = Math.floor(max / stepMs) - first + 1;
  if (span === 1) return { buckets: [first * stepMs], ends: [count], rows };
  if (isSorted) return groupSorted(times, rows, count, stepMs);
  if (grouped.length < count) grouped = new Uint32Array(count * 2);
  return span <= COUNTED_SPAN_MAX
    ? groupByCounting(times, rows, count, stepMs, first, span)
    : groupBySorting(times, rows, count, stepMs);
}

/** As a replay brings them: nothing is moved. */
function groupSorted(
  times: Float64Array,
  rows: Uint32Array,
  count: number,
  stepMs: number,
): BucketGroups {
  const buckets: number[] = [];
  const ends: number[] = [];
  let endMs = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < count; j++) {
    const time = times[rows[j] as number] as number;
    if (time < endMs) continue;
    if (j > 0) ends.push(j);
    const bucketMs = Math.floor(time / stepMs) * stepMs;
    buckets.push(bucketMs);
    endMs = bucketMs + stepMs;
  }
  ends.push(count);
  return { buckets, ends, rows };
}

function groupByCounting(
  times: Float64Array,
  rows: Uint32Array,
  count: number,
  stepMs: number,
  first: number,
  span: number,
): BucketGroups {
  starts.fill(0, 0, span + 1);
  for (let j = 0; j < count; j++) {
    const next = Math.floor((times[rows[j] as number] as number) / stepMs) - first + 1;
    starts[next] = (starts[next] as number) + 1;
  }
  const buckets: number[] = [];
  const ends: number[] = [];
  for (let i = 0; i < span; i++) {
    if (starts[i + 1] === 0) {
      starts[i + 1] = starts[i] as number;
      continue;
    }
    starts[i + 1] = (starts[i + 1] as number) + (starts[i] as number);
    buckets.push((first + i) * stepMs);
    ends.push(starts[i + 1] as number);
  }
  for (let j = 0; j < count; j++) {
    const row = rows[j] as number;
    const bucket = Math.floor((times[row] as number) / stepMs) - first;
    const at = starts[bucket] as number;
    starts[bucket] = at + 1;
    grouped[at] = row;
  }
  return { buckets, ends, rows: grouped };
}

/** For rows scattered over a long time, as when old data is loaded out of order. */
function groupBySorting(
  times: Float64Array,
  rows: Uint32Array,
  count: number,
  stepMs: number,
): BucketGroups {
  const bucketAt = (row: number) => Math.floor((times[row] as number) / stepMs) * stepMs;
  const sorted = Array.from(rows.subarray(0, count)).sort((a, b) => bucketAt(a) - bucketAt(b));
  grouped.set(sorted);
  const buckets: number[] = [];
  const ends: number[] = [];
  sorted.forEach((row, j) => {
    const bucket = bucketAt(row);
    if (buckets.at(-1) !== bucket) {
      buckets.push(bucket);
      ends.push(j);
    }
    ends[ends.length - 1] = j + 1;
  });
  return { buckets, ends, rows: grouped };
}
