/**
 * One statement of an export. DuckDB writes into a pipe as if it was a file, in a thread of its own: it waits there while
 * nobody reads, so that neither memory nor a disk takes what a slow reader leaves.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, type Gzip, constants as zlib } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AppError } from '../../src/model/errors.ts';
import { literal } from '../../storage/segments/segment-columns.ts';
import { typesOf } from './bound-values.ts';
import { EXPORT_ROW_GROUP_BYTES } from './limits.ts';
import type { CopyQuestion, ExportAnswer } from './questions.ts';

const OPTIONS = {
  // No quotes and no separator that could be met: a row's one text is written as it is.
  lines: `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '', NULLSTR ''`,
  parquet: `FORMAT parquet, PARQUET_VERSION V1, COMPRESSION zstd,
    ROW_GROUP_SIZE_BYTES ${EXPORT_ROW_GROUP_BYTES}`,
} as const;

/** An export is downloaded once, mostly: a fast compression that still takes some nine tenths away. */
const GZIP_LEVEL = zlib.Z_BEST_SPEED;

export class CopyOutput {
  readonly #output: Writable;
  #gzip: Gzip | undefined;
  #bytes = 0;

  constructor(output: Writable) {
    this.#output = output;
  }

  /** Resolves when everything has been written to the output. `pipePath` lies where DuckDB may write. */
  async copy(
    connection: DuckDBConnection,
    tempDir: string,
    question: CopyQuestion,
  ): Promise<ExportAnswer> {
    const pipe = await openPipe(join(tempDir, 'export'));
    const read = this.#readAll(pipe.reader, question);
    read.catch(() => pipe.reader.destroy());
    try {
      const { sql, form, parameters } = question;
      const target = `${literal(pipe.path)} (${OPTIONS[form]}, USE_TMP_FILE false)`;
      const types = typesOf(await import('@duckdb/node-api'), parameters);
      const result = await connection.run(`COPY (${sql}) TO ${target}`, [...parameters], types);
      const [[rows] = []] = await result.getRows();
      pipe.end();
      await read;
      return { rows: Number(rows), bytes: this.#bytes };
    } finally {
      await pipe.close();
    }
  }

  async #readAll(reader: Socket, { gzip, isLast }: CopyQuestion): Promise<void> {
    if (!gzip) {
      for await (const piece of reader) {
        this.#bytes += piece.length;
        await written(this.#output, piece);
      }
      return;
    }
    this.#gzip ??= this.#packer();
    const packer = this.#gzip;
    for await (const piece of reader) await written(packer, piece);
    if (!isLast) return;
    this.#gzip = undefined;
    packer.end();
    await once(packer, 'end');
  }

  /** Of all statements of an export. */
  #packer(): Gzip {
    const packer = createGzip({ level: GZIP_LEVEL });
    packer.on('data', (piece: Buffer) => {
      this.#bytes += piece.length;
    });
    packer.pipe(this.#output, { end: false });
    return packer;
  }
}

/** Resolves when more may be written. */
async function written(output: Writable, piece: Uint8Array): Promise<void> {
  if (!output.write(piece)) await once(output, 'drain');
}

interface Pipe {
  readonly path: string;
  readonly reader: Socket;
  /** The reader then comes to the end of what was written: until here it has none, DuckDB or not. */
  end(): void;
  close(): Promise<void>;
}

async function openPipe(path: string): Promise<Pipe> {
  await rm(path, { force: true });
  // Node can read from such a pipe, and cannot make one.
  await promisify(execFile)('mkfifo', ['-m', '600', path]).catch((cause: unknown) => {
    const message = 'an export needs the program mkfifo, which makes a pipe: it cannot be run';
    throw new AppError('archive_io', message, {}, cause);
  });
  const readable = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let writable: number | undefined = openSync(path, constants.O_WRONLY);
  // Polled, unlike a file, which would hold a thread of Node's pool for as long as nothing comes.
  const reader = new Socket({ fd: readable, readable: true, writable: false });
  const end = () => {
    if (writable !== undefined) closeSync(writable);
    writable = undefined;
  };
  return {
    path,
    reader,
    end,
    async close() {
      reader.destroy();
      end();
      await rm(path, { force: true });
    },
  };
}
