/** Ports on 127.0.0.1, given once to a service and then kept: data names the ports that it was made with. */
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { writeWhole } from './files.ts';

export const HOST = '127.0.0.1';

/**
 * Below the range from which Linux takes ports of outgoing connections: none of those takes a port while its service
 * is down between a kill and a start.
 */
const FREE_FROM = 20_000;
const FREE_BEFORE = 32_000;
const TRIES_MAX = 100;

/**
 * The ports of a service in a folder: those that it had before, else those that are asked for, else free ones.
 * Throws if it had others before than are asked for.
 */
export async function portsOf<Name extends string>(
  folder: string,
  names: readonly Name[],
  wantedFrom: number | undefined,
): Promise<Record<Name, number>> {
  const file = join(folder, 'ports.json');
  if (existsSync(file)) {
    const kept: Record<Name, number> = JSON.parse(readFileSync(file, 'utf8'));
    const [first] = names;
    if (wantedFrom !== undefined && first !== undefined && kept[first] !== wantedFrom) {
      throw new Error(
        `${folder} was made with ports from ${kept[first]}, asked for are ports from ${wantedFrom}: clean it first`,
      );
    }
    const missing = names.filter((name) => kept[name] === undefined);
    if (missing.length > 0) {
      throw new Error(`${folder} was made without the ports ${missing.join(', ')}: clean it first`);
    }
    return kept;
  }
  const from = wantedFrom ?? (await freePortsFrom(names.length));
  const entries = names.map((name, index) => [name, from + index] as const);
  writeWhole(file, `${JSON.stringify(Object.fromEntries(entries))}\n`);
  return Object.fromEntries(entries) as Record<Name, number>;
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

/** The first of so many free ports in a row. Somebody else may take one before it is used; the start then fails. */
async function freePortsFrom(count: number): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const from = randomInt(FREE_FROM, FREE_BEFORE - count);
    const ports = Array.from({ length: count }, (_, index) => from + index);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return from;
  }
  throw new Error(`expected ${count} free ports in a row, found none in ${TRIES_MAX} tries`);
}
