/** Small sealed blocks for tests of the log, which looks at headers and checksums alone. */
import {
  AT,
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  type BlockKind,
  sealBlock,
} from '../../../src/model/block-format.ts';

export interface TestBlock {
  readonly partition?: number;
  readonly kind?: BlockKind;
  readonly tenant?: string;
  readonly stream?: string;
  readonly rows?: number;
  readonly received?: number;
  readonly rejected?: number;
  /** Tells blocks apart. */
  readonly sequence?: number;
  readonly producerEpoch?: number;
  /** Of the body, rounded up to a multiple of 8. */
  readonly bodyBytes?: number;
}

const encoder = new TextEncoder();

export function testBlock(block: TestBlock = {}): Uint8Array {
  const tenant = encoder.encode(block.tenant ?? 't');
  const stream = encoder.encode(block.stream ?? 's');
  const named = BLOCK_HEADER_BYTES + tenant.length + stream.length;
  const bytes = new Uint8Array(Math.ceil((named + (block.bodyBytes ?? 100)) / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint8(AT.kind, block.kind ?? BLOCK_KIND.events);
  view.setUint16(AT.partition, block.partition ?? 0, true);
  view.setFloat64(AT.sequence, block.sequence ?? 0, true);
  view.setUint32(AT.producerEpoch, block.producerEpoch ?? 0, true);
  view.setUint32(AT.rows, block.rows ?? 0, true);
  view.setUint32(AT.received, block.received ?? 0, true);
  view.setUint32(AT.rejected, block.rejected ?? 0, true);
  view.setUint16(AT.tenantLength, tenant.length, true);
  view.setUint16(AT.streamLength, stream.length, true);
  bytes.set(tenant, BLOCK_HEADER_BYTES);
  bytes.set(stream, BLOCK_HEADER_BYTES + tenant.length);
  bytes.fill((block.sequence ?? 0) + 1, named);
  sealBlock(bytes);
  return bytes;
}

export const sequenceOf = (block: Uint8Array): number =>
  new DataView(block.buffer, block.byteOffset).getFloat64(AT.sequence, true);
