/** A Hive that knows the few statements that it is sent, and fails where a test wants it. It takes nothing twice that Hive would not. */
import type { HiveConnection, HiveRow, HiveServer } from '../../src/hive/hive-client.ts';
import { AppError } from '../../src/model/errors.ts';

export interface FakePartition {
  location: string;
  columns: string[];
}

export interface FakeTable {
  readonly location: string;
  readonly columns: string[];
  /** By `dt=2026-11-21/hour=08`. */
  readonly partitions: Map<string, FakePartition>;
}

/** `lost`: it is done, but nobody hears of it. */
export type Fault = 'refused' | 'gone' | 'lost' | undefined;

export class FakeHive {
  readonly databases = new Set<string>();
  /** By `database.table`. */
  readonly tables = new Map<string, FakeTable>();
  readonly statements: string[] = [];
  connects = 0;
  isDown = false;
  /** Asked at each statement. */
  fault: (statement: string) => Fault = () => undefined;

  connect = async (_server?: HiveServer, _signal?: AbortSignal): Promise<HiveConnection> => {
    this.connects++;
    if (this.isDown) throw gone();
    let isOpen = true;
    return {
      run: async (statement) => {
        const fault = this.fault(statement);
        if (!isOpen || this.isDown || fault === 'gone') {
          isOpen = false;
          throw gone();
        }
        if (fault === 'refused') throw refused(statement);
        const rows = this.#run(statement);
        this.statements.push(statement);
        if (fault !== 'lost') return rows;
        isOpen = false;
        throw gone();
      },
      close: () => {
        isOpen = false;
      },
    };
  };

  #run(statement: string): HiveRow[] {
    const [, database, table] = /`(\w+)`(?:\.`(\w+)`)?/.exec(statement) ?? [];
    const name = `${database}.${table}`;
    if (statement.startsWith('CREATE DATABASE')) {
      this.databases.add(database ?? '');
      return [];
    }
    if (!this.databases.has(database ?? '')) throw refused(`no database ${database}`);
    if (statement.startsWith('SHOW TABLES')) {
      const prefix = `${database}.`;
      return [...this.tables.keys()]
        .filter((known) => known.startsWith(prefix))
        .map((known) => ({ tab_name: known.slice(prefix.length) }));
    }
    if (statement.startsWith('CREATE EXTERNAL TABLE')) {
      if (this.tables.has(name)) return [];
      const location = /\nLOCATION '([^']*)'/.exec(statement)?.[1] ?? '';
      this.tables.set(name, { location, columns: columnsOf(statement), partitions: new Map() });
      return [];
    }
    const found = this.tables.get(name);
    if (found === undefined) throw refused(`no table ${name}`);
    if (statement.startsWith('DESCRIBE')) return describe(found);
    if (statement.startsWith('SHOW PARTITIONS')) {
      return [...found.partitions.keys()].map((partition) => ({ partition }));
    }
    alter(found, statement);
    return [];
  }
}

function alter(table: FakeTable, statement: string): void {
  const specs = [
    ...statement.matchAll(/PARTITION \(dt = '(.{10})', hour = '(..)'\)(?: LOCATION '([^']*)')?/g),
  ].map(([, dt, hour, location = '']) => ({ name: `dt=${dt}/hour=${hour}`, location }));
  if (/ ADD IF NOT EXISTS\n/.test(statement)) {
    for (const { name, location } of specs) {
      if (table.partitions.has(name)) continue;
      table.partitions.set(name, { location, columns: [...table.columns] });
    }
  } else if (/ DROP IF EXISTS /.test(statement)) {
    for (const { name } of specs) table.partitions.delete(name);
  } else if (/ ADD COLUMNS /.test(statement)) {
    for (const column of columnsOf(statement)) {
      if (table.columns.includes(column)) throw refused(`${column} is there`);
      table.columns.push(column);
    }
  } else {
    const partition = table.partitions.get(specs[0]?.name ?? '');
    if (partition === undefined) throw refused('no such partition');
    const location = / SET LOCATION '([^']*)'/.exec(statement)?.[1];
    if (location !== undefined) partition.location = location;
    else if (/ REPLACE COLUMNS /.test(statement)) partition.columns = columnsOf(statement);
    else throw refused(statement);
  }
}

const columnsOf = (statement: string): string[] =>
  [...statement.matchAll(/`(\w+)` (?:STRING|DOUBLE|BOOLEAN|INT|BIGINT|TIMESTAMP|MAP)\b/g)].map(
    ([, name = '']) => name,
  );

const describe = ({ columns, location }: FakeTable): HiveRow[] =>
  [
    ['# col_name', 'data_type'],
    ...columns.map((name) => [name, 'string']),
    ['', ''],
    ['# Partition Information', ''],
    ['dt', 'string'],
    ['hour', 'string'],
    ['Location:           ', location],
  ].map(([col_name = '', data_type = '']) => ({ col_name, data_type }));

const gone = (): AppError => new AppError('hive_unavailable', 'Hive is out of reach');
const refused = (why: string): AppError => new AppError('hive_refused', `Hive says: ${why}`);
