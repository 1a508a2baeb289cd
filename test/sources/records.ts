/** Record batches as other programs write them, made by the client. */
import { createRecordsBatch } from '@platformatic/kafka';
import { ForeignRecord, foreignBatches } from '../../storage/kafka/foreign-records.ts';

type Bytes = string | Buffer;

export interface Written {
  readonly key?: Bytes;
  readonly value?: Bytes;
  readonly headers?: Map<Buffer, Buffer> | Readonly<Record<string, Bytes>>;
  readonly timestamp?: bigint;
}

export interface BatchWish {
  readonly baseOffset?: number;
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly producerId?: bigint;
  readonly transactionalId?: string;
}

/** In one batch. */
export function batchOf(written: readonly Written[], wish: BatchWish = {}): Buffer {
  const { baseOffset = 0, ...options } = wish;
  const messages = written.map(({ key, value, headers, timestamp }) => ({
    topic: 'topic',
    ...(key !== undefined && { key: Buffer.from(key as Buffer) }),
    value: value === undefined ? NOTHING : Buffer.from(value as Buffer),
    headers: headersOf(headers),
    ...(timestamp !== undefined && { timestamp }),
  }));
  const batch = Buffer.from(createRecordsBatch(messages, options).buffer);
  batch.writeBigInt64BE(BigInt(baseOffset));
  return batch;
}

const NOTHING = Buffer.alloc(0);

function headersOf(headers: Written['headers'] = {}): Map<Buffer, Buffer> {
  if (headers instanceof Map) return headers;
  return new Map(
    Object.entries(headers).map(([name, value]) => [
      Buffer.from(name),
      Buffer.from(value as Buffer),
    ]),
  );
}

/** One record as it is found in a batch. */
export function recordOf(written: Written): ForeignRecord {
  const record = new ForeignRecord();
  const [batch] = foreignBatches(batchOf([written]), []);
  batch?.visit(0, record, () => {});
  return record;
}
