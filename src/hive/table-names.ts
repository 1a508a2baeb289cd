/**
 * What tenants and streams are called in Hive: a database for a tenant, a table for a stream. Hive knows lower-case
 * letters, digits and `_` only, so that two names may come to the same: the one that the archive knew first gets it, later
 * ones get some digits of their hash behind it. The manifest keeps its streams in the order in which they came, and forgets
 * none: hence a table keeps its name for good, whoever works it out.
 */
import { createHash } from 'node:crypto';
import type { StreamSchema } from '../model/stream-schema.ts';
import { NAME_LENGTH_MAX } from './limits.ts';

export interface HiveTable {
  readonly database: string;
  readonly table: string;
  readonly schema: StreamSchema;
  /** Another stream of the tenant, or another tenant, has the name that it would have had. */
  readonly isRenamed: boolean;
}

/** @param schemas in the order in which the manifest has them */
export function hiveTables(schemas: Iterable<StreamSchema>, databasePrefix: string): HiveTable[] {
  const databases = new Names(databasePrefix);
  const tables = new Map<string, Names>();
  return Array.from(schemas, (schema) => {
    const database = databases.of(schema.tenant);
    const names = tables.get(database.name) ?? new Names('');
    tables.set(database.name, names);
    const table = names.of(schema.stream);
    return {
      database: database.name,
      table: table.name,
      schema,
      isRenamed: database.isRenamed || table.isRenamed,
    };
  });
}

interface Name {
  readonly name: string;
  readonly isRenamed: boolean;
}

class Names {
  readonly #prefix: string;
  readonly #given = new Map<string, Name>();
  readonly #taken = new Set<string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(original: string): Name {
    const known = this.#given.get(original);
    if (known !== undefined) return known;
    const name = this.#free(original);
    this.#given.set(original, name);
    this.#taken.add(name.name);
    return name;
  }

  #free(original: string): Name {
    const wish = `${this.#prefix}${original.toLowerCase().replaceAll(/[^a-z0-9_]/gu, '_')}`;
    if (wish !== '' && wish.length <= NAME_LENGTH_MAX && !this.#taken.has(wish)) {
      return { name: wish, isRenamed: false };
    }
    const hash = createHash('sha256').update(original).digest('hex');
    // Somebody may call a stream what another one's name with its hash is.
    for (let digits = 8; ; digits++) {
      const suffix = `_${hash.slice(0, digits)}`;
      const name = wish.slice(0, NAME_LENGTH_MAX - suffix.length) + suffix;
      if (!this.#taken.has(name) || digits === hash.length) return { name, isRenamed: true };
    }
  }
}
