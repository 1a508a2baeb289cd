/** A boundary check that sees nothing passes for ever. So each boundary gets one violation, planted in a copy. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIOME = join(ROOT, 'node_modules/.bin/biome');

/** One file of each part; what a part may import of ours. Everything else is forbidden to it. */
const FILE_OF = {
  model: 'src/model/clock.ts',
  aggregate: 'src/aggregate/sketch.ts',
  alarm: 'src/alarm/rules.ts',
  notify: 'src/notify/dispatcher.ts',
  client: 'src/client/browser/index.ts',
  'dashboard-kit': 'src/dashboard/kit/format.ts',
  'dashboard-server': 'src/dashboard/server/graph.ts',
  'dashboard-question': 'src/dashboard/question/question.ts',
  'dashboard-chart': 'src/dashboard/chart/plot.ts',
  'dashboard-saved': 'src/dashboard/saved/dashboard-path.ts',
  'dashboard-overview': 'src/dashboard/overview/panels.ts',
  'dashboard-explore': 'src/dashboard/explore/copies.ts',
  'dashboard-dashboards': 'src/dashboard/dashboards/panel-values.ts',
  'dashboard-events': 'src/dashboard/events/event-list.ts',
  'dashboard-alarms': 'src/dashboard/alarms/rule-draft.ts',
  'dashboard-system': 'src/dashboard/system/actor-tree.ts',
  'dashboard-frame': 'src/dashboard/frame/views.ts',
  ingest: 'src/ingest/decode/shape.ts',
  hive: 'src/hive/ddl.ts',
  sources: 'src/sources/source.ts',
  web: 'src/web/visits.ts',
  storage: 'storage/log/journal.ts',
  actors: 'actors/partition/actor.ts',
  query: 'src/query/plan.ts',
  graphql: 'graphql/resolvers/timeseries.ts',
  threads: 'src/threads/edge.ts',
  cluster: 'src/cluster/membership.ts',
  config: 'src/config.ts',
  logging: 'src/logging.ts',
  cli: 'src/cli.ts',
  main: 'src/main.ts',
} as const;
type Part = keyof typeof FILE_OF;

/** Of the dashboard. */
const PAGES = [
  'dashboard-overview',
  'dashboard-explore',
  'dashboard-dashboards',
  'dashboard-events',
  'dashboard-alarms',
  'dashboard-system',
] as const;
/** What the pages have in common: each may import those before it. The pages do not know one another. */
const SHARED_BY_PAGES = [
  'dashboard-kit',
  'dashboard-server',
  'dashboard-question',
  'dashboard-chart',
  'dashboard-saved',
] as const;

const MAY_IMPORT: Partial<Record<Part, readonly Part[]>> = {
  model: [],
  aggregate: ['model'],
  alarm: ['model'],
  notify: ['model'],
  client: [],
  ...Object.fromEntries(
    SHARED_BY_PAGES.map((room, i) => [room, ['client', 'model', ...SHARED_BY_PAGES.slice(0, i)]]),
  ),
  ...Object.fromEntries(PAGES.map((page) => [page, ['client', 'model', ...SHARED_BY_PAGES]])),
  'dashboard-frame': ['client', 'model', ...SHARED_BY_PAGES, ...PAGES],
  ingest: ['model'],
  hive: ['storage', 'model'],
  sources: ['ingest', 'storage', 'model'],
  web: ['model'],
  storage: ['model'],
  actors: ['storage', 'aggregate', 'alarm', 'notify', 'model'],
  query: ['actors', 'storage', 'aggregate', 'model'],
  graphql: ['query', 'model'],
  threads: [
    'ingest',
    'sources',
    'web',
    'actors',
    'hive',
    'storage',
    'aggregate',
    'model',
    'config',
    'logging',
  ],
  cluster: [
    'graphql',
    'query',
    'threads',
    'ingest',
    'actors',
    'storage',
    'aggregate',
    'model',
    'config',
  ],
};
const PARTS = Object.keys(FILE_OF) as Part[];
const GUARDED = Object.keys(MAY_IMPORT) as Part[];

test('every import against the layers is seen, type-only and dynamic ones included', (t) => {
  const planted = new Map<string, string>();
  for (const from of GUARDED) {
    for (const to of forbiddenTo(from)) {
      planted.set(
        plantedName(from, `to-${to}`),
        `import { x } from '${pathTo(from, to)}';\nx();\n`,
      );
    }
    const first = pathTo(from, 'main');
    const type = `import type { X } from '${first}';\nexport type Y = X;\n`;
    planted.set(plantedName(from, 'by-type'), type);
    planted.set(plantedName(from, 'dynamic'), `export const x = await import('${first}');\n`);
    planted.set(plantedName(from, 'again'), `export { x } from '${first}';\n`);
  }
  const found = rulesBrokenIn(t, planted);
  for (const file of planted.keys()) {
    t.deepEqual(found.get(file), ['style/noRestrictedImports'], file);
  }
});

test('the actor runtime may import nact', (t) => {
  const runtime = new Map([['actors/runtime.ts', `import { spawn } from 'nact';\nspawn();\n`]]);
  t.deepEqual([...rulesBrokenIn(t, runtime)], []);
});

test('every import along the layers passes', (t) => {
  const planted = new Map(
    GUARDED.flatMap((from) =>
      [...(MAY_IMPORT[from] ?? []), from].map((to) => [
        plantedName(from, `may-${to}`),
        `import { x } from '${pathTo(from, to)}';\nx();\n`,
      ]),
    ),
  );
  t.deepEqual([...rulesBrokenIn(t, planted)], []);
});

const PLANTED_RULES = {
  'style/noRestrictedImports': {
    'actors/partition/machine.ts': `import { spawn } from 'nact';\nspawn();\n`,
    'src/threads/nact.ts': `import type { Ref } from 'nact';\nexport type Other = Ref<number>;\n`,
    'src/client/to-model.ts': `import { x } from '../model/clock.ts';\nx();\n`,
    'src/client/to-browser.ts': `import { x } from './browser/index.ts';\nx();\n`,
    'src/client/to-node.ts': `import type { X } from './node/index.ts';\nexport type Y = X;\n`,
  },
  'correctness/noNodejsModules': {
    'src/client/hashed.ts': `import { hash } from 'node:crypto';\nhash('sha256', '');\n`,
    'src/client/browser/kept.ts': `export const fs = await import('node:fs');\n`,
  },
  'suspicious/noImportCycles': {
    'src/model/a.ts': `import { b } from './b.ts';\nexport const a = () => b();\n`,
    'src/model/b.ts': `import { a } from './a.ts';\nexport const b = (): number => a();\n`,
  },
  'nursery/noFloatingPromises': {
    'src/query/floating.ts': 'const wait = async () => 1;\nexport function f() {\n  wait();\n}\n',
  },
  'nursery/useExhaustiveSwitchCases': {
    'actors/partition/switch.ts': `type Kind = 'a' | 'b';
export function f(kind: Kind): number {
  switch (kind) {
    case 'a':
      return 1;
  }
  return 0;
}
`,
  },
  'style/noProcessEnv': {
    'src/threads/env.ts': 'export const port = process.env.PORT;\n',
    'storage/log/env.ts': `import { env } from 'node:process';\nexport const port = env.PORT;\n`,
  },
  'style/noDefaultExport': { 'graphql/export.ts': 'export default 1;\n' },
  'style/noEnum': { 'src/model/enum.ts': 'export enum Kind {\n  a,\n}\n' },
  'style/useImportType': {
    'src/model/type.ts': `import { Clock } from './clock.ts';\nexport type Other = Clock;\n`,
  },
  'style/useFilenamingConvention': { 'src/model/camelCase.ts': 'export const a = 1;\n' },
  'suspicious/noExplicitAny': { 'src/model/any.ts': 'export const a = (b: any) => b;\n' },
};
for (const [rule, files] of Object.entries(PLANTED_RULES)) {
  test(`${rule} sees what is planted for it`, (t) => {
    const found = rulesBrokenIn(t, new Map(Object.entries(files)));
    for (const file of Object.keys(files)) t.deepEqual(found.get(file), [rule], file);
  });
}

function forbiddenTo(from: Part): Part[] {
  return PARTS.filter((to) => to !== from && !MAY_IMPORT[from]?.includes(to));
}

function pathTo(from: Part, to: Part): string {
  const path = relative(dirname(FILE_OF[from]), FILE_OF[to]);
  return path.startsWith('.') ? path : `./${path}`;
}

function plantedName(from: Part, what: string): string {
  return join(dirname(FILE_OF[from]), `planted-${what}.ts`);
}

/** The error-level rules that Biome reports for each file of a copy that has our rules and these files. */
function rulesBrokenIn(t: ExecutionContext, files: ReadonlyMap<string, string>) {
  const copy = mkdtempSync(join(tmpdir(), 'streamgauge-layers-'));
  t.teardown(() => rmSync(copy, { recursive: true }));
  for (const name of ['biome.json', 'package.json', '.gitignore']) {
    cpSync(join(ROOT, name), join(copy, name));
  }
  const targets = Object.values(FILE_OF).map(
    (path) => [path, 'export const x = () => {};\n'] as const,
  );
  for (const [path, text] of [...targets, ...files]) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
  }
  const args = ['lint', '--reporter=json', '--max-diagnostics=none', '--diagnostic-level=error'];
  const { stdout } = spawnSync(BIOME, args, { cwd: copy, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const found = new Map<string, string[]>();
  for (const { category, location } of readReport(stdout)) {
    const rule = category.replace(/^lint\//, '');
    found.set(location.path, [...new Set([...(found.get(location.path) ?? []), rule])].sort());
  }
  return found;
}

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string };
}

function readReport(stdout: string): Diagnostic[] {
  const report: { readonly diagnostics: Diagnostic[] } = JSON.parse(stdout);
  return report.diagnostics;
}
