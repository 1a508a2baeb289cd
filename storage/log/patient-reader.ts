/** Readers for work of hours, which would begin anew: a log that is out of reach is waited for. */
import { isFault } from '../../src/model/errors.ts';
import type { LogReader, OpenReader } from './log.ts';

/** Those given are patient themselves before they reject. */
export const patientReaders =
  (openReader: OpenReader): OpenReader =>
  (from) =>
    patientReader(openReader(from));

const patientReader = (reader: LogReader): LogReader => ({
  async read(bytesMax) {
    for (;;) {
      try {
        return await reader.read(bytesMax);
      } catch (error) {
        if (!isFault(error, 'log_away')) throw error;
      }
    }
  },
  seek: (partition, offset) => reader.seek(partition, offset),
  release: (partition) => reader.release(partition),
  close: () => reader.close(),
});
