/**
 * Ports of servers that are stopped and started again: meanwhile nobody else may have them, neither another test nor an outgoing
 * connection.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFree } from '../deploy/local/ports.ts';

/**
 * Below those that systems give to outgoing connections, and behind 10080, which `fetch` and browsers refuse to ask
 * (https://fetch.spec.whatwg.org/#bad-port).
 */
const FROM = 10_081;
const BEFORE = 20_000;
const TRIES_MAX = 100;
/** One file for each port that is had, with the process that has it. */
const FOLDER = join(tmpdir(), 'streamgauge-ports');

/** A port that no other process on this machine reserves while this one lives. */
export async function reservePort(): Promise<number> {
  mkdirSync(FOLDER, { recursive: true });
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(FROM, BEFORE);
    if (reserve(port) && (await isFree(port))) return port;
  }
  throw new Error(`found no free port in ${TRIES_MAX} tries`);
}

/** False: another process has it. */
function reserve(port: number): boolean {
  const file = join(FOLDER, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    // What a process has left that is over is taken away; another try may have it.
    if (!isAlive(ownerOf(file))) rmSync(file, { force: true });
    return false;
  }
}

function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
