/** Browsers that ask for the pixel at a steady rate, each request due by the clock. */
import { ok as assert } from 'node:assert';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseReply } from './generator/http-sender.ts';
import { Latencies } from './generator/latencies.ts';
import type { Server } from './server.ts';

export const CONNECTIONS = 64;
/** Of a busy site. */
const AGENTS = 500;

/** The last one asks for nothing, `/healthz`: what the machine takes of it anyway. */
export const VISITORS = ['agents that repeat', 'agents never seen', 'no pixel'] as const;
export type VisitorsName = (typeof VISITORS)[number];

export interface VisitorsOptions {
  readonly server: Server;
  readonly name: VisitorsName;
  /** Requests a second. */
  readonly rate: number;
}

/** Connections with one request at a time each; what is due while all are busy waits for the next one that is free. */
export class Visitors {
  readonly latencies = new Latencies();
  answered = 0;
  readonly #options: VisitorsOptions;
  readonly #target: string;
  readonly #free: Socket[] = [];
  readonly #all: Socket[];
  /** When those were due that no connection has taken yet, the oldest first. */
  #due: number[] = [];
  #asked = 0;

  constructor(options: VisitorsOptions) {
    this.#options = options;
    const { host, ingestPort } = options.server;
    this.#target = `${host}:${ingestPort}`;
    this.#all = Array.from({ length: CONNECTIONS }, () => this.#open(host, ingestPort));
  }

  /** Resolves, with how many came, when all of them have their answer. */
  async come(forSeconds: number): Promise<number> {
    const { rate } = this.#options;
    const count = rate * forSeconds;
    const before = this.answered;
    const startedAt = performance.now();
    for (let due = 0; due < count; ) {
      const now = performance.now();
      for (; due < count && startedAt + (due * 1_000) / rate <= now; due++) {
        this.#due.push(startedAt + (due * 1_000) / rate);
      }
      this.#sendAll();
      await sleep(1);
    }
    while (this.answered < before + count) await sleep(1);
    return count;
  }

  leave(): void {
    for (const socket of this.#all) socket.destroy();
  }

  #sendAll(): void {
    let taken = 0;
    while (taken < this.#due.length) {
      const socket = this.#free.pop();
      if (socket === undefined) break;
      socket.emit('ask', this.#due[taken++]);
    }
    if (taken > 0) this.#due = this.#due.slice(taken);
  }

  #open(host: string, port: number): Socket {
    let dueAt = 0;
    let partial = '';
    const buffer = Buffer.allocUnsafeSlow(4_096);
    const callback = (length: number): boolean => {
      partial += buffer.toString('latin1', 0, length);
      const reply = parseReply(partial);
      if (reply === undefined) return true;
      assert(reply.status === 200, `expected 200, received ${reply.status} ${reply.text}`);
      partial = '';
      this.latencies.addMs(performance.now() - dueAt);
      this.answered += 1;
      this.#free.push(socket);
      if (this.#due.length > 0) this.#sendAll();
      return true;
    };
    const socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
    socket.on('connect', () => this.#free.push(socket));
    socket.on('ask', (at: number) => {
      dueAt = at;
      socket.write(this.#request());
    });
    return socket;
  }

  #request(): string {
    const n = this.#asked++;
    const page = encodeURIComponent(`https://shop.example/page-${n % 1_000}?utm_source=news`);
    const path =
      this.#options.name === 'no pixel' ? '/healthz' : `/v1/pixel.gif?url=${page}&screen=1920x1080`;
    const version = this.#options.name === 'agents never seen' ? n : n % AGENTS;
    return (
      `GET ${path} HTTP/1.1\r\nHost: ${this.#target}\r\n` +
      `User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.${version}.0 Safari/537.36\r\n` +
      'Referer: https://shop.example/\r\nAccept: image/avif,image/webp,*/*\r\nAccept-Language: de-DE,de;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n'
    );
  }
}
