/** What waits, in IndexedDB: the tabs of an origin share it, and one that opens finds what a closed one has left. */
import type { EventStore, QueuedEvent } from '../platform.ts';

const WAITING = 'waiting';

/** Opened at the first use: a page whose visitor did not consent stores nothing. */
export function indexedDbStore(name: string): EventStore {
  let opened: Promise<IDBDatabase> | undefined;

  /** Resolves when the work is committed, with what its last request answered. */
  const done = async <T>(
    mode: IDBTransactionMode,
    work: (waiting: IDBObjectStore) => IDBRequest<T> | undefined,
  ): Promise<T | undefined> => {
    opened ??= open(name);
    const transaction = (await opened).transaction(WAITING, mode);
    const request = work(transaction.objectStore(WAITING));
    // Without it a page that goes takes along what it has not heard to be written.
    transaction.commit();
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  };

  return {
    async load(before, max) {
      if (max === 0) return [];
      const range = IDBKeyRange.upperBound(before);
      return (await done<QueuedEvent[]>('readonly', (w) => w.getAll(range, max))) ?? [];
    },
    async put(events) {
      await done('readwrite', (w) => {
        for (const event of events) w.put(event);
        return undefined;
      });
    },
    async remove(places) {
      await done('readwrite', (w) => {
        for (const place of places) w.delete(place);
        return undefined;
      });
    },
    async clear() {
      await done('readwrite', (w) => w.clear());
    },
    close() {
      void opened?.then((database) => database.close()).catch(() => {});
    },
  };
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(WAITING, { keyPath: 'place' satisfies keyof QueuedEvent });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
