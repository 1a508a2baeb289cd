import test from 'ava';
import { AppError } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import type { LogRead, LogReader } from '../../../storage/log/log.ts';
import { patientReaders } from '../../../storage/log/patient-reader.ts';

const nothing: LogRead = { blocks: [], readTo: () => offset(7) };

function readerWith(outcomes: (LogRead | AppError)[]): LogReader {
  const read = async () => {
    const outcome = outcomes.shift() ?? nothing;
    if (outcome instanceof AppError) throw outcome;
    return outcome;
  };
  const reader = { read, seek: () => {}, release: () => {}, close: () => {} };
  return patientReaders(() => reader)(new Map());
}

test('a log that is out of reach is waited for, and what cannot be read is told', async (t) => {
  const away = new AppError('log_away', 'nobody answers');
  t.is(await readerWith([away, away, nothing]).read(1), nothing);
  const broken = readerWith([away, new AppError('log_truncated', 'gone')]);
  await t.throwsAsync(broken.read(1), { code: 'log_truncated' });
});
