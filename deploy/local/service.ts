/** What every service offers, and how a test gets one. */
import { join, resolve } from 'node:path';
import type { Part } from './part.ts';

export interface ServiceOptions {
  /** Holds the folders of all services that belong together; made if it is not there. */
  readonly dir: string;
  /** The first of the service's ports, which follow each other. Default: free ones, kept with the data. */
  readonly portsFrom?: number | undefined;
  /**
   * False, the default: its processes die with this one. True is for the command line, which starts and goes.
   */
  readonly outlivesUs?: boolean;
}

export interface Service {
  /** In the order in which they start. */
  readonly parts: readonly Part[];
  /** Where it is reached, for people. */
  readonly address: string;
  /** Starts what does not run. Resolves when all of it is ready. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Where a service keeps settings, data and logs. */
export function folderOf(dir: string, service: string): string {
  return join(resolve(dir), service);
}

/** Opens a service and starts it; what did not get ready is stopped again. */
export async function started<S extends Service>(opening: Promise<S>): Promise<S> {
  const service = await opening;
  try {
    await service.start();
  } catch (error) {
    await service.stop();
    throw error;
  }
  return service;
}

export async function stopAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts.toReversed()) await part.stop();
}
